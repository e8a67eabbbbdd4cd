import test from 'ava'
import { type PermissionRules, TopicPermissions } from '../../src/amop/index.ts'
import { EXCHANGE_DECLARE_OK, encodeExchangeDeclare, fromObject, Table } from '../../src/codec/index.ts'
import { type BridgeClient, BridgeNode } from './bridge-harness.ts'

const RULES: PermissionRules = {
  rules: [{ who: { user: ['billing'] }, publish: ['bills.*'], subscribe: ['orders.*'] }],
  others: { publish: ['*'], subscribe: ['*'] },
}

for (const topic of ['#!$TopicNeedVerify_secret', '#!$VerifyChannel_x', '_block_notify_1']) {
  test(`nobody publishes or binds to ${topic} from AMQP`, (t) => {
    const node = new BridgeNode()
    const sdk = node.sdk(topic)
    const refusal = /^403 ACCESS_REFUSED - topic '.*' is reserved for SDKs/
    const publisher = node.client()
    publisher.publish(topic)
    t.regex(publisher.expectChannelClose(1), refusal)
    const copier = node.client()
    copier.publish('fine', { headers: { CC: [topic] } })
    t.regex(copier.expectChannelClose(1), refusal)
    const binder = node.client().queue('q')
    binder.sendBind('q', topic)
    t.regex(binder.expectChannelClose(1), refusal)
    // Neither does the program that the broker is embedded in.
    const { vhost } = node
    t.throws(() => vhost.bind(vhost.exchange('amq.amop'), vhost.queue('q', undefined), topic, new Table()), {
      message: /reserved for SDKs/,
    })
    sdk.expectNothing()
  })
}

test('a prefix does not open what is reserved', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'x-amop', { 'x-amop-prefix': '#!' })
  client.publish('$TopicNeedVerify_x', { exchange: 'x' })
  t.regex(client.expectChannelClose(1), /^403 .*reserved for SDKs/)
})

test('the rules for topics hold for AMQP users by name', (t) => {
  const node = new BridgeNode({ permissions: new TopicPermissions(RULES) })
  const allowed = node.client('billing').queue('q').confirms()
  allowed.bind('q', 'orders.new').publish('bills.new')
  t.is(allowed.expectConfirm(), 'ack 1')
  const publisher = node.client('billing')
  publisher.publish('orders.new')
  t.regex(publisher.expectChannelClose(1), /^403 .*publish access to topic 'orders.new' refused for user 'billing'/)
  const binder = node.client('billing')
  binder.sendBind('q', 'bills.new')
  t.regex(binder.expectChannelClose(1), /^403 .*subscribe access to topic 'bills.new' refused for user 'billing'/)
  const other = node.client('guest').confirms()
  other.publish('orders.new')
  t.is(other.expectConfirm(), 'ack 1')
})

test('the rules see the topic with its prefix, also behind a delaying exchange', (t) => {
  const node = new BridgeNode({ permissions: new TopicPermissions(RULES) })
  const client = node.client()
  client.exchange('p', 'x-amop', { 'x-amop-prefix': 'bills.' })
  client.exchange('d', 'x-delayed-message', { 'x-delayed-type': 'x-amop', 'x-amop-prefix': 'x.' })
  const billing = node.client('billing').confirms()
  billing.publish('new', { exchange: 'p' })
  t.is(billing.expectConfirm(), 'ack 1')
  billing.publish('bills.new', { exchange: 'd' })
  t.regex(billing.expectChannelClose(1), /^403 .*topic 'x.bills.new' refused/)
})

test('rules that are read anew hold for the next publish', (t) => {
  const node = new BridgeNode()
  const client = node.client('billing').confirms()
  client.publish('orders.new')
  t.is(client.expectConfirm(), 'ack 1')
  node.context.setPermissions(new TopicPermissions(RULES))
  client.publish('orders.new')
  t.regex(client.expectChannelClose(1), /^403/)
  node.context.setPermissions(undefined)
  const again = node.client('billing').confirms()
  again.publish('orders.new')
  t.is(again.expectConfirm(), 'ack 1')
})

for (const [way, declare] of [
  ['dead letters', (client) => client.queue('q', { 'x-dead-letter-exchange': 'later' })],
  [
    'what another exchange cannot route',
    (client) => client.exchange('open', 'direct', { 'alternate-exchange': 'later' }),
  ],
] as const satisfies [string, (client: BridgeClient) => unknown][]) {
  test(`naming an exchange for ${way} before it is made is no way round the rules`, (t) => {
    const node = new BridgeNode({ permissions: new TopicPermissions(RULES) })
    const declareLater = (prefix: string, type = 'x-amop') => {
      return encodeExchangeDeclare(1, {
        exchange: 'later',
        type,
        arguments: fromObject({ 'x-amop-prefix': prefix, ...(type !== 'x-amop' && { 'x-delayed-type': 'x-amop' }) }),
      })
    }
    for (const type of ['x-amop', 'x-delayed-message']) {
      const client = node.client('billing')
      declare(client)
      client.send(declareLater('orders.', type))
      t.regex(client.expectChannelClose(1), /^403 .*topic that begins with 'orders.' refused for user 'billing'/)
    }
    t.false(node.vhost.exchanges.has('later'))
    const allowed = node.client('billing')
    allowed.send(declareLater('bills.'))
    allowed.expect(EXCHANGE_DECLARE_OK)
    // Declared once more, it is only looked at.
    allowed.send(declareLater('bills.'))
    allowed.expect(EXCHANGE_DECLARE_OK)
  })
}
