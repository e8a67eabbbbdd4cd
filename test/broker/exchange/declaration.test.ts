import test from 'ava'
import {
  checkExchangeEquivalence,
  createExchangeTypes,
  type Exchange,
  type ExchangeOptions,
  type ExchangeType,
  findExchangeType,
} from '../../../src/broker/exchange/index.ts'
import { fromObject, int, Table } from '../../../src/codec/index.ts'
import { exchangeOf, refusal, table, types } from './support.ts'

function validate(type: string, args: Record<string, unknown> | Table): string {
  const given = args instanceof Table ? args : fromObject(args)
  return refusal(() => findExchangeType(types, type).validate('/', 'x1', given))
}

function accepts(type: string, args: Record<string, unknown>): void {
  findExchangeType(types, type).validate('/', 'x1', fromObject(args))
}

const FAILED = '406 channel PRECONDITION_FAILED -'

test('the built-in types are there', (t) => {
  t.deepEqual([...types.keys()].sort(), [
    'direct',
    'fanout',
    'headers',
    'topic',
    'x-consistent-hash',
    'x-delayed-message',
  ])
})

test('an unknown type is refused with its name', (t) => {
  t.is(
    refusal(() => findExchangeType(types, 'zzz')),
    `${FAILED} unknown exchange type 'zzz'`,
  )
})

test('a type that is registered can be declared and delayed', (t) => {
  const own = createExchangeTypes()
  const type: ExchangeType = { ...(own.get('fanout') as ExchangeType), name: 'x-own' }
  own.set(type.name, type)
  t.is(findExchangeType(own, 'x-own'), type)
  const delayed = findExchangeType(own, 'x-delayed-message')
  t.notThrows(() => delayed.validate('/', 'x1', fromObject({ 'x-delayed-type': 'x-own' })))
  t.false(types.has('x-own'))
})

test('an alternate-exchange that is no string is refused', (t) => {
  const text = (type: string) =>
    `${FAILED} invalid type '${type}' for arg 'alternate-exchange' in exchange 'x1' in vhost '/'`
  t.is(validate('direct', { 'alternate-exchange': 5 }), text('signedint'))
  t.is(validate('x-delayed-message', { 'alternate-exchange': true, 'x-delayed-type': 'direct' }), text('bool'))
  t.notThrows(() => accepts('direct', { 'alternate-exchange': 'unknown yet' }))
})

test('arguments that mean nothing to a type are accepted', (t) => {
  t.notThrows(() => accepts('direct', { foo: 1, 'hash-header': 5, 'x-delayed-type': 'zzz', 'x-cache-size': 'big' }))
})

test('a consistent hash takes a header or a property, not both', (t) => {
  t.is(
    validate('x-consistent-hash', { 'hash-header': 'h', 'hash-property': 'message_id' }),
    `${FAILED} hash-header and hash-property are mutually exclusive`,
  )
  t.is(validate('x-consistent-hash', { 'hash-property': 'app_id' }), `${FAILED} Unsupported property: app_id`)
  t.is(
    validate('x-consistent-hash', { 'hash-header': 5 }),
    `${FAILED} invalid type 'signedint' for arg 'hash-header' in exchange 'x1' in vhost '/'`,
  )
  for (const property of ['correlation_id', 'message_id', 'timestamp'])
    t.notThrows(() => accepts('x-consistent-hash', { 'hash-property': property }))
})

test('a delayed exchange needs an inner type that exists and does not delay itself', (t) => {
  const missing = `${FAILED} Invalid argument, 'x-delayed-type' must be an existing exchange type`
  t.is(validate('x-delayed-message', {}), missing)
  t.is(validate('x-delayed-message', { 'x-delayed-type': 1 }), missing)
  t.is(validate('x-delayed-message', { 'x-delayed-type': 'zzz' }), `${FAILED} unknown exchange type 'zzz'`)
  t.is(
    validate('x-delayed-message', { 'x-delayed-type': 'x-delayed-message' }),
    `${FAILED} Invalid argument, 'x-delayed-message' can't be used for 'x-delayed-type'`,
  )
})

test('a delayed exchange checks the arguments and bindings of its inner type', (t) => {
  t.is(
    validate('x-delayed-message', { 'x-delayed-type': 'x-consistent-hash', 'hash-property': 'app_id' }),
    `${FAILED} Unsupported property: app_id`,
  )
  const { router } = exchangeOf('x-delayed-message', { 'x-delayed-type': 'x-consistent-hash' })
  t.is(
    refusal(() => router.validateBinding?.('0', new Table())),
    `${FAILED} The binding key must be greater than 0`,
  )
})

test('deduplication arguments are checked when deduplication is asked for', (t) => {
  const asking = (args: Record<string, unknown>) => validate('direct', { 'x-message-deduplication': true, ...args })
  const text = (argument: string) => `${FAILED} invalid arg '${argument}' for exchange 'x1' in vhost '/':`
  t.is(asking({ 'x-cache-size': 'big' }), `${text('x-cache-size')} "expected integer, got longstr"`)
  t.is(asking({ 'x-cache-size': 0 }), `${text('x-cache-size')} {value_zero,0}`)
  t.is(asking({ 'x-cache-size': -1 }), `${text('x-cache-size')} {value_negative,-1}`)
  t.is(asking({ 'x-cache-ttl': -1 }), `${text('x-cache-ttl')} {value_negative,-1}`)
  t.is(asking({ 'x-deduplication-header': 5 }), `${text('x-deduplication-header')} {unacceptable_type,signedint}`)
  t.notThrows(() =>
    accepts('direct', {
      'x-message-deduplication': true,
      'x-cache-size': 1,
      'x-cache-ttl': 0,
      'x-deduplication-header': 'h',
    }),
  )
})

function check(exchange: Exchange, type: string, declaration: Partial<ExchangeOptions>): void {
  const usual = { durable: true, autoDelete: false, internal: false, arguments: new Table() }
  checkExchangeEquivalence(exchange, findExchangeType(types, type), { ...usual, ...declaration })
}

const declared = { name: 'x1', durable: true, autoDelete: false, internal: false }

/** The refusal of a re-declaration that differs in what is given from a durable direct exchange. */
function redeclare(
  {
    type = 'direct',
    durable = true,
    autoDelete = false,
    internal = false,
    args = {} as Record<string, unknown> | Table,
  },
  existing = exchangeOf('direct', {}, declared),
): string {
  const given = args instanceof Table ? args : fromObject(args)
  return refusal(() => check(existing, type, { durable, autoDelete, internal, arguments: given }))
}

const INEQUIVALENT = (argument: string) => `${FAILED} inequivalent arg '${argument}' for exchange 'x1' in vhost '/':`

test('an equal re-declaration passes', (t) => {
  const exchange = exchangeOf('direct', { 'alternate-exchange': 'ae' }, declared)
  const args = table({ 'alternate-exchange': 'ae' })
  t.notThrows(() => check(exchange, 'direct', { arguments: args }))
})

test('a re-declaration that differs is refused, and says in what', (t) => {
  t.is(redeclare({ type: 'fanout' }), `${INEQUIVALENT('type')} received 'fanout' but current is 'direct'`)
  t.is(redeclare({ durable: false }), `${INEQUIVALENT('durable')} received 'false' but current is 'true'`)
  t.is(redeclare({ autoDelete: true }), `${INEQUIVALENT('auto_delete')} received 'true' but current is 'false'`)
  t.is(redeclare({ internal: true }), `${INEQUIVALENT('internal')} received 'true' but current is 'false'`)
})

test('a type whose name Erlang quotes is quoted twice, as RabbitMQ does', (t) => {
  t.is(
    redeclare({ type: 'x-consistent-hash' }),
    `${INEQUIVALENT('type')} received ''x-consistent-hash'' but current is 'direct'`,
  )
})

test('the first difference in the order type, durable, auto-delete, internal, arguments is named', (t) => {
  const all = { type: 'topic', durable: false, autoDelete: true, internal: true, args: { 'alternate-exchange': 'ae' } }
  t.true(redeclare(all).startsWith(INEQUIVALENT('type')))
  t.true(redeclare({ ...all, type: 'direct' }).startsWith(INEQUIVALENT('durable')))
  t.true(redeclare({ ...all, type: 'direct', durable: true }).startsWith(INEQUIVALENT('auto_delete')))
})

test('alternate-exchange is compared: another value, a missing one, an added one, another type', (t) => {
  const existing = exchangeOf('direct', { 'alternate-exchange': 'ae' }, declared)
  const argument = INEQUIVALENT('alternate-exchange')
  t.is(
    redeclare({ args: { 'alternate-exchange': 'other' } }, existing),
    `${argument} received 'other' but current is 'ae'`,
  )
  t.is(redeclare({}, existing), `${argument} received none but current is the value 'ae' of type 'longstr'`)
  t.is(
    redeclare({ args: { 'alternate-exchange': 'ae' } }),
    `${argument} received the value 'ae' of type 'longstr' but current is none`,
  )
  t.is(
    redeclare({ args: table({ 'alternate-exchange': int(5) }) }, existing),
    `${argument} received '5' but current is 'ae'`,
  )
})

test('an alternate-exchange of another type differs even when it reads the same', (t) => {
  const existing = exchangeOf('direct', { 'alternate-exchange': '5' }, declared)
  t.is(
    redeclare({ args: table({ 'alternate-exchange': int(5) }) }, existing),
    `${INEQUIVALENT('alternate-exchange')} received '5' but current is '5'`,
  )
})

test('arguments that no type names are not compared', (t) => {
  const exchange = exchangeOf('direct', { foo: 1, 'hash-header': 'h' }, declared)
  t.notThrows(() => check(exchange, 'direct', { arguments: table({ foo: 'bar' }) }))
})

test('a consistent hash and a delayed exchange compare their own arguments', (t) => {
  const hash = exchangeOf('x-consistent-hash', { 'hash-header': 'h' }, declared)
  t.is(
    redeclare({ type: 'x-consistent-hash', args: { 'hash-header': 'i' } }, hash),
    `${INEQUIVALENT('hash-header')} received 'i' but current is 'h'`,
  )
  const delayed = exchangeOf('x-delayed-message', { 'x-delayed-type': 'topic' }, declared)
  t.is(
    redeclare({ type: 'x-delayed-message', args: { 'x-delayed-type': 'direct' } }, delayed),
    `${INEQUIVALENT('x-delayed-type')} received 'direct' but current is 'topic'`,
  )
})

test('what an exchange is told at its declaration can be read from it', (t) => {
  const exchange = exchangeOf('topic', { 'alternate-exchange': 'ae' }, { name: 'x1', autoDelete: true, internal: true })
  t.is(exchange.name, 'x1')
  t.is(exchange.type.name, 'topic')
  t.is(exchange.alternateExchange, 'ae')
  t.false(exchange.durable)
  t.true(exchange.autoDelete)
  t.true(exchange.internal)
  t.true(exchange.cacheable)
})

test('routes that depend on more than the key are not to be remembered', (t) => {
  t.false(exchangeOf('headers').cacheable)
  t.false(exchangeOf('direct', { 'x-message-deduplication': true }).cacheable)
  t.false(exchangeOf('direct', { 'x-delayed-exchange': true }).cacheable)
  for (const type of ['direct', 'fanout', 'topic']) t.true(exchangeOf(type).cacheable)
})
