import test from 'ava'
import {
  CONFIRM_SELECT_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeConfirmSelect,
  encodeExchangeDeclare,
  encodeQueueBind,
  encodeQueueDelete,
  encodeTxSelect,
  fromObject,
  QUEUE_DELETE_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { LateJournal, openClient, openNode, publish, type TestNodeOptions, takeConfirms } from './harness.ts'

const persistent = { properties: { deliveryMode: 2 } }

function confirming(options: TestNodeOptions = {}) {
  const { node, client } = openNode(options)
  client.send(encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  client.declareQueue(1, 'q', { durable: true })
  return { node, client }
}

test('publishes of one turn are confirmed together at its end', (t) => {
  const { node, client } = confirming()
  for (let i = 0; i < 5; i++) client.receive(publish(1, { routingKey: 'q', ...persistent }))
  client.expectNothing()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 5 multiple'])
  client.send(publish(1, { routingKey: 'q' }))
  t.deepEqual(takeConfirms(client, 1), ['ack 6'])
})

test('counting begins with the first publish after select, on each channel anew, and selecting twice is fine', (t) => {
  const { client } = openNode()
  client.openChannel(2)
  client.send(
    publish(1, { routingKey: 'nowhere' }),
    encodeConfirmSelect(1, {}),
    encodeConfirmSelect(1, { noWait: true }),
  )
  client.expect(CONFIRM_SELECT_OK)
  client.send(publish(1, { routingKey: 'nowhere' }), encodeConfirmSelect(1, {}))
  client.expect(CONFIRM_SELECT_OK)
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
  client.send(encodeConfirmSelect(2, {}), publish(2, { routingKey: 'nowhere' }), publish(1, { routingKey: 'nowhere' }))
  client.expect(CONFIRM_SELECT_OK, 2)
  t.deepEqual(takeConfirms(client, 2), ['ack 1', 'ack 2'])
})

test('a returned message comes back before its ack', (t) => {
  const { client } = confirming()
  client.send(
    publish(1, { routingKey: 'q' }),
    publish(1, { routingKey: 'nowhere', mandatory: true, body: 'back', properties: { messageId: 'm' } }),
    publish(1, { routingKey: 'nowhere' }),
  )
  const returned = client.expectReturn(1)
  t.like(returned.fields, { replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: 'nowhere' })
  t.is(returned.text, 'back')
  t.deepEqual(returned.properties, { messageId: 'm' })
  t.deepEqual(takeConfirms(client, 1), ['ack 3 multiple'])
})

test('what a full queue refuses is nacked, in order with the acks', (t) => {
  const { client } = confirming()
  client.declareQueue(1, 'full', { arguments: fromObject({ 'x-max-length': 1, 'x-overflow': 'reject-publish' }) })
  const full = publish(1, { routingKey: 'full' })
  const fine = publish(1, { routingKey: 'q' })
  client.send(full, fine, fine, full, full, fine)
  t.deepEqual(takeConfirms(client, 4), ['ack 3 multiple', 'nack 4', 'nack 5', 'ack 6'])
})

test('nothing is confirmed before the journal has it, and then up to there', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  const position = () => journal.appended
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  const first = position()
  client.send(publish(1, { routingKey: 'q', ...persistent }), publish(1, { routingKey: 'q' }))
  const second = position()
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  node.advance(60_000)
  client.expectNothing()
  journal.complete(first)
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
  journal.complete(second)
  node.settle()
  // The third is transient, but confirms stay in order with what is before them.
  t.deepEqual(takeConfirms(client, 1), ['ack 3 multiple'])
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 4'])
  t.is(journal.waiterCount, 0)
})

test('transient messages and those for transient queues do not wait for the journal', (t) => {
  const journal = new LateJournal()
  const { client } = confirming({ journal })
  client.declareQueue(1, 'transient')
  const { appended } = journal
  client.send(publish(1, { routingKey: 'q' }), publish(1, { routingKey: 'transient', ...persistent }))
  t.deepEqual(takeConfirms(client, 1), ['ack 2 multiple'])
  t.is(journal.appended, appended)
})

test('nacks keep their place among confirms that wait', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  client.declareQueue(1, 'full', { arguments: fromObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' }) })
  client.send(publish(1, { routingKey: 'full' }))
  t.deepEqual(takeConfirms(client, 1), ['nack 1'])
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  const first = journal.appended
  client.send(publish(1, { routingKey: 'full' }), publish(1, { routingKey: 'q', ...persistent }))
  client.expectNothing()
  journal.complete(first)
  node.settle()
  t.deepEqual(takeConfirms(client, 2), ['ack 2', 'nack 3'])
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 4'])
})

test('a publish into several queues waits for the one that is durable', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  client.declareQueue(1, 'transient')
  const headers = fromObject({ CC: ['q'] })
  client.send(publish(1, { routingKey: 'transient', properties: { deliveryMode: 2, headers } }))
  client.expectNothing()
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
})

test('what was consumed and acknowledged before the journal has it is confirmed all the same', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  client.send(encodeBasicConsume(1, { queue: 'q', noWait: true }))
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  client.expectDelivery()
  client.send(encodeBasicAck(1, { deliveryTag: 1 }))
  client.expectNothing()
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
})

test('a persistent message that a no-ack consumer has at once is not journalled, and confirmed at once', (t) => {
  const journal = new LateJournal()
  const { client } = confirming({ journal })
  client.send(encodeBasicConsume(1, { queue: 'q', noAck: true, noWait: true }))
  const { appended } = journal
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  client.expectDelivery()
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
  t.is(journal.appended, appended)
})

test('a queue deleted while its confirms wait does not make them nacks', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  client.send(publish(1, { routingKey: 'q', ...persistent }), encodeQueueDelete(1, { queue: 'q' }))
  journal.complete()
  node.settle()
  client.expect(QUEUE_DELETE_OK)
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
})

test('ten thousand confirms that wait leave in one ack', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  const one = publish(1, { routingKey: 'q', ...persistent })
  for (let i = 0; i < 100; i++) client.send(Buffer.concat(new Array<Buffer>(100).fill(one)))
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 10_000)
  const before = journal.appended - 10_000
  for (let count = 1000; count <= 10_000; count += 1000) {
    journal.complete(before + count)
    node.settle()
    t.deepEqual(takeConfirms(client, 1), [`ack ${count} multiple`])
  }
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 0)
})

test('a duplicate is not confirmed before the message it repeats is safe', (t) => {
  const args = fromObject({ 'x-message-deduplication': true })
  const properties = { deliveryMode: 2, headers: fromObject({ 'x-deduplication-header': 'a' }) }
  for (const where of ['exchange', 'queue']) {
    const journal = new LateJournal()
    const { client, node } = confirming({ journal })
    client.send(
      encodeExchangeDeclare(1, {
        exchange: 'x',
        type: 'fanout',
        durable: true,
        noWait: true,
        ...(where === 'exchange' ? { arguments: args } : {}),
      }),
    )
    client.declareQueue(1, 'p', { durable: true, ...(where === 'queue' ? { arguments: args } : {}) })
    client.send(encodeQueueBind(1, { queue: 'p', exchange: 'x', noWait: true }))
    journal.complete()
    client.send(publish(1, { exchange: 'x', properties }))
    client.send(publish(1, { exchange: 'x', properties }))
    t.is(node.vhost.queues.get('p')?.messageCount, 1)
    const other = openClient(node)
    other.send(encodeConfirmSelect(1, {}), publish(1, { exchange: 'x', properties }))
    other.expect(CONFIRM_SELECT_OK)
    other.expectNothing()
    client.expectNothing()
    journal.complete()
    node.settle()
    t.deepEqual(takeConfirms(client, 1), ['ack 2 multiple'])
    t.deepEqual(takeConfirms(other, 1), ['ack 1'])
  }
})

test('a delayed message is confirmed when the journal has it, though no queue has', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  const args = fromObject({ 'x-delayed-type': 'fanout' })
  for (const [exchange, durable] of [
    ['x', true],
    ['transient', false],
  ] as const) {
    client.send(
      encodeExchangeDeclare(1, { exchange, type: 'x-delayed-message', durable, arguments: args, noWait: true }),
    )
  }
  journal.complete()
  node.settle()
  const headers = fromObject({ 'x-delay': 1000 })
  client.send(publish(1, { exchange: 'transient', properties: { deliveryMode: 2, headers } }))
  t.deepEqual(takeConfirms(client, 1), ['ack 1'])
  client.send(publish(1, { exchange: 'x', properties: { headers } }))
  t.deepEqual(takeConfirms(client, 1), ['ack 2'])
  client.send(publish(1, { exchange: 'x', properties: { deliveryMode: 2, headers } }))
  client.expectNothing()
  journal.complete()
  node.settle()
  t.deepEqual(takeConfirms(client, 1), ['ack 3'])
})

test('a journal that has failed confirms nothing any more, and refusals wait with the rest', (t) => {
  const journal = new LateJournal()
  const { client, node } = confirming({ journal })
  client.declareQueue(1, 'full', { arguments: fromObject({ 'x-max-length': 0, 'x-overflow': 'reject-publish' }) })
  client.send(publish(1, { routingKey: 'q', ...persistent }))
  for (let i = 0; i < 10; i++) {
    client.send(publish(1, { routingKey: 'full' }), publish(1, { routingKey: 'nowhere' }))
    node.advance(60_000)
  }
  client.expectNothing()
  t.is(client.connection.channels.get(1)?.confirms?.outstanding, 21)
  client.disconnect()
  t.is(journal.waiterCount, 0)
})

test('a channel cannot have confirms and transactions', (t) => {
  const { client } = confirming()
  client.send(encodeTxSelect(1))
  t.is(client.expectChannelClose(1), '406 PRECONDITION_FAILED - cannot switch from confirm to tx mode (90,10)')
  client.openChannel(2)
  client.send(encodeTxSelect(2), encodeConfirmSelect(2, {}))
  client.expect(TX_SELECT_OK)
  t.is(client.expectChannelClose(2), '406 PRECONDITION_FAILED - cannot switch from tx to confirm mode (85,10)')
})

test('a publish that closes the channel is not confirmed, those before it are', (t) => {
  const { client } = confirming()
  client.send(publish(1, { routingKey: 'q' }), publish(1, { exchange: 'nosuch' }))
  t.is(client.expectConfirm(), 'ack 1')
  t.regex(client.expectChannelClose(1), /^404 /)
  client.expectNothing()
})
