import test from 'ava'
import { PublishOutcome } from '../../../src/broker/queue/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

const DLX = { 'x-dead-letter-exchange': 'dlx' }

test('a full queue drops its oldest message for a new one', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 3, ...DLX })
  for (const body of 'abcde') t.is(queue.publish(inChunk(body)), PublishOutcome.ACCEPTED)
  t.deepEqual(bodies(queue), ['c', 'd', 'e'])
  t.deepEqual(
    host.deadLetters.map(({ reason, body }) => [reason, body]),
    [
      ['maxlen', 'a'],
      ['maxlen', 'b'],
    ],
  )
  t.is(queue.stats.overflowed, 2)
})

test('unacknowledged messages do not count for the length', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 2 })
  queue.publish(inChunk('a'))
  const place = get(queue)?.place as number
  queue.publish(inChunk('b'))
  queue.publish(inChunk('c'))
  t.deepEqual(bodies(queue), ['b', 'c'])
  queue.requeue(place)
  t.deepEqual(bodies(queue), ['b', 'c'], 'what came back was the oldest')
  t.is(queue.unackedCount, 0)
})

test('a length in bytes counts bodies', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length-bytes': 10 })
  queue.publish(inChunk('12345', { messageId: 'a long identifier that does not count' }))
  queue.publish(inChunk('67890'))
  t.is(queue.messageCount, 2)
  queue.publish(inChunk('1'))
  t.deepEqual(bodies(queue), ['67890', '1'])
  queue.publish(inChunk('eleven bytes'))
  t.is(queue.messageCount, 0, 'too large for itself')
})

test('a length of 0 lets through what is delivered at once', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 0, ...DLX })
  queue.publish(inChunk('lost'))
  const consumer = new FakeConsumer({ credit: 1 })
  queue.addConsumer(consumer)
  queue.publish(inChunk('taken'))
  queue.publish(inChunk('lost'))
  t.deepEqual(consumer.bodies, ['taken'])
  t.is(host.deadLetters.length, 2)
})

test('reject-publish refuses the new message', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 2, 'x-overflow': 'reject-publish', ...DLX })
  const outcomes = [...'abc'].map((body) => queue.publish(inChunk(body)))
  t.deepEqual(outcomes, [PublishOutcome.ACCEPTED, PublishOutcome.ACCEPTED, PublishOutcome.REJECTED])
  t.deepEqual(bodies(queue), ['a', 'b'])
  t.deepEqual(host.deadLetters, [])
  t.is(queue.stats.published, 2)
  const places = [get(queue), get(queue)].map((message) => message?.place as number)
  t.is(queue.publish(inChunk('d')), PublishOutcome.ACCEPTED)
  for (const place of places) queue.requeue(place)
  t.deepEqual(bodies(queue), ['a', 'b', 'd'], 'what comes back is not refused')
})

test('reject-publish in bytes refuses what would not fit', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length-bytes': 10, 'x-overflow': 'reject-publish' })
  t.is(queue.publish(inChunk('123456')), PublishOutcome.ACCEPTED)
  t.is(queue.publish(inChunk('78901')), PublishOutcome.REJECTED)
  t.is(queue.publish(inChunk('7890')), PublishOutcome.ACCEPTED)
})

test('reject-publish-dlx dead-letters the message it refuses', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx', ...DLX })
  queue.publish(inChunk('a'))
  t.is(queue.publish(inChunk('b')), PublishOutcome.REJECTED)
  t.like(host.deadLetters[0], { reason: 'maxlen', body: 'b' })
  t.deepEqual(bodies(queue), ['a'])
})

test('a quorum queue does not know reject-publish-dlx and drops its oldest', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-queue-type': 'quorum', 'x-max-length': 1, 'x-overflow': 'reject-publish-dlx' })
  queue.publish(inChunk('a'))
  t.is(queue.publish(inChunk('b')), PublishOutcome.ACCEPTED)
  t.deepEqual(bodies(queue), ['b'])
})

test('the length counts all priorities together, and drops from the head', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 2, 'x-max-priority': 9 })
  queue.publish(inChunk('low', { priority: 1 }))
  queue.publish(inChunk('high', { priority: 9 }))
  queue.publish(inChunk('lowest'))
  t.deepEqual(bodies(queue), ['low', 'lowest'])
})

test('a dropped message may bring back another one of the same queue', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 2, ...DLX })
  let left = 5
  host.onDeadLetter = (letter) => {
    if (left-- > 0) queue.publish(letter.message)
  }
  for (const body of 'abc') queue.publish(inChunk(body))
  t.is(queue.messageCount, 2)
  t.is(left, -1)
})

test('expired messages go before the length is looked at again', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-length': 3, ...DLX })
  queue.publish(inChunk('a'))
  queue.publish(inChunk('b', { expiration: '10' }))
  queue.publish(inChunk('c'))
  host.advance(20)
  queue.publish(inChunk('d'))
  t.deepEqual(bodies(queue), ['c', 'd'])
  t.deepEqual(
    host.deadLetters.map(({ reason, body }) => [reason, body]),
    [
      ['maxlen', 'a'],
      ['expired', 'b'],
    ],
  )
})
