import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import type { WrittenSlab } from '../../../src/broker/queue/segment-traffic.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { encodeProperties, integerOf } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, get, inChunk } from './fakes.ts'
import { fill, pageOut, pageOutAll, publish, quiet, sealTails, slabsOf, storedQueue, swept } from './stored.ts'

function numbers(from: number, end: number): string[] {
  return Array.from({ length: end - from }, (_, index) => String(from + index))
}

function bodiesOf(consumer: FakeConsumer): string[] {
  return consumer.bodies.map((body) => body.trimEnd())
}

function large(body: string, bytes = 10_000): Message {
  return Message.of('x', 'k', encodeProperties({}), Buffer.from(body.padEnd(bytes)))
}

test('slabs in files take no memory, come back one after the other, and their files go when they are empty', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 60, 1000, 10)
  await pageOutAll(stored)
  t.is(host.memory.used, 0)
  t.is(segments.files.size, 6)
  t.is(queue.messageCount, 60)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), numbers(0, 60))
  t.is(segments.readsNow, 0)
  t.is(segments.reads, 6)
  for (const place of consumer.places) queue.acknowledge(place)
  await swept(host)
  t.is(segments.files.size, 0)
  t.is(host.memory.used, 0)
})

test('a consumer waits for a slab that is in a file, and nobody else does', async (t) => {
  const stored = storedQueue()
  const { segments, queue } = stored
  fill(stored, 20, 100, 10)
  await pageOutAll(stored)
  segments.held = true
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  fill(stored, 5, 100)
  queue.drain()
  await quiet(stored)
  t.deepEqual(consumer.bodies, [])
  t.is(queue.messageCount, 25)
  segments.release()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), [...numbers(0, 20), ...numbers(0, 5)])
})

test('the next slab is asked for while one is being read, and not more than that', async (t) => {
  const stored = storedQueue()
  const { segments, queue } = stored
  fill(stored, 60, 100, 10)
  await pageOutAll(stored)
  const consumer = new FakeConsumer({ credit: 5 })
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.is(consumer.deliveries.length, 5)
  t.is(segments.reads, 2)
  t.deepEqual(
    slabsOf(queue).map((slab) => slab.resident),
    [true, true, false, false, false, false],
  )
  for (let round = 0; round < 3; round++) queue.drain()
  await quiet(stored)
  t.is(segments.reads, 2)
  consumer.credit = 10
  queue.drain()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), numbers(0, 15))
  t.is(segments.reads, 3)
})

test('a queue without consumers reads nothing ahead', async (t) => {
  const stored = storedQueue()
  const { segments, queue } = stored
  fill(stored, 30, 100, 10)
  await pageOutAll(stored)
  queue.drain()
  fill(stored, 5, 100)
  await quiet(stored)
  t.is(segments.reads, 0)
  t.is(get(queue)?.body.trimEnd(), '0')
  t.is(segments.readsNow, 1)
})

for (const end of ['purged', 'deleted'] as const) {
  test(`a slab that comes from its file after the queue was ${end} is dropped`, async (t) => {
    const stored = storedQueue()
    const { host, segments, queue } = stored
    fill(stored, 30, 1000, 10)
    await pageOutAll(stored)
    segments.held = true
    const consumer = new FakeConsumer()
    queue.addConsumer(consumer)
    queue.drain()
    await quiet(stored)
    t.true(segments.waiting > 0)
    if (end === 'purged') t.is(queue.purge(), 30)
    else host.deleteQueue(queue)
    await swept(host)
    t.is(segments.files.size, 0)
    segments.release()
    await new Promise((resolve) => setImmediate(resolve))
    await quiet(stored)
    t.deepEqual(consumer.bodies, [])
    t.is(host.memory.used, 0)
    if (end === 'deleted') return
    publish(host, queue, inChunk('new'))
    t.deepEqual(consumer.bodies, ['new'])
  })
}

test('a slab that was read at once is not read again by the reading under way', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 10, 1000, 10)
  const [slab] = (await pageOutAll(stored)) as [Slab]
  segments.held = true
  const loading = slab.line.load(slab)
  t.is(get(queue)?.body.trimEnd(), '0')
  const { used } = host.memory
  segments.release()
  t.true(await loading)
  t.is(host.memory.used, used)
  t.is(slab.live, 10)
  t.deepEqual(
    bodies(queue).map((body) => body.trimEnd()),
    numbers(1, 10),
  )
})

test('what is settled while its slab is in a file is settled there', async (t) => {
  const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
  const { host, segments, queue } = stored
  fill(stored, 10, 1000)
  const places = [1, 2, 3, 4, 5].map(() => get(queue)?.place as number)
  const [slab] = (await pageOutAll(stored)) as [Slab]
  queue.acknowledge(places[0] as number)
  t.is(segments.readsNow, 1)
  await pageOut(stored, slab)
  queue.requeue(places[1] as number)
  await pageOut(stored, slab)
  queue.reject(places[2] as number)
  t.deepEqual(
    host.deadLetters.map(({ body }) => body.trimEnd()),
    ['2'],
  )
  await pageOut(stored, slab)
  t.is(segments.readsNow, 2)
  t.is(segments.files.size, 1)
  t.like(queue, { messageCount: 6, unackedCount: 2, unackedBytes: 2000, readyBytes: 6000 })
  t.deepEqual(
    bodies(queue).map((body) => body.trimEnd()),
    ['1', ...numbers(5, 10)],
  )
  t.true(get(queue)?.redelivered)
  t.false(get(queue)?.redelivered)
})

test('flags and delivery counts come back from a file as they were', async (t) => {
  const stored = storedQueue({ 'x-queue-type': 'quorum', 'x-delivery-limit': 5 })
  const { queue } = stored
  fill(stored, 3, 100)
  const [slab] = slabsOf(queue) as [Slab]
  await pageOut(stored, slab)
  for (let times = 0; times < 3; times++) queue.requeue(get(queue)?.place as number)
  get(queue)
  const second = get(queue)?.place as number
  await pageOut(stored, slab)
  queue.requeue(second)
  await pageOut(stored, slab)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.deepEqual(
    consumer.deliveries.map(({ body, redelivered, properties }) => [
      body.trimEnd(),
      redelivered,
      integerOf(properties.headers?.get('x-delivery-count')),
    ]),
    [
      ['1', true, 1],
      ['2', false, undefined],
    ],
  )
})

test('a purge does not open files of which nobody had anything', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 50, 100, 10)
  const unacked = get(queue)?.place as number
  const returned = get(queue)?.place as number
  queue.requeue(returned)
  await pageOutAll(stored)
  t.is(queue.purge(), 49)
  t.is(segments.readsNow, 1)
  t.like(queue, { messageCount: 0, unackedCount: 1 })
  await swept(host)
  t.is(segments.files.size, 1)
  queue.acknowledge(unacked)
  await swept(host)
  t.is(segments.files.size, 0)
})

test('only a slab with a file, that nothing is written to and nobody looks at, gives its memory back', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 10, 100)
  const [slab] = slabsOf(queue) as [Slab]
  const { line } = slab
  t.false(line.pageOut(slab))
  t.throws(() => line.setSegment(slab, { file: { id: 1, bytes: 1 }, bodies: undefined }, false), {
    message: /written to/,
  })
  line.seal(slab)
  t.false(line.pageOut(slab))
  line.setSegment(slab, (await host.memory.traffic.write(slab, host.context)) as WrittenSlab, false)
  const consumer = new FakeConsumer()
  consumer.onDelivery = () => t.false(line.pageOut(slab))
  queue.addConsumer(consumer)
  queue.drain()
  t.true(line.pageOut(slab))
  t.false(line.pageOut(slab))
})

test('a slab is hot while it is written to, or about to be read', async (t) => {
  const stored = storedQueue()
  const { queue } = stored
  fill(stored, 50, 100, 10)
  const slabs = slabsOf(queue)
  const hot = () => slabs.map((slab) => slab.line.isHot(slab))
  t.deepEqual(hot(), [false, false, false, false, true])
  queue.addConsumer(new FakeConsumer({ credit: 15 }))
  t.deepEqual(hot(), [true, true, false, false, true])
  queue.drain()
  t.deepEqual(hot(), [true, true, true, false, true])
})

test('with far too little memory nothing is read that nobody takes at once, and what is about to be read may go', async (t) => {
  const stored = storedQueue()
  const { host, queue, segments } = stored
  fill(stored, 50, 100, 10)
  const slabs = await pageOutAll(stored)
  host.memory.pagedAbove = 1000
  host.memory.used += 20_000_000
  const consumer = new FakeConsumer({ credit: 0 })
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.is(segments.reads, 0)
  consumer.credit = 15
  queue.drain()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), numbers(0, 15))
  t.is(segments.reads, 2)
  for (const slab of slabs) t.is(await pageOut(stored, slab), slab.number < 2)
  consumer.credit = 50
  queue.drain()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), numbers(0, 50))
})

test('the node knows the slabs in memory that could go to files, the latest last', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 30, 100, 10)
  const [first, second, tail] = slabsOf(queue) as [Slab, Slab, Slab]
  t.deepEqual([...host.memory.sealed], [first, second])
  await pageOut(stored, first)
  t.deepEqual([...host.memory.sealed], [second])
  await first.line.load(first)
  t.deepEqual([...host.memory.sealed], [second, first])
  tail.line.seal(tail)
  t.deepEqual([...host.memory.sealed], [second, first, tail])
  for (let index = 0; index < 10; index++) queue.acknowledge(get(queue)?.place as number)
  t.deepEqual([...host.memory.sealed], [second, tail])
  host.deleteQueue(queue)
  t.is(host.memory.sealed.size, 0)
})

test('a slab knows what of it the journal knows', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  publish(host, queue, inChunk('a'.repeat(100)))
  publish(host, queue, inChunk('b'.repeat(100)), false)
  publish(host, queue, large('c'))
  const [slab] = slabsOf(queue) as [Slab]
  t.like(slab, { live: 3, journalled: 2 })
  const { journalledBytes, liveBytes } = slab
  t.true(journalledBytes > 10_100 && journalledBytes < 10_200)
  t.true(liveBytes > journalledBytes + 100 && liveBytes < journalledBytes + 200)
  await pageOut(stored, slab)
  await slab.line.load(slab)
  t.like(slab, { live: 3, journalled: 2, journalledBytes, liveBytes })
  queue.acknowledge(get(queue)?.place as number)
  t.is(slab.journalled, 1)
  queue.acknowledge(get(queue)?.place as number)
  queue.acknowledge(get(queue)?.place as number)
  t.like(slab, { live: 0, journalled: 0, journalledBytes: 0, liveBytes: 0 })
})

test('large messages go to the file with the others, and come back with buffers of their own', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  publish(host, queue, inChunk('small'))
  publish(host, queue, large('first'))
  publish(host, queue, large('second', 300_000))
  queue.acknowledge(get(queue)?.place as number)
  await pageOutAll(stored)
  t.is(host.memory.used, 0)
  t.is(host.memory.bodies.size, 0)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), ['first', 'second'])
  t.true(consumer.deliveries.every(({ owned, exchange, routingKey }) => owned && exchange + routingKey === 'xk'))
  t.is(host.memory.bodies.size, 2)
  for (const place of consumer.places) queue.acknowledge(place)
  t.is(host.memory.bodies.size, 0)
})

test('a slab that refers to a megabyte of large messages is closed', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  for (let index = 0; index < 10; index++) publish(host, queue, large(String(index), 300_000))
  t.true(slabsOf(queue).every((slab) => slab.referenceBytes < 1_400_000))
  t.is(slabsOf(queue).length, 3)
  t.deepEqual(
    bodies(queue).map((body) => body.trimEnd()),
    numbers(0, 10),
  )
})

test('a slab of which little is alive is packed when it comes back', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 900, 1000)
  const places = Array.from({ length: 900 }, () => get(queue)?.place as number)
  const [slab] = slabsOf(queue) as [Slab]
  slab.line.seal(slab)
  await pageOut(stored, slab)
  for (const place of places.slice(10)) queue.acknowledge(place)
  t.is(slab.live, 10)
  await pageOut(stored, slab)
  for (const place of places.slice(0, 10)) queue.requeue(place)
  t.true(slab.memory.size < 20_000, `${slab.memory.size}`)
  t.is(queue.memoryBytes, host.memory.used)
  t.deepEqual(
    bodies(queue).map((body) => body.trimEnd()),
    numbers(0, 10),
  )
})

test('messages in a file expire in time, and the file is not opened before', async (t) => {
  const stored = storedQueue({ 'x-message-ttl': 1000, 'x-dead-letter-exchange': 'dlx' })
  const { host, segments, queue } = stored
  fill(stored, 10, 100, 5)
  host.advance(500)
  fill(stored, 5, 100)
  await pageOutAll(stored)
  host.advance(499)
  queue.drain()
  await quiet(stored)
  t.is(segments.reads + segments.readsNow, 0)
  host.advance(1)
  await quiet(stored)
  t.is(host.deadLetters.length, 10)
  t.is(segments.readsNow, 0)
  t.is(queue.messageCount, 5)
  host.advance(500)
  await quiet(stored)
  t.deepEqual(
    host.deadLetters.map(({ body }) => body.trimEnd()),
    [...numbers(0, 10), ...numbers(0, 5)],
  )
  t.is(host.context.timers.size, 0)
})

test('basic.get does not give what has expired in a file', async (t) => {
  const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
  const { host, queue } = stored
  publish(host, queue, inChunk('old', { expiration: '100' }))
  publish(host, queue, inChunk('young'))
  await pageOutAll(stored)
  stored.segments.held = true
  host.advance(100)
  t.is(get(queue)?.body, 'young')
  t.deepEqual(
    host.deadLetters.map(({ body }) => body),
    ['old'],
  )
  stored.segments.release()
  await quiet(stored)
  t.is(queue.messageCount, 0)
})

test('a queue that keeps the newest drops the oldest out of their file', async (t) => {
  const stored = storedQueue({ 'x-max-length': 20, 'x-dead-letter-exchange': 'dlx' })
  const { host, queue } = stored
  fill(stored, 20, 100, 5)
  await pageOutAll(stored)
  publish(host, queue, inChunk('more'))
  publish(host, queue, inChunk('and more'))
  t.is(queue.messageCount, 20)
  t.deepEqual(
    host.deadLetters.map(({ body }) => body.trimEnd()),
    ['0', '1'],
  )
})

test('the highest priority comes first also when it is in a file', async (t) => {
  const stored = storedQueue({ 'x-max-priority': 3 })
  const { host, queue } = stored
  for (const [body, priority] of [['a', 1] as const, ['b', 3] as const, ['c', 0] as const, ['d', 3] as const]) {
    publish(host, queue, inChunk(body, { priority }))
  }
  for (const slab of slabsOf(queue)) if (slab.line.level === 3) await pageOut(stored, slab)
  stored.segments.held = true
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.deepEqual(consumer.bodies, [])
  stored.segments.release()
  await quiet(stored)
  t.deepEqual(consumer.bodies, ['b', 'd', 'a', 'c'])
})

test('a transient queue goes to files as well, and leaves none', async (t) => {
  const stored = storedQueue()
  const { host, segments } = stored
  const queue = host.queue('transient')
  const transient = { ...stored, queue }
  fill(transient, 30, 100, 10)
  await pageOutAll(transient)
  t.is(host.memory.used, 0)
  t.deepEqual(
    bodies(queue).map((body) => body.trimEnd()),
    numbers(0, 30),
  )
  await pageOutAll(transient)
  queue.purge()
  await swept(host)
  t.is(segments.files.size, 0)
  t.deepEqual(host.journal.records, [])
})

test('a file that cannot be opened for now is tried again later', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 3, 100)
  const [slab] = (await pageOutAll(stored)) as [Slab]
  segments.failure = Object.assign(new Error('too many open files'), { code: 'EMFILE' })
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  t.like(host.log.lines, { length: 1, 0: { level: 'warn' } })
  t.regex(host.log.lines[0]?.message as string, /too many open files/)
  t.false(await slab.line.load(slab))
  t.deepEqual(bodies(queue), [])
  t.like(queue, { messageCount: 3, unackedCount: 0 })
  segments.failure = undefined
  host.advance(1000)
  await quiet(stored)
  t.deepEqual(bodiesOf(consumer), numbers(0, 3))
})

test('what the pager finds can always go and come back, whatever is in the queue', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  for (let round = 0; round < 5; round++) {
    fill(stored, 40, 200)
    sealTails(queue)
    for (let index = 0; index < 20; index++) queue.acknowledge(get(queue)?.place as number)
    for (const slab of [...host.memory.sealed].reverse()) t.true(await pageOut(stored, slab))
    t.is(host.memory.used, queue.memoryBytes)
  }
  t.is(queue.messageCount, 100)
  t.is(bodies(queue).length, 100)
})
