import test from 'ava'
import {
  array,
  BASIC_CONSUME_OK,
  BASIC_GET_OK,
  BASIC_QOS_OK,
  EXCHANGE_DECLARE_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeBasicQos,
  encodeBasicRecover,
  encodeChannelClose,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeQueueBind,
  encodeQueueDelete,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  fromObject,
  int,
  longstr,
  QUEUE_BIND_OK,
  QUEUE_DELETE_OK,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { LateJournal, openNode, publish, type TestNodeOptions } from './harness.ts'

/** Channel 1 is transactional, channel 2 is not. */
function transacting(options: TestNodeOptions = {}) {
  const { node, client } = openNode(options)
  client.openChannel(2)
  client.declareQueue(1, 'q')
  client.send(encodeTxSelect(1))
  client.expect(TX_SELECT_OK)
  const count = (queue = 'q') => node.vhost.queues.get(queue)?.messageCount
  return { node, client, count }
}

test('what is published counts from the commit on', (t) => {
  const { client, count } = transacting()
  client.send(publish(1, { routingKey: 'q', body: 'a' }), publish(1, { routingKey: 'q', body: 'b' }))
  t.is(count(), 0)
  client.expectNothing()
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(count(), 2)
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(count(), 2)
})

test('a rollback forgets the publishes, and so does the end of the channel', (t) => {
  const { node, client, count } = transacting()
  client.send(publish(1, { routingKey: 'q', body: 'a'.repeat(10_000) }))
  t.true(node.memory.used >= 10_000)
  client.send(encodeTxRollback(1), encodeTxCommit(1))
  client.expect(TX_ROLLBACK_OK)
  client.expect(TX_COMMIT_OK)
  t.is(count(), 0)
  t.is(node.memory.used, 0)
  client.send(publish(1, { routingKey: 'q', body: 'a' }), encodeChannelClose(1, {}))
  t.is(count(), 0)
  t.is(node.memory.used, 0)
})

test('mandatory messages come back at commit, before commit-ok', (t) => {
  const { client } = transacting()
  client.send(publish(1, { routingKey: 'nowhere', mandatory: true, body: 'back' }))
  client.expectNothing()
  client.send(encodeTxCommit(1))
  t.is(client.expectReturn(1).text, 'back')
  client.expect(TX_COMMIT_OK)
  client.send(publish(1, { routingKey: 'nowhere', mandatory: true }), encodeTxRollback(1))
  client.expect(TX_ROLLBACK_OK)
  client.expectNothing()
  t.pass()
})

test('publishes are routed when they are published, not when they are committed', (t) => {
  const { client, count } = transacting()
  client.declareQueue(2, 'late')
  client.send(publish(1, { exchange: 'amq.fanout', body: 'early' }))
  client.send(encodeQueueBind(2, { queue: 'late', exchange: 'amq.fanout' }))
  client.expect(QUEUE_BIND_OK)
  client.send(publish(1, { exchange: 'amq.fanout', body: 'now' }), encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(count('late'), 1)
  client.send(encodeBasicGet(2, { queue: 'late' }))
  t.is(client.expectGetOk().text, 'now')
})

test('a publish to a missing exchange fails at once', (t) => {
  const { client } = transacting()
  client.send(publish(1, { exchange: 'nosuch' }))
  t.is(client.expectChannelClose(1), "404 NOT_FOUND - no exchange 'nosuch' in vhost '/' (60,40)")
})

test('what is deleted between publish and commit takes its messages with it', (t) => {
  const { node, client } = transacting()
  client.send(encodeExchangeDeclare(2, { exchange: 'x', type: 'fanout' }))
  client.expect(EXCHANGE_DECLARE_OK)
  client.send(publish(1, { routingKey: 'q' }), publish(1, { exchange: 'x' }))
  client.send(encodeQueueDelete(2, { queue: 'q' }), encodeExchangeDelete(2, { exchange: 'x' }))
  client.expect(QUEUE_DELETE_OK)
  client.nextFrame()
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(node.memory.used, 0)
})

test('acks take effect at commit; until then the messages are unacked', (t) => {
  const { node, client, count } = transacting()
  for (const body of ['a', 'b', 'c']) client.send(publish(2, { routingKey: 'q', body }))
  for (let i = 0; i < 3; i++) client.send(encodeBasicGet(1, { queue: 'q' }))
  for (let i = 0; i < 3; i++) client.expectGetOk()
  client.send(
    encodeBasicAck(1, { deliveryTag: 1 }),
    encodeBasicNack(1, { deliveryTag: 2, requeue: true }),
    encodeBasicNack(1, { deliveryTag: 3, requeue: false }),
  )
  const queue = node.vhost.queues.get('q')
  t.deepEqual([count(), queue?.unackedCount], [0, 3])
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.deepEqual([count(), queue?.unackedCount], [1, 0])
  client.send(encodeBasicGet(2, { queue: 'q' }))
  t.is(client.expectGetOk().text, 'b')
})

test('what a commit that fails halfway has not settled goes back to its queue', (t) => {
  const { node, client, count } = transacting()
  const queue = node.vhost.queues.get('q')
  for (const body of ['a', 'b', 'c']) client.send(publish(2, { routingKey: 'q', body }))
  for (let i = 0; i < 3; i++) client.send(encodeBasicGet(1, { queue: 'q' }))
  for (let i = 0; i < 3; i++) client.expectGetOk()
  client.send(
    encodeBasicNack(1, { deliveryTag: 2, requeue: false }),
    encodeBasicAck(1, { deliveryTag: 3, multiple: true }),
  )
  Object.assign(queue as object, {
    reject: () => {
      throw new Error('EMFILE: too many open files')
    },
  })
  client.send(encodeTxCommit(1))
  // Of the one that failed its queue knows best.
  t.deepEqual([count(), queue?.unackedCount], [2, 1])
})

test('a tag settled in the transaction is settled: doing it again fails at once', (t) => {
  const { client, count } = transacting()
  client.send(publish(2, { routingKey: 'q' }), encodeBasicGet(1, { queue: 'q' }))
  client.expectGetOk()
  client.send(encodeBasicAck(1, { deliveryTag: 1 }), encodeBasicAck(1, { deliveryTag: 1 }))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - unknown delivery tag 1 (60,80)')
  t.is(count(), 1)
})

test('a rollback makes settled deliveries outstanding again, without delivering them again', (t) => {
  const { node, client } = transacting()
  for (const body of ['a', 'b', 'c', 'd']) client.send(publish(2, { routingKey: 'q', body }))
  client.send(encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  client.expect(BASIC_CONSUME_OK)
  for (let i = 0; i < 4; i++) client.expectDelivery()
  client.send(
    encodeBasicAck(1, { deliveryTag: 2 }),
    encodeBasicNack(1, { deliveryTag: 4, requeue: true }),
    encodeTxRollback(1),
  )
  client.expect(TX_ROLLBACK_OK)
  client.expectNothing()
  t.is(node.vhost.queues.get('q')?.unackedCount, 4)
  client.send(encodeBasicAck(1, { deliveryTag: 4, multiple: true }), encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(node.vhost.queues.get('q')?.unackedCount, 0)
})

test('prefetch windows open at commit, not before', (t) => {
  for (const global of [false, true]) {
    const { client } = transacting()
    for (const body of ['a', 'b', 'c']) client.send(publish(2, { routingKey: 'q', body }))
    client.send(encodeBasicQos(1, { prefetchCount: 1, global }), encodeBasicConsume(1, { queue: 'q' }))
    client.expect(BASIC_QOS_OK)
    client.expect(BASIC_CONSUME_OK)
    t.is(client.expectDelivery().text, 'a')
    client.send(encodeBasicAck(1, { deliveryTag: 1 }), publish(2, { routingKey: 'q', body: 'd' }))
    client.expectNothing()
    client.send(encodeTxCommit(1))
    client.expect(TX_COMMIT_OK)
    t.is(client.expectDelivery().text, 'b')
    client.expectNothing()
    client.send(encodeBasicAck(1, { deliveryTag: 2 }), encodeTxRollback(1))
    client.expect(TX_ROLLBACK_OK)
    client.send(publish(2, { routingKey: 'q', body: 'e' }))
    client.expectNothing()
    if (!global) continue
    client.send(encodeBasicAck(1, { deliveryTag: 2 }), encodeBasicConsume(1, { queue: 'q', consumerTag: 'another' }))
    client.expect(BASIC_CONSUME_OK)
    client.expectNothing()
  }
})

test('recover in a transaction leaves alone what was settled in it', (t) => {
  const { node, client } = transacting()
  for (const body of ['a', 'b']) client.send(publish(2, { routingKey: 'q', body }), encodeBasicGet(1, { queue: 'q' }))
  for (let i = 0; i < 2; i++) client.expectGetOk()
  client.send(encodeBasicAck(1, { deliveryTag: 1 }), encodeBasicRecover(1, { requeue: true }))
  client.nextFrame()
  t.is(node.vhost.queues.get('q')?.messageCount, 1)
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(node.vhost.queues.get('q')?.unackedCount, 0)
})

test('commit and rollback need a transaction', (t) => {
  const { client } = transacting()
  client.send(encodeTxCommit(2))
  t.is(client.expectChannelClose(2), '406 PRECONDITION_FAILED - channel is not transactional (90,20)')
  client.openChannel(3)
  client.send(encodeTxRollback(3))
  t.is(client.expectChannelClose(3), '406 PRECONDITION_FAILED - channel is not transactional (90,30)')
})

test('tx.select may be repeated and changes nothing', (t) => {
  const { client, count } = transacting()
  client.send(publish(1, { routingKey: 'q' }), encodeTxSelect(1), encodeTxCommit(1))
  client.expect(TX_SELECT_OK)
  client.expect(TX_COMMIT_OK)
  t.is(count(), 1)
})

test('a message that a queue refuses at commit closes the channel, the others are there', (t) => {
  const { client, count } = transacting()
  client.declareQueue(2, 'full', { arguments: fromObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' }) })
  client.send(publish(1, { routingKey: 'full' }), publish(1, { routingKey: 'q' }), encodeTxCommit(1))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - partial tx completion (90,20)')
  t.is(count(), 1)
})

test('commit-ok waits for the journal', (t) => {
  const journal = new LateJournal()
  const { node, client } = transacting({ journal })
  client.declareQueue(2, 'durable', { durable: true })
  const persistent = publish(1, { routingKey: 'durable', properties: { deliveryMode: 2 } })
  client.send(persistent, encodeTxCommit(1))
  const first = journal.appended
  client.send(persistent, encodeTxCommit(1), encodeTxCommit(1))
  client.expectNothing()
  journal.complete(first)
  node.settle()
  client.expect(TX_COMMIT_OK)
  client.expectNothing()
  journal.complete()
  node.settle()
  client.expect(TX_COMMIT_OK)
  client.expect(TX_COMMIT_OK)
  client.expectNothing()
  t.is(journal.waiterCount, 0)
})

test('malformed CC headers are refused when published, whatever the exchange does later', (t) => {
  for (const type of ['direct', 'x-delayed-message']) {
    const { node, client } = transacting()
    const args = type === 'direct' ? {} : { 'x-delayed-type': 'direct' }
    client.send(encodeExchangeDeclare(2, { exchange: 'x', type, arguments: fromObject(args) }))
    client.expect(EXCHANGE_DECLARE_OK)
    const headers = fromObject({ CC: 'q', 'x-delay': 100 })
    client.send(publish(1, { exchange: 'x', properties: { headers } }))
    t.is(
      client.expectChannelClose(1),
      '406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr} (60,40)',
    )
    t.is(node.memory.used, 0)
  }
})

test('a delayed message is held from the commit on, also when its exchange has gone meanwhile', (t) => {
  for (const deleted of [false, true]) {
    const { node, client, count } = transacting()
    const args = fromObject({ 'x-delayed-type': 'fanout' })
    client.send(encodeExchangeDeclare(2, { exchange: 'x', type: 'x-delayed-message', arguments: args }))
    client.expect(EXCHANGE_DECLARE_OK)
    client.send(encodeQueueBind(2, { queue: 'q', exchange: 'x' }))
    client.expect(QUEUE_BIND_OK)
    const headers = fromObject({ CC: [] })
    headers.set('x-delay', int(100)).set('CC', array(longstr('k')))
    client.send(publish(1, { exchange: 'x', properties: { headers }, body: 'later' }))
    if (deleted) {
      client.send(encodeExchangeDelete(2, { exchange: 'x' }))
      client.nextFrame()
    }
    node.advance(200)
    t.is(count(), 0)
    client.send(encodeTxCommit(1))
    client.expect(TX_COMMIT_OK)
    node.advance(99)
    t.is(count(), 0)
    node.advance(1)
    t.is(count(), deleted ? 0 : 1)
    client.disconnect()
    node.vhost.clear()
    t.is(node.memory.used, 0)
    t.is(node.timers.size, 0)
  }
})

test('a delaying exchange behind another one holds nothing before the commit, and nothing after a rollback', (t) => {
  const { node, client, count } = transacting()
  const args = fromObject({ 'x-delayed-type': 'fanout' })
  client.send(
    encodeExchangeDeclare(2, { exchange: 'later', type: 'x-delayed-message', arguments: args, noWait: true }),
    encodeExchangeBind(2, { source: 'amq.fanout', destination: 'later', noWait: true }),
    encodeQueueBind(2, { queue: 'q', exchange: 'later', noWait: true }),
  )
  const headers = fromObject({ 'x-delay': 100 })
  const delayed = publish(1, { exchange: 'amq.fanout', properties: { headers } })
  client.send(delayed, encodeTxRollback(1))
  client.expect(TX_ROLLBACK_OK)
  node.advance(1000)
  t.is(count(), 0)
  client.send(delayed)
  node.advance(1000)
  t.is(count(), 0)
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(count(), 0)
  node.advance(100)
  t.is(count(), 1)
})

test('a get in a transaction counts as outstanding', (t) => {
  const { client } = transacting()
  client.send(publish(1, { routingKey: 'q' }), encodeTxCommit(1), encodeBasicGet(1, { queue: 'q' }))
  client.expect(TX_COMMIT_OK)
  client.expect(BASIC_GET_OK)
  t.is(client.connection.channels.get(1)?.unacked.count, 1)
})
