import test from 'ava'
import {
  BASIC_CANCEL_OK,
  BASIC_CONSUME_OK,
  BASIC_GET_EMPTY,
  BASIC_QOS_OK,
  BASIC_RECOVER_OK,
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeBasicQos,
  encodeBasicRecover,
  encodeBasicRecoverAsync,
  encodeBasicReject,
  fromObject,
} from '../../src/codec/index.ts'
import { openClient, openNode, publish, type TestClient } from './harness.ts'

/** A queue with so many messages, named by their number, consumed on channel 1 with acknowledgements. */
function consuming(count: number, prefetchCount = 0) {
  const { node, client } = openNode()
  client.declareQueue(1, 'q')
  for (let i = 1; i <= count; i++) client.send(publish(1, { routingKey: 'q', body: String(i) }))
  if (prefetchCount > 0) qos(client, prefetchCount)
  client.send(encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK)
  const queue = node.vhost.queues.get('q')
  if (queue === undefined) throw new Error('no queue')
  return { node, client, queue }
}

function qos(client: TestClient, prefetchCount: number, global = false, channel = 1): void {
  client.send(encodeBasicQos(channel, { prefetchCount, global }))
  client.expect(BASIC_QOS_OK, channel)
}

function consume(client: TestClient, queue: string, consumerTag: string, noAck = false, channel = 1): void {
  client.send(encodeBasicConsume(channel, { queue, consumerTag, noAck }))
  client.expect(BASIC_CONSUME_OK, channel)
}

/** Everything that has been delivered, `tag:body`, with a * when it was delivered before. */
function deliveries(client: TestClient, count: number): string[] {
  const all: string[] = []
  for (let i = 0; i < count; i++) {
    const { fields, text } = client.expectDelivery()
    all.push(`${fields.deliveryTag}:${text}${fields.redelivered ? '*' : ''}`)
  }
  client.expectNothing()
  return all
}

test('delivery tags count all deliveries of a channel from 1, no-ack ones and gets included', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  for (const body of ['a', 'b', 'c', 'd']) client.send(publish(1, { routingKey: 'q', body }))
  client.send(encodeBasicGet(1, { queue: 'q' }), encodeBasicGet(1, { queue: 'q', noAck: true }))
  t.is(client.expectGetOk().fields.deliveryTag, 1)
  t.is(client.expectGetOk().fields.deliveryTag, 2)
  consume(client, 'q', 'c', true)
  t.deepEqual(deliveries(client, 2), ['3:c', '4:d'])
  client.openChannel(2)
  client.send(publish(1, { routingKey: 'q', body: 'e' }), encodeBasicCancel(1, { consumerTag: 'c' }))
  t.deepEqual(client.expectDelivery().fields.deliveryTag, 5)
  client.expect(BASIC_CANCEL_OK)
  client.send(publish(1, { routingKey: 'q', body: 'f' }), encodeBasicGet(2, { queue: 'q' }))
  t.is(client.expectGetOk(2).fields.deliveryTag, 1)
})

test('one ack settles one delivery, whatever the order', (t) => {
  const { client, queue } = consuming(3)
  deliveries(client, 3)
  client.send(encodeBasicAck(1, { deliveryTag: 2 }))
  t.is(queue.unackedCount, 2)
  client.send(encodeBasicAck(1, { deliveryTag: 3 }), encodeBasicAck(1, { deliveryTag: 1 }))
  t.is(queue.unackedCount, 0)
  client.expectNothing()
})

test('an ack with multiple settles all up to the tag, and holes below it are fine', (t) => {
  const { client, queue } = consuming(5)
  deliveries(client, 5)
  client.send(encodeBasicAck(1, { deliveryTag: 2 }), encodeBasicAck(1, { deliveryTag: 4, multiple: true }))
  t.is(queue.unackedCount, 1)
  client.send(encodeBasicAck(1, { deliveryTag: 5 }))
  client.expectNothing()
  t.is(queue.unackedCount, 0)
})

test('tag 0 with multiple settles all there are, and is fine when there are none', (t) => {
  const { client, queue } = consuming(3)
  deliveries(client, 3)
  client.send(encodeBasicAck(1, { deliveryTag: 0, multiple: true }))
  t.is(queue.unackedCount, 0)
  client.send(
    encodeBasicAck(1, { deliveryTag: 0, multiple: true }),
    encodeBasicNack(1, { deliveryTag: 0, multiple: true }),
  )
  client.expectNothing()
})

for (const [what, frames, close] of [
  [
    'a tag never given',
    [encodeBasicAck(1, { deliveryTag: 9 })],
    '406 PRECONDITION_FAILED - unknown delivery tag 9 (60,80)',
  ],
  [
    'tag 0 without multiple',
    [encodeBasicAck(1, { deliveryTag: 0 })],
    '406 PRECONDITION_FAILED - unknown delivery tag 0 (60,80)',
  ],
  [
    'a tag settled before',
    [encodeBasicAck(1, { deliveryTag: 2 }), encodeBasicAck(1, { deliveryTag: 2 })],
    '406 PRECONDITION_FAILED - unknown delivery tag 2 (60,80)',
  ],
  [
    'a tag settled before, with multiple, though smaller ones wait',
    [encodeBasicAck(1, { deliveryTag: 2 }), encodeBasicAck(1, { deliveryTag: 2, multiple: true })],
    '406 PRECONDITION_FAILED - unknown delivery tag 2 (60,80)',
  ],
  [
    'a tag beyond the last, with multiple',
    [encodeBasicAck(1, { deliveryTag: 4, multiple: true })],
    '406 PRECONDITION_FAILED - unknown delivery tag 4 (60,80)',
  ],
  [
    'a reject of a settled tag',
    [encodeBasicAck(1, { deliveryTag: 1 }), encodeBasicReject(1, { deliveryTag: 1 })],
    '406 PRECONDITION_FAILED - unknown delivery tag 1 (60,90)',
  ],
  [
    'a nack of a tag never given',
    [encodeBasicNack(1, { deliveryTag: 5 })],
    '406 PRECONDITION_FAILED - unknown delivery tag 5 (60,120)',
  ],
  [
    'a tag of 2^63',
    [encodeBasicAck(1, { deliveryTag: 2 ** 63 })],
    /^406 PRECONDITION_FAILED - unknown delivery tag \d+ \(60,80\)$/,
  ],
] as const) {
  test(`${what} closes the channel, and everything unacked goes back`, (t) => {
    const { client, queue } = consuming(3)
    deliveries(client, 3)
    client.send(...frames)
    const answer = client.expectChannelClose(1)
    if (typeof close === 'string') t.is(answer, close)
    else t.regex(answer, close)
    t.is(queue.unackedCount, 0)
    t.is(queue.messageCount, 3 - (frames.length - 1))
    t.is(queue.consumerCount, 0)
  })
}

test('a no-ack delivery cannot be acknowledged', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  consume(client, 'q', 'c', true)
  client.send(publish(1, { routingKey: 'q', body: 'a' }))
  client.expectDelivery()
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - unknown delivery tag 1 (60,80)')
})

test('a tag of one channel means nothing on another', (t) => {
  const { client, queue } = consuming(1)
  deliveries(client, 1)
  client.openChannel(2)
  client.send(encodeBasicAck(2, { deliveryTag: 1 }))
  t.is(client.expectChannelClose(2), '406 PRECONDITION_FAILED - unknown delivery tag 1 (60,80)')
  t.is(queue.unackedCount, 1)
})

test('a nack with requeue puts messages back at their place, redelivered', (t) => {
  const { client } = consuming(4, 3)
  t.deepEqual(deliveries(client, 3), ['1:1', '2:2', '3:3'])
  client.send(
    encodeBasicNack(1, { deliveryTag: 3, requeue: true }),
    encodeBasicNack(1, { deliveryTag: 1, requeue: true }),
  )
  t.deepEqual(deliveries(client, 2), ['4:1*', '5:3*'])
  client.send(encodeBasicNack(1, { deliveryTag: 5, multiple: true, requeue: true }))
  t.deepEqual(deliveries(client, 3), ['6:1*', '7:2*', '8:3*'])
  client.send(encodeBasicAck(1, { deliveryTag: 0, multiple: true }))
  t.deepEqual(deliveries(client, 1), ['9:4'])
})

test('a reject without requeue drops the message', (t) => {
  const { client, queue } = consuming(1)
  deliveries(client, 1)
  client.send(encodeBasicReject(1, { deliveryTag: 1, requeue: false }))
  client.expectNothing()
  t.deepEqual([queue.messageCount, queue.unackedCount], [0, 0])
})

test('rejecting all there is ends, also when each comes back at once by its dead-letter exchange', (t) => {
  const { client, node } = openNode()
  client.declareQueue(1, 'q', {
    arguments: fromObject({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' }),
  })
  client.send(publish(1, { routingKey: 'q', body: 'a' }), publish(1, { routingKey: 'q', body: 'b' }))
  consume(client, 'q', 'c')
  deliveries(client, 2)
  client.send(encodeBasicNack(1, { deliveryTag: 0, multiple: true, requeue: false }))
  t.deepEqual(deliveries(client, 2), ['3:a', '4:b'])
  t.is(node.vhost.queues.get('q')?.unackedCount, 2)
})

test('recover gives all back, then says so, then delivers them again in order', (t) => {
  const { client } = consuming(3)
  deliveries(client, 3)
  client.send(encodeBasicAck(1, { deliveryTag: 2 }), encodeBasicRecover(1, { requeue: true }))
  client.expect(BASIC_RECOVER_OK)
  t.deepEqual(deliveries(client, 2), ['4:1*', '5:3*'])
  client.send(encodeBasicRecoverAsync(1, { requeue: true }))
  t.deepEqual(deliveries(client, 2), ['6:1*', '7:3*'])
  client.send(encodeBasicAck(1, { deliveryTag: 7, multiple: true }))
  client.expectNothing()
})

test('what a recover dead-letters into another queue of the same channel is delivered once', (t) => {
  const { client, node } = openNode()
  client.declareQueue(1, 'last')
  client.declareQueue(1, 'q', {
    durable: true,
    arguments: fromObject({
      'x-queue-type': 'quorum',
      'x-delivery-limit': 0,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'last',
    }),
  })
  consume(client, 'last', 'l')
  consume(client, 'q', 'c')
  client.send(publish(1, { routingKey: 'q', body: 'a' }))
  deliveries(client, 1)
  client.send(encodeBasicRecover(1, { requeue: true }))
  const { fields, text } = client.expectDelivery()
  t.like(fields, { consumerTag: 'l', redelivered: false })
  t.is(text, 'a')
  client.expect(BASIC_RECOVER_OK)
  client.expectNothing()
  t.is(node.vhost.queues.get('last')?.unackedCount, 1)
})

test('a message that recover gives back once too often makes room for the next', (t) => {
  const { client } = openNode()
  const args = fromObject({ 'x-queue-type': 'quorum', 'x-delivery-limit': 0 })
  client.declareQueue(1, 'q', { durable: true, arguments: args })
  client.send(publish(1, { routingKey: 'q', body: '1' }), publish(1, { routingKey: 'q', body: '2' }))
  qos(client, 1)
  consume(client, 'q', 'c')
  t.is(client.expectDelivery().text, '1')
  client.send(encodeBasicRecover(1, { requeue: true }))
  client.expect(BASIC_RECOVER_OK, 1)
  t.is(client.expectDelivery().text, '2')
})

test('recover without requeue is not implemented', (t) => {
  for (const frame of [encodeBasicRecover(1, { requeue: false }), encodeBasicRecoverAsync(1, { requeue: false })]) {
    const { client } = consuming(1)
    deliveries(client, 1)
    client.send(frame)
    t.regex(client.expectConnectionClose(), /^540 NOT_IMPLEMENTED - requeue=false \(60,1[01]0\)$/)
  }
})

test('prefetch holds for the consumers that come after it, each on its own', (t) => {
  const { client } = openNode()
  for (const queue of ['q1', 'q2', 'q3']) {
    client.declareQueue(1, queue)
    for (let i = 1; i <= 5; i++) client.send(publish(1, { routingKey: queue, body: `${queue}.${i}` }))
  }
  qos(client, 1)
  consume(client, 'q1', 'c1')
  t.is(deliveries(client, 1).length, 1)
  qos(client, 2)
  consume(client, 'q2', 'c2')
  t.is(deliveries(client, 2).length, 2)
  qos(client, 0)
  consume(client, 'q3', 'c3')
  t.is(deliveries(client, 5).length, 5)
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  t.deepEqual(deliveries(client, 1), ['9:q1.2'])
})

test('an ack makes room for exactly one more', (t) => {
  const { client } = consuming(6, 2)
  t.deepEqual(deliveries(client, 2), ['1:1', '2:2'])
  client.send(encodeBasicAck(1, { deliveryTag: 2 }))
  t.deepEqual(deliveries(client, 1), ['3:3'])
  client.send(encodeBasicReject(1, { deliveryTag: 1, requeue: false }))
  t.deepEqual(deliveries(client, 1), ['4:4'])
  client.send(encodeBasicAck(1, { deliveryTag: 4, multiple: true }))
  t.deepEqual(deliveries(client, 2), ['5:5', '6:6'])
})

test('no-ack consumers ignore prefetch, and basic.get is not limited by it', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  qos(client, 1)
  qos(client, 1, true)
  consume(client, 'q', 'c', true)
  for (let i = 0; i < 3; i++) client.send(publish(1, { routingKey: 'q', body: 'x' }))
  t.is(deliveries(client, 3).length, 3)
  client.send(encodeBasicCancel(1, { consumerTag: 'c' }))
  client.expect(BASIC_CANCEL_OK)
  for (let i = 0; i < 3; i++) client.send(publish(1, { routingKey: 'q', body: 'x' }), encodeBasicGet(1, { queue: 'q' }))
  for (let i = 0; i < 3; i++) client.expectGetOk()
  t.is(client.connection.channels.get(1)?.unacked.count, 3)
})

test('a global limit is one window for all consumers, old and new, and gets count', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  for (let i = 1; i <= 9; i++) client.send(publish(1, { routingKey: 'q', body: String(i) }))
  client.send(encodeBasicGet(1, { queue: 'q' }))
  client.expectGetOk()
  qos(client, 3, true)
  consume(client, 'q', 'c1')
  t.deepEqual(deliveries(client, 2), ['2:2', '3:3'])
  consume(client, 'q', 'c2')
  client.expectNothing()
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  t.deepEqual(deliveries(client, 1), ['4:4'])
  qos(client, 5, true)
  t.deepEqual(deliveries(client, 2), ['5:5', '6:6'])
  qos(client, 1, true)
  client.send(encodeBasicAck(1, { deliveryTag: 4, multiple: true }))
  client.expectNothing()
  client.send(encodeBasicAck(1, { deliveryTag: 0, multiple: true }))
  t.deepEqual(deliveries(client, 1), ['7:7'])
  qos(client, 0, true)
  t.deepEqual(deliveries(client, 2), ['8:8', '9:9'])
})

test('both limits hold together', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  for (let i = 1; i <= 9; i++) client.send(publish(1, { routingKey: 'q', body: String(i) }))
  qos(client, 3, true)
  qos(client, 2)
  consume(client, 'q', 'c1')
  t.is(deliveries(client, 2).length, 2)
  consume(client, 'q', 'c2')
  t.is(deliveries(client, 1).length, 1)
})

test('a quorum queue cannot be consumed under a global limit', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q', { durable: true, arguments: fromObject({ 'x-queue-type': 'quorum' }) })
  qos(client, 3, true)
  client.send(encodeBasicConsume(1, { queue: 'q' }))
  t.is(
    client.expectConnectionClose(),
    "540 NOT_IMPLEMENTED - queue 'q' in vhost '/' does not support global qos (60,20)",
  )
})

test('the unacked messages of a cancelled consumer stay ackable, and free its window no more', (t) => {
  const { client, queue } = consuming(3, 1)
  deliveries(client, 1)
  client.send(encodeBasicCancel(1, { consumerTag: 'c' }))
  client.expect(BASIC_CANCEL_OK)
  t.deepEqual([queue.messageCount, queue.unackedCount], [2, 1])
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  client.expectNothing()
  t.deepEqual([queue.messageCount, queue.unackedCount], [2, 0])
})

test('nothing is delivered for a tag after its cancel-ok', (t) => {
  const { client } = consuming(0)
  client.send(
    publish(1, { routingKey: 'q', body: 'before' }),
    encodeBasicCancel(1, { consumerTag: 'c' }),
    publish(1, { routingKey: 'q', body: 'after' }),
  )
  t.is(client.expectDelivery().text, 'before')
  client.expect(BASIC_CANCEL_OK)
  client.expectNothing()
})

test('settling what a deleted queue had given is fine', (t) => {
  const { client, node, queue } = consuming(3)
  deliveries(client, 3)
  node.vhost.deleteQueue(queue)
  node.settle()
  t.is(client.transcript().length, 1)
  client.send(
    encodeBasicAck(1, { deliveryTag: 1 }),
    encodeBasicNack(1, { deliveryTag: 2, requeue: true }),
    encodeBasicReject(1, { deliveryTag: 3, requeue: false }),
  )
  client.expectNothing()
  t.is(node.memory.used, 0)
})

test('what one client requeues another may have', (t) => {
  const { client, node } = consuming(2)
  deliveries(client, 2)
  const other = openClient(node)
  consume(other, 'q', 'o')
  client.send(encodeBasicCancel(1, { consumerTag: 'c' }), encodeBasicNack(1, { deliveryTag: 0, multiple: true }))
  client.expect(BASIC_CANCEL_OK)
  t.deepEqual(deliveries(other, 2), ['1:1*', '2:2*'])
})

test('consumers of a channel that ends leave no message hanging between them', (t) => {
  const { client, node } = consuming(4)
  deliveries(client, 4)
  client.openChannel(2)
  consume(client, 'q', 'second', false, 2)
  client.disconnect()
  const queue = node.vhost.queues.get('q')
  t.deepEqual([queue?.messageCount, queue?.unackedCount, queue?.consumerCount], [4, 0, 0])
})

test('get on an empty queue is get-empty, and tells how many are left otherwise', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(encodeBasicGet(1, { queue: 'q' }))
  client.expect(BASIC_GET_EMPTY)
  for (let i = 0; i < 3; i++) client.send(publish(1, { routingKey: 'q', body: 'x' }))
  client.send(encodeBasicGet(1, { queue: 'q' }))
  t.like(client.expectGetOk().fields, { messageCount: 2, redelivered: false, exchange: '', routingKey: 'q' })
})
