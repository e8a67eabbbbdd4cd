import test from 'ava'
import { type Listener, ResultCode } from '../../src/amop/index.ts'
import type { Properties } from '../../src/codec/index.ts'
import type { Delivery } from '../amqp/harness.ts'
import { type BridgeClient, BridgeNode, type BridgeSdk } from './bridge-harness.ts'

const CONSUMER = { 'x-amop-reply': 'consumer' }

/** Publishes what was delivered once more, with all its properties, as a shovel does. */
function republish(
  client: BridgeClient,
  { properties, body }: Delivery,
  routingKey: string,
  exchange = 'amq.amop',
): void {
  const { headers, ...rest } = properties
  client.publish(routingKey, { body, exchange, properties: { ...rest, headers } as Properties as never })
}

function textsOf(sdk: BridgeSdk): string[] {
  return sdk.takeAll().flatMap(({ type, text }) => (type === 0x31 ? [] : [text]))
}

test('a topic exchange bound to amq.amop gives patterns to the AMQP side', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('patterns', 'topic').queue('eu').queue('new').queue('none')
  client.bind('eu', '*.eu', {}, 'patterns').bind('new', 'new.#', {}, 'patterns').bind('none', 'old.#', {}, 'patterns')
  for (const topic of ['new.eu', 'new.us']) client.bindExchange('patterns', 'amq.amop', topic)
  const sdk = node.sdk()
  sdk.multicast('new.eu', '1')
  sdk.multicast('new.us', '2')
  sdk.multicast('new.cn', '3')
  t.deepEqual([client.bodies('eu'), client.bodies('new'), client.bodies('none')], [['1'], ['1', '2'], []])
  client.publish('new.eu', { body: '4' })
  t.deepEqual(client.bodies('eu'), ['1', '4'])
})

test('an exchange bound to amq.amop is a candidate like a queue: by who consumes behind it', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node.client().exchange('x', 'direct').queue('q').bind('q', 'jobs', {}, 'x')
  client.bindExchange('x', 'amq.amop', 'jobs')
  const sdk = node.sdk('jobs')
  const publisher = node.sdk()
  for (let i = 0; i < 3; i++) {
    publisher.unicast('jobs', `${i}`)
    sdk.answer(sdk.expectUnicast())
  }
  client.consume('q', true)
  for (let i = 3; i < 7; i++) publisher.unicast('jobs', `${i}`)
  t.is(sdk.takeAll().length, 2)
  t.deepEqual([client.expectDelivery().text.length, client.expectDelivery().text.length], [1, 1])
  client.expectNothing()
})

test('amq.amop bound from another exchange forwards to topics', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('orders', 'topic').bindExchange('amq.amop', 'orders', 'new.#')
  const sdk = node.sdk('new.eu')
  client.publish('new.eu', { exchange: 'orders', body: '1' })
  client.publish('old.eu', { exchange: 'orders', body: '2' })
  t.deepEqual(textsOf(sdk), ['1'])
  client.confirms().publish('new.us', { exchange: 'orders', mandatory: true })
  client.expectReturn()
  t.is(client.expectConfirm(), 'ack 1')
})

test('through another exchange the confirm waits for the SDK, too', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('f', 'fanout').bindExchange('amq.amop', 'f').confirms()
  const sdk = node.sdk('jobs')
  client.publish('jobs', { exchange: 'f', headers: { 'x-amop-mode': 'unicast' } })
  client.expectNothing()
  sdk.answer(sdk.expectUnicast(), '', 5)
  t.is(client.expectConfirm(), 'nack 1')
})

test('a confirm of several unicasts waits for all of them', (t) => {
  const node = new BridgeNode()
  const client = node.client().confirms()
  const sdks = [node.sdk('a'), node.sdk('b')]
  for (const [index, order] of [sdks, sdks.slice().reverse()].entries()) {
    client.publish('a', { headers: { 'x-amop-mode': 'unicast', CC: ['b'] } })
    const [first, last] = order.map((sdk) => ({ sdk, pushed: sdk.expectUnicast() }))
    first?.sdk.answer(first.pushed)
    client.expectNothing()
    last?.sdk.answer(last.pushed)
    t.is(client.expectConfirm(), `ack ${index + 1}`)
  }
})

test('what another exchange forwards and cannot be a message of AMOP is dropped there, with a warning', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('f', 'fanout').bindExchange('amq.amop', 'f').queue('q').bind('q', '', {}, 'f')
  for (const [key, headers] of [
    ['k'.repeat(255), {}],
    ['k', { 'x-amop-mode': 'anycast' }],
    ['#!$TopicNeedVerify_k', {}],
    ['_block_notify_1', {}],
  ] as const) {
    const before = node.warnings.length
    client.publish(key, { exchange: 'f', body: 'x', headers })
    t.is(node.warnings.length, before + 1, key)
    t.regex(node.warnings.at(-1) ?? '', /amq.amop.* drops a message/)
  }
  t.is(client.bodies('q').length, 4)
})

test('exchanges bound in a circle pass a message once, and not back to the SDK that sent it', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').queue('q').bind('q', '', {}, 'x')
  client.bindExchange('x', 'amq.amop', 'news').bindExchange('amq.amop', 'x')
  const sender = node.sdk('news')
  const other = node.sdk('news')
  sender.multicast('news', '1')
  // Its own copy of a multicast is every subscriber's due.
  t.deepEqual(textsOf(sender), ['1'])
  t.deepEqual(textsOf(other), ['1'])
  t.deepEqual(client.bodies('q'), ['1'])
  client.publish('news', { body: '2' })
  t.deepEqual([textsOf(sender), textsOf(other), client.bodies('q')], [['2'], ['2'], ['1', '2']])
  client.publish('news', { body: '3', exchange: 'x' })
  t.deepEqual([textsOf(sender), textsOf(other), client.bodies('q')], [['3'], ['3'], ['1', '2', '3']])
})

test('a message that a consumer publishes again goes neither to the SDK that sent it nor to the queue it came from', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').queue('other').bind('q', 'news').bind('other', 'news')
  const sender = node.sdk('news')
  const another = node.sdk('news')
  sender.multicast('news', 'x')
  t.deepEqual([textsOf(sender), textsOf(another)], [['x'], ['x']])
  const delivery = client.get('q')
  for (const exchange of ['amq.amop', 'also']) {
    if (exchange === 'also') client.exchange('also', 'x-amop')
    republish(client, delivery, 'news', exchange)
    t.deepEqual([textsOf(sender), textsOf(another)], [[], ['x']])
    t.deepEqual([client.bodies('q'), client.bodies('other')], [[], ['x']])
  }
  client.publish('news', { body: 'new', headers: {} })
  t.deepEqual(client.bodies('q'), ['new'])
})

test('a unicast that a consumer publishes again goes to another SDK, and with none is unroutable', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', { 'x-amop-role': 'subscriber' })
  const sender = node.sdk('jobs')
  let delivery: Delivery | undefined
  // It is drawn by lot who gets it.
  while (delivery === undefined) {
    sender.unicast('jobs', 'x')
    for (const push of sender.takeAll()) if (push.type === 0x30) sender.answer(push)
    sender.takeAll()
    if (client.bodies('q').length > 0) delivery = client.get('q')
  }
  client.confirms()
  const { headers, ...properties } = delivery.properties
  const again = { body: 'x', mandatory: true, properties: { ...properties, headers } as never }
  client.publish('jobs', again)
  client.expectReturn()
  t.is(client.expectConfirm(), 'ack 1')
  const another = node.sdk('jobs')
  client.publish('jobs', again)
  another.answer(another.expectUnicast())
  t.is(client.expectConfirm(), 'ack 2')
  sender.expectNothing()
})

test('a message of another node is not sent back to that node', (t) => {
  const node = new BridgeNode()
  const copies: string[] = []
  for (const name of ['there', 'elsewhere']) {
    const peer: Listener = {
      name,
      kind: 'node',
      role: 'subscriber',
      outstanding: 0,
      push: () => false,
      withdraw: () => {},
      copy: () => copies.push(name) > 0,
    }
    node.context.router.subscribe(peer, 'news')
  }
  const headers = { 'x-amop-seq': 's', 'x-amop-session': '10.0.0.1:4000', 'x-amop-node': 'there' }
  node.client().publish('news', { headers })
  t.deepEqual(copies, ['elsewhere'])
})

test('a session of another node that bears the same name is not taken for the sender', (t) => {
  const node = new BridgeNode()
  const sdk = node.sdk('news')
  const headers = { 'x-amop-seq': 's', 'x-amop-session': sdk.name }
  const client = node.client()
  client.publish('news', { body: '1', headers: { ...headers, 'x-amop-node': 'there' } })
  client.publish('news', { body: '2', headers: { ...headers, 'x-amop-node': 'here' } })
  t.deepEqual(textsOf(sdk), ['1'])
})

for (const [why, args, act] of [
  ['rejected', {}, (client: BridgeClient): void => client.consume('q').reject(client.expectDelivery())],
  ['expired', { 'x-message-ttl': 1000 }, (_client: BridgeClient, node: BridgeNode): void => node.advance(1000)],
  ['dropped', { 'x-max-length': 0 }, (): void => {}],
] as const) {
  test(`a message of an SDK that is ${why} goes as a dead letter to other SDKs, not to its sender, nor round again`, (t) => {
    const node = new BridgeNode()
    const client = node
      .client()
      .queue('q', { ...args, 'x-dead-letter-exchange': 'amq.amop' })
      .queue('p')
    client.bind('q', 'news').bind('p', 'news')
    const sender = node.sdk('news')
    const other = node.sdk('news')
    sender.multicast('news', 'x')
    act(client, node)
    t.deepEqual(textsOf(sender), ['x'])
    t.deepEqual(textsOf(other), ['x', 'x'])
    t.deepEqual([client.bodies('q'), client.bodies('p')], [[], ['x']])
  })
}

test('a dead letter that goes through the bridge keeps its history', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('final')
  client.queue('q', { 'x-dead-letter-exchange': 'amq.amop', 'x-dead-letter-routing-key': 'jobs' })
  client.queue('r', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'final' }).bind('r', 'jobs')
  client.publish('q', { exchange: '', body: 'x', headers: { 'x-amop-mode': 'unicast' } })
  client.consume('q').reject(client.expectDelivery())
  client.consume('r').reject(client.expectDelivery())
  const deaths = client.get('final').properties.headers?.get('x-death')
  t.is(deaths?.type === 'A' ? deaths.value.length : 0, 2)
})

test('a dead letter does not come back to its queue through a bound exchange', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').exchange('p', 'x-amop', { 'x-amop-prefix': 'p.' })
  client.queue('q', { 'x-max-length': 1, 'x-dead-letter-exchange': 'amq.amop', 'x-dead-letter-routing-key': 'jobs' })
  // Through the second exchange of the bridge the bound one is reached again and again.
  client
    .bind('q', '', {}, 'x')
    .bindExchange('x', 'amq.amop', 'jobs')
    .bindExchange('p', 'x')
    .bindExchange('x', 'p', 'jobs')
  const headers = { 'x-amop-mode': 'unicast' }
  for (const body of ['1', '2', '3']) client.publish('q', { exchange: '', body, headers })
  t.deepEqual(client.bodies('q'), ['3'])
  t.true(node.node.log.lines.length < 100)
  t.deepEqual(node.node.internalErrors, [])
})

test('a dead letter with another key goes to that topic, its queues included', (t) => {
  const node = new BridgeNode()
  const letters = { 'x-dead-letter-exchange': 'amq.amop', 'x-dead-letter-routing-key': 'failed' }
  const client = node
    .client()
    .queue('q', letters)
    .queue('dead')
    .bind('q', 'jobs')
    .bind('dead', 'failed')
    .bind('q', 'failed')
  const sender = node.sdk('failed')
  const other = node.sdk('failed')
  sender.unicast('jobs', 'x')
  client.consume('q').reject(client.expectDelivery())
  sender.takeAll()
  // It keeps its mode: one of those who listen has it.
  t.deepEqual([...textsOf(other), ...client.bodies('dead')], ['x'])
  t.deepEqual(client.bodies('q'), [])
  client.expectNothing()
})

test('a dead letter of an AMQP message goes to the topic, and not to the queue it died in', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q', { 'x-dead-letter-exchange': 'amq.amop', 'x-dead-letter-routing-key': 'news' })
  client.queue('p').bind('q', 'news').bind('p', 'news')
  const sdk = node.sdk('news')
  client.publish('q', { exchange: '', body: 'x' })
  client.consume('q').reject(client.expectDelivery())
  t.deepEqual(textsOf(sdk), ['x'])
  t.deepEqual([client.bodies('q'), client.bodies('p')], [[], ['x']])
  client.expectNothing()
})

test('an exchange with a prefix may lead from one topic to another', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').exchange('eu', 'x-amop', { 'x-amop-prefix': 'eu.' })
  client.bindExchange('x', 'amq.amop', 'news').bindExchange('eu', 'x')
  const sdk = node.sdk('eu.news')
  node.sdk().multicast('news', 'x')
  t.deepEqual(textsOf(sdk), ['x'])
})

test('a unicast that goes on to another topic is answered by what becomes of it there', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').exchange('eu', 'x-amop', { 'x-amop-prefix': 'eu.' })
  client.bindExchange('x', 'amq.amop', 'jobs').bindExchange('eu', 'x')
  const subscriber = node.sdk('eu.jobs')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  sdk.expectNothing()
  subscriber.answer(subscriber.expectUnicast())
  t.like(sdk.expectAnswer(seq), { result: ResultCode.SUCCESS, topic: 'jobs', text: '' })
  const failed = sdk.unicast('jobs', 'y')
  subscriber.answer(subscriber.expectUnicast(), '', 3)
  t.is(sdk.expectAnswer(failed).result, ResultCode.LISTENERS_FAILED)
})

test('prefixes that lead round in a circle come to an end', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').exchange('p', 'x-amop', { 'x-amop-prefix': 'p.' })
  client.bindExchange('x', 'amq.amop', 'jobs').bindExchange('x', 'p', 'jobs')
  client.bindExchange('p', 'x').bindExchange('amq.amop', 'x')
  const sdk = node.sdk('jobs')
  const ended = { multicast: 0, unicast: 0 }
  for (const mode of ['multicast', 'unicast'] as const) {
    client.publish('jobs', { body: mode, headers: { 'x-amop-mode': mode } })
    ended[mode] = sdk.takeAll().length
  }
  node.sdk().multicast('jobs', 'x')
  node.sdk().unicast('jobs', 'x')
  t.true(ended.multicast >= 1 && ended.multicast < 40)
  sdk.disconnect()
  client.confirms().publish('jobs', { headers: { 'x-amop-mode': 'unicast' } })
  t.is(client.expectConfirm(), 'nack 1')
  t.true(node.warnings.some((line) => line.includes('lead it round in a circle')))
  t.deepEqual(node.node.internalErrors, [])
})

test('a request that is forwarded to an SDK with its reply-to is answered by that SDK', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q', { 'x-dead-letter-exchange': 'amq.amop', 'x-dead-letter-routing-key': 'more' })
  client.bind('q', 'jobs', CONSUMER).consume('q')
  const helper = node.sdk('more')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  client.reject(client.expectDelivery())
  helper.answer(helper.expectUnicast(), 'helped')
  t.is(sdk.expectAnswer(seq).text, 'helped')
})
