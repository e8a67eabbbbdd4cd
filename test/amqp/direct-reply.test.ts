import test from 'ava'
import {
  BASIC_CANCEL_OK,
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  CHANNEL_CLOSE_OK,
  CONFIRM_SELECT_OK,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicQos,
  encodeChannelClose,
  encodeConfirmSelect,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueUnbind,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { openClient, publish, type TestClient, TestNode } from './harness.ts'

const REPLY_TO = 'amq.rabbitmq.reply-to'

function consumeReplies(client: TestClient, consumerTag = 'replies', channel = 1): void {
  client.send(encodeBasicConsume(channel, { queue: REPLY_TO, consumerTag, noAck: true }))
  client.expect(BASIC_CONSUME_OK, channel)
}

/** A requester that has asked, and a responder that knows where to answer. */
function asking() {
  const node = new TestNode()
  const requester = openClient(node)
  const responder = openClient(node)
  responder.declareQueue(1, 'rpc')
  responder.send(encodeBasicConsume(1, { queue: 'rpc', noAck: true }))
  responder.expect(BASIC_CONSUME_OK)
  consumeReplies(requester)
  requester.send(
    publish(1, { routingKey: 'rpc', body: 'what?', properties: { replyTo: REPLY_TO, correlationId: '7' } }),
  )
  const request = responder.expectDelivery()
  const replyTo = request.properties.replyTo ?? ''
  return { node, requester, responder, request, replyTo }
}

test('a request shows a reply-to of its own, the rest of it as it was', (t) => {
  const { request, replyTo } = asking()
  t.regex(replyTo, /^amq\.rabbitmq\.reply-to\.[\w-]{16,}$/)
  t.is(request.properties.correlationId, '7')
  t.is(request.text, 'what?')
})

test('a large request that came in pieces has its reply-to replaced, too', (t) => {
  const { requester, responder, replyTo } = asking()
  const frames = publish(1, { routingKey: 'rpc', body: Buffer.alloc(300_000, 'x'), properties: { replyTo: REPLY_TO } })
  requester.send(frames.subarray(0, 1000))
  requester.send(frames.subarray(1000))
  const request = responder.expectDelivery()
  t.is(request.properties.replyTo, replyTo)
  t.is(request.body.length, 300_000)
})

test('the reply comes to the requester, from the default exchange, with the name as its key', (t) => {
  const { requester, responder, replyTo } = asking()
  responder.send(publish(1, { routingKey: replyTo, body: 'that', properties: { correlationId: '7' } }))
  const reply = requester.expectDelivery(1)
  t.like(reply.fields, {
    consumerTag: 'replies',
    deliveryTag: 1,
    redelivered: false,
    exchange: '',
    routingKey: replyTo,
  })
  t.is(reply.text, 'that')
  t.is(reply.properties.correlationId, '7')
  responder.send(publish(1, { routingKey: replyTo, body: Buffer.alloc(200_000) }))
  t.is(requester.expectDelivery(1).fields.deliveryTag, 2)
})

test('a mandatory reply counts as routed, whether the requester is there or gone', (t) => {
  const { requester, responder, replyTo } = asking()
  responder.send(encodeConfirmSelect(1, {}))
  responder.expect(CONFIRM_SELECT_OK)
  responder.send(publish(1, { routingKey: replyTo, mandatory: true, body: 'that' }))
  t.is(responder.expectConfirm(), 'ack 1')
  t.is(requester.expectDelivery(1).text, 'that')
  requester.disconnect()
  responder.send(publish(1, { routingKey: replyTo, mandatory: true, body: 'that' }))
  t.is(responder.expectConfirm(), 'ack 2')
  responder.expectNothing()
})

test('replies cannot be acknowledged', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.send(encodeBasicConsume(1, { queue: REPLY_TO, noAck: false }))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - reply consumer cannot acknowledge (60,20)')
})

test('a channel has one consumer of replies', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.openChannel(2)
  consumeReplies(client)
  consumeReplies(client, 'replies', 2)
  client.send(encodeBasicConsume(1, { queue: REPLY_TO, noAck: true, consumerTag: 'other' }))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - reply consumer already set (60,20)')
})

test('its tag is a tag like any other', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  consumeReplies(client, 'c')
  client.declareQueue(1, 'q')
  client.send(encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  t.is(client.expectConnectionClose(), "530 NOT_ALLOWED - attempt to reuse consumer tag 'c' (60,20)")
})

test('a request needs a consumer of replies on the same channel', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.openChannel(2)
  consumeReplies(client)
  client.send(publish(2, { routingKey: 'rpc', properties: { replyTo: REPLY_TO } }))
  t.is(client.expectChannelClose(2), '406 PRECONDITION_FAILED - fast reply consumer does not exist (60,40)')
})

test('a name in full or another reply-to is left alone', (t) => {
  const { requester, responder, replyTo } = asking()
  for (const other of [replyTo, 'mine', `${REPLY_TO}.gone`]) {
    requester.send(publish(1, { routingKey: 'rpc', properties: { replyTo: other } }))
    t.is(responder.expectDelivery().properties.replyTo, other)
  }
})

test('declaring the full name tells whether the requester is still there', (t) => {
  const { requester, responder, replyTo } = asking()
  for (const passive of [false, true]) {
    responder.send(encodeQueueDeclare(1, { queue: replyTo, passive }))
    t.like(responder.expect(QUEUE_DECLARE_OK), { queue: replyTo, messageCount: 0, consumerCount: 1 })
  }
  requester.disconnect()
  responder.send(encodeQueueDeclare(1, { queue: replyTo }))
  t.is(responder.expectChannelClose(1), `404 NOT_FOUND - no queue '${replyTo}' in vhost '/' (50,10)`)
})

for (const [what, end] of [
  ['its consumer is cancelled', encodeBasicCancel(1, { consumerTag: 'replies' })],
  ['its channel is closed', encodeChannelClose(1, {})],
  ['its connection is gone', undefined],
] as const) {
  test(`replies to a requester are dropped when ${what}`, (t) => {
    const { node, requester, responder, replyTo } = asking()
    if (end === undefined) requester.disconnect()
    else {
      requester.send(end)
      requester.expect(what.includes('cancel') ? BASIC_CANCEL_OK : CHANNEL_CLOSE_OK)
    }
    responder.send(publish(1, { routingKey: replyTo, body: 'late' }))
    requester.expectNothing()
    responder.expectNothing()
    t.is(node.memory.used, 0)
    t.is(node.vhost.replyConsumers.find(replyTo), undefined)
  })
}

test('after its cancel a channel may consume replies again, under a new name', (t) => {
  const { requester, responder, replyTo } = asking()
  requester.send(encodeBasicCancel(1, { consumerTag: 'replies' }))
  requester.expect(BASIC_CANCEL_OK)
  consumeReplies(requester, 'again')
  requester.send(publish(1, { routingKey: 'rpc', properties: { replyTo: REPLY_TO } }))
  const again = responder.expectDelivery().properties.replyTo ?? ''
  t.not(again, replyTo)
  responder.send(publish(1, { routingKey: again, body: 'that' }))
  t.is(requester.expectDelivery(1).fields.consumerTag, 'again')
})

test('reply names cannot be bound', (t) => {
  const { responder, replyTo } = asking()
  for (const queue of [REPLY_TO, replyTo]) {
    for (const frame of [
      encodeQueueBind(2, { queue, exchange: 'amq.direct', routingKey: 'k' }),
      encodeQueueUnbind(2, { queue, exchange: 'amq.direct', routingKey: 'k' }),
    ]) {
      responder.openChannel(2)
      responder.send(frame)
      t.regex(responder.expectChannelClose(2), /^403 ACCESS_REFUSED - /)
      responder.send(Buffer.from('010002000000040014 0029ce'.replace(' ', ''), 'hex'))
    }
  }
})

test('prefetch does not hold back replies', (t) => {
  const { requester, responder, replyTo } = asking()
  requester.send(encodeBasicQos(1, { prefetchCount: 1, global: true }))
  requester.expect(BASIC_QOS_OK)
  for (let i = 0; i < 3; i++) responder.send(publish(1, { routingKey: replyTo, body: 'that' }))
  for (let i = 1; i <= 3; i++) t.is(requester.expectDelivery(1).fields.deliveryTag, i)
})

test('a requester that does not read has its replies dropped before they fill the memory', (t) => {
  const { node, requester, responder, replyTo } = asking()
  requester.transport.stuck = true
  const large = publish(1, { routingKey: replyTo, body: Buffer.alloc(1_000_000) })
  for (let i = 0; i < 40; i++) responder.send(large)
  t.true(requester.transport.backlog < 20_000_000)
  const told = node.log.lines.filter(({ message }) => message.includes('does not read its direct replies'))
  t.is(told.length, 1, 'a flood of replies is no flood of lines')
  requester.transport.drain()
  requester.connection.writable()
  node.settle()
  let came = 0
  for (const line of requester.transcript()) if (line.includes('basic.deliver')) came++
  t.true(came >= 10 && came < 20)
  responder.send(publish(1, { routingKey: replyTo, body: 'that' }))
  t.is(requester.expectDelivery(1).text, 'that')
})

test('a request in a transaction is routed to its queue at commit, a reply to its requester', (t) => {
  const { requester, responder, replyTo } = asking()
  responder.openChannel(2)
  responder.send(Buffer.from('01000200000004005a000ace', 'hex'))
  t.is(responder.transcript().length, 1)
  responder.send(publish(2, { routingKey: replyTo, body: 'that' }))
  requester.expectNothing()
  responder.send(Buffer.from('01000200000004005a0014ce', 'hex'))
  t.is(requester.expectDelivery(1).text, 'that')
})
