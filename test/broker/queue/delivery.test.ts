import test from 'ava'
import { PublishOutcome } from '../../../src/broker/queue/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

test('messages wait in order until a consumer comes', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  for (const body of ['a', 'b', 'c']) t.is(queue.publish(inChunk(body)), PublishOutcome.ACCEPTED)
  t.is(queue.messageCount, 3)
  t.is(queue.readyBytes, 3)
  const consumer = new FakeConsumer({ noAck: true })
  queue.addConsumer(consumer)
  t.deepEqual(consumer.bodies, [], 'consume-ok comes first')
  queue.drain()
  t.deepEqual(consumer.bodies, ['a', 'b', 'c'])
  t.is(queue.messageCount, 0)
  t.is(queue.unackedCount, 0)
})

test('a ready consumer has a message before publish returns, with all it came with', (t) => {
  const host = new FakeHost()
  for (const noAck of [true, false]) {
    const queue = host.queue('q')
    const consumer = new FakeConsumer({ noAck })
    queue.addConsumer(consumer)
    queue.publish(inChunk('hello', { contentType: 'text/plain', priority: 3 }, 'orders', 'new.eu'))
    t.like(consumer.deliveries[0], {
      body: 'hello',
      exchange: 'orders',
      routingKey: 'new.eu',
      properties: { contentType: 'text/plain', priority: 3 },
      redelivered: false,
    })
    t.is(queue.unackedCount, noAck ? 0 : 1)
    t.is(queue.unackedBytes, noAck ? 0 : 5)
  }
})

test('a message given to a no-ack consumer at once takes no memory', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.addConsumer(new FakeConsumer({ noAck: true }))
  for (let i = 0; i < 100; i++) queue.publish(inChunk('x'.repeat(1000)))
  t.is(host.memory.used, 0)
})

test('a message that waited shows the same address, properties and body', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('body', { messageId: 'm1' }, 'exchange', 'key'))
  queue.publish(inChunk('', {}, '', ''))
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.like(consumer.deliveries[0], {
    body: 'body',
    exchange: 'exchange',
    routingKey: 'key',
    properties: { messageId: 'm1' },
  })
  t.like(consumer.deliveries[1], { body: '', exchange: '', routingKey: '' })
})

test('a consumer that is not ready leaves messages in the queue, and is not asked again for each of them', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer({ credit: 2 })
  queue.addConsumer(consumer)
  for (let i = 0; i < 100; i++) queue.publish(inChunk(String(i)))
  t.deepEqual(consumer.bodies, ['0', '1'])
  t.is(consumer.asked, 3)
  consumer.credit = 3
  host.context.turn.drain(queue)
  host.settle()
  t.deepEqual(consumer.bodies, ['0', '1', '2', '3', '4'])
  t.is(queue.messageCount, 95)
})

test('a message that cannot wait goes to a consumer that became ready in the same turn', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-message-ttl': 0 })
  const consumer = new FakeConsumer({ credit: 1 })
  queue.addConsumer(consumer)
  queue.publish(inChunk('a'))
  queue.publish(inChunk('lost'))
  consumer.credit = 1
  host.context.turn.drain(queue)
  queue.publish(inChunk('b'))
  t.deepEqual(consumer.bodies, ['a', 'b'])
  t.is(queue.stats.expired, 1)
})

test('consumers of equal priority take turns', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumers = [new FakeConsumer(), new FakeConsumer(), new FakeConsumer()]
  for (const consumer of consumers) queue.addConsumer(consumer)
  for (let i = 0; i < 7; i++) queue.publish(inChunk(String(i)))
  t.deepEqual(
    consumers.map((consumer) => consumer.bodies),
    [
      ['0', '3', '6'],
      ['1', '4'],
      ['2', '5'],
    ],
  )
})

test('a consumer that leaves does not make another one miss its turn', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const [a, b, c] = [new FakeConsumer(), new FakeConsumer(), new FakeConsumer()]
  for (const consumer of [a, b, c]) queue.addConsumer(consumer)
  queue.publish(inChunk('0'))
  queue.publish(inChunk('1'))
  queue.removeConsumer(a)
  queue.publish(inChunk('2'))
  queue.publish(inChunk('3'))
  t.deepEqual([a.bodies, b.bodies, c.bodies], [['0'], ['1', '3'], ['2']])
})

test('a consumer of higher priority gets everything while it is ready', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const low = new FakeConsumer({ priority: -5 })
  const high = new FakeConsumer({ priority: 10, credit: 3 })
  const usual = new FakeConsumer({ credit: 1 })
  for (const consumer of [low, high, usual]) queue.addConsumer(consumer)
  for (let i = 0; i < 6; i++) queue.publish(inChunk(String(i)))
  t.deepEqual([high.bodies, usual.bodies, low.bodies], [['0', '1', '2'], ['3'], ['4', '5']])
})

test('an exclusive consumer is refused beside others and refuses others', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q1')
  const refusal = { code: 403, scope: 'channel', message: "ACCESS_REFUSED - queue 'q1' in vhost '/' in exclusive use" }
  const first = new FakeConsumer()
  queue.addConsumer(first)
  t.like(
    t.throws(() => queue.addConsumer(new FakeConsumer({ exclusive: true }))),
    refusal,
  )
  queue.removeConsumer(first)
  const alone = new FakeConsumer({ exclusive: true })
  queue.addConsumer(alone)
  t.like(
    t.throws(() => queue.addConsumer(new FakeConsumer())),
    refusal,
  )
  t.is(queue.consumerCount, 1)
  queue.removeConsumer(alone)
  t.notThrows(() => queue.addConsumer(new FakeConsumer()))
})

test('basic.get takes one message and tells what is left', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  t.is(get(queue), undefined)
  queue.publish(inChunk('a'))
  queue.publish(inChunk('b'))
  t.like(get(queue), { body: 'a', redelivered: false })
  t.is(queue.messageCount, 1)
  t.is(queue.unackedCount, 1)
  t.like(get(queue, true), { body: 'b' })
  t.is(queue.unackedCount, 1)
  t.is(get(queue), undefined)
  t.like(queue.stats, { got: 1, gotNoAck: 1, getEmpty: 2 })
})

test('what basic.get gave without acknowledgement stays good when the queue fills again', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('first'))
  const got = queue.peek(1)[0]
  const view = inChunk('')
  queue.get(view, true)
  for (let i = 0; i < 100; i++) queue.publish(inChunk('other'))
  t.is(view.body.toString(), 'first')
  t.is(got?.body.toString(), 'first')
})

test('an acknowledged message is gone', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('a'))
  const place = get(queue)?.place as number
  queue.acknowledge(place)
  t.is(queue.unackedCount, 0)
  t.is(queue.unackedBytes, 0)
  t.is(get(queue), undefined)
  t.is(queue.stats.acknowledged, 1)
})

test('requeued messages come again at their old positions, flagged redelivered, in whatever order they came back', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  for (const body of 'abcdefg') queue.publish(inChunk(body))
  const places = [1, 2, 3, 4, 5].map(() => get(queue)?.place as number)
  for (const index of [3, 0, 4, 2]) queue.requeue(places[index] as number)
  t.deepEqual(bodies(queue), ['a', 'c', 'd', 'e', 'f', 'g'])
  t.is(queue.messageCount, 6)
  t.is(queue.readyBytes, 6)
  const again = [1, 2, 3, 4, 5].map(() => get(queue))
  t.deepEqual(
    again.map((message) => [message?.body, message?.redelivered]),
    [
      ['a', true],
      ['c', true],
      ['d', true],
      ['e', true],
      ['f', false],
    ],
  )
})

test('a requeued message is delivered at the end of the turn', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.publish(inChunk('a'))
  queue.requeue(consumer.places[0] as number)
  t.is(consumer.deliveries.length, 1)
  host.settle()
  t.deepEqual(
    consumer.deliveries.map((delivery) => delivery.redelivered),
    [false, true],
  )
  t.is(queue.stats.redelivered, 1)
})

test('purge drops what is ready and leaves what is unacknowledged', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-dead-letter-exchange': 'dlx' })
  for (const body of 'abcde') queue.publish(inChunk(body))
  const places = [1, 2, 3].map(() => get(queue)?.place as number)
  queue.requeue(places[1] as number)
  t.is(queue.purge(), 3)
  t.is(queue.purge(), 0)
  t.is(queue.messageCount, 0)
  t.is(queue.readyBytes, 0)
  t.is(queue.unackedCount, 2)
  t.deepEqual(host.deadLetters, [])
  queue.publish(inChunk('f'))
  queue.requeue(places[0] as number)
  t.deepEqual(bodies(queue), ['a', 'f'])
  queue.acknowledge(places[2] as number)
  t.is(queue.unackedCount, 0)
})

test('a consumer may acknowledge, publish, requeue and cancel while it is being given a message', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer()
  let published = 0
  consumer.onDelivery = (_, place) => {
    const { body } = consumer.deliveries.at(-1) as { body: string }
    queue.acknowledge(place)
    if (published++ < 5) queue.publish(inChunk(`${body}+`))
    else queue.removeConsumer(consumer)
  }
  queue.addConsumer(consumer)
  queue.publish(inChunk('a'))
  t.deepEqual(consumer.bodies, ['a', 'a+', 'a++', 'a+++', 'a++++', 'a+++++'])
  t.is(queue.messageCount, 0)
  t.is(queue.unackedCount, 0)
  queue.publish(inChunk('b'))
  t.is(queue.messageCount, 1)
})

test('the bytes of a message stay while its consumer settles it and publishes more', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const other = host.queue('other')
  const seen: string[] = []
  queue.publish(inChunk('1'.repeat(600)))
  queue.publish(inChunk('2'.repeat(600)))
  queue.addConsumer({
    consumerTag: 'c',
    noAck: false,
    exclusive: false,
    priority: 0,
    arguments: new FakeConsumer().arguments,
    ready: () => true,
    deliver: (_, message, place) => {
      queue.acknowledge(place)
      for (const target of [queue, other]) {
        if (target.messageCount < 20) for (let i = 0; i < 20; i++) target.publish(inChunk('x'.repeat(600)))
      }
      seen.push(message.body.toString())
      if (seen.length > 50) queue.purge()
    },
    cancelled: () => {},
  })
  queue.drain()
  t.is(seen[0], '1'.repeat(600))
  t.is(seen[1], '2'.repeat(600))
  t.true(seen.slice(2).every((body) => body === 'x'.repeat(600)))
})

test('a consumer that publishes a message for each one it gets does not hold up the turn for ever', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer({ noAck: true })
  consumer.onDelivery = () => void queue.publish(inChunk('again'))
  queue.addConsumer(consumer)
  queue.publish(inChunk('first'))
  t.is(queue.messageCount, 1)
  t.true(queue.drainMarked)
})

test('a consumer whose code fails does not stop the queue', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer({ noAck: true })
  queue.addConsumer(consumer)
  consumer.onDelivery = () => {
    throw new Error('mine')
  }
  t.throws(() => queue.publish(inChunk('a')), { message: 'mine' })
  consumer.onDelivery = undefined
  queue.publish(inChunk('b'))
  t.deepEqual(consumer.bodies, ['a', 'b'])
})

test('peek shows copies of the first messages and takes nothing', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  for (const body of 'abcde') queue.publish(inChunk(body, { messageId: body }))
  const place = get(queue)?.place as number
  get(queue)
  queue.requeue(place)
  const peeked = queue.peek(3)
  t.deepEqual(
    peeked.map((message) => message.body.toString()),
    ['a', 'c', 'd'],
  )
  t.true(peeked.every((message) => message.owned))
  t.is(queue.messageCount, 4)
  t.deepEqual(bodies(queue), ['a', 'c', 'd', 'e'])
})

test('a place that is settled twice is a bug that is noticed', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  queue.publish(inChunk('a'))
  queue.publish(inChunk('b'))
  const place = get(queue)?.place as number
  queue.acknowledge(place)
  t.throws(() => queue.acknowledge(place), { message: /settled twice/ })
})
