import test from 'ava'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

const DLX = { 'x-dead-letter-exchange': 'dlx' }

test('a message older than the queue allows is dead-lettered at its time, without a consumer', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 1000, ...DLX })
  queue.publish(inChunk('a'))
  host.advance(400)
  queue.publish(inChunk('b'))
  host.advance(599)
  t.is(queue.messageCount, 2)
  host.advance(1)
  t.deepEqual(bodies(queue), ['b'])
  t.like(host.deadLetters[0], { reason: 'expired', body: 'a' })
  host.advance(400)
  t.is(queue.messageCount, 0)
  t.is(queue.stats.expired, 2)
  t.is(host.context.timers.size, 0)
})

test('the shorter of queue and message TTL wins', (t) => {
  const host = new FakeHost()
  const short = host.queue('short', { 'x-message-ttl': 100 })
  const long = host.queue('long', { 'x-message-ttl': 9000 })
  for (const queue of [short, long]) queue.publish(inChunk('a', { expiration: '500' }))
  host.advance(100)
  t.deepEqual([short.messageCount, long.messageCount], [0, 1])
  host.advance(400)
  t.is(long.messageCount, 0)
})

test('an expired message without a dead-letter exchange is dropped', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 10 })
  queue.publish(inChunk('a'))
  host.advance(10)
  t.is(queue.messageCount, 0)
  t.deepEqual(host.deadLetters, [])
})

test('a message expires at the head only: behind one that lives longer it waits', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', DLX)
  queue.publish(inChunk('long', { expiration: '1000' }))
  queue.publish(inChunk('short', { expiration: '10' }))
  queue.publish(inChunk('eternal'))
  host.advance(500)
  t.is(queue.messageCount, 3)
  host.advance(500)
  t.deepEqual(bodies(queue), ['eternal'])
  t.deepEqual(
    host.deadLetters.map((letter) => letter.body),
    ['long', 'short'],
  )
})

test('an expired message is never delivered, also when the one before it was just taken', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', DLX)
  queue.publish(inChunk('first'))
  queue.publish(inChunk('late', { expiration: '10' }))
  queue.publish(inChunk('last'))
  host.advance(50)
  const place = get(queue)?.place as number
  t.deepEqual(bodies(queue), ['last'], 'dropped as soon as it was the head')
  queue.requeue(place)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.deepEqual(consumer.bodies, ['first', 'last'])
})

test('with a TTL of 0 a message reaches a ready consumer or nobody', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', DLX)
  queue.publish(inChunk('lost', { expiration: '0' }))
  t.is(queue.messageCount, 0)
  for (const noAck of [true, false]) {
    const consumer = new FakeConsumer({ noAck, credit: 1 })
    queue.addConsumer(consumer)
    queue.publish(inChunk('taken', { expiration: '0' }))
    queue.publish(inChunk('lost', { expiration: '0' }))
    t.deepEqual(consumer.bodies, ['taken'])
    queue.removeConsumer(consumer)
  }
  t.deepEqual(
    host.deadLetters.map((letter) => letter.body),
    ['lost', 'lost', 'lost'],
  )
})

test('a requeued message keeps its deadline', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 100, ...DLX })
  queue.publish(inChunk('a'))
  queue.publish(inChunk('b'))
  const places = [get(queue), get(queue)].map((message) => message?.place as number)
  host.advance(60)
  queue.requeue(places[0] as number)
  host.settle()
  t.is(queue.messageCount, 1)
  host.advance(40)
  t.is(queue.messageCount, 0)
  host.advance(100)
  queue.requeue(places[1] as number)
  host.settle()
  t.is(queue.messageCount, 0)
  t.deepEqual(
    host.deadLetters.map((letter) => letter.body),
    ['a', 'b'],
  )
})

test('unacknowledged messages do not expire', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 100, ...DLX })
  queue.publish(inChunk('a'))
  const place = get(queue)?.place as number
  host.advance(1000)
  queue.acknowledge(place)
  t.deepEqual(host.deadLetters, [])
})

test('ten thousand messages that expire together do so in several goes', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 100 })
  for (let i = 0; i < 10_000; i++) queue.publish(inChunk('x'))
  host.advance(100)
  t.true(queue.messageCount > 0, 'the loop is given back in between')
  host.advance(5)
  t.is(queue.messageCount, 0)
})

test('a hundred thousand messages with a TTL need one timer', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 60_000 })
  const message = inChunk('x', { expiration: '50000' })
  for (let i = 0; i < 100_000; i++) queue.publish(message)
  t.is(host.context.timers.size, 1)
  queue.purge()
  host.advance(60_000)
  t.is(host.context.timers.size, 0)
})

test('an expiration that is no number, or out of range, is no expiry', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const expirations = ['', '+', '-', 'soon', '-1', '1.5', '+-1', '315360000001', '9'.repeat(255)]
  for (const expiration of expirations) queue.publish(inChunk('a', { expiration }))
  host.advance(315_360_000_002)
  t.is(queue.messageCount, expirations.length)
})

test('an expiration may have a sign, and zeros before its digits', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  for (const expiration of ['-0', '+0', '00000000000000000005', `+${'0'.repeat(200)}5`]) {
    queue.publish(inChunk('a', { expiration }))
  }
  host.advance(4)
  t.is(queue.messageCount, 2)
  host.advance(1)
  t.is(queue.messageCount, 0)
})

test('an expiry ten years ahead is kept exactly', (t) => {
  const host = new FakeHost()
  const tenYears = 315_360_000_000
  const queue = host.queue('q', { 'x-message-ttl': tenYears })
  queue.publish(inChunk('a'))
  host.advance(tenYears - 1)
  t.is(queue.messageCount, 1)
  host.advance(1)
  t.is(queue.messageCount, 0)
})

test('messages of each priority expire at the head of their own line', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-priority': 5, ...DLX })
  queue.publish(inChunk('high', { priority: 5 }))
  queue.publish(inChunk('low', { priority: 1, expiration: '10' }))
  queue.publish(inChunk('lower', { priority: 0, expiration: '20' }))
  host.advance(20)
  t.deepEqual(bodies(queue), ['high'])
  t.is(host.deadLetters.length, 2)
})

test('what basic.get shows stays good while dead letters behind it come back and fill other queues', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', DLX)
  const other = host.queue('other')
  host.onDeadLetter = () => {
    queue.publish(inChunk('y'.repeat(600)))
    other.publish(inChunk('z'.repeat(600)))
  }
  const body = 'a'.repeat(600)
  queue.publish(inChunk(body))
  queue.publish(inChunk('b', { expiration: '10' }))
  host.advance(20)
  t.is(get(queue)?.body, body)
  t.is(host.deadLetters.length, 1)
})
