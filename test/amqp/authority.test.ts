import test from 'ava'
import { AmqpError, createExchangeTypes, type ExchangeType } from '../../src/broker/index.ts'
import {
  array,
  EXCHANGE_BIND_OK,
  EXCHANGE_DECLARE_OK,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeTxSelect,
  fromObject,
  longstr,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  Table,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import { bind } from '../../src/server/declaring.ts'
import { openNode, publish } from './harness.ts'

/** A node with an exchange `guarded` whose type says for each routing key who may do what. */
function guarded() {
  const asked: string[] = []
  const denied = new Set<string>()
  const state = { generation: 1 }
  const type: ExchangeType = {
    ...(createExchangeTypes().get('direct') as ExchangeType),
    name: 'x-guarded',
    get authorityGeneration() {
      return state.generation
    },
    authorize(exchange, user, action, routingKey) {
      asked.push(`${user} ${action} ${exchange.name} ${routingKey}`)
      if (denied.has(routingKey ?? 'every')) throw new AmqpError(403, `ACCESS_REFUSED - not ${routingKey}`)
    },
  }
  const { node, client } = openNode()
  node.virtualHosts.exchangeTypes.set(type.name, type)
  const declaration = { durable: false, autoDelete: false, internal: false, arguments: new Table() }
  node.vhost.declareExchange({ ...declaration, name: 'guarded', type: 'x-guarded' })
  node.vhost.declareExchange({ ...declaration, name: 'open', type: 'topic' })
  client.declareQueue(1, 'q')
  return { node, client, asked, denied, state }
}

const say = (routingKey: string, more = {}) => publish(1, { exchange: 'guarded', routingKey, ...more })

test('the type of an exchange may refuse a publish', (t) => {
  const { client, asked, denied } = guarded()
  denied.add('secret')
  client.send(say('news'))
  client.expectNothing()
  client.send(say('secret'))
  t.is(client.expectChannelClose(1), '403 ACCESS_REFUSED - not secret (60,40)')
  t.deepEqual(asked, ['guest publish guarded news', 'guest publish guarded secret'])
})

test('it is asked once for the same routing key, and again when its answer may have changed', (t) => {
  const { client, asked, denied, state } = guarded()
  for (let i = 0; i < 3; i++) client.send(say('a'), say('a'))
  t.is(asked.length, 1)
  client.send(say('b'), say('a'))
  t.is(asked.length, 3)
  denied.add('a')
  client.send(say('a'))
  client.expectNothing()
  state.generation++
  client.send(say('a'))
  t.regex(client.expectChannelClose(1), /^403 ACCESS_REFUSED - not a /)
})

test('keys of CC and BCC are asked for like the routing key', (t) => {
  for (const header of ['CC', 'BCC']) {
    const { node, client, denied } = guarded()
    bind(node.vhost, { source: 'guarded', destination: 'q', routingKey: 'secret' })
    denied.add('secret')
    const headers = (key: string) => ({ properties: { headers: new Table().set(header, array(longstr(key))) } })
    client.send(say('news', headers('other')))
    client.expectNothing()
    client.send(say('news', headers('secret')))
    t.regex(client.expectChannelClose(1), /^403 ACCESS_REFUSED - not secret /)
    t.is(node.vhost.queues.get('q')?.messageCount, 0)
  }
})

test('a transaction is asked when it publishes', (t) => {
  const { client, denied } = guarded()
  denied.add('secret')
  client.send(encodeTxSelect(1), say('secret'))
  client.expect(TX_SELECT_OK)
  t.regex(client.expectChannelClose(1), /^403 /)
})

test('other exchanges are not asked', (t) => {
  const { client, asked } = guarded()
  client.send(publish(1, { exchange: 'open', routingKey: 'secret' }), publish(1, { routingKey: 'q' }))
  client.send(encodeQueueBind(1, { queue: 'q', exchange: 'open', routingKey: 'secret' }))
  client.expect(QUEUE_BIND_OK)
  t.deepEqual(asked, [])
})

test('the type of an exchange may refuse a binding from it or to it', (t) => {
  const { client, asked, denied } = guarded()
  client.send(
    encodeQueueBind(1, { queue: 'q', exchange: 'guarded', routingKey: 'news' }),
    encodeExchangeBind(1, { source: 'guarded', destination: 'open', routingKey: 'more' }),
    encodeExchangeBind(1, { source: 'open', destination: 'guarded', routingKey: 'less' }),
  )
  client.expect(QUEUE_BIND_OK)
  client.expect(EXCHANGE_BIND_OK)
  client.expect(EXCHANGE_BIND_OK)
  t.deepEqual(asked, [
    'guest subscribe guarded news',
    'guest subscribe guarded more',
    'guest publish guarded undefined',
  ])
  denied.add('secret').add('every')
  const refused = [
    encodeQueueBind(1, { queue: 'q', exchange: 'guarded', routingKey: 'secret' }),
    encodeExchangeBind(1, { source: 'guarded', destination: 'open', routingKey: 'secret' }),
    encodeExchangeBind(1, { source: 'open', destination: 'guarded', routingKey: 'secret' }),
  ]
  for (const [index, method] of refused.entries()) {
    const channel = 10 + index
    client.openChannel(channel)
    method.writeUInt16BE(channel, 1)
    client.send(method)
    const key = index === 2 ? 'undefined' : 'secret'
    t.true(client.expectChannelClose(channel).startsWith(`403 ACCESS_REFUSED - not ${key} `))
  }
})

test('the type of an exchange may refuse to be where unroutable messages go', (t) => {
  const { client, asked, denied } = guarded()
  const declare = (exchange: string) =>
    encodeExchangeDeclare(1, {
      exchange,
      type: 'direct',
      arguments: fromObject({ 'alternate-exchange': 'guarded' }),
    })
  client.send(declare('a1'))
  client.expect(EXCHANGE_DECLARE_OK)
  t.deepEqual(asked, ['guest publish guarded undefined'])
  denied.add('every')
  // One that exists was asked for when it was made.
  client.send(declare('a1'))
  client.expect(EXCHANGE_DECLARE_OK)
  client.send(declare('a2'))
  t.regex(client.expectChannelClose(1), /^403 ACCESS_REFUSED - not undefined /)
})

test('the type of an exchange may refuse to be where dead letters go under a key', (t) => {
  const { client, denied } = guarded()
  denied.add('secret')
  const declare = (queue: string, key: string) =>
    encodeQueueDeclare(1, {
      queue,
      arguments: fromObject({ 'x-dead-letter-exchange': 'guarded', 'x-dead-letter-routing-key': key }),
    })
  client.send(declare('d1', 'news'))
  client.expect(QUEUE_DECLARE_OK)
  client.send(declare('d2', 'secret'))
  t.regex(client.expectChannelClose(1), /^403 ACCESS_REFUSED - not secret /)
})

test('without a key of their own dead letters have any', (t) => {
  const { client, asked, denied } = guarded()
  denied.add('every')
  client.send(encodeQueueDeclare(1, { queue: 'd', arguments: fromObject({ 'x-dead-letter-exchange': 'guarded' }) }))
  t.regex(client.expectChannelClose(1), /^403 ACCESS_REFUSED - not undefined /)
  t.deepEqual(asked, ['guest publish guarded undefined'])
})

test('the program that the broker is embedded in may bind everything', (t) => {
  const { node, asked, denied } = guarded()
  denied.add('secret')
  bind(node.vhost, { source: 'guarded', destination: 'q', routingKey: 'secret' })
  t.is(node.vhost.queues.get('q')?.bindings.size, 1)
  t.deepEqual(asked, [])
})
