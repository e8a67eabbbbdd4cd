import test from 'ava'
import { FakeConsumer, get } from '../queue/fakes.ts'
import { fill, pageOutAll, quiet, storedQueue } from '../queue/stored.ts'

test('a consumer that leaves with messages of many files gives them back without reading one', async (t) => {
  for (const args of [{}, { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 }]) {
    const stored = storedQueue(args)
    const { host, segments, queue } = stored
    fill(stored, 60, 1000, 10)
    const places = Array.from({ length: 55 }, () => get(queue)?.place as number)
    await pageOutAll(stored)
    const { unackedBytes, readyBytes } = queue
    for (const place of places.toReversed()) queue.requeue(place)
    t.is(host.memory.used, 0)
    t.is(segments.readsNow, 0)
    t.like(queue, { messageCount: 60, unackedCount: 0, unackedBytes: 0, readyBytes: unackedBytes + readyBytes })
    const consumer = new FakeConsumer()
    queue.addConsumer(consumer)
    queue.drain()
    await quiet(stored)
    t.deepEqual(
      consumer.deliveries.map(({ body, redelivered }) => `${body.trimEnd()} ${redelivered}`),
      Array.from({ length: 60 }, (_, index) => `${index} ${index < 55}`),
    )
    t.is(segments.readsNow, 0)
  }
})

test('what comes back too often is dropped also when it lies in a file', async (t) => {
  const stored = storedQueue({ 'x-queue-type': 'quorum', 'x-delivery-limit': 1 })
  const { queue } = stored
  fill(stored, 20, 1000, 10)
  for (const left of [20, 17]) {
    const places = Array.from({ length: 3 }, () => get(queue)?.place as number)
    await pageOutAll(stored)
    for (const place of places) queue.requeue(place)
    t.like(queue, { messageCount: left, unackedCount: 0 })
  }
  t.is(queue.stats.deliveryLimited, 3)
  t.is(get(queue)?.body.trimEnd(), '3')
})

test('a message whose settling needs a file that cannot be opened for now goes back to its queue', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 10, 1000)
  const [first, second] = [0, 1].map(() => get(queue)?.place as number)
  await pageOutAll(stored)
  segments.failure = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
  queue.acknowledge(first as number)
  queue.reject(second as number)
  t.like(queue, { messageCount: 10, unackedCount: 0, unackedBytes: 0, readyBytes: 10_000 })
  t.is(get(queue), undefined)
  t.deepEqual(queue.peek(10), [])
  segments.failure = undefined
  t.like(get(queue), { redelivered: true })
  t.like(get(queue), { redelivered: true })
  t.like(get(queue), { redelivered: false })
  t.is(host.log.lines.filter(({ message }) => message.includes('EMFILE')).length, 1)
})

test('what cannot be read for now is purged as far as that needs no reading', async (t) => {
  const stored = storedQueue()
  const { segments, queue } = stored
  fill(stored, 40, 1000, 10)
  const places = Array.from({ length: 12 }, () => get(queue)?.place as number)
  await pageOutAll(stored)
  queue.requeue(places[0] as number)
  segments.failure = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' })
  // The first has been put back into a slab of its own, and eight lie behind two that somebody has.
  t.is(queue.purge(), 20)
  t.like(queue, { messageCount: 9, readyBytes: 9000, unackedCount: 11 })
  segments.failure = undefined
  t.is(queue.purge(), 9)
  t.like(queue, { messageCount: 0, readyBytes: 0, unackedCount: 11 })
  for (const place of places.slice(1)) queue.acknowledge(place)
  t.deepEqual([...queue.slabs()], [])
})
