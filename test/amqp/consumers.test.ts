import test from 'ava'
import {
  BASIC_CANCEL,
  BASIC_CONSUME_OK,
  encodeBasicAck,
  encodeBasicCancelOk,
  encodeBasicConsume,
  encodeQueueDelete,
  encodeQueuePurge,
  fromObject,
  QUEUE_DELETE_OK,
  QUEUE_PURGE_OK,
} from '../../src/codec/index.ts'
import { openClient, openNode, publish, type TestClient, TestNode } from './harness.ts'

const LOCKED =
  "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration."

function consume(client: TestClient, fields: object): string {
  client.send(encodeBasicConsume(1, { queue: 'q', ...fields }))
  return client.expect(BASIC_CONSUME_OK, 1).consumerTag
}

test('consume-ok comes before the first delivery', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: 'a' }))
  t.is(consume(client, { consumerTag: 'c' }), 'c')
  t.is(client.expectDelivery().text, 'a')
})

test('a consumer without a tag gets one', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  const tags = [consume(client, {}), consume(client, {})]
  for (const tag of tags) t.regex(tag, /^amq\.ctag-[\w-]{22}$/)
  t.not(tags[0], tags[1])
})

test('a tag in use on the channel closes the connection; another channel may use it', (t) => {
  const { client } = openNode()
  client.openChannel(2)
  client.declareQueue(1, 'q')
  consume(client, { consumerTag: 'c' })
  client.send(encodeBasicConsume(2, { queue: 'q', consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK, 2)
  client.send(encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  t.is(client.expectConnectionClose(), "530 NOT_ALLOWED - attempt to reuse consumer tag 'c' (60,20)")
})

test('a missing queue is 404; no queue at all means the one declared last', (t) => {
  const { client } = openNode()
  client.send(encodeBasicConsume(1, { queue: 'missing' }))
  t.is(client.expectChannelClose(1), "404 NOT_FOUND - no queue 'missing' in vhost '/' (60,20)")
  client.openChannel(2)
  client.send(encodeBasicConsume(2, {}))
  t.is(client.expectChannelClose(2), '404 NOT_FOUND - no previously declared queue (60,20)')
  client.openChannel(3)
  client.declareQueue(3, 'last')
  client.send(encodeBasicConsume(3, { consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK, 3)
  t.is(client.declareQueue(3, 'last').consumerCount, 1)
})

test('the number of consumers of a channel may be limited', (t) => {
  const { client } = openNode({ consumersPerChannelMax: 2 })
  client.declareQueue(1, 'q')
  consume(client, {})
  consume(client, {})
  client.send(encodeBasicConsume(1, { queue: 'q' }))
  t.is(client.expectConnectionClose(), '530 NOT_ALLOWED - reached maximum (2) of consumers per channel (60,20)')
})

test('an exclusive consumer is alone, or refused', (t) => {
  const { node, client } = openNode()
  const other = openClient(node)
  client.declareQueue(1, 'q')
  consume(client, { exclusive: true })
  other.send(encodeBasicConsume(1, { queue: 'q' }))
  t.is(other.expectChannelClose(1), "403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use (60,20)")
  client.disconnect()
  const third = openClient(node)
  consume(third, {})
  third.send(encodeBasicConsume(1, { queue: 'q', exclusive: true }))
  t.is(third.expectChannelClose(1), "403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use (60,20)")
})

test('bad consumer arguments are refused in words', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(encodeBasicConsume(1, { queue: 'q', arguments: fromObject({ 'x-priority': 'high' }) }))
  t.is(
    client.expectChannelClose(1),
    `406 PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': "expected integer, got longstr" (60,20)`,
  )
  client.openChannel(2)
  client.send(encodeBasicConsume(2, { queue: 'q', arguments: fromObject({ 'x-stream-offset': 'first' }) }))
  t.is(
    client.expectChannelClose(2),
    "406 PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue (60,20)",
  )
})

test('when its queue is deleted a consumer is told, if its client asked to be', (t) => {
  for (const asked of [true, false]) {
    const node = new TestNode()
    const client = openClient(node, { capabilities: { consumer_cancel_notify: asked } })
    const other = openClient(node)
    other.declareQueue(1, 'q')
    consume(client, { consumerTag: 'c' })
    other.send(encodeQueueDelete(1, { queue: 'q' }))
    other.expect(QUEUE_DELETE_OK)
    if (asked) {
      const cancel = client.expect(BASIC_CANCEL, 1)
      t.like(cancel, { consumerTag: 'c', noWait: true })
      client.send(encodeBasicCancelOk(1, { consumerTag: 'c' }))
    }
    client.expectNothing()
    t.is(client.connection.channels.get(1)?.consumers.size, 0)
    // The tag is free again.
    other.declareQueue(1, 'q')
    t.is(consume(client, { consumerTag: 'c' }), 'c')
  }
})

test('an exclusive queue is its connection\u2019s alone, except for publishing', (t) => {
  const { node, client } = openNode()
  client.declareQueue(1, 'q', { exclusive: true })
  const other = openClient(node)
  other.send(publish(1, { routingKey: 'q', body: 'a' }))
  other.expectNothing()
  t.is(client.declareQueue(1, 'q', { exclusive: true }).messageCount, 1)
  for (const [frame, ids] of [
    [encodeBasicConsume(1, { queue: 'q' }), '(60,20)'],
    [encodeQueuePurge(1, { queue: 'q' }), '(50,30)'],
    [encodeQueueDelete(1, { queue: 'q' }), '(50,40)'],
  ] as const) {
    const third = openClient(node)
    third.send(frame)
    t.is(third.expectChannelClose(1), `${LOCKED} ${ids}`)
    third.disconnect()
  }
  client.disconnect()
  t.is(other.declareQueue(1, 'q').messageCount, 0)
})

test('an unacknowledged delivery that is too old closes its channel and goes back', (t) => {
  const node = new TestNode({ consumerTimeoutMs: 60_000 })
  const client = openClient(node)
  client.openChannel(2)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: 'a' }))
  consume(client, {})
  client.expectDelivery()
  node.advance(59_000)
  client.expectNothing()
  node.advance(61_001)
  t.is(
    client.expectChannelClose(1),
    '406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 60000 ms. This timeout value can be configured, see consumers doc guide to learn more (0,0)',
  )
  t.is(client.declareQueue(2, 'q').messageCount, 1)
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('a consumer that keeps acknowledging is never too slow, and an idle one has no timer', (t) => {
  const node = new TestNode({ consumerTimeoutMs: 60_000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  consume(client, {})
  for (let tag = 1; tag <= 20; tag++) {
    client.send(publish(1, { routingKey: 'q', body: 'a' }))
    client.expectDelivery()
    node.advance(50_000)
    client.expectNothing()
    client.send(encodeBasicAck(1, { deliveryTag: tag }))
  }
  node.advance(60_000)
  t.is(node.timers.size, 0)
})

test('an old delivery among many new ones is found', (t) => {
  const node = new TestNode({ consumerTimeoutMs: 60_000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  consume(client, {})
  client.send(publish(1, { routingKey: 'q', body: 'stays' }))
  client.expectDelivery()
  let closed = false
  for (let tag = 2; tag <= 20 && !closed; tag++) {
    client.send(publish(1, { routingKey: 'q', body: 'a' }))
    client.expectDelivery()
    client.send(encodeBasicAck(1, { deliveryTag: tag }))
    node.advance(10_000)
    closed = client.connection.channels.get(1)?.state === 'closing'
    if (closed) t.true(tag * 10_000 >= 60_000 && tag * 10_000 <= 150_000, `closed after ${tag * 10} s`)
  }
  t.true(closed)
})

test('purge counts what it removes and leaves the unacked', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: 'a' }))
  consume(client, { consumerTag: 'c' })
  client.expectDelivery()
  client.openChannel(2)
  client.declareQueue(2, 'other')
  for (let i = 0; i < 3; i++) client.send(publish(2, { routingKey: 'other', body: 'a' }))
  client.send(encodeQueuePurge(2, { queue: 'other' }), encodeQueuePurge(2, { queue: 'q' }))
  t.is(client.expect(QUEUE_PURGE_OK, 2).messageCount, 3)
  t.is(client.expect(QUEUE_PURGE_OK, 2).messageCount, 0)
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  client.expectNothing()
})
