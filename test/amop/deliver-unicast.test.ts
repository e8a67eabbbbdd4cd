import test from 'ava'
import { FRAME_BYTES_MAX, PacketType } from '../../src/amop/index.ts'
import { Message } from '../../src/broker/index.ts'
import {
  BASIC_CONSUME_OK,
  encodeBasicConsume,
  encodeProperties,
  encodeQueueDelete,
  encodeQueuePurge,
  QUEUE_DELETE_OK,
  QUEUE_PURGE_OK,
} from '../../src/codec/index.ts'
import { QueueListener, type Received, TestListener } from './harness.ts'
import { OfflineBench } from './offline.ts'

const NEWS = { 'x-amop-deliver': 'news' }

test('a queue keeps what an SDK that is away gets in order when it comes', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const numbers = bench.publishNumbers('q', 100)
  t.is(queue.messageCount, 100)
  t.is(bench.steps('unicast'), 0)
  const sdk = bench.subscriber('news')
  t.deepEqual(sdk.serve(), numbers)
  t.deepEqual([queue.messageCount, queue.unackedCount], [0, 0])
  bench.publish('q', 'more')
  const message = sdk.expectUnicast()
  t.deepEqual([message.topic, message.text], ['news', 'more'])
  t.deepEqual(bench.internalErrors, [])
})

test('bodies pass untouched', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  const bodies = [Buffer.alloc(0), Buffer.from([0, 255, 254, 10]), Buffer.alloc(300_000, 0x80)]
  const sdk = bench.subscriber('news')
  for (const body of bodies) {
    bench.publish('q', body)
    const packet = sdk.transport.take()
    t.deepEqual(packet?.body.subarray(5), body)
  }
})

test('eight messages are on their way at a time, or as many as the queue says', (t) => {
  for (const [args, prefetch] of [
    [{}, 8],
    [{ 'x-amop-deliver-prefetch': 3 }, 3],
  ] as const) {
    const bench = new OfflineBench()
    const queue = bench.declare('q', { ...NEWS, ...args })
    const numbers = bench.publishNumbers('q', 20)
    const sdk = bench.subscriber('news')
    const first = sdk.takeAll()
    t.deepEqual(
      first.map(({ text }) => text),
      numbers.slice(0, prefetch),
    )
    t.is(queue.unackedCount, prefetch)
    sdk.answer(first[1] as Received)
    t.deepEqual(sdk.takeTexts(), [numbers[prefetch]])
    t.is(queue.unackedCount, prefetch)
    t.is(queue.stats.acknowledged, 1)
  }
})

test('large messages are on their way up to 4 MiB at a time, larger ones alone', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  for (let i = 0; i < 6; i++) bench.publish('q', Buffer.alloc(1024 * 1024, i))
  bench.publish('q', Buffer.alloc(5 * 1024 * 1024))
  bench.publish('q', 'last')
  const sdk = bench.subscriber('news')
  const first = sdk.takeAll()
  t.is(first.length, 4)
  for (const message of first.slice(0, 3)) sdk.answer(message)
  const second = sdk.takeAll()
  // 1 + 1 + 1 and the large one.
  t.is(second.length, 3)
  for (const message of [first[3] as Received, ...second.slice(0, 2)]) sdk.answer(message)
  t.is(sdk.takeAll().length, 0)
  sdk.answer(second[2] as Received)
  t.deepEqual(sdk.takeTexts(), ['last'])
})

test('a message that is answered with an error stays, and is sent again after a while', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const sdk = bench.subscriber('news')
  bench.publish('q', 'x')
  const first = sdk.expectUnicast()
  t.is(queue.unackedCount, 1)
  sdk.answer(first, 'no', 7)
  sdk.expectNothing()
  t.is(queue.messageCount, 1)
  t.like(bench.node.log.find('could not be delivered and is kept'), {
    fields: { seq: first.seq, topic: 'news', code: 7 },
  })
  bench.node.advance(99)
  sdk.expectNothing()
  bench.node.advance(1)
  const second = sdk.expectUnicast()
  t.is(second.text, 'x')
  t.not(second.seq, first.seq)
  sdk.answer(second)
  t.deepEqual([queue.messageCount, queue.unackedCount], [0, 0])
})

test('a classic queue waits longer with each failure in a row, up to five seconds', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  const sdk = bench.subscriber('news')
  bench.publish('q', 'x')
  for (const delay of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
    sdk.answer(sdk.expectUnicast(), '', 1)
    bench.node.advance(delay - 1)
    sdk.expectNothing()
    bench.node.advance(1)
  }
  // An answer makes good for all of them.
  sdk.answer(sdk.expectUnicast())
  bench.publish('q', 'y')
  sdk.answer(sdk.expectUnicast(), '', 1)
  bench.node.advance(100)
  t.is(sdk.expectUnicast().text, 'y')
})

test('nothing is tried while nobody listens, and at once when somebody comes', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const timers = bench.node.timers.size
  const sdk = bench.subscriber('news')
  bench.publish('q', 'x')
  sdk.answer(sdk.expectUnicast(), '', 1)
  sdk.disconnect()
  t.is(bench.node.timers.size, timers)
  const steps = bench.steps('unicast received')
  bench.node.advance(3_600_000)
  t.is(bench.steps('unicast received'), steps)
  t.is(queue.messageCount, 1)
  t.deepEqual(bench.subscriber('news').serve(), ['x'])
})

test('somebody else who begins to listen ends the wait after a failure', (t) => {
  const bench = new OfflineBench({ random: () => 0.99 })
  bench.declare('q', NEWS)
  const failing = bench.subscriber('news')
  bench.publish('q', 'x')
  failing.answer(failing.expectUnicast(), '', 1)
  bench.node.advance(100)
  failing.answer(failing.expectUnicast(), '', 1)
  bench.node.advance(100)
  const second = bench.subscriber('news')
  second.answer(second.expectUnicast(), '', 1)
  // The failures before it came do not count.
  bench.node.advance(99)
  second.expectNothing()
  bench.node.advance(1)
  t.deepEqual(second.serve(), ['x'])
})

test('a message that fails is sent again before any that was not on its way with it', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', { ...NEWS, 'x-amop-deliver-prefetch': 3 })
  bench.publishNumbers('q', 7)
  const sdk = bench.subscriber('news')
  const [one, two, three] = sdk.takeAll() as [Received, Received, Received]
  sdk.answer(two, '', 1)
  sdk.answer(one)
  // Nothing new leaves until the third has come back, too.
  sdk.expectNothing()
  bench.node.advance(1000)
  sdk.expectNothing()
  sdk.answer(three)
  bench.node.advance(100)
  t.deepEqual(sdk.serve(), ['2', '4', '5', '6', '7'])
})

test('several that fail together are sent again in the order of the queue', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', { ...NEWS, 'x-amop-deliver-prefetch': 4 })
  bench.publishNumbers('q', 6)
  const sdk = bench.subscriber('news')
  const sent = sdk.takeAll()
  for (const index of [3, 0, 2]) sdk.answer(sent[index] as Received, '', 1)
  sdk.answer(sent[1] as Received)
  bench.node.advance(100)
  t.deepEqual(sdk.serve(), ['1', '3', '4', '5', '6'])
})

test('with a prefetch of 1 no failure changes the order', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', { ...NEWS, 'x-amop-deliver-prefetch': 1 })
  const numbers = bench.publishNumbers('q', 20)
  const sdk = bench.subscriber('news')
  const answered: string[] = []
  for (let round = 0; round < 40; round++) {
    sdk.serve(({ text }) => {
      if (round % 3 !== 0 && Number(text) % 2 === 0) return { result: 1 }
      answered.push(text)
      return undefined
    })
    bench.node.advance(5000)
  }
  t.deepEqual(answered, numbers)
})

test('a subscriber that does not answer in time is asked again later, and counts as failed', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const sdk = bench.subscriber('news')
  bench.publish('q', 'x')
  sdk.expectUnicast()
  bench.node.advance(4999)
  t.is(queue.unackedCount, 1)
  bench.node.advance(1)
  t.is(queue.unackedCount, 0)
  bench.node.advance(100)
  t.deepEqual(sdk.serve(), ['x'])
})

test('when a subscriber dies with a message in hand the next one has it', (t) => {
  const bench = new OfflineBench({ random: () => 0 })
  const queue = bench.declare('q', NEWS)
  const [dying, living] = [bench.subscriber('news'), bench.subscriber('news')]
  bench.publish('q', 'x')
  const first = dying.expectUnicast()
  dying.disconnect()
  const second = living.expectUnicast()
  t.is(second.seq, first.seq)
  living.answer(second)
  t.is(queue.stats.acknowledged, 1)
  t.is(queue.stats.requeued, 0)
})

test('when the only subscriber dies with messages in hand they wait for it in their places', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const numbers = bench.publishNumbers('q', 10)
  const timers = bench.node.timers.size
  const dying = bench.subscriber('news')
  t.is(dying.takeAll().length, 8)
  dying.disconnect()
  t.is(bench.node.timers.size, timers)
  t.deepEqual([queue.messageCount, queue.unackedCount], [10, 0])
  t.deepEqual(bench.subscriber('news').serve(), numbers)
})

test('a subscriber that leaves the topic may still answer', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  bench.publishNumbers('q', 10)
  const sdk = bench.subscriber('news')
  const sent = sdk.takeAll()
  sdk.subscribe()
  for (const message of sent) sdk.answer(message)
  sdk.expectNothing()
  t.deepEqual([queue.messageCount, queue.unackedCount], [2, 0])
})

test('a quorum queue gives a message up that has failed too often, and goes on with the next', (t) => {
  const bench = new OfflineBench()
  bench.declare('dead', {})
  bench.declare('q', {
    ...NEWS,
    'x-queue-type': 'quorum',
    'x-delivery-limit': 2,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'dead',
    'x-amop-deliver-prefetch': 1,
  })
  const sdk = bench.subscriber('news')
  bench.publish('q', 'poison')
  bench.publish('q', 'good')
  const seen: string[] = []
  for (let round = 0; round < 10; round++) {
    seen.push(...sdk.serve(({ text }) => (text === 'poison' ? { result: 1 } : undefined)))
    bench.node.advance(5000)
  }
  t.deepEqual(seen, ['poison', 'poison', 'poison', 'good'])
  const [letter] = bench.queue('dead').peek(1)
  t.is(letter?.body.toString(), 'poison')
  t.is(bench.queue('q').stats.deliveryLimited, 1)
  t.is(bench.queue('q').messageCount, 0)
})

test('a session that takes nothing more holds messages back, at no cost of memory or delivery limit', (t) => {
  const bench = new OfflineBench({ settings: { outputBytesMax: 10_000, outputTimeoutMs: 1e9 } })
  const queue = bench.declare('q', { ...NEWS, 'x-queue-type': 'quorum', 'x-delivery-limit': 1 })
  const sdk = bench.subscriber('news')
  sdk.transport.stuck = true
  bench.connect().multicast('news', Buffer.alloc(9_000))
  for (let i = 0; i < 100; i++) bench.publish('q', Buffer.alloc(5_000, i))
  const { heldCount } = sdk.transport
  for (let minute = 0; minute < 10; minute++) bench.node.advance(60_000)
  t.is(sdk.transport.heldCount, heldCount)
  t.is(queue.messageCount + queue.unackedCount, 100)
  t.is(queue.stats.deliveryLimited, 0)
  t.true(bench.steps('unicast received') < 200)
  sdk.transport.stuck = false
  sdk.transport.drain()
  sdk.session.writable()
  sdk.expect(PacketType.MULTICAST)
  bench.node.advance(5000)
  t.is(sdk.serve().length, 100)
})

test('messages expire in a queue that waits for an SDK, and become dead letters as usual', (t) => {
  const bench = new OfflineBench()
  bench.declare('dead', {})
  const dlx = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const queue = bench.declare('q', { ...NEWS, ...dlx, 'x-max-length': 2 })
  for (const body of ['dropped', 'late']) bench.publish('q', body, { expiration: '1000' })
  for (const body of ['stays', 'too']) bench.publish('q', body)
  bench.node.advance(1000)
  t.is(queue.messageCount, 2)
  t.deepEqual(bench.subscriber('news').serve(), ['stays', 'too'])
  t.deepEqual(
    bench
      .queue('dead')
      .peek(9)
      .map(({ body }) => body.toString()),
    ['dropped', 'late'],
  )
})

test('a message that no frame can carry is rejected, and the next is sent', (t) => {
  const bench = new OfflineBench({ maxMessageSize: 2 ** 29 })
  bench.declare('dead', {})
  bench.declare('q', { ...NEWS, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  const { vhost } = bench.node
  const message = Message.of('', 'q', encodeProperties({}), Buffer.alloc(FRAME_BYTES_MAX - 46))
  const route = vhost.findRoute(message.buffer, message.exchangeAt, message.exchangeAt + message.addressLength)
  vhost.publish(route as NonNullable<typeof route>, message)
  bench.publish('q', 'next')
  t.deepEqual(bench.subscriber('news').serve(), ['next'])
  t.is(bench.queue('dead').messageCount, 1)
  t.truthy(bench.node.log.find('no frame can carry it'))
  t.is(bench.node.vhost.queues.get('q')?.messageCount, 0)
})

test('a queue does not deliver to itself, whatever binding it has', (t) => {
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
  t.is(queue.messageCount, 1)
  const other = new TestListener('queue', 'other')
  other.role = 'fallback'
  bench.context.router.subscribe(other, 'news')
  bench.node.settle()
  t.deepEqual([own.pushed.length, tap.copies.length, other.pushed.length], [0, 1, 1])
})

test('two queues that are bound to the topic they deliver to do not send each other their messages', (t) => {
  const bench = new OfflineBench()
  const [one, two] = [bench.declare('one', NEWS), bench.declare('two', NEWS)]
  for (const queue of [one, two]) {
    bench.context.router.subscribe(new QueueListener(queue, queue.name), 'news')
  }
  class BoundExchange extends TestListener {
    leadsTo(queue: unknown): boolean {
      return queue === one
    }
  }
  bench.context.router.subscribe(new BoundExchange('queue', 'exchange'), 'news')
  bench.publish('one', 'x')
  t.deepEqual([one.messageCount, one.unackedCount], [1, 0])
  t.deepEqual(bench.subscriber('news').serve(), ['x'])
})

test('the broker as consumer keeps no queue from being deleted and is not counted', (t) => {
  const bench = new OfflineBench()
  const args = { ...NEWS, 'x-expires': 60_000 }
  const queue = bench.declare('q', args)
  bench.subscriber('news')
  t.is(queue.consumerCount, 0)
  bench.node.advance(60_000)
  t.true(queue.deleted)
  bench.declare('q', NEWS)
  bench.client.send(encodeQueueDelete(1, { queue: 'q', ifUnused: true }))
  bench.client.expect(QUEUE_DELETE_OK)
})

test('AMQP consumers of the queue come first, and the topic gets what they have no room for', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  const sdk = bench.subscriber('news')
  bench.client.send(encodeBasicConsume(1, { queue: 'q', noAck: true }))
  bench.client.expect(BASIC_CONSUME_OK)
  bench.publish('q', 'x')
  t.is(bench.client.expectDelivery().text, 'x')
  sdk.expectNothing()
})

test('a queue that is deleted while its messages are on their way is forgotten', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  bench.publishNumbers('q', 10)
  const sdk = bench.subscriber('news')
  const sent = sdk.takeAll()
  bench.client.send(encodeQueueDelete(1, { queue: 'q' }))
  bench.client.expect(QUEUE_DELETE_OK)
  t.is(bench.delivery.queueCount, 0)
  bench.declare('q', NEWS)
  for (const message of sent) sdk.answer(message)
  sdk.expectNothing()
  bench.publish('q', 'anew')
  t.deepEqual(sdk.serve(), ['anew'])
  t.is(bench.queue('q').stats.acknowledged, 1)
  t.deepEqual(bench.internalErrors, [])
})

test('what is purged is not sent', (t) => {
  const bench = new OfflineBench()
  bench.declare('q', NEWS)
  bench.publishNumbers('q', 3)
  bench.client.send(encodeQueuePurge(1, { queue: 'q' }))
  bench.client.expect(QUEUE_PURGE_OK)
  t.deepEqual(bench.subscriber('news').serve(), [])
})

test('when the delivery ends, what is on its way goes back to its queue', (t) => {
  const bench = new OfflineBench()
  const queue = bench.declare('q', NEWS)
  const numbers = bench.publishNumbers('q', 10)
  const sdk = bench.subscriber('news')
  const sent = sdk.takeAll()
  bench.delivery.close()
  bench.node.settle()
  t.deepEqual(
    queue.peek(99).map(({ body }) => body.toString()),
    numbers,
  )
  for (const message of sent) sdk.answer(message)
  sdk.expectNothing()
  t.is(queue.messageCount, 10)
})

test('thousands of queues that begin together hand out a bounded number of bytes a turn', (t) => {
  const bench = new OfflineBench()
  const count = 200
  const topics = Array.from({ length: count }, (_, index) => `topic ${index}`)
  for (const topic of topics) {
    bench.declare(topic, { 'x-amop-deliver': topic })
    for (let i = 0; i < 3; i++) bench.publish(topic, Buffer.alloc(100_000, i))
  }
  let most = 0
  const { runTurn } = bench.node
  bench.node.runTurn = () => {
    const before = bench.steps('unicast received')
    runTurn.call(bench.node)
    most = Math.max(most, bench.steps('unicast received') - before)
  }
  const sdk = bench.subscriber(...topics)
  t.true(most > 100 && most * 100_000 <= 17 * 1024 * 1024, `${most} in one turn`)
  t.is(sdk.serve().length, 3 * count)
})
