import test from 'ava'
import { ResultCode } from '../../src/amop/index.ts'
import { encodeQueueDelete, encodeQueueUnbind, QUEUE_UNBIND_OK, Table } from '../../src/codec/index.ts'
import { LateJournal } from '../amqp/harness.ts'
import { BridgeNode, textHeaders } from './bridge-harness.ts'
import { newSeq } from './harness.ts'

test('a queue bound to amq.amop gets what an SDK multicasts to the topic, untouched', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'news')
  const sdk = node.sdk()
  const data = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 0xff))
  const seq = sdk.multicast('news', data)
  t.is(sdk.expectAnswer(seq).result, ResultCode.SUCCESS)
  const delivery = client.get('q')
  t.deepEqual(delivery.body, data)
  t.like(delivery.fields, { exchange: 'amq.amop', routingKey: 'news' })
  const { headers: _, ...properties } = delivery.properties
  t.deepEqual(properties, { messageId: seq, timestamp: Math.floor(node.clock.now / 1000) })
  t.deepEqual(textHeaders(delivery), {
    'x-amop-mode': 'multicast',
    'x-amop-seq': seq,
    'x-amop-node': 'here',
    'x-amop-session': sdk.name,
  })
  client.expectEmpty('q')
})

test('the message is persistent when the queue is durable, and only then', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('durable', {}, true).queue('transient')
  client.bind('durable', 'news').bind('transient', 'news')
  node.sdk().multicast('news', 'x')
  t.is(client.get('durable').properties.deliveryMode, 2)
  t.is(client.get('transient').properties.deliveryMode, undefined)
})

test('messages of one publisher keep their own seqs, whatever bytes these are', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'news')
  const sdk = node.sdk()
  const odd = 'ab\xff\xc3\xa9'.padEnd(32, '\x00')
  const seqs = [newSeq(), newSeq()]
  for (const seq of seqs) sdk.multicast('news', 'x', seq)
  sdk.multicast('news', 'x', odd)
  for (const seq of seqs) t.is(client.get('q').properties.messageId, seq)
  const { messageId = '' } = client.get('q').properties
  // Bytes that are not UTF-8 are lone surrogates in texts.
  t.is(messageId, 'ab\udcffé'.padEnd(31, '\x00'))
})

test('a unicast reaches a queue under its mode, and is answered with the topic and nothing', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs')
  const answer = node.sdk().ask('jobs', 'work')
  t.like(answer, { result: ResultCode.SUCCESS, topic: 'jobs', text: '' })
  const delivery = client.get('q')
  t.is(delivery.text, 'work')
  t.is(textHeaders(delivery)['x-amop-mode'], 'unicast')
})

test('of 50 queues bound to a topic each gets a multicast once, and the journal has the message once', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ journal })
  const client = node.client()
  for (let i = 0; i < 50; i++) {
    client.queue(`q${i}`, {}, true)
    node.vhost.bind(node.vhost.exchange('amq.amop'), node.vhost.queue(`q${i}`, undefined), 'news', new Table())
  }
  const before = journal.appended
  node.sdk().multicast('news', 'x')
  t.is(journal.appended - before, 1)
  for (let i = 0; i < 50; i++) t.deepEqual(client.bodies(`q${i}`), ['x'])
})

test('a queue with two bindings to one topic, and one behind an exchange, gets one copy', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').exchange('x', 'fanout').exchange('also', 'x-amop')
  client.bind('q', 'news').bind('q', 'news', { note: 'again' }).bind('q', 'news', {}, 'also')
  client.bindExchange('x', 'amq.amop', 'news').bind('q', '', {}, 'x')
  const sdk = node.sdk()
  const seq = sdk.multicast('news', 'x')
  t.deepEqual(client.bodies('q'), ['x'])
  // The Java SDKs send it over each of their connections.
  node.sdk().multicast('news', 'x', seq)
  t.deepEqual(client.bodies('q'), ['x'])
})

test('a topic that a queue is bound to is announced, until the binding or the queue goes', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').queue('r')
  const topics = (): string[] => [...node.context.router.table.topics()].sort()
  client.bind('q', 'a').bind('q', 'b').bind('r', 'b')
  t.deepEqual(topics(), ['a', 'b'])
  client.send(encodeQueueUnbind(1, { queue: 'q', exchange: 'amq.amop', routingKey: 'a' }))
  client.expect(QUEUE_UNBIND_OK)
  t.deepEqual(topics(), ['b'])
  client.send(encodeQueueDelete(1, { queue: 'q', noWait: true }))
  t.deepEqual(topics(), ['b'])
  client.send(encodeQueueDelete(1, { queue: 'r', noWait: true }))
  t.deepEqual(topics(), [])
  t.is(node.sdk().ask('b').result, ResultCode.NO_LISTENER)
})

test('keys are literal: a pattern is a topic of that name', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', '#')
  const sdk = node.sdk()
  sdk.multicast('news', 'x')
  t.deepEqual(client.bodies('q'), [])
  sdk.multicast('#', 'y')
  t.deepEqual(client.bodies('q'), ['y'])
})

test('a queue that has consumers is one candidate like an SDK, one that has none is left for when nobody listens', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node.client().queue('q').bind('q', 'jobs')
  const subscriber = node.sdk('jobs')
  const publisher = node.sdk()
  for (let i = 0; i < 3; i++) {
    publisher.unicast('jobs', `${i}`)
    subscriber.answer(subscriber.expectUnicast())
  }
  t.deepEqual(client.bodies('q'), [])
  client.consume('q', true)
  for (let i = 3; i < 7; i++) publisher.unicast('jobs', `${i}`)
  const pushed = subscriber.takeAll()
  t.is(pushed.length, 2)
  client.expectDelivery()
  client.expectDelivery()
  client.expectNothing()
  for (const push of pushed) subscriber.answer(push)
  subscriber.disconnect()
  client.disconnect()
  publisher.takeAll()
  t.is(publisher.ask('jobs', 'late').result, ResultCode.SUCCESS)
  t.deepEqual(node.client().bodies('q'), ['late'])
})

test('x-amop-role fixes what a queue is', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('s').queue('f').queue('tap')
  client.bind('f', 'jobs', { 'x-amop-role': 'fallback' }).bind('tap', 'jobs', { 'x-amop-role': 'tap' })
  client.consume('f', true)
  const sdk = node.sdk()
  const subscriber = node.sdk('jobs')
  // A live SDK comes before a fallback, consumers or not.
  const seq = sdk.unicast('jobs', '1')
  subscriber.answer(subscriber.expectUnicast(), 'done')
  t.is(sdk.expectAnswer(seq).text, 'done')
  subscriber.disconnect()
  client.bind('s', 'jobs', { 'x-amop-role': 'subscriber' })
  t.is(sdk.ask('jobs', '2').result, ResultCode.SUCCESS)
  t.deepEqual(client.bodies('s'), ['2'])
  client.expectNothing()
  t.deepEqual(client.bodies('tap'), ['1', '2'])
})

test('a tap alone is nobody: the publisher gets 100, and the tap its copy', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('tap').bind('tap', 'jobs', { 'x-amop-role': 'tap' })
  t.is(node.sdk().ask('jobs', 'x').result, ResultCode.NO_LISTENER)
  t.deepEqual(client.bodies('tap'), ['x'])
})

for (const [args, text] of [
  [{ 'x-amop-role': 'boss' }, /'x-amop-role'.*'boss' is none of subscriber, fallback, tap/],
  [{ 'x-amop-role': 1 }, /'x-amop-role'.*a signedint is none of/],
  [{ 'x-amop-reply': 'later' }, /'x-amop-reply'.*'later' is none of consumer, ack/],
  [{ 'x-amop-role': 'tap', 'x-amop-reply': 'ack' }, /'x-amop-reply'.*a tap never answers/],
] as const) {
  test(`a binding with ${JSON.stringify(args)} is refused with 406`, (t) => {
    const node = new BridgeNode()
    const client = node.client().queue('q')
    client.sendBind('q', 'jobs', args)
    const close = client.expectChannelClose(1)
    t.regex(close, /^406 PRECONDITION_FAILED/)
    t.regex(close, text)
  })
}

test('a topic for a binding has 1 to 254 bytes', (t) => {
  const node = new BridgeNode()
  node.client().queue('q').bind('q', 'ü'.repeat(127))
  for (const key of ['', 'k'.repeat(255)]) {
    const client = node.client().queue('r')
    client.sendBind('r', key)
    // Without key and queue name both would mean the queue.
    t.regex(client.expectChannelClose(1), new RegExp(`^406 PRECONDITION_FAILED - .*not ${key.length}: '`))
  }
})

test('a queue that refuses is a failed candidate: the next is asked, and 104 when there is none', (t) => {
  const node = new BridgeNode({ random: () => 0 })
  const full = { 'x-max-length': 1, 'x-overflow': 'reject-publish' }
  const client = node.client().queue('full', full).queue('other')
  client.publish('full', { exchange: '' })
  const role = { 'x-amop-role': 'subscriber' }
  client.bind('full', 'jobs', role).bind('other', 'jobs', role)
  const sdk = node.sdk()
  t.is(sdk.ask('jobs', '1').result, ResultCode.SUCCESS)
  t.deepEqual(client.bodies('other'), ['1'])
  client.send(encodeQueueDelete(1, { queue: 'other', noWait: true }))
  t.is(sdk.ask('jobs', '2').result, ResultCode.LISTENERS_FAILED)
  t.true(node.warnings.some((line) => line.includes('a queue refused it')))
})

test('of several queues a multicast is lost only at the one that refuses, with one warning', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('full', { 'x-max-length': 0, 'x-overflow': 'reject-publish' }).queue('other')
  client.bind('full', 'news').bind('other', 'news')
  node.sdk().multicast('news', 'x')
  t.deepEqual(client.bodies('other'), ['x'])
  const warnings = node.node.log.lines.filter(({ level }) => level === 'warn')
  t.deepEqual(
    warnings.map(({ message, fields }) => [message, fields?.session, fields?.code]),
    [['amop copy failed: a queue refused it, as it is full', "queue 'full'", ResultCode.PUSH_FAILED]],
  )
})

test('a message larger than max-message-size is for no queue', (t) => {
  const node = new BridgeNode({ maxMessageSize: 10 })
  const client = node.client().queue('q').bind('q', 'jobs')
  const sdk = node.sdk()
  t.is(sdk.ask('jobs', '0123456789').result, ResultCode.SUCCESS)
  t.is(sdk.ask('jobs', '0123456789a').result, ResultCode.LISTENERS_FAILED)
  sdk.multicast('jobs', '0123456789a')
  t.deepEqual(client.bodies('q'), ['0123456789'])
  t.true(node.warnings.every((line) => line.includes('over the limit of 10')))
})

test('while the broker is short of memory no queue takes anything from AMOP', (t) => {
  const node = new BridgeNode({ watermark: 100_000 })
  const client = node.client().queue('q').bind('q', 'jobs')
  const sdk = node.sdk()
  t.is(sdk.ask('jobs', Buffer.alloc(200_000)).result, ResultCode.SUCCESS)
  t.is(sdk.ask('jobs', 'x').result, ResultCode.LISTENERS_FAILED)
  t.true(node.warnings.some((line) => line.includes('low on memory')))
  client.get('q')
  node.advance(1)
  t.is(sdk.ask('jobs', 'y').result, ResultCode.SUCCESS)
  t.deepEqual(client.bodies('q'), ['y'])
})

test('an SDK that sends more than the disk takes is not read until the disk has caught up', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ journal })
  node.client().queue('q', {}, true)
  const { vhost } = node
  vhost.bind(vhost.exchange('amq.amop'), vhost.queue('q', undefined), 'jobs', new Table())
  journal.complete()
  const sdk = node.sdk()
  for (let i = 0; i < 8; i++) sdk.multicast('jobs', Buffer.alloc(10_000_000))
  t.true(sdk.transport.paused)
  journal.complete()
  node.advance(100)
  t.false(sdk.transport.paused)
})

test('a prefix is put before each topic, both ways, and a redeclaration has to repeat it', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('orders', 'x-amop', { 'x-amop-prefix': 'eu.' }, true).queue('q')
  client.bind('q', 'new', {}, 'orders')
  const sdk = node.sdk('eu.done')
  sdk.takeAll()
  sdk.multicast('eu.new', 'x')
  t.like(client.get('q').fields, { exchange: 'orders', routingKey: 'new' })
  sdk.takeAll()
  client.publish('done', { exchange: 'orders', body: 'y' })
  t.like(sdk.expect(0x35), { topic: 'eu.done', text: 'y' })
  const other = node.client()
  t.throws(() => other.exchange('orders', 'x-amop', { 'x-amop-prefix': 'us.' }, true), {
    message: /406 .*inequivalent arg 'x-amop-prefix'/,
  })
})

test('a prefix that cannot be is refused', (t) => {
  const node = new BridgeNode()
  for (const prefix of [1, 'p'.repeat(254)]) {
    t.throws(() => node.client().exchange('x', 'x-amop', { 'x-amop-prefix': prefix }), {
      message: /406 .*x-amop-prefix/,
    })
  }
})

test('amq.amop is there from the start, durable, and cannot be deleted or declared', (t) => {
  const node = new BridgeNode()
  const exchange = node.vhost.exchange('amq.amop')
  t.like(exchange, { durable: true, autoDelete: false, internal: false })
  t.throws(() => node.vhost.deleteExchange('amq.amop', false), { message: /ACCESS_REFUSED/ })
})

test('AMOP belongs to one virtual host: others have no amq.amop, and cannot have exchanges of its type', (t) => {
  const node = new BridgeNode()
  const other = node.node.virtualHosts.add('other')
  t.false(other.exchanges.has('amq.amop'))
  const declaration = { durable: true, autoDelete: false, internal: false, arguments: new Table() }
  t.throws(() => other.declareExchange({ name: 'x', type: 'x-amop', ...declaration }), {
    message: /PRECONDITION_FAILED.*AMOP belongs to vhost '\/'/,
  })
})

test('a virtual host that is deleted takes its listeners with it, and one of its name listens anew', (t) => {
  const node = new BridgeNode()
  node.client().queue('q').bind('q', 'jobs')
  node.node.virtualHosts.delete('/')
  t.is(node.context.router.table.size, 0)
  t.is(node.sdk().ask('jobs').result, ResultCode.NO_LISTENER)
  const vhost = node.node.virtualHosts.add('/')
  t.true(vhost.exchanges.has('amq.amop'))
})
