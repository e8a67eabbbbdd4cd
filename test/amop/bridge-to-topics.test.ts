import test from 'ava'
import { DEFAULT_AMOP_SETTINGS, ResultCode } from '../../src/amop/index.ts'
import {
  BASIC_CONSUME_OK,
  encodeBasicConsume,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  integerOf,
  QUEUE_BIND_OK,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { type Delivery, LateJournal } from '../amqp/harness.ts'
import { type BridgeClient, BridgeNode } from './bridge-harness.ts'

const UNICAST = { 'x-amop-mode': 'unicast' }
const LIMIT_MS = DEFAULT_AMOP_SETTINGS.sessionTimeoutMs

const errorOf = ({ properties }: Delivery): number | undefined => integerOf(properties.headers?.get('x-amop-error'))

test('a message goes to every SDK that listens and to every bound queue, untouched', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('a').queue('b').bind('a', 'news').bind('b', 'news').bind('b', 'other')
  const sdks = [node.sdk('news'), node.sdk('news')]
  const outsider = node.sdk('other')
  const body = Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 0xff))
  client.publish('news', { body, properties: { contentType: 'text/plain', priority: 3 } })
  const pushed = sdks.map((sdk) => sdk.transport.take())
  for (const packet of pushed) t.deepEqual(packet?.frame.subarray(42 + 5), body)
  t.is(pushed[0]?.type, 0x35)
  t.is(pushed[0]?.seq, pushed[1]?.seq)
  outsider.expectNothing()
  for (const queue of ['a', 'b']) {
    const delivery = client.get(queue)
    t.deepEqual(delivery.body, body)
    t.deepEqual(delivery.properties, { contentType: 'text/plain', priority: 3 })
  }
  t.deepEqual([client.bodies('a'), client.bodies('b')], [[], []])
  client.publish('news', { headers: { 'x-amop-mode': 'multicast' } })
  sdks[0]?.expect(0x35)
  t.deepEqual(node.warnings, [])
})

test('a unicast goes to exactly one of all candidates, each in its turn', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node.client().queue('q').bind('q', 'jobs', { 'x-amop-role': 'subscriber' }).confirms()
  const sdks = [node.sdk('jobs'), node.sdk('jobs')]
  for (let i = 0; i < 6; i++) client.publish('jobs', { body: `${i}`, headers: UNICAST })
  t.is(client.bodies('q').length, 2)
  for (const sdk of sdks) t.is(sdk.takeAll().filter(({ type }) => type === 0x30).length, 2)
})

test('a unicast that finds no live listener goes to a fallback, as it was published', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs').confirms()
  const properties = { contentType: 'text/plain', replyTo: 'answers', correlationId: '7' }
  client.publish('jobs', { body: 'x', properties, headers: { ...UNICAST, note: 'kept' } })
  t.is(client.expectConfirm(), 'ack 1')
  const { headers, ...rest } = client.get('q').properties
  t.deepEqual(rest, properties)
  t.deepEqual(
    headers?.entries.map(([name]) => name),
    ['x-amop-mode', 'note'],
  )
})

test('without reply-to the confirm waits for the SDK’s answer, and a failure is a nack', (t) => {
  const node = new BridgeNode()
  const client = node.client().confirms()
  const sdk = node.sdk('jobs')
  client.publish('jobs', { body: '1', headers: UNICAST })
  const pushed = sdk.expectUnicast()
  t.like(pushed, { topic: 'jobs', text: '1' })
  client.expectNothing()
  sdk.answer(pushed, 'done')
  t.is(client.expectConfirm(), 'ack 1')
  client.publish('jobs', { headers: UNICAST })
  sdk.answer(sdk.expectUnicast(), 'no', 9)
  t.is(client.expectConfirm(), 'nack 2')
  client.publish('jobs', { headers: UNICAST })
  node.advance(LIMIT_MS)
  t.is(client.expectConfirm(), 'nack 3')
  client.publish('jobs', { headers: UNICAST })
  sdk.disconnect()
  t.is(client.expectConfirm(), 'nack 4')
  t.is(node.bridge.departures.count, 0)
})

test('a unicast whose first candidate dies goes to the next', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node.client().confirms()
  const [one, two] = [node.sdk('jobs'), node.sdk('jobs')]
  client.publish('jobs', { body: 'x', headers: UNICAST })
  one.expectUnicast()
  one.disconnect()
  two.answer(two.expectUnicast())
  t.is(client.expectConfirm(), 'ack 1')
})

test('with reply-to the answer is published there under the same correlation id', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers').confirms()
  const sdk = node.sdk('jobs')
  const properties = { replyTo: 'answers', correlationId: 'c-1' }
  client.publish('jobs', { properties, headers: UNICAST })
  t.is(client.expectConfirm(), 'ack 1')
  const data = Buffer.from([0, 255, 128, 10])
  sdk.answer(sdk.expectUnicast(), data)
  const answer = client.get('answers')
  t.deepEqual(answer.body, data)
  t.is(answer.properties.correlationId, 'c-1')
  t.is(errorOf(answer), undefined)
})

test('an AMOP error comes back to reply-to with its code and text', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers')
  const sdk = node.sdk('jobs')
  const properties = { replyTo: 'answers', correlationId: 'c-1' }
  const ask = (): void => client.publish('jobs', { body: 'question', properties, headers: UNICAST })
  ask()
  sdk.answer(sdk.expectUnicast(), 'no such order', 1234)
  const own = client.get('answers')
  t.is(errorOf(own), 1234)
  t.is(own.text, 'no such order')
  t.is(own.properties.correlationId, 'c-1')
  ask()
  sdk.disconnect()
  const failed = client.get('answers')
  t.is(errorOf(failed), ResultCode.LISTENERS_FAILED)
  t.regex(failed.text, /^AMOP error 104 for topic 'jobs': everybody who listened failed/)
})

test('error 100 comes back to reply-to when nobody listens, unless a queue has the request by another way', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers').queue('lost').exchange('ae', 'fanout').confirms()
  const ask = (exchange: string): void => {
    client.publish('jobs', {
      exchange,
      properties: { replyTo: 'answers', correlationId: 'c-1' },
      headers: UNICAST,
      mandatory: true,
    })
  }
  client.exchange('topics', 'x-amop', { 'alternate-exchange': 'ae' })
  for (const [index, exchange] of ['amq.amop', 'topics'].entries()) {
    ask(exchange)
    client.expectReturn()
    t.is(client.expectConfirm(), `ack ${index + 1}`)
    const answer = client.get('answers')
    t.is(errorOf(answer), ResultCode.NO_LISTENER)
    t.is(answer.properties.correlationId, 'c-1')
    t.regex(answer.text, /^AMOP error 100 for topic 'jobs': nobody listens/)
    t.deepEqual(client.bodies('answers'), [])
  }
  client.bind('lost', '', {}, 'ae')
  ask('topics')
  t.is(client.expectConfirm(), 'ack 3')
  client.queue('tap').bind('tap', 'jobs', { 'x-amop-role': 'tap' })
  ask('topics')
  t.is(client.expectConfirm(), 'ack 4')
  t.is(client.bodies('lost').length, 2)
  t.is(client.bodies('tap').length, 1)
  t.deepEqual(client.bodies('answers'), [])
})

test('an alternate exchange that leads to an SDK answers instead of an error', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers').confirms()
  client
    .exchange('ae', 'x-amop', { 'x-amop-prefix': 'old.' })
    .exchange('topics', 'x-amop', { 'alternate-exchange': 'ae' })
  const sdk = node.sdk('old.jobs')
  client.publish('jobs', { exchange: 'topics', properties: { replyTo: 'answers' }, headers: UNICAST, mandatory: true })
  t.is(client.expectConfirm(), 'ack 1')
  sdk.answer(sdk.expectUnicast(), 'here')
  t.deepEqual(client.bodies('answers'), ['here'])
})

test('direct reply-to works, too', (t) => {
  const node = new BridgeNode()
  const client = node.client()
  client.send(encodeBasicConsume(1, { queue: 'amq.rabbitmq.reply-to', noAck: true }))
  client.expect(BASIC_CONSUME_OK)
  const sdk = node.sdk('jobs')
  client.publish('jobs', { properties: { replyTo: 'amq.rabbitmq.reply-to', correlationId: '5' }, headers: UNICAST })
  sdk.answer(sdk.expectUnicast(), 'direct')
  const answer = client.expectDelivery()
  t.is(answer.text, 'direct')
  t.is(answer.properties.correlationId, '5')
})

test('an answer whose queue is gone is dropped with a warning', (t) => {
  const node = new BridgeNode()
  const client = node.client()
  const sdk = node.sdk('jobs')
  client.publish('jobs', { properties: { replyTo: 'nowhere' }, headers: UNICAST })
  sdk.answer(sdk.expectUnicast())
  t.true(node.warnings.some((line) => line.includes("an answer was dropped: queue 'nowhere'")))
  t.deepEqual(node.node.internalErrors, [])
})

test('an answer larger than a message may be is an error at reply-to', (t) => {
  const node = new BridgeNode({ maxMessageSize: 200 })
  const client = node.client().queue('answers')
  const sdk = node.sdk('jobs')
  client.publish('jobs', { properties: { replyTo: 'answers' }, headers: UNICAST })
  sdk.answer(sdk.expectUnicast(), Buffer.alloc(201))
  const answer = client.get('answers')
  t.is(errorOf(answer), ResultCode.PUSH_FAILED)
  t.regex(answer.text, /201 bytes, over the limit of 200/)
})

test('an AMQP consumer that is asked with x-amop-reply consumer answers an AMQP publisher, too', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers').queue('q').bind('q', 'jobs', { 'x-amop-reply': 'consumer' })
  client.consume('q', true)
  client.publish('jobs', { properties: { replyTo: 'answers', correlationId: 'mine' }, headers: UNICAST })
  const request = client.expectDelivery()
  t.not(request.properties.replyTo, 'answers')
  client.reply(request, 'done')
  const answer = client.get('answers')
  t.is(answer.text, 'done')
  t.is(answer.properties.correlationId, 'mine')
})

test('a queue that takes a unicast with reply-to leaves the answer to its consumer', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('answers').queue('q').bind('q', 'jobs')
  client.publish('jobs', { properties: { replyTo: 'answers', correlationId: 'mine' }, headers: UNICAST })
  t.deepEqual(client.bodies('answers'), [])
  client.reply(client.get('q'), 'done')
  t.deepEqual(client.bodies('answers'), ['done'])
  client.expectEmpty('q')
})

test('when a queue has failed and an SDK answers, the answer is published', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node.client().queue('answers').queue('q')
  client.bind('q', 'jobs', { 'x-amop-reply': 'ack' }).consume('q')
  const sdk = node.sdk('jobs')
  client.publish('jobs', { body: 'x', properties: { replyTo: 'answers' }, headers: UNICAST })
  client.reject(client.expectDelivery())
  sdk.answer(sdk.expectUnicast(), 'from the SDK')
  t.deepEqual(client.bodies('answers'), ['from the SDK'])
})

test('the answer of an SDK is published although a queue that was too slow has the message, too', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ settings: { choice: 'round-robin' }, journal })
  const client = node.client().queue('answers').queue('slow', {}, true)
  client.sendBind('slow', 'jobs', { 'x-amop-role': 'subscriber' })
  journal.complete()
  node.node.settle()
  client.expect(QUEUE_BIND_OK)
  const sdk = node.sdk('jobs')
  client.publish('jobs', { properties: { replyTo: 'answers', deliveryMode: 2 }, headers: UNICAST })
  sdk.expectNothing()
  node.advance(5000)
  const request = sdk.expectUnicast()
  journal.complete()
  node.node.settle()
  sdk.answer(request, 'from the SDK')
  t.deepEqual(client.bodies('answers'), ['from the SDK'])
})

for (const mode of ['multicast', 'unicast']) {
  test(`a ${mode} that nobody listens to is unroutable`, (t) => {
    const node = new BridgeNode()
    const client = node.client().queue('lost').exchange('ae', 'fanout').bind('lost', '', {}, 'ae').confirms()
    client.exchange('topics', 'x-amop', { 'alternate-exchange': 'ae' })
    const headers = { 'x-amop-mode': mode }
    client.publish('nobody', { headers })
    t.is(client.expectConfirm(), 'ack 1')
    client.publish('nobody', { headers, mandatory: true })
    t.like(client.expectReturn().fields, { replyCode: 312, exchange: 'amq.amop', routingKey: 'nobody' })
    t.is(client.expectConfirm(), 'ack 2')
    client.publish('nobody', { exchange: 'topics', body: 'x', headers, mandatory: true })
    t.is(client.expectConfirm(), 'ack 3')
    t.deepEqual(client.bodies('lost'), ['x'])
    const sdk = node.sdk('nobody')
    client.publish('nobody', { exchange: 'topics', headers, mandatory: true })
    t.deepEqual(client.bodies('lost'), ['x'])
    t.is(sdk.takeAll().length, 1)
  })
}

test('a unicast that only a tap sees is unroutable, and the tap has it', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('tap').bind('tap', 'jobs', { 'x-amop-role': 'tap' }).confirms()
  client.publish('jobs', { body: 'x', headers: UNICAST, mandatory: true })
  client.expectReturn()
  t.is(client.expectConfirm(), 'ack 1')
  t.deepEqual(client.bodies('tap'), ['x'])
})

test('a tap gets a copy of a unicast that an SDK answers', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('tap').bind('tap', 'jobs', { 'x-amop-role': 'tap' }).confirms()
  const sdk = node.sdk('jobs')
  client.publish('jobs', { body: 'x', properties: { type: 'order' }, headers: UNICAST })
  sdk.answer(sdk.expectUnicast())
  t.is(client.expectConfirm(), 'ack 1')
  t.is(client.get('tap').properties.type, 'order')
})

for (const [name, text, send] of [
  ['an unknown x-amop-mode', /'x-amop-mode': 'anycast' is neither/, { headers: { 'x-amop-mode': 'anycast' } }],
  ['a mode that is no text', /'x-amop-mode': 'I' is neither/, { headers: { 'x-amop-mode': 5 } }],
  ['an empty topic', /1 to 254 bytes of UTF-8, not 0/, { key: '' }],
  ['a topic of 255 bytes', /1 to 254 bytes of UTF-8, not 255/, { key: 'k'.repeat(255) }],
  ['a topic that is not UTF-8', /these are none/, { key: '\udcff' }],
  ['a body that makes a frame over the limit', /makes an AMOP frame of 1044, over 1024/, { body: Buffer.alloc(997) }],
] as const) {
  test(`${name} closes the channel with 406`, (t) => {
    const node = new BridgeNode({ settings: { frameBytesMax: 1024 } })
    const sdk = node.sdk('jobs')
    const { key = 'jobs', ...message } = send as { key?: string; body?: Buffer; headers?: Record<string, unknown> }
    for (const select of [false, true]) {
      const client = node.client()
      if (select) {
        client.send(encodeTxSelect(1))
        client.expect(TX_SELECT_OK)
      }
      client.publish(key, message)
      const close = client.expectChannelClose(1)
      t.regex(close, /^406 PRECONDITION_FAILED/)
      t.regex(close, text)
    }
    sdk.expectNothing()
  })
}

test('a topic of 254 bytes and a frame of just the limit pass', (t) => {
  const node = new BridgeNode({ settings: { frameBytesMax: 1024 } })
  const topic = 'k'.repeat(254)
  const client = node.client().confirms()
  const sdk = node.sdk(topic)
  client.publish(topic, { body: Buffer.alloc(1024 - 42 - 255) })
  t.is(client.expectConfirm(), 'ack 1')
  t.is(sdk.expect(0x35).topic, topic)
})

test('the keys of CC and BCC are topics, too', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'b')
  const sdks = ['a', 'b', 'c'].map((topic) => node.sdk(topic))
  client.publish('a', { body: 'x', headers: { CC: ['b'], BCC: ['c'] } })
  for (const sdk of sdks) t.is(sdk.expect(0x35).text, 'x')
  t.deepEqual(client.bodies('q'), ['x'])
  const close = node.client()
  close.publish('a', { headers: { CC: ['k'.repeat(255)] } })
  t.regex(close.expectChannelClose(1), /^406 .*not 255/)
})

test('in a transaction SDKs get a message at commit, and nothing after a rollback', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('f', 'fanout').bindExchange('amq.amop', 'f')
  client.send(encodeTxSelect(1))
  client.expect(TX_SELECT_OK)
  const sdk = node.sdk('news')
  client.publish('news', { body: '1' })
  client.publish('news', { body: '2', exchange: 'f' })
  sdk.expectNothing()
  client.send(encodeTxCommit(1))
  client.expect(TX_COMMIT_OK)
  t.deepEqual(
    sdk.takeAll().map(({ text }) => text),
    ['1', '2'],
  )
  client.publish('news', { body: '3' })
  client.send(encodeTxRollback(1))
  client.expect(TX_ROLLBACK_OK)
  sdk.expectNothing()
})

test('a delaying exchange may be of the type, or stand in front', (t) => {
  const node = new BridgeNode()
  const client = node.client()
  client.exchange('later', 'x-delayed-message', { 'x-delayed-type': 'x-amop', 'x-amop-prefix': 'p.' })
  client.exchange('front', 'x-delayed-message', { 'x-delayed-type': 'fanout' }).bindExchange('amq.amop', 'front')
  client.queue('q').bind('q', 'news', {}, 'later')
  const sdk = node.sdk('p.news')
  for (const exchange of ['later', 'front']) {
    client.publish(exchange === 'later' ? 'news' : 'p.news', { exchange, body: exchange, headers: { 'x-delay': 1000 } })
    sdk.expectNothing()
    node.advance(1000)
    t.is(sdk.expect(0x35).text, exchange)
  }
  t.deepEqual(client.bodies('q').sort(), ['front', 'later'])
  node.sdk().multicast('p.news', 'back')
  t.is(client.bodies('q').length, 3)
})

test('a deduplicating exchange lets a key through once', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('once', 'x-amop', { 'x-message-deduplication': true })
  const sdk = node.sdk('news')
  for (const body of ['1', '2']) {
    client.publish('news', { exchange: 'once', body, headers: { 'x-deduplication-header': 'k' } })
  }
  t.deepEqual(
    sdk.takeAll().map(({ text }) => text),
    ['1'],
  )
})

test('more unicasts than may wait for an answer are refused', (t) => {
  const node = new BridgeNode({ settings: { outstandingMax: 3 } })
  const client = node.client().queue('answers').confirms()
  const sdk = node.sdk('jobs')
  for (let i = 0; i < 3; i++) client.publish('jobs', { headers: UNICAST })
  client.publish('jobs', { headers: UNICAST })
  t.is(client.expectConfirm(), 'nack 4')
  client.publish('jobs', { headers: UNICAST, properties: { replyTo: 'answers' } })
  t.is(client.expectConfirm(), 'ack 5')
  t.is(errorOf(client.get('answers')), ResultCode.OVER_BANDWIDTH)
  for (const push of sdk.takeAll()) sdk.answer(push)
  const confirms = (client: BridgeClient): number =>
    client.transcript().filter((line) => line.includes('basic.ack')).length
  t.is(confirms(client), 3)
  client.publish('jobs', { headers: UNICAST })
  sdk.expectUnicast()
  t.is(node.bridge.departures.count, 1)
})

test('over the limit of what may go out a multicast is a nack', (t) => {
  const node = new BridgeNode({ settings: { bandwidthMbits: 1 } })
  const client = node.client().confirms()
  const sdk = node.sdk('news')
  client.publish('news', { body: Buffer.alloc(2_000_000) })
  t.is(client.expectConfirm(), 'ack 1')
  client.publish('news', { body: 'x' })
  t.is(client.expectConfirm(), 'nack 2')
  t.is(sdk.takeAll().length, 1)
})

test('every step of a message that comes from AMQP can be followed by its seq', (t) => {
  const node = new BridgeNode()
  const client = node.client()
  const sdk = node.sdk('jobs')
  client.publish('jobs', { headers: UNICAST })
  const pushed = sdk.expectUnicast()
  sdk.answer(pushed)
  const lines = node.node.log.lines.filter(({ fields }) => fields?.seq === pushed.seq)
  t.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    ['received', 'candidate', 'pushed', 'answered'].map((step) => `debug amop unicast ${step}`),
  )
  t.true(lines.every(({ fields }) => fields?.publisher === "exchange 'amq.amop'"))
})
