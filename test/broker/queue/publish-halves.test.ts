import test from 'ava'
import { NO_PLACE, REFUSED } from '../../../src/broker/queue/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

/*
 * A publish has two halves, and the journal hears of the message between them; meanwhile other queues take it as well.
 */

test('what accept takes is in the queue, and nobody has it before arrived', (t) => {
  const queue = new FakeHost().queue('q', {}, { durable: true })
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  const message = inChunk('a')
  t.is(queue.accept(message, true), 0)
  t.true(queue.acceptedJournalled)
  t.like(queue, { messageCount: 1, unackedCount: 0 })
  t.deepEqual(consumer.bodies, [])
  queue.arrived(message)
  t.deepEqual(consumer.places, [0])
  t.like(queue, { messageCount: 0, unackedCount: 1 })
})

test('a prefetch that two queues share is not overrun by a message for both', (t) => {
  const host = new FakeHost()
  const channel = { credit: 1 }
  const queues = ['a', 'b'].map((name) => host.queue(name))
  const consumers = queues.map((queue) => {
    const consumer = new FakeConsumer()
    consumer.ready = () => channel.credit > 0
    consumer.onDelivery = () => void channel.credit--
    queue.addConsumer(consumer)
    return consumer
  })
  const message = inChunk('x')
  for (const queue of queues) t.true(queue.accept(message, false) >= 0)
  for (const queue of queues) queue.arrived(message)
  t.deepEqual(
    consumers.map((consumer) => consumer.bodies),
    [['x'], []],
  )
  t.is(queues[1]?.messageCount, 1)
  channel.credit = 1
  host.context.turn.drain(queues[1] as never)
  host.settle()
  t.deepEqual(consumers[1]?.bodies, ['x'])
})

test('another consumer has the message when the first is not ready any more', (t) => {
  const queue = new FakeHost().queue('q')
  const consumers = [new FakeConsumer({ credit: 1 }), new FakeConsumer({ credit: 1 })] as const
  for (const consumer of consumers) queue.addConsumer(consumer)
  const message = inChunk('x')
  queue.accept(message, false)
  consumers[0].credit = 0
  queue.arrived(message)
  t.deepEqual([consumers[0].bodies, consumers[1].bodies], [[], ['x']])
})

test('a consumer that goes between the halves gets nothing', (t) => {
  const queue = new FakeHost().queue('q')
  const [gone, other] = [new FakeConsumer(), new FakeConsumer()]
  queue.addConsumer(gone)
  const message = inChunk('x')
  queue.accept(message, false)
  queue.addConsumer(other)
  queue.removeConsumer(gone)
  queue.arrived(message)
  t.deepEqual(gone.bodies, [])
  t.is(queue.messageCount, 1)
  queue.drain()
  t.deepEqual(other.bodies, ['x'])
})

test('a queue deleted between the halves keeps nothing', (t) => {
  const host = new FakeHost()
  for (const args of [{}, { 'x-max-length': 1 }, { 'x-message-ttl': 0 }]) {
    const queue = host.queue('q', args, { durable: true })
    const consumer = new FakeConsumer()
    const message = inChunk('x')
    queue.accept(message, true)
    queue.addConsumer(consumer)
    host.deleteQueue(queue)
    queue.arrived(message)
    host.settle()
    t.deepEqual(consumer.bodies, [])
    t.like(queue, { messageCount: 0, unackedCount: 0 })
    t.is(queue.accept(message, true), NO_PLACE)
  }
  t.is(host.memory.used, 0)
  t.is(host.context.timers.size, 0)
})

test('a message that came between the halves stays behind the one that was first', (t) => {
  const queue = new FakeHost().queue('q')
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  const [first, second] = [inChunk('first'), inChunk('second')]
  queue.accept(first, false)
  queue.accept(second, false)
  queue.arrived(second)
  queue.arrived(first)
  t.deepEqual(consumer.bodies, ['first', 'second'])
})

test('too much is dropped, and what lives no longer expires, in the second half', (t) => {
  const host = new FakeHost()
  const dlx = { 'x-dead-letter-exchange': 'dlx' }
  const bounded = host.queue('bounded', { ...dlx, 'x-max-length': 1 })
  const shortLived = host.queue('short', { ...dlx, 'x-message-ttl': 0 })
  bounded.publish(inChunk('old'))
  const message = inChunk('new')
  for (const queue of [bounded, shortLived]) queue.accept(message, false)
  t.deepEqual(host.deadLetters, [])
  for (const queue of [bounded, shortLived]) queue.arrived(message)
  t.deepEqual(
    host.deadLetters.map(({ queue, body, reason }) => [queue, body, reason]),
    [
      ['bounded', 'old', 'maxlen'],
      ['short', 'new', 'expired'],
    ],
  )
  t.deepEqual(bodies(bounded), ['new'])
})

test('a bounded queue whose consumer became busy meanwhile drops what is too much', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 0, 'x-dead-letter-exchange': 'dlx' })
  const consumer = new FakeConsumer({ credit: 1 })
  queue.addConsumer(consumer)
  const message = inChunk('x')
  queue.accept(message, false)
  consumer.credit = 0
  queue.arrived(message)
  t.is(queue.messageCount, 0)
  t.is(host.deadLetters.length, 1)
})

test('a refused message has no second half, and one for a ready no-ack consumer neither', (t) => {
  const host = new FakeHost()
  const full = host.queue('full', { 'x-max-length': 0, 'x-overflow': 'reject-publish' }, { durable: true })
  t.is(full.accept(inChunk('x'), true), REFUSED)
  const queue = host.queue('q', {}, { durable: true })
  const consumer = new FakeConsumer({ noAck: true, credit: 1 })
  queue.addConsumer(consumer)
  t.is(queue.accept(inChunk('a'), true), NO_PLACE)
  t.deepEqual(consumer.bodies, ['a'])
  t.true(queue.accept(inChunk('b'), true) >= 0)
  t.is(get(queue)?.body, 'b')
})
