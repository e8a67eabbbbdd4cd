import test from 'ava'
import {
  BASIC_CONSUME_OK,
  BASIC_GET_OK,
  CONFIRM_SELECT_OK,
  CONNECTION_BLOCKED,
  CONNECTION_CLOSE_OK,
  CONNECTION_UNBLOCKED,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeConfirmSelect,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeQueuePurge,
  fromObject,
  QUEUE_PURGE_OK,
} from '../../src/codec/index.ts'
import { openClient, publish, type TestClient, TestNode } from './harness.ts'

const LARGE = Buffer.alloc(100_000, 'x')

function consume(client: TestClient, queue: string, noAck = true): void {
  client.send(encodeBasicConsume(1, { queue, noAck }))
  client.expect(BASIC_CONSUME_OK, 1)
}

function count(client: TestClient, name: string): number {
  return client.transcript().filter((line) => line.includes(name)).length
}

test('a connection that does not read gets a bounded number of deliveries, others go on, and it resumes', (t) => {
  const node = new TestNode()
  const [slow, quick, publisher] = [openClient(node), openClient(node), openClient(node)]
  for (const queue of ['slow', 'quick']) publisher.declareQueue(1, queue)
  consume(slow, 'slow')
  consume(quick, 'quick')
  slow.transport.stuck = true
  for (let i = 0; i < 100; i++) {
    publisher.send(publish(1, { routingKey: 'slow', body: LARGE }), publish(1, { routingKey: 'quick', body: LARGE }))
  }
  t.is(count(quick, 'basic.deliver'), 100)
  t.true(slow.transport.backlog < 2_500_000, `${slow.transport.backlog} bytes pile up`)
  const waiting = node.vhost.queues.get('slow')?.messageCount ?? 0
  t.true(waiting > 70)
  slow.transport.drain()
  slow.connection.writable()
  node.settle()
  t.is(count(slow, 'basic.deliver'), 100)
  t.is(node.vhost.queues.get('slow')?.messageCount, 0)
})

test('a backlog consumed in one turn leaves in many, each of bounded size', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  for (let i = 0; i < 100; i++) client.send(publish(1, { routingKey: 'q', body: LARGE }))
  client.receive(encodeBasicConsume(1, { queue: 'q', noAck: true }))
  t.true(client.connection.out.pendingBytes < 800_000)
  for (let turn = 0; turn < 5; turn++) {
    node.runTurn()
    t.true(client.connection.out.pendingBytes < 800_000)
  }
  node.settle()
  t.is(count(client, 'basic.deliver'), 100)
})

test('a consumer that does not read does not hold up another one of the same queue', (t) => {
  const node = new TestNode()
  const [slow, quick, publisher] = [openClient(node), openClient(node), openClient(node)]
  publisher.declareQueue(1, 'q')
  consume(slow, 'q')
  consume(quick, 'q')
  slow.transport.stuck = true
  for (let i = 0; i < 100; i++) publisher.send(publish(1, { routingKey: 'q', body: LARGE }))
  t.is(node.vhost.queues.get('q')?.messageCount, 0)
  t.true(count(quick, 'basic.deliver') > 70)
})

test('a client that asks and does not read the answers is not asked for more', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  for (let i = 0; i < 300; i++) client.send(publish(1, { routingKey: 'q', body: LARGE }))
  client.transport.stuck = true
  for (let i = 0; i < 300 && !client.transport.paused; i++) client.send(encodeBasicGet(1, { queue: 'q', noAck: true }))
  t.true(client.transport.paused)
  t.true(client.transport.backlog < 20_000_000)
  client.transport.drain()
  client.connection.writable()
  node.settle()
  t.false(client.transport.paused)
  t.true(count(client, 'basic.get-ok') > 100)
})

test('questions with large answers that came in one read are answered as far as the output is bounded', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: Buffer.alloc(2_000_000) }))
  const questions: Buffer[] = []
  for (let tag = 1; tag <= 500; tag++) {
    questions.push(encodeBasicGet(1, { queue: 'q' }), encodeBasicNack(1, { deliveryTag: tag, requeue: true }))
  }
  client.transport.stuck = true
  client.receive(Buffer.concat(questions))
  let highest = client.connection.out.pendingBytes
  node.settle()
  highest = Math.max(highest, client.transport.backlog)
  t.true(highest < 40_000_000, `${highest} bytes of answers pile up`)
  let answered = 0
  for (let round = 0; round < 500 && answered < 500; round++) {
    client.transport.drain()
    client.connection.writable()
    node.settle()
    answered += count(client, 'basic.get-ok')
    client.transport.stuck = true
  }
  t.is(answered, 500)
  client.transport.drain()
  client.connection.writable()
  client.send(encodeBasicGet(1, { queue: 'q' }))
  client.expect(BASIC_GET_OK)
})

test('what still waits to be handled is forgotten when the client goes', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: Buffer.alloc(2_000_000) }))
  const questions: Buffer[] = []
  for (let tag = 1; tag <= 50; tag++) {
    questions.push(encodeBasicGet(1, { queue: 'q' }), encodeBasicNack(1, { deliveryTag: tag, requeue: true }))
  }
  client.receive(Buffer.concat(questions))
  client.disconnect()
  node.vhost.clear()
  t.is(node.memory.used, 0)
  t.is(node.timers.size, 0)
  t.is(client.transport.lateWrites, 0)
})

test('a memory alarm stops publishers after their first publish, tells those that asked, and lets them go on', (t) => {
  const node = new TestNode({ watermark: 300_000 })
  const telling = openClient(node, { capabilities: { 'connection.blocked': true } })
  const silent = openClient(node, { capabilities: {} })
  const reader = openClient(node)
  telling.declareQueue(1, 'q')
  telling.send(...new Array<Buffer>(4).fill(publish(1, { routingKey: 'q', body: LARGE })))
  t.true(node.alarms.raised)
  t.truthy(node.log.find('memory alarm: messages take'))
  telling.expectNothing()
  t.false(telling.transport.paused)
  telling.send(publish(1, { routingKey: 'q', body: 'held' }))
  t.is(telling.expect(CONNECTION_BLOCKED, 0).reason, 'low on memory')
  t.true(telling.transport.paused)
  silent.send(publish(1, { routingKey: 'q', body: 'held' }))
  silent.expectNothing()
  t.true(silent.transport.paused)
  // What was read before reading stopped is handled; the notice is given once.
  telling.send(publish(1, { routingKey: 'q', body: 'read before' }))
  telling.expectNothing()
  // Others work on, new connections open and may declare.
  const fresh = openClient(node)
  t.is(fresh.declareQueue(1, 'q').messageCount, 7)
  consume(reader, 'q')
  node.settle()
  t.is(count(reader, 'basic.deliver'), 7)
  t.false(node.alarms.raised)
  telling.expect(CONNECTION_UNBLOCKED, 0)
  silent.expectNothing()
  t.false(telling.transport.paused)
  t.false(silent.transport.paused)
  telling.send(publish(1, { routingKey: 'q', body: 'again' }))
  telling.expectNothing()
  t.is(reader.expectDelivery().text, 'again')
})

test('the alarm is cleared a tenth below its watermark, not at it', (t) => {
  const node = new TestNode({ watermark: 300_000 })
  const check = (used: number) => {
    node.memory.used = used
    node.alarms.check()
    return node.alarms.raised
  }
  t.deepEqual([299_999, 300_000, 300_001, 290_000, 270_001, 270_000, 300_000].map(check), [
    false,
    false,
    true,
    true,
    true,
    false,
    false,
  ])
})

test('a blocked connection that is closed by the server still hears close-ok', (t) => {
  const node = new TestNode({ watermark: 1000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: LARGE }), publish(1, { routingKey: 'q' }))
  client.send(publish(1, { routingKey: 'q' }))
  client.expect(CONNECTION_BLOCKED)
  t.true(client.transport.paused)
  client.connection.close(320, 'CONNECTION_FORCED - shutdown')
  node.settle()
  t.false(client.transport.paused)
  t.regex(client.expectConnectionClose(), /^320 /)
  client.send(encodeConnectionCloseOk(0))
  t.true(client.transport.ended)
})

test('an alarm that changes after a connection has gone does not touch it', (t) => {
  const node = new TestNode({ watermark: 1000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: LARGE }))
  client.send(publish(1, { routingKey: 'q' }))
  client.expect(CONNECTION_BLOCKED)
  client.disconnect()
  node.vhost.clear()
  node.turn.schedule()
  node.settle()
  t.false(node.alarms.raised)
  t.is(client.transport.lateWrites, 0)
})

test('confirms still leave for a publisher that is blocked', (t) => {
  const node = new TestNode({ watermark: 1000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  client.send(publish(1, { routingKey: 'q', body: LARGE }))
  t.is(client.expectConfirm(), 'ack 1')
  client.send(publish(1, { routingKey: 'q', body: 'x' }))
  client.expect(CONNECTION_BLOCKED)
  t.is(client.expectConfirm(), 'ack 2')
})

test('an alarm over several turns of purging ends in one unblocked', (t) => {
  const node = new TestNode({ watermark: 10_000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: LARGE }))
  client.send(publish(1, { routingKey: 'q', body: 'x' }))
  client.expect(CONNECTION_BLOCKED)
  const other = openClient(node)
  other.send(encodeQueuePurge(1, { queue: 'q' }))
  t.is(other.expect(QUEUE_PURGE_OK).messageCount, 2)
  client.expect(CONNECTION_UNBLOCKED)
  client.expectNothing()
})

test('a body that is still coming counts towards the alarm', (t) => {
  const node = new TestNode({ watermark: 50_000 })
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: LARGE }).subarray(0, 90_000), Buffer.alloc(0))
  const half = openClient(node)
  half.declareQueue(1, 'q')
  const large = publish(1, { routingKey: 'q', body: LARGE, frameMax: 4096 })
  half.send(large.subarray(0, 90_000))
  t.true(node.alarms.raised)
  half.send(large.subarray(90_000))
  half.expect(CONNECTION_BLOCKED)
  t.is(node.vhost.queues.get('q')?.messageCount, 1)
})

test('a client that says goodbye while it does not read is answered when it reads again', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: LARGE }))
  client.transport.stuck = true
  client.send(encodeBasicGet(1, { queue: 'q' }), encodeBasicAck(1, { deliveryTag: 1 }), encodeConnectionClose(0, {}))
  client.transport.drain()
  client.connection.writable()
  node.settle()
  client.expectGetOk()
  client.expect(CONNECTION_CLOSE_OK)
  t.is(node.vhost.queues.get('q')?.messageCount, 0)
})

test('an alarm ends when its messages expire, or go with their connection, and nothing else happens', (t) => {
  for (const end of ['expiry', 'disconnection']) {
    const node = new TestNode({ watermark: 500_000 })
    const [owner, publisher] = [openClient(node), openClient(node)]
    owner.declareQueue(1, 'q', { exclusive: true, arguments: fromObject({ 'x-message-ttl': 1000 }) })
    for (let i = 0; i < 6; i++) publisher.send(publish(1, { routingKey: 'q', body: LARGE }))
    publisher.expect(CONNECTION_BLOCKED)
    if (end === 'expiry') node.advance(1001)
    else owner.disconnect()
    publisher.expect(CONNECTION_UNBLOCKED)
    t.false(publisher.transport.paused, end)
  }
})
