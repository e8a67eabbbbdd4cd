import test from 'ava'
import {
  BASIC_CANCEL_OK,
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  CHANNEL_CLOSE_OK,
  CONNECTION_CLOSE_OK,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicQos,
  encodeChannelClose,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeExchangeUnbind,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueueUnbind,
  fromObject,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { LateJournal, openClient, publish, type TestClient, TestNode } from './harness.ts'

const KIB = 1024

function late(heartbeatSeconds = 0): {
  node: TestNode
  journal: LateJournal
  client: TestClient
  complete(position?: number): void
} {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  journal.complete()
  const client = openClient(node, { tune: { channelMax: 0, frameMax: 131072, heartbeat: heartbeatSeconds } })
  const complete = (position?: number) => {
    journal.complete(position)
    node.settle()
  }
  return { node, journal, client, complete }
}

function methods(client: TestClient): string[] {
  return client.transcript().map((line) => line.split(' ')[1] as string)
}

test('the answer about anything durable leaves when the journal has it, and not before', (t) => {
  const { journal, client, complete } = late()
  const steps: [string, Buffer][] = [
    ['exchange.declare-ok', encodeExchangeDeclare(1, { exchange: 'x', type: 'fanout', durable: true })],
    ['exchange.declare-ok', encodeExchangeDeclare(1, { exchange: 'y', type: 'fanout', durable: true })],
    ['queue.declare-ok', encodeQueueDeclare(1, { queue: 'q', durable: true })],
    ['queue.bind-ok', encodeQueueBind(1, { queue: 'q', exchange: 'x' })],
    ['exchange.bind-ok', encodeExchangeBind(1, { source: 'x', destination: 'y' })],
    ['queue.unbind-ok', encodeQueueUnbind(1, { queue: 'q', exchange: 'x' })],
    ['exchange.unbind-ok', encodeExchangeUnbind(1, { source: 'x', destination: 'y' })],
    ['queue.delete-ok', encodeQueueDelete(1, { queue: 'q' })],
    ['exchange.delete-ok', encodeExchangeDelete(1, { exchange: 'x' })],
  ]
  for (const [answer, question] of steps) {
    client.send(question)
    t.deepEqual(methods(client), [], `${answer} came too early`)
    t.is(journal.waiterCount, 1)
    complete()
    t.deepEqual(methods(client), [answer])
    t.is(journal.waiterCount, 0)
  }
})

test('answers about what is transient, or is not there, wait for nothing', (t) => {
  const { journal, client } = late()
  client.send(
    encodeExchangeDeclare(1, { exchange: 'x', type: 'fanout' }),
    encodeQueueDeclare(1, { queue: 'q' }),
    encodeQueueDeclare(1, { queue: 'exclusive', exclusive: true, durable: true }),
    encodeQueueBind(1, { queue: 'q', exchange: 'amq.fanout' }),
    encodeQueueDelete(1, { queue: 'missing' }),
    encodeQueueDelete(1, { queue: 'q' }),
  )
  t.is(methods(client).length, 6)
  t.is(journal.waiterCount, 0)
})

test('what another connection has just declared is not confirmed to anybody before it is safe', (t) => {
  const { node, client, complete } = late()
  const other = openClient(node)
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  other.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  t.deepEqual(methods(other), [])
  other.send(encodeQueueDeclare(1, { queue: 'q', passive: true }))
  t.deepEqual(methods(other), [])
  complete()
  t.deepEqual(methods(other), ['queue.declare-ok', 'queue.declare-ok'])
})

test('all that a connection is told keeps its order, and other connections go on', (t) => {
  const { node, client, complete } = late()
  client.openChannel(2)
  client.send(encodeQueueDeclare(2, { queue: 'transient' }))
  client.expect(QUEUE_DECLARE_OK, 2)
  client.send(encodeBasicConsume(2, { queue: 'transient', noAck: true }))
  client.expect(BASIC_CONSUME_OK, 2)
  const other = openClient(node)
  other.send(encodeBasicConsume(1, { queue: 'transient', noAck: true }))
  other.expect(BASIC_CONSUME_OK, 1)
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }), encodeBasicQos(2, { prefetchCount: 1 }))
  for (let i = 0; i < 4; i++) other.send(publish(1, { routingKey: 'transient', body: 'x' }))
  t.is(other.expectDelivery().text, 'x')
  t.is(other.expectDelivery().text, 'x')
  t.deepEqual(methods(client), [])
  complete()
  client.expect(QUEUE_DECLARE_OK, 1)
  client.expect(BASIC_QOS_OK, 2)
  t.is(client.expectDelivery(2).text, 'x')
  t.is(client.expectDelivery(2).text, 'x')
  client.expectNothing()
})

test('a stream of declarations is answered as far as the journal has come', (t) => {
  const { journal, client, complete } = late()
  const positions: number[] = []
  for (let i = 0; i < 20; i++) {
    client.send(encodeQueueDeclare(1, { queue: `q${i}`, durable: true }))
    positions.push(journal.appended)
  }
  t.deepEqual(methods(client), [])
  for (const [i, position] of positions.entries()) {
    complete(position)
    t.is(client.expect(QUEUE_DECLARE_OK).queue, `q${i}`)
    client.expectNothing()
    client.send(encodeQueueDeclare(1, { queue: `more${i}`, durable: true }))
    client.expectNothing()
  }
  complete()
  t.is(methods(client).length, 20)
})

test('what ends a durable queue by the way holds the answer, too', (t) => {
  const { client, complete } = late()
  client.declareQueue(1, 'q', { durable: true, autoDelete: true })
  client.send(encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK)
  client.send(encodeBasicCancel(1, { consumerTag: 'c' }))
  client.expectNothing()
  complete()
  client.expect(BASIC_CANCEL_OK)
  client.declareQueue(1, 'q', { durable: true, autoDelete: true })
  client.send(encodeBasicConsume(1, { queue: 'q', noWait: true }), encodeChannelClose(1, {}))
  client.expectNothing()
  complete()
  client.expect(CHANNEL_CLOSE_OK)
  t.pass()
})

test('a journal that completes nothing any more has nothing said', (t) => {
  const { node, client } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  node.advance(600_000)
  client.expectNothing()
  t.true(client.connection.out.held)
})

test('deliveries stop while much waits for the journal, and go on when it has left', (t) => {
  const { node, client, complete } = late()
  client.declareQueue(1, 'transient')
  client.send(encodeBasicConsume(1, { queue: 'transient', noAck: true }))
  client.expect(BASIC_CONSUME_OK)
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  const publisher = openClient(node)
  const body = Buffer.alloc(50 * KIB, 'x')
  for (let i = 0; i < 40; i++) publisher.send(publish(1, { routingKey: 'transient', body }))
  t.true(client.connection.out.pendingBytes < 600 * KIB, `${client.connection.out.pendingBytes} bytes wait`)
  t.true((node.vhost.queues.get('transient')?.messageCount ?? 0) > 25)
  t.deepEqual(methods(client), [])
  complete()
  client.expect(QUEUE_DECLARE_OK)
  for (let i = 0; i < 40; i++) t.is(client.expectDelivery().body.length, body.length)
  t.is(node.vhost.queues.get('transient')?.messageCount, 0)
})

test('whoever goes on asking is not read from while many answers wait', (t) => {
  const { client, complete } = late()
  client.declareQueue(1, 'transient')
  const body = Buffer.alloc(100 * KIB, 'x')
  for (let i = 0; i < 8; i++) client.send(publish(1, { routingKey: 'transient', body }))
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  t.false(client.transport.paused)
  const questions = Buffer.concat(new Array<Buffer>(8).fill(encodeBasicGet(1, { queue: 'transient', noAck: true })))
  client.send(questions)
  t.true(client.transport.paused)
  t.true(client.connection.out.pendingBytes < 700 * KIB, `${client.connection.out.pendingBytes} bytes wait`)
  client.connection.writable()
  t.true(client.connection.out.pendingBytes < 700 * KIB, 'a socket with room changes nothing')
  t.true(client.transport.paused)
  complete()
  client.expect(QUEUE_DECLARE_OK)
  for (let i = 0; i < 8; i++) t.is(client.expectGetOk().body.length, body.length)
  t.false(client.transport.paused)
})

test('returned messages that wait are bounded as well', (t) => {
  const { client, complete } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  const returned = publish(1, { routingKey: 'nowhere', mandatory: true, body: Buffer.alloc(60 * KIB) })
  let sent = 0
  for (; !client.transport.paused && sent < 100; sent++) client.send(returned)
  t.true(sent < 12)
  complete()
  t.false(client.transport.paused)
  client.expect(QUEUE_DECLARE_OK)
  for (let i = 0; i < sent; i++) client.expectReturn()
  client.expectNothing()
})

test('a connection that goes away while its answers wait leaves nothing behind', (t) => {
  const { node, journal, client, complete } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  t.is(journal.waiterCount, 1)
  client.disconnect()
  t.is(journal.waiterCount, 0)
  complete()
  t.is(client.transport.lateWrites, 0)
  t.deepEqual(client.transcript(), [])
  t.true(node.vhost.queues.has('q'))
  t.is(node.timers.size, 0)
})

test('close-ok comes behind what waits, and then the socket is closed', (t) => {
  const { journal, client, complete } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }), encodeConnectionClose(0, { replyCode: 200 }))
  client.expectNothing()
  t.false(client.transport.ended)
  complete()
  client.expect(QUEUE_DECLARE_OK)
  client.expect(CONNECTION_CLOSE_OK)
  client.disconnect()
  t.is(journal.waiterCount, 0)
})

test('a broken stream is closed behind what waits', (t) => {
  const { client, complete } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }), Buffer.alloc(8, 0x41))
  client.expectNothing()
  t.false(client.transport.ended)
  complete()
  client.expect(QUEUE_DECLARE_OK)
  t.regex(client.expectConnectionClose(), /^501 /)
  t.true(client.transport.ended)
})

test('a client that says goodbye while the disk does not answer is let go of in the end', (t) => {
  const { node, client } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }), encodeConnectionClose(0, { replyCode: 200 }))
  node.advance(29_000)
  t.false(client.transport.destroyed)
  node.advance(1_000)
  t.true(client.transport.destroyed)
})

test('when the journal has failed for good, clients are told so instead of what waits for it', (t) => {
  for (const sameTurn of [false, true]) {
    const { node, journal, client, complete } = late()
    client.declareQueue(1, 'transient')
    const declare = encodeQueueDeclare(1, { queue: 'q', durable: true })
    if (sameTurn) client.receive(declare)
    else client.send(declare, publish(1, { routingKey: 'nowhere', mandatory: true, body: Buffer.alloc(200 * KIB) }))
    client.connection.abort(541, 'INTERNAL_ERROR - the disk is broken')
    node.settle()
    t.is(client.expectConnectionClose(), '541 INTERNAL_ERROR - the disk is broken (0,0)')
    client.expectNothing()
    t.is(client.connection.out.pendingBytes, 0)
    client.send(encodeConnectionCloseOk(0))
    t.true(client.transport.ended)
    complete()
    client.expectNothing()
    t.is(journal.waiterCount, 0)
  }
})

test('heartbeats come while answers wait, and a client that waits in silence is not taken for dead', (t) => {
  const { node, client, complete } = late(10)
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  node.advance(60_000)
  const lines = client.transcript()
  t.true(lines.length >= 10 && lines.every((line) => line === 'heartbeat'), lines.join())
  t.false(client.transport.destroyed)
  complete()
  client.expect(QUEUE_DECLARE_OK)
  // From here on silence counts again.
  node.advance(60_000)
  t.true(client.transport.destroyed)
})

test('a body that is sent from where it rests keeps its place among what waits', (t) => {
  const { client, complete } = late()
  client.declareQueue(1, 'transient')
  const body = Buffer.alloc(400 * KIB, 'y')
  client.send(publish(1, { routingKey: 'transient', body, frameMax: 131072 }))
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true }))
  client.send(encodeBasicGet(1, { queue: 'transient', noAck: true }))
  client.send(encodeBasicQos(1, { prefetchCount: 3 }))
  client.expectNothing()
  complete()
  client.expect(QUEUE_DECLARE_OK)
  t.true(client.expectGetOk().body.equals(body))
  client.expect(BASIC_QOS_OK)
})

test('a declaration without an answer does not hold for ever what comes later', (t) => {
  const { client, complete } = late()
  client.send(encodeQueueDeclare(1, { queue: 'q', durable: true, noWait: true }))
  complete()
  client.send(encodeBasicQos(1, { prefetchCount: 3 }))
  client.expect(BASIC_QOS_OK)
  client.send(encodeQueueDeclare(1, { queue: 'p', durable: true, noWait: true, arguments: fromObject({}) }))
  client.send(encodeQueueDeclare(1, { queue: 'p', passive: true }))
  client.expectNothing()
  complete()
  client.expect(QUEUE_DECLARE_OK)
  t.pass()
})
