import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import type { Queue } from '../../../src/broker/queue/index.ts'
import { POOL_BYTES_MAX, SLAB_BYTES_MAX } from '../../../src/broker/queue/slab-pool.ts'
import { encodeProperties } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

/** What an empty line may keep for its next message. */
const KEPT = 4096

function ownedMessage(bytes: number, fill = 'x'): Message {
  return Message.of('x', 'k', encodeProperties({}), Buffer.alloc(bytes, fill))
}

function takeAll(queue: Queue): number[] {
  const view = new Message()
  const places: number[] = []
  for (let place = queue.get(view, false); place >= 0; place = queue.get(view, false)) places.push(place)
  return places
}

test('a queue that was never used takes no memory', (t) => {
  const host = new FakeHost()
  for (let i = 0; i < 100; i++) host.queue(`q${i}`)
  t.is(host.memory.used, 0)
})

test('a few small messages take little more than their bytes', (t) => {
  const host = new FakeHost()
  for (let i = 0; i < 100; i++) {
    const queue = host.queue(`q${i}`)
    for (let j = 0; j < 10; j++) queue.publish(inChunk('x'.repeat(100)))
  }
  t.true(host.memory.used <= 100 * 2048, `${host.memory.used}`)
})

test('a million messages in and out leave no memory behind', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const message = inChunk('sixteen bytes ..')
  for (let i = 0; i < 1_000_000; i++) queue.publish(message)
  t.is(queue.messageCount, 1_000_000)
  t.true(host.memory.used > 16_000_000)
  t.true(host.memory.used < 80_000_000, 'at most 64 bytes beside each body')
  const consumer = new FakeConsumer({ noAck: true })
  let count = 0
  consumer.deliver = () => void count++
  queue.addConsumer(consumer)
  queue.drain()
  while (queue.messageCount > 0) host.context.turn.run()
  t.is(count, 1_000_000)
  t.true(host.memory.used <= KEPT, `${host.memory.used}`)
  t.true(host.memory.pool.bytes <= POOL_BYTES_MAX)
})

test('hundreds of thousands of unacknowledged messages leave no memory behind, in whatever order they are settled', (t) => {
  for (const order of ['first to last', 'last to first', 'every third', 'requeued and purged']) {
    const host = new FakeHost()
    const queue = host.queue('q')
    const message = inChunk('x'.repeat(50))
    for (let i = 0; i < 100_000; i++) queue.publish(message)
    const places = takeAll(queue)
    t.is(places.length, 100_000)
    if (order === 'first to last') for (const place of places) queue.acknowledge(place)
    if (order === 'last to first') for (const place of places.toReversed()) queue.acknowledge(place)
    if (order === 'every third') {
      for (let start = 0; start < 3; start++) {
        for (let i = start; i < places.length; i += 3) queue.acknowledge(places[i] as number)
      }
    }
    if (order === 'requeued and purged') {
      for (const place of places) queue.requeue(place)
      t.is(queue.purge(), 100_000)
    }
    t.true(host.memory.used <= KEPT, `${order}: ${host.memory.used}`)
    t.is(queue.unackedCount, 0)
  }
})

test('one old unacknowledged message does not hold the memory of all that came after it', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('old'))
  const old = get(queue)?.place as number
  const message = inChunk('x'.repeat(100))
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 1000; i++) queue.publish(message)
    for (const place of takeAll(queue)) queue.acknowledge(place)
    t.true(host.memory.used <= 4 * SLAB_BYTES_MAX, `${host.memory.used}`)
  }
  queue.requeue(old)
  t.deepEqual(bodies(queue), ['old'])
})

test('a few unacknowledged among millions hold little memory, and are intact when they come back', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const kept: number[] = []
  const message = inChunk('x'.repeat(100))
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 10_000; i++) queue.publish(message)
    queue.publish(inChunk(`kept ${round}`))
    const places = takeAll(queue)
    kept.push(places.pop() as number)
    for (const place of places) queue.acknowledge(place)
  }
  t.true(host.memory.used <= 4 * SLAB_BYTES_MAX, `${host.memory.used}`)
  for (const place of kept) queue.requeue(place)
  const again = takeAll(queue)
  t.deepEqual(again, kept)
  for (const place of again) queue.requeue(place)
  t.deepEqual(
    bodies(queue),
    kept.map((_, round) => `kept ${round}`),
  )
  for (const place of takeAll(queue)) queue.acknowledge(place)
  t.true(host.memory.used <= KEPT)
})

test('a queue that always holds a little stays in little memory', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const message = inChunk('x'.repeat(20))
  for (let i = 0; i < 20; i++) queue.publish(message)
  for (let i = 0; i < 100_000; i++) {
    queue.publish(message)
    queue.acknowledge(get(queue)?.place as number)
  }
  t.true(host.memory.used <= 4 * 64 * 1024, `${host.memory.used}`)
})

test('a large message of its own buffer is held once, however many queues have it', (t) => {
  const host = new FakeHost()
  const queues = Array.from({ length: 100 }, (_, i) => host.queue(`q${i}`))
  const message = ownedMessage(1_000_000)
  for (const queue of queues) queue.publish(message)
  t.is(host.memory.bodies.size, 1)
  t.true(host.memory.used < 1_000_100 + 100 * 1024, `${host.memory.used}`)
  t.true((queues[0] as Queue).memoryBytes > 1_000_000)
  for (const queue of queues.slice(0, 50)) queue.acknowledge(get(queue)?.place as number)
  for (const queue of queues.slice(50, 75)) queue.purge()
  t.true(host.memory.used > 1_000_000)
  for (const queue of queues.slice(75)) queue.markDeleted()
  t.is(host.memory.bodies.size, 0)
  t.true(host.memory.used <= 75 * 1024)
})

test('the queue keeps the bytes of a large message even when the view that brought it is used again', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const view = new Message()
  view.assign(ownedMessage(10_000, 'a'))
  queue.publish(view)
  view.assign(ownedMessage(10_000, 'b'))
  queue.publish(view)
  view.release()
  t.deepEqual(bodies(queue), ['a'.repeat(10_000), 'b'.repeat(10_000)])
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.true(consumer.deliveries[0]?.owned)
  t.is(consumer.deliveries[0]?.body, 'a'.repeat(10_000))
})

test('a message larger than any slab has memory of its own, and the next ones are small again', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('before'))
  queue.publish(inChunk('x'.repeat(3 * SLAB_BYTES_MAX)))
  queue.publish(inChunk('after'))
  t.true(host.memory.used < 3 * SLAB_BYTES_MAX + 8192, `${host.memory.used}`)
  const messages = takeAll(queue)
  queue.requeue(messages[1] as number)
  t.is(bodies(queue)[0]?.length, 3 * SLAB_BYTES_MAX)
  queue.acknowledge(get(queue)?.place as number)
  t.true(host.memory.used < 8192, `${host.memory.used}`)
  t.is(host.memory.pool.bytes % 1024, 0)
})

test('deleting a queue gives back everything, and later settlements of its messages do nothing', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 1000, 'x-expires': 5000, 'x-dead-letter-exchange': 'dlx' })
  const consumer = new FakeConsumer({ credit: 0 })
  for (let i = 0; i < 1000; i++) queue.publish(i % 2 === 0 ? inChunk('x'.repeat(500)) : ownedMessage(10_000))
  queue.addConsumer(consumer)
  const places = [1, 2, 3, 4].map(() => get(queue)?.place as number)
  host.deleteQueue(queue)
  t.is(host.memory.used, 0)
  t.is(host.memory.bodies.size, 0)
  t.is(queue.memoryBytes, 0)
  t.is(host.context.timers.size, 0)
  t.true(consumer.wasCancelled)
  queue.acknowledge(places[0] as number)
  queue.requeue(places[1] as number)
  queue.reject(places[2] as number)
  queue.publish(inChunk('late'))
  queue.drain()
  t.is(get(queue), undefined)
  t.is(host.memory.used, 0)
  t.like(queue, { messageCount: 0, unackedCount: 0, consumerCount: 0, readyBytes: 0 })
  t.deepEqual(host.deadLetters, [])
})

test('deleting a queue while it delivers is safe', (t) => {
  const host = new FakeHost()
  for (const noAck of [true, false]) {
    const queue = host.queue('q')
    for (let i = 0; i < 10; i++) queue.publish(inChunk('x'.repeat(700)))
    const consumer = new FakeConsumer({ noAck })
    consumer.onDelivery = () => {
      if (consumer.deliveries.length === 3) host.deleteQueue(queue)
    }
    queue.addConsumer(consumer)
    queue.drain()
    t.is(consumer.deliveries.length, 3)
    t.is(host.memory.used, 0)
  }
})

test('emptied queues share a bounded store of free memory', (t) => {
  const host = new FakeHost()
  const queues = Array.from({ length: 30 }, (_, i) => host.queue(`q${i}`))
  const message = inChunk('x'.repeat(1000))
  for (const queue of queues) for (let i = 0; i < 1000; i++) queue.publish(message)
  for (const queue of queues) queue.purge()
  t.true(host.memory.pool.bytes > 0)
  t.true(host.memory.pool.bytes <= POOL_BYTES_MAX)
})

test('a place stays a small number in a queue that has seen a lot', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const message = inChunk('x'.repeat(1000))
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 10_000; i++) queue.publish(message)
    for (const place of takeAll(queue)) queue.acknowledge(place)
  }
  queue.publish(message)
  t.true((get(queue)?.place as number) < 2 ** 31)
})

test('a queue keeps nothing of the chunk that its last message came in', async (t) => {
  const host = new FakeHost()
  const chunks: WeakRef<Buffer>[] = []
  for (let i = 0; i < 20; i++) {
    const message = inChunk('small', { deliveryMode: 2, priority: 1, expiration: '100000' })
    host.queue(`q${i}`, { 'x-max-priority': 2 }, { durable: true }).publish(message)
    chunks.push(new WeakRef(message.buffer))
  }
  // A weak reference holds on until the current job is over.
  await new Promise((resolve) => setImmediate(resolve))
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const kept = chunks.filter((chunk) => chunk.deref() !== undefined)
  t.true(kept.length <= 1, `${kept.length} of ${chunks.length} chunks are kept`)
})
