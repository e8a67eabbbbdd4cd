import test from 'ava'
import type { Channel } from '../../src/amqp/channel.ts'
import { Transaction } from '../../src/amqp/transaction.ts'
import { Message } from '../../src/broker/index.ts'
import { RecordType } from '../../src/broker/storage/index.ts'
import {
  BASIC_CONSUME_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeProperties,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  fromObject,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { same } from '../codec/same.ts'
import { RecordingJournal } from '../helpers/recording-journal.ts'
import { bodies, restart } from '../helpers/restart.ts'
import { LateJournal, openClient, publish, type TestClient, TestNode } from './harness.ts'
import { seeds } from './seeds.ts'

const PERSISTENT = { properties: { deliveryMode: 2 } }

/** Channel 1 is transactional; the queues are durable. */
function transacting(): { journal: RecordingJournal; node: TestNode; client: TestClient } {
  const journal = new RecordingJournal()
  const node = new TestNode({ journal })
  const client = openClient(node).openChannel(2)
  for (const queue of ['a', 'b']) client.declareQueue(2, queue, { durable: true })
  client.send(encodeTxSelect(1))
  client.expect(TX_SELECT_OK)
  return { journal, node, client }
}

function say(channel: number, queue: string, body: string): Buffer {
  return publish(channel, { routingKey: queue, body, ...PERSISTENT })
}

test('all that a transaction publishes and settles is one piece in the journal', (t) => {
  const { journal, client } = transacting()
  client.send(say(2, 'a', 'first'), say(2, 'a', 'second'), say(2, 'b', 'other'))
  for (const queue of ['a', 'a', 'b']) client.send(encodeBasicGet(1, { queue }))
  for (let i = 0; i < 3; i++) client.expectGetOk()
  const before = journal.records.length
  client.send(
    say(1, 'a', 'new'),
    say(1, 'b', 'new too'),
    encodeBasicAck(1, { deliveryTag: 1 }),
    encodeBasicAck(1, { deliveryTag: 3 }),
  )
  t.is(journal.records.length, before)
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  const written = journal.records.slice(before)
  t.deepEqual(
    written.map(({ type }) => type),
    [RecordType.MESSAGE, RecordType.MESSAGE, RecordType.SETTLED, RecordType.SETTLED],
  )
  t.is(new Set(written.map(({ group }) => group)).size, 1)
  t.not(written[0]?.group, 0)
  t.deepEqual(bodies(restart(journal.records).node), { a: ['second', 'new'], b: ['new too'] })
  t.deepEqual(bodies(restart(journal.records.slice(0, before)).node), { a: ['first', 'second'], b: ['other'] })
})

test('what others have settled before is no part of a transaction', (t) => {
  const { journal, client } = transacting()
  client.send(say(2, 'a', 'x'))
  client.send(encodeBasicGet(2, { queue: 'a' }))
  client.expectGetOk()
  const before = journal.records.length
  client.receive(Buffer.concat([encodeBasicAck(2, { deliveryTag: 1 }), say(1, 'b', 'y'), encodeTxCommit(1)]))
  const written = journal.records.slice(before)
  t.deepEqual(
    written.map(({ type, group }) => [type, group > 0]),
    [
      [RecordType.SETTLED, false],
      [RecordType.MESSAGE, true],
    ],
  )
})

test('a dead letter that a transaction causes is part of it', (t) => {
  const { journal, client } = transacting()
  const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'b', 'x-max-length': 1 }
  client.declareQueue(2, 'dying', { durable: true, arguments: fromObject(args) })
  client.send(say(2, 'dying', 'old'))
  const before = journal.records.length
  client.send(say(1, 'dying', 'new'), encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  const written = journal.records.slice(before)
  t.is(written.length, 3)
  t.is(new Set(written.map(({ group }) => group)).size, 1)
  for (const cut of journal.cuts().filter((cut) => cut >= before)) {
    const found = bodies(restart(journal.records.slice(0, cut)).node)
    t.deepEqual(found, cut === before ? { dying: ['old'] } : { b: ['old'], dying: ['new'] })
  }
})

test('a transaction that a queue refuses in part ends its piece all the same', (t) => {
  const { journal, client } = transacting()
  const args = fromObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' })
  client.declareQueue(2, 'full', { durable: true, arguments: args })
  client.send(say(1, 'a', 'in'), say(1, 'full', 'refused'), say(1, 'b', 'in'), encodeTxCommit(1))
  t.regex(client.expectChannelClose(1), /partial tx completion/)
  const [last] = journal.records.slice(-1)
  client.send(say(2, 'a', 'later'))
  t.not(last?.group, 0)
  t.is(journal.records.at(-1)?.group, 0)
  t.deepEqual(bodies(restart(journal.records).node), { a: ['in', 'later'], b: ['in'] })
})

test('a defect in the middle of a commit leaves no piece open', (t) => {
  const { journal, node, client } = transacting()
  client.send(say(1, 'a', 'one'), say(1, 'b', 'two'))
  const queue = node.vhost.queue('b', undefined)
  queue.accept = () => {
    throw new Error('a defect')
  }
  client.send(encodeTxCommit(1))
  t.regex(client.expectConnectionClose(), /^541 /)
  t.is(node.internalErrors.length, 1)
  const other = openClient(node)
  other.send(say(1, 'a', 'after'))
  t.is(journal.records.at(-1)?.group, 0)
})

test('a rollback tells the journal nothing', (t) => {
  const { journal, client } = transacting()
  const before = journal.records.length
  client.send(say(1, 'a', 'x'), encodeTxRollback(1))
  client.expect(TX_ROLLBACK_OK)
  t.is(journal.records.length, before)
})

test('commit-ok of nothing but acknowledgements waits for the journal, that of transient messages does not', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const client = openClient(node).openChannel(2)
  client.declareQueue(2, 'a', { durable: true })
  client.send(encodeTxSelect(1), say(2, 'a', 'x'))
  client.expect(TX_SELECT_OK)
  journal.complete()
  client.send(encodeBasicGet(1, { queue: 'a' }), encodeBasicAck(1, { deliveryTag: 1 }))
  client.expectGetOk()
  client.send(publish(1, { routingKey: 'a', body: 'transient' }), encodeTxCommit(1))
  client.expectNothing()
  journal.complete()
  node.settle()
  client.expect(TX_COMMIT_OK)
  client.send(publish(1, { routingKey: 'a', body: 'transient' }), encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.is(journal.waiterCount, 0)
})

test('returned messages come before commit-ok, and both wait', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const client = openClient(node).openChannel(2)
  client.declareQueue(2, 'a', { durable: true })
  client.send(encodeTxSelect(1))
  client.expect(TX_SELECT_OK)
  client.send(say(1, 'a', 'x'), publish(1, { routingKey: 'nowhere', mandatory: true, body: 'back' }), encodeTxCommit(1))
  client.expectNothing()
  journal.complete()
  node.settle()
  t.is(client.expectReturn(1).text, 'back')
  client.expect(TX_COMMIT_OK)
})

test('a consumer may have a message before its transaction is safe', (t) => {
  const journal = new LateJournal()
  const node = new TestNode({ journal })
  const [client, consumer] = [openClient(node), openClient(node)]
  client.declareQueue(1, 'a', { durable: true })
  consumer.send(encodeBasicConsume(1, { queue: 'a' }))
  consumer.expect(BASIC_CONSUME_OK)
  client.send(encodeTxSelect(1), say(1, 'a', 'x'), encodeTxCommit(1))
  client.expectNothing()
  t.is(consumer.expectDelivery().text, 'x')
})

test('a transaction that becomes too large is refused, and what it held is given back', (t) => {
  const node = new TestNode()
  const client = openClient(node)
  client.declareQueue(1, 'a')
  const channel = client.connection.channels.get(1) as Channel
  // One buffer for all of them, so that the test takes no more memory than that.
  const message = Message.of('', 'a', encodeProperties({}), Buffer.allocUnsafe(100 * 1024 * 1024))
  const route = node.vhost.findRoute(message.buffer, 0, message.addressLength)
  if (route === undefined) throw new Error('no route')
  const transaction = new Transaction()
  transaction.publish(node.vhost, route, message, false)
  transaction.publish(node.vhost, route, message, false)
  t.throws(() => transaction.publish(node.vhost, route, message, false), {
    message: 'PRECONDITION_FAILED - a transaction is larger than 268435456 bytes',
  })
  transaction.rollback(channel)
  t.is(node.memory.used, 0)
  t.is(node.vhost.queue('a', undefined).messageCount, 0)
})

test('wherever a crash cuts, each transaction is there whole or not at all', (t) => {
  seeds(t, 20, (random) => {
    const { journal, node, client } = transacting()
    const declared = journal.records.length
    const states: [count: number, state: Record<string, number>][] = []
    let tag = 0
    for (let step = 0; step < 15; step++) {
      for (let left = random.below(4); left > 0; left--)
        client.send(say(1, random.pick(['a', 'b']), `m${step}-${left}`))
      for (let left = random.below(3); left > 0; left--) {
        client.send(encodeBasicGet(1, { queue: random.pick(['a', 'b']) }))
        if (client.transcript().length === 1) continue
        tag++
        client.send(
          random.below(3) === 0
            ? encodeBasicNack(1, { deliveryTag: tag, requeue: true })
            : encodeBasicAck(1, { deliveryTag: tag }),
        )
      }
      client.send(random.below(5) === 0 ? encodeTxRollback(1) : encodeTxCommit(1))
      client.transcript()
      states.push([journal.records.length, stored(node)])
    }
    for (const cut of journal.cuts()) {
      if (cut < declared) continue
      const last = states.filter(([count]) => count <= cut).at(-1)?.[1] ?? { a: 0, b: 0 }
      same(stored(restart(journal.records.slice(0, cut)).node), last)
    }
  })
})

/** How many messages each queue has, those that are out included: they come back. */
function stored(node: TestNode): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const queue of node.vhost.queues.values()) counts[queue.name] = queue.messageCount + queue.unackedCount
  return counts
}
