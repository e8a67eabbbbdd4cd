import test from 'ava'
import {
  BASIC_CONSUME_OK,
  CHANNEL_CLOSE_OK,
  CHANNEL_OPEN_OK,
  CONFIRM_SELECT_OK,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicPublish,
  encodeBasicQos,
  encodeBody,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeContentHeader,
  encodeProperties,
  encodeQueueDeclare,
  encodeTxCommit,
  encodeTxSelect,
  QUEUE_DECLARE_OK,
  TX_COMMIT_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { LateJournal, openClient, openNode, publish, TestClient, TestNode } from './harness.ts'

const passiveMissing = (channel: number) => encodeQueueDeclare(channel, { queue: 'missing', passive: true })

test('a soft error closes the channel, not the connection', (t) => {
  const { client } = openNode()
  client.openChannel(2)
  client.send(passiveMissing(1))
  t.is(client.expectChannelClose(1), "404 NOT_FOUND - no queue 'missing' in vhost '/' (50,10)")
  client.declareQueue(2, 'q')
  t.is(client.connection.channels.size, 2)
})

test('a closing channel ignores everything until close-ok, and the number is free again after it', (t) => {
  const { node, client } = openNode()
  client.openChannel(2)
  client.declareQueue(2, 'q')
  client.send(
    passiveMissing(1),
    encodeQueueDeclare(1, { queue: 'ignored' }),
    publish(1, { routingKey: 'q', body: 'ignored' }),
    encodeBasicPublish(1, { routingKey: 'q' }),
    encodeBasicQos(1, { prefetchSize: 3 }),
    encodeContentHeader(1, 5, encodeProperties({})),
    encodeChannelOpen(1),
    passiveMissing(1),
  )
  client.expectChannelClose(1)
  client.expectNothing()
  t.false(node.vhost.queues.has('ignored'))
  t.is(node.vhost.queues.get('q')?.messageCount, 0)
  client.send(encodeChannelCloseOk(1), encodeChannelOpen(1))
  client.expect(CHANNEL_OPEN_OK, 1)
  client.declareQueue(1, 'again')
})

test('closes of a channel that cross are both answered', (t) => {
  const { client } = openNode()
  client.send(passiveMissing(1), encodeChannelClose(1, { replyCode: 200 }))
  client.expectChannelClose(1)
  client.expect(CHANNEL_CLOSE_OK, 1)
  client.expectNothing()
  // The client's own close-ok to our close is still due before the number is free.
  client.send(encodeChannelCloseOk(1), encodeChannelOpen(1))
  client.expect(CHANNEL_OPEN_OK, 1)
  t.pass()
})

test('a channel that the client closes is gone at once, and its number free', (t) => {
  const { client } = openNode()
  client.send(encodeChannelClose(1, { replyCode: 200 }), encodeChannelOpen(1))
  client.expect(CHANNEL_CLOSE_OK, 1)
  client.expect(CHANNEL_OPEN_OK, 1)
  t.is(client.connection.channels.size, 1)
})

test('channel-max limits how many channels are open, whatever their numbers', (t) => {
  const { client } = openNode({ open: { tune: { channelMax: 2 } } })
  client.openChannel(7)
  client.send(encodeChannelOpen(3))
  t.is(
    client.expectConnectionClose(),
    '530 NOT_ALLOWED - number of channels opened (2) has reached the negotiated channel_max (2) (0,0)',
  )
})

test('a channel that was closed makes room for another', (t) => {
  const { client } = openNode({ open: { tune: { channelMax: 1 } } })
  client.send(encodeChannelClose(1, {}), encodeChannelOpen(2))
  client.expect(CHANNEL_CLOSE_OK)
  client.expect(CHANNEL_OPEN_OK, 2)
  t.pass()
})

test('the highest channel number works', (t) => {
  const { client } = openNode()
  client.openChannel(65535)
  t.is(client.declareQueue(65535, 'q').queue, 'q')
})

test('closing a channel gives its unacked messages back and keeps its queues', (t) => {
  const { node, client } = openNode()
  client.openChannel(2)
  client.declareQueue(1, 'q', { exclusive: true })
  client.send(publish(1, { routingKey: 'q', body: 'a' }), encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK)
  client.expectDelivery()
  client.send(encodeChannelClose(1, {}))
  client.expect(CHANNEL_CLOSE_OK)
  t.is(node.vhost.queues.get('q')?.messageCount, 1)
  t.is(client.declareQueue(2, 'q', { exclusive: true }).consumerCount, 0)
})

test('the client closes: channels and exclusive queues go first, then close-ok, then the client ends the socket', (t) => {
  const { node, client } = openNode()
  const other = openClient(node)
  client.declareQueue(1, 'mine', { exclusive: true })
  client.declareQueue(1, 'ours')
  client.send(publish(1, { routingKey: 'ours', body: 'a' }), encodeBasicConsume(1, { queue: 'ours' }))
  client.expect(BASIC_CONSUME_OK)
  client.expectDelivery()
  client.receive(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
  t.false(node.vhost.queues.has('mine'))
  node.settle()
  client.expect(CONNECTION_CLOSE_OK, 0)
  client.expectNothing()
  t.false(client.transport.ended)
  t.is(other.declareQueue(1, 'ours').messageCount, 1)
  client.disconnect()
  t.is(client.transport.lateWrites, 0)
  t.is(node.timers.size, 0)
  t.is(node.amqp.connections.size, 1)
})

test('a client that does not end its socket after close-ok is dropped in a bounded time', (t) => {
  for (const [heartbeat, waitMs] of [
    [0, 30_000],
    [10, 10_000],
    [600, 30_000],
  ] as const) {
    const { node, client } = openNode({ open: { tune: { heartbeat } } })
    client.send(encodeConnectionClose(0, {}))
    client.expect(CONNECTION_CLOSE_OK)
    node.advance(waitMs - 1)
    t.false(client.transport.destroyed)
    node.advance(1)
    t.true(client.transport.destroyed)
  }
})

test('a hard error waits a bounded time for close-ok, ignoring everything else', (t) => {
  const { node, client } = openNode()
  client.send(
    encodeChannelOpen(1),
    encodeQueueDeclare(1, { queue: 'q' }),
    encodeQueueDeclare(0, { queue: 'q' }),
    encodeChannelOpen(2),
  )
  t.regex(client.expectConnectionClose(), /^504 /)
  client.expectNothing()
  t.false(client.transport.ended)
  t.false(node.vhost.queues.has('q'))
  client.send(encodeConnectionCloseOk(0))
  t.true(client.transport.ended)
  client.expectNothing()

  const silent = openClient(node)
  silent.send(encodeChannelOpen(1))
  silent.expectConnectionClose()
  node.advance(30_000)
  t.true(silent.transport.destroyed)
  silent.disconnect()
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('closes of a connection that cross are both answered', (t) => {
  const { client } = openNode()
  client.connection.close(320, 'CONNECTION_FORCED - shutdown')
  client.send(encodeConnectionClose(0, { replyCode: 200 }))
  t.is(client.expectConnectionClose(), '320 CONNECTION_FORCED - shutdown (0,0)')
  client.expect(CONNECTION_CLOSE_OK)
  t.false(client.transport.ended)
  client.send(encodeConnectionCloseOk(0))
  t.true(client.transport.ended)
})

test('the server closes politely: 320, exclusive queues gone, close-ok awaited', (t) => {
  const { node, client } = openNode()
  client.declareQueue(1, 'mine', { exclusive: true })
  client.connection.close(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
  client.connection.close(320, 'CONNECTION_FORCED - twice')
  node.settle()
  t.is(
    client.expectConnectionClose(),
    "320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown' (0,0)",
  )
  client.expectNothing()
  t.false(node.vhost.queues.has('mine'))
  t.is(node.amqp.connections.size, 0)
  client.send(encodeQueueDeclare(1, { queue: 'late' }), encodeConnectionCloseOk(0))
  t.false(node.vhost.queues.has('late'))
  t.true(client.transport.ended)
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('a connection that has not sent its header yet is closed without a word', (t) => {
  const node = new TestNode()
  const client = new TestClient(node)
  client.connection.close(320, 'CONNECTION_FORCED - shutdown')
  node.settle()
  client.expectNothing()
  t.true(client.transport.ended)
  client.disconnect()
  t.is(node.timers.size, 0)
})

test('a socket that goes away gives everything back, at any point', (t) => {
  const { node, client } = openNode()
  const other = openClient(node)
  client.declareQueue(1, 'mine', { exclusive: true })
  client.declareQueue(1, 'gone', { autoDelete: true })
  client.declareQueue(1, 'q')
  client.send(
    publish(1, { routingKey: 'q', body: 'a' }),
    publish(1, { routingKey: 'q', body: 'b' }),
    encodeBasicConsume(1, { queue: 'q', consumerTag: 'c1' }),
    encodeBasicConsume(1, { queue: 'gone', consumerTag: 'c2' }),
    encodeBasicPublish(1, { routingKey: 'q' }),
    encodeContentHeader(1, 50_000, encodeProperties({})),
    encodeBody(1, Buffer.alloc(40_000), 131072),
  )
  client.disconnect()
  client.connection.disconnected()
  t.deepEqual([...node.vhost.queues.keys()], ['q'])
  const { messageCount, consumerCount } = other.declareQueue(1, 'q')
  t.deepEqual([messageCount, consumerCount], [2, 0])
  node.vhost.clear()
  t.is(node.memory.used, 0)
  t.is(node.timers.size, 0)
  t.is(client.transport.lateWrites, 0)
})

test('everything sent before a broken frame is done before the close', (t) => {
  const { node, client } = openNode()
  client.send(encodeQueueDeclare(1, { queue: 'q' }), publish(1, { routingKey: 'q', body: 'a' }), Buffer.alloc(8, 0x41))
  client.expect(QUEUE_DECLARE_OK)
  t.regex(client.expectConnectionClose(), /^501 FRAME_ERROR/)
  t.is(node.vhost.queues.get('q')?.messageCount, 1)
})

test('confirms that are due leave before the close of the channel that an error brings', (t) => {
  const { client } = openNode()
  client.declareQueue(1, 'q')
  client.send(encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  client.send(publish(1, { routingKey: 'q' }), publish(1, { routingKey: 'q' }), passiveMissing(1))
  t.is(client.expectConfirm(), 'ack 2 multiple')
  client.expectChannelClose(1)
  client.expectNothing()
  t.pass()
})

test('confirms that are due leave before close-ok, whoever closes what', (t) => {
  for (const close of [encodeChannelClose(1, {}), encodeConnectionClose(0, {}), encodeChannelOpen(1)]) {
    const { client } = openNode()
    client.declareQueue(1, 'q')
    client.send(encodeConfirmSelect(1, {}))
    client.expect(CONFIRM_SELECT_OK)
    client.send(publish(1, { routingKey: 'q' }), close)
    t.is(client.expectConfirm(), 'ack 1')
    t.is(client.transcript().length, 1)
  }
})

for (const [what, end] of [
  ['the channel is closed by the client', encodeChannelClose(1, {})],
  ['the channel is closed by an error', passiveMissing(1)],
  ['the connection is closed by the client', encodeConnectionClose(0, {})],
  ['the connection is closed by an error', encodeChannelOpen(1)],
  ['the stream is broken', Buffer.alloc(8, 0x41)],
] as const) {
  test(`a journal that completes after ${what} makes nobody say anything any more`, (t) => {
    for (const transactional of [false, true]) {
      const journal = new LateJournal()
      const { node, client } = openNode({ journal })
      client.declareQueue(1, 'q', { durable: true })
      client.send(transactional ? encodeTxSelect(1) : encodeConfirmSelect(1, {}))
      client.expect(transactional ? TX_SELECT_OK : CONFIRM_SELECT_OK)
      client.send(publish(1, { routingKey: 'q', properties: { deliveryMode: 2 } }))
      if (transactional) client.send(encodeTxCommit(1))
      client.expectNothing()
      // The publish of the last read is still marked for its turn when the end comes.
      client.receive(Buffer.concat([publish(1, { routingKey: 'q', properties: { deliveryMode: 2 } }), end]))
      journal.complete()
      node.settle()
      // What was committed is said first, whatever came behind it.
      if (transactional) client.expect(TX_COMMIT_OK, 1)
      t.is(client.transcript().length, 1, 'only the close or close-ok')
      client.disconnect()
      journal.complete()
      node.settle()
      t.is(client.transport.lateWrites, 0)
      t.is(journal.waiterCount, 0)
      t.is(node.timers.size, 0)
    }
  })
}

test('close-ok is heard behind a frame that was only half there when the server closed', (t) => {
  const { client } = openNode()
  const half = publish(1, { routingKey: 'q', body: 'x'.repeat(5000) })
  client.send(half.subarray(0, 700))
  client.connection.close(320, 'CONNECTION_FORCED - shutdown')
  client.send(half.subarray(700), encodeConnectionCloseOk(0))
  client.expect(CONNECTION_CLOSE)
  client.expectNothing()
  t.true(client.transport.ended)
})

test('an error while the connection is closing changes nothing', (t) => {
  const { client } = openNode()
  client.send(encodeChannelOpen(1))
  client.expect(CONNECTION_CLOSE)
  client.send(encodeChannelOpen(0), encodeBasicAck(1, { deliveryTag: 5 }), Buffer.alloc(30, 0x41))
  client.expectNothing()
  t.is(client.connection.state, 'closing')
})
