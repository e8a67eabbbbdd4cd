import test from 'ava'
import { NO_PLACE, PublishOutcome } from '../../../src/broker/queue/index.ts'
import { fromObject, toObject } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

test('an auto-delete queue goes with its last consumer, not before it ever had one', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', {}, { autoDelete: true })
  get(queue)
  t.deepEqual(host.deleted, [])
  const [a, b] = [new FakeConsumer(), new FakeConsumer()]
  queue.addConsumer(a)
  queue.addConsumer(b)
  queue.removeConsumer(a)
  queue.removeConsumer(a)
  t.deepEqual(host.deleted, [])
  queue.removeConsumer(b)
  t.deepEqual(host.deleted, [queue])
  t.true(queue.deleted)
})

test('a queue that nobody uses expires; publishing is no use', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-expires': 1000, 'x-dead-letter-exchange': 'dlx' })
  host.advance(999)
  queue.publish(inChunk('a'))
  t.false(queue.deleted)
  host.advance(1)
  t.true(queue.deleted)
  t.deepEqual(host.deadLetters, [])
})

test('a re-declare, a get or a consumer starts the time anew', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-expires': 1000 })
  host.advance(600)
  queue.touch()
  host.advance(600)
  get(queue)
  host.advance(600)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  host.advance(10_000)
  t.false(queue.deleted)
  queue.removeConsumer(consumer)
  host.advance(999)
  t.false(queue.deleted)
  host.advance(1)
  t.true(queue.deleted)
})

test('a thousand uses cost one timer', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-expires': 1000 })
  for (let i = 0; i < 1000; i++) get(queue)
  const consumer = new FakeConsumer()
  for (let i = 0; i < 10; i++) {
    queue.addConsumer(consumer)
    queue.removeConsumer(consumer)
  }
  t.is(host.context.timers.size, 1)
})

test('deleting tells every consumer once', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', {}, { autoDelete: true })
  const consumers = [new FakeConsumer(), new FakeConsumer({ priority: 1 })]
  for (const consumer of consumers) queue.addConsumer(consumer)
  queue.markDeleted()
  t.true(consumers.every((consumer) => consumer.wasCancelled))
  for (const consumer of consumers) queue.removeConsumer(consumer)
  t.deepEqual(host.deleted, [], 'it is gone already')
})

test('arguments are stored as declared, and with the type also if it was not given', (t) => {
  const host = new FakeHost()
  t.deepEqual(toObject(host.queue('q', { foo: 'bar' }).arguments), { foo: 'bar', 'x-queue-type': 'classic' })
  const quorum = host.queue('q', { 'x-queue-type': 'quorum' })
  t.deepEqual(toObject(quorum.arguments), { 'x-queue-type': 'quorum' })
  t.is(quorum.type, 'quorum')
})

test('a queue with deduplication takes each key once', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-deduplication': true, 'x-cache-ttl': 1000 })
  const message = (key: string, body: string) =>
    inChunk(body, { headers: fromObject({ 'x-deduplication-header': key }) })
  t.is(queue.publish(message('k1', 'a')), PublishOutcome.ACCEPTED)
  t.is(queue.publish(message('k1', 'again')), PublishOutcome.ACCEPTED)
  queue.publish(message('k2', 'b'))
  queue.publish(inChunk('without'))
  queue.publish(inChunk('without'))
  t.deepEqual(bodies(queue), ['a', 'b', 'without', 'without'])
  t.is(queue.stats.duplicates, 1)
  t.is(queue.stats.published, 4)
  host.advance(1000)
  queue.publish(message('k1', 'later'))
  t.is(queue.messageCount, 5)
})

test('the key of a refused message is not remembered', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-deduplication': true, 'x-max-length': 1, 'x-overflow': 'reject-publish' })
  const message = (key: string) => inChunk(key, { headers: fromObject({ 'x-deduplication-header': key }) })
  queue.publish(message('a'))
  t.is(queue.publish(message('b')), PublishOutcome.REJECTED)
  get(queue, true)
  t.is(queue.publish(message('b')), PublishOutcome.ACCEPTED)
  t.deepEqual(bodies(queue), ['b'])
})

test('the journal hears of every end of a persistent message in a durable queue', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 5, 'x-message-ttl': 1000 }, { durable: true })
  const publish = (body: string) => queue.publish(inChunk(body, { deliveryMode: 2 }), true)
  /** How many messages the journal has heard to be done with, and in how many records. */
  const ends = () => {
    host.settle()
    const settled = host.journal.settled.splice(0)
    return [settled.reduce((sum, { count }) => sum + count, 0), settled.length]
  }
  for (const body of 'abcd') publish(body)
  t.deepEqual(ends(), [0, 0], 'the vhost tells of the beginning')
  queue.acknowledge(get(queue)?.place as number)
  t.deepEqual(ends(), [1, 1])
  queue.reject(get(queue)?.place as number)
  t.deepEqual(ends(), [1, 1])
  get(queue, true)
  t.deepEqual(ends(), [1, 1])
  host.advance(1000)
  t.deepEqual(ends(), [1, 1], 'expired')
  for (let i = 0; i < 6; i++) publish('x')
  t.deepEqual(ends(), [1, 1], 'dropped from the head')
  queue.requeue(get(queue)?.place as number)
  t.deepEqual(ends(), [0, 0])
  queue.purge()
  t.deepEqual(ends(), [5, 1], 'neighbours are told of together')
  queue.addConsumer(new FakeConsumer({ noAck: true }))
  t.is(queue.accept(inChunk('x', { deliveryMode: 2 }), true), NO_PLACE)
  t.deepEqual(ends(), [0, 0], 'handed over at once: the journal never knew it')
})

test('the journal hears nothing of transient messages or transient queues', (t) => {
  const host = new FakeHost()
  for (const [durable, deliveryMode] of [
    [true, 1],
    [false, 2],
  ] as const) {
    const queue = host.queue('q', {}, { durable })
    queue.publish(inChunk('a', { deliveryMode }), deliveryMode === 2)
    queue.acknowledge(get(queue)?.place as number)
  }
  host.settle()
  t.is(host.journal.records.length, 0)
})

test('a quorum queue keeps every message durably', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-queue-type': 'quorum' })
  queue.publish(inChunk('a', { deliveryMode: 1 }))
  queue.acknowledge(get(queue)?.place as number)
  host.settle()
  t.deepEqual(
    host.journal.settled.map(({ uid, count }) => [uid, count]),
    [[queue.uid, 1]],
  )
})
