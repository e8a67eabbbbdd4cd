import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { QueueListener, TestListener } from './harness.ts'
import { OfflineBench } from './offline.ts'

const NEWS = { 'x-amop-deliver': 'news', 'x-amop-deliver-mode': 'multicast' }

test('a multicast waits while nobody listens, and then goes to everybody who does', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const numbers = bench.publishNumbers('q', 20)
  t.is(queue.messageCount, 20)
  const first = bench.subscriber('news')
  t.deepEqual(
    first.takeAll().map(({ type, topic, text }) => [type, topic, text]),
    numbers.map((number) => [PacketType.MULTICAST, 'news', number]),
  )
  const second = bench.subscriber('news')
  bench.publish('q', 'more')
  t.deepEqual([first.takeTexts(), second.takeTexts()], [['more'], ['more']])
})

test('a multicast is done with when somebody has been handed it, whatever is answered', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const sdk = bench.subscriber('news')
  bench.publish('q', 'x')
  t.deepEqual([queue.messageCount, queue.unackedCount, queue.stats.acknowledged], [0, 0, 1])
  const message = sdk.expect(PacketType.MULTICAST)
  sdk.answer(message, '', 1)
  sdk.disconnect()
  bench.subscriber('news').expectNothing()
  t.is(queue.messageCount, 0)
})

test('a multicast that nobody can take now is tried again', (t) => {
  const bench = new OfflineBench({ settings: { outputBytesMax: 10_000, outputTimeoutMs: 1e9 } })
  const queue = bench.declare('q', { ...NEWS, 'x-queue-type': 'quorum', 'x-delivery-limit': 0 })
  const sdk = bench.subscriber('news')
  sdk.transport.stuck = true
  const numbers = Array.from({ length: 5 }, (_, index) => String(index + 1))
  for (const number of numbers) bench.publish('q', number.padEnd(4_000))
  bench.node.advance(60_000)
  t.is(sdk.transport.heldCount, 2)
  t.is(queue.messageCount, 3)
  t.is(queue.stats.acknowledged, 2)
  sdk.transport.stuck = false
  sdk.transport.drain()
  sdk.session.writable()
  bench.node.advance(5_000)
  t.deepEqual(
    sdk.takeTexts().map((text) => text.trim()),
    numbers,
  )
})

test('a multicast reaches bound queues of every kind, but not the queue that it comes from', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const own = new QueueListener(queue, 'own')
  bench.context.router.subscribe(own, 'news')
  bench.publish('q', 'x')
  t.is(queue.messageCount, 1)
  const tap = new TestListener('queue', 'tap')
  tap.role = 'tap'
  bench.context.router.subscribe(tap, 'news')
  bench.node.settle()
  t.deepEqual([own.copies.length, tap.copies.length, queue.messageCount], [0, 1, 0])
})
