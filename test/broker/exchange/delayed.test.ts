import test from 'ava'
import fc from 'fast-check'
import type { Exchange } from '../../../src/broker/exchange/index.ts'
import { type FieldValue, integerOf, longstr, PropertyView } from '../../../src/codec/index.ts'
import { Bindings, exchangeOf, messageOf, TestHost, table } from './support.ts'

function delaying(): { host: TestHost; exchange: Exchange; hold(body: string, delay: FieldValue | number): boolean } {
  const host = new TestHost()
  const exchange = exchangeOf('x-delayed-message', { 'x-delayed-type': 'direct' }, { host })
  return {
    host,
    exchange,
    hold(body, delay) {
      const headers = typeof delay === 'number' ? { 'x-delay': delay } : table({ 'x-delay': delay })
      return exchange.delayed?.hold(messageOf({ routingKey: 'k', headers, body })) ?? false
    },
  }
}

function released(host: TestHost): string[] {
  return host.released.map(({ message, at }) => `${message.body} at ${at}`)
}

test('a message is held for as long as its x-delay says, and no longer', (t) => {
  const { host, exchange, hold } = delaying()
  t.true(hold('a', 1000))
  t.is(exchange.delayed?.size, 1)
  host.advance(999)
  t.deepEqual(released(host), [])
  host.advance(1)
  t.deepEqual(released(host), ['a at 1000'])
  t.is(host.released[0]?.exchange, exchange)
  t.is(exchange.delayed?.size, 0)
})

test('messages leave in the order of their times, not of their arrival', (t) => {
  const { host, hold } = delaying()
  hold('slow', 3000)
  hold('quick', 1000)
  hold('middle', 2000)
  host.advance(500)
  hold('late but quick', 100)
  host.advance(5000)
  t.deepEqual(released(host), ['late but quick at 600', 'quick at 1000', 'middle at 2000', 'slow at 3000'])
})

test('messages due at the same time leave in the order they came', (t) => {
  const { host, hold } = delaying()
  for (let i = 0; i < 100; i++) {
    hold(`m${i}`, 1000)
    hold(`other${i}`, 500 + i)
  }
  host.advance(1000)
  const bodies = released(host).filter((line) => line.startsWith('m'))
  t.deepEqual(
    bodies,
    Array.from({ length: 100 }, (_, i) => `m${i} at 1000`),
  )
})

test('random delays leave in the order of due time and arrival', (t) => {
  const step = fc.record({ delay: fc.integer({ min: 1, max: 20 }), pause: fc.integer({ min: 0, max: 5 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { host, hold } = delaying()
      const expected: { body: string; at: number }[] = []
      for (const [i, { delay, pause }] of steps.entries()) {
        hold(`m${i}`, delay)
        expected.push({ body: `m${i}`, at: host.elapsed + delay })
        host.advance(pause)
      }
      host.advance(100)
      expected.sort((a, b) => a.at - b.at)
      t.deepEqual(
        released(host),
        expected.map(({ body, at }) => `${body} at ${at}`),
      )
      t.is(host.memory.used, 0)
    }),
  )
})

test('no x-delay, or one of zero or less, is no delay', (t) => {
  const { host, exchange, hold } = delaying()
  t.false(hold('a', 0))
  t.false(hold('b', -1000))
  t.false(exchange.delayed?.hold(messageOf({ headers: { other: 1 } })))
  t.false(exchange.delayed?.hold(messageOf({})))
  t.is(host.timers.size, 0)
})

test('an x-delay may be any integer, a float or a text of digits', (t) => {
  const { host, hold } = delaying()
  t.true(hold('byte', { type: 'b', value: 10 }))
  t.true(hold('long', { type: 'l', value: 20n }))
  t.true(hold('double', { type: 'd', value: 30.9 }))
  t.true(hold('text', longstr('40')))
  host.advance(100)
  t.deepEqual(released(host), ['byte at 10', 'long at 20', 'double at 30', 'text at 40'])
})

test('an x-delay that is no number is no delay', (t) => {
  const { hold } = delaying()
  t.false(hold('a', longstr('soon')))
  t.false(hold('b', longstr('')))
  t.false(hold('c', { type: 't', value: true }))
  t.false(hold('d', { type: 'V' }))
  t.false(hold('e', { type: 'd', value: Number.NaN }))
})

test('a delay of 2^32 - 1 ms is the longest, one more is none', (t) => {
  const { host, hold } = delaying()
  t.true(hold('a', 0xffff_ffff))
  t.false(hold('b', 0x1_0000_0000))
  host.advance(0xffff_ffff)
  t.deepEqual(released(host), [`a at ${0xffff_ffff}`])
})

test('a message comes out as it went in, with its x-delay negated', (t) => {
  const { host, exchange } = delaying()
  const message = messageOf({
    exchange: 'entry',
    routingKey: 'k.größe',
    headers: { first: 'x', 'x-delay': 5000, last: true },
    body: 'the body',
    messageId: 'id-1',
    deliveryMode: 2,
  })
  exchange.delayed?.hold(message)
  message.buffer.fill(0)
  host.advance(5000)
  const out = host.released[0]?.message
  t.is(out?.exchange, 'entry')
  t.is(out?.routingKey, 'k.größe')
  t.is(out?.body.toString(), 'the body')
  const properties = out?.properties(new PropertyView()).toObject()
  t.is(properties?.messageId, 'id-1')
  t.is(properties?.deliveryMode, 2)
  t.deepEqual(
    properties?.headers?.entries.map(([name]) => name),
    ['first', 'x-delay', 'last'],
  )
  t.is(integerOf(properties?.headers?.get('x-delay')), -5000)
})

test('a message that was let go is not held again', (t) => {
  const { host, exchange, hold } = delaying()
  hold('a', 10)
  host.advance(10)
  const out = host.released[0]?.message
  t.truthy(out)
  t.false(out !== undefined && exchange.delayed?.hold(out))
})

test('held messages count as memory until they leave', (t) => {
  const { host, exchange, hold } = delaying()
  hold('x'.repeat(10_000), 10)
  hold('y'.repeat(5_000), 20)
  t.true(host.memory.used > 15_000)
  t.is(exchange.delayed?.bytes, host.memory.used)
  host.advance(10)
  t.true(host.memory.used > 5_000 && host.memory.used < 10_000)
  host.advance(10)
  t.is(host.memory.used, 0)
})

test('deleting the exchange drops what it holds, its timer and its memory', (t) => {
  const { host, exchange, hold } = delaying()
  hold('a', 10)
  hold('b', 20)
  exchange.markDeleted()
  t.is(exchange.delayed?.size, 0)
  t.is(host.memory.used, 0)
  t.is(host.timers.size, 0)
  host.advance(100)
  t.deepEqual(released(host), [])
})

test('an exchange deleted while it lets messages go lets no more go', (t) => {
  const { host, exchange, hold } = delaying()
  for (const body of ['a', 'b', 'c']) hold(body, 10)
  host.publishFrom = (from, message) => {
    host.released.push({ exchange: from, message: message.copy(), at: host.elapsed })
    exchange.markDeleted()
  }
  host.advance(100)
  t.deepEqual(released(host), ['a at 10'])
  t.is(host.memory.used, 0)
  t.is(host.timers.size, 0)
})

test('ten thousand messages due together all leave, in order and not in one go', (t) => {
  const { host, hold } = delaying()
  for (let i = 0; i < 10_000; i++) hold(`${i}`, 50)
  host.advance(50)
  t.true(host.released.length < 10_000)
  host.advance(1000)
  t.deepEqual(
    host.released.map(({ message }) => message.body.toString()),
    Array.from({ length: 10_000 }, (_, i) => `${i}`),
  )
})

test('one message that cannot be routed does not keep the others back', (t) => {
  const { host, hold } = delaying()
  for (const body of ['a', 'b']) hold(body, 10)
  const keep = host.publishFrom.bind(host)
  host.publishFrom = (from, message) => {
    if (message.body.toString() === 'a') throw new Error('a failed')
    keep(from, message)
  }
  t.throws(() => host.advance(10), { message: 'a failed' })
  host.advance(10)
  t.deepEqual(
    host.released.map(({ message }) => message.body.toString()),
    ['b'],
  )
})

test('holding costs one timer, however many messages wait', (t) => {
  const { host, hold } = delaying()
  for (let i = 100; i > 0; i--) hold(`${i}`, i)
  t.is(host.timers.size, 1)
})

test('a delayed exchange routes like the type it names', (t) => {
  const bindings = new Bindings(exchangeOf('x-delayed-message', { 'x-delayed-type': 'topic' }))
  bindings.bind('q', 'a.#')
  t.deepEqual(bindings.routeKey('a.b'), ['q'])
  t.deepEqual(bindings.routeKey('b'), [])
  t.false(bindings.exchange.cacheable)
})

test('an exchange of any type delays when declared with x-delayed-exchange', (t) => {
  t.not(exchangeOf('fanout', { 'x-delayed-exchange': true }).delayed, undefined)
  t.is(exchangeOf('fanout', { 'x-delayed-exchange': false }).delayed, undefined)
  t.is(exchangeOf('fanout').delayed, undefined)
})
