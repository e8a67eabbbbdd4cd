import test from 'ava'
import { Bindings, exchangeOf, messageOf, refusal, table } from './support.ts'

const KEYS = Array.from({ length: 20_000 }, (_, i) => `order.${i}`)

function hashing(weights: Record<string, string>, args: Record<string, unknown> = {}): Bindings {
  const bindings = new Bindings(exchangeOf('x-consistent-hash', args))
  for (const [name, weight] of Object.entries(weights)) bindings.bind(name, weight)
  return bindings
}

/** The one destination of each key. */
function spread(bindings: Bindings): string[] {
  return KEYS.map((key) => bindings.routeKey(key).join())
}

function shareOf(name: string, destinations: string[]): number {
  return destinations.filter((destination) => destination === name).length / destinations.length
}

test('each message goes to exactly one destination', (t) => {
  const destinations = spread(hashing({ q1: '1', q2: '1', q3: '5' }))
  t.deepEqual([...new Set(destinations)].sort(), ['q1', 'q2', 'q3'])
})

test('nothing bound, nothing routed', (t) => {
  t.deepEqual(hashing({}).routeKey('a'), [])
})

test('equal weights share equally', (t) => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']
  const destinations = spread(hashing(Object.fromEntries(names.map((name) => [name, '1']))))
  for (const name of names) t.true(Math.abs(shareOf(name, destinations) - 0.1) < 0.01, name)
})

test('shares follow the weights', (t) => {
  const destinations = spread(hashing({ q1: '1', q2: '2', q3: '3', q4: '4' }))
  for (const [i, name] of ['q1', 'q2', 'q3', 'q4'].entries())
    t.true(Math.abs(shareOf(name, destinations) - (i + 1) / 10) < 0.01, name)
})

test('a weight may be a million and costs no more than one', (t) => {
  const destinations = spread(hashing({ q1: '1000000', q2: '3000000' }))
  t.true(Math.abs(shareOf('q1', destinations) - 0.25) < 0.01)
})

test('a weight of 255 digits leaves the others their bindings', (t) => {
  const bindings = hashing({ q1: '9'.repeat(255), q2: '1' })
  bindings.unbind('q1', '9'.repeat(255))
  t.deepEqual([...new Set(spread(bindings))], ['q2'])
})

test('a destination bound twice has the sum of its weights', (t) => {
  const bindings = hashing({ q1: '1', q2: '4' })
  bindings.bind('q1', '3')
  t.true(Math.abs(shareOf('q1', spread(bindings)) - 0.5) < 0.01)
  bindings.unbind('q1', '1')
  t.true(Math.abs(shareOf('q1', spread(bindings)) - 3 / 7) < 0.01)
})

test('when a destination goes, only its own keys move', (t) => {
  const bindings = hashing({ q1: '1', q2: '2', q3: '3', q4: '1' })
  const before = spread(bindings)
  bindings.unbind('q2', '2')
  const after = spread(bindings)
  for (const [i, destination] of before.entries()) {
    if (destination === 'q2') t.not(after[i], 'q2')
    else t.is(after[i], destination)
  }
})

test('when a destination comes, keys move to it and nowhere else', (t) => {
  const bindings = hashing({ q1: '1', q2: '1' })
  const before = spread(bindings)
  bindings.bind('q3', '1')
  const after = spread(bindings)
  for (const [i, destination] of after.entries()) if (destination !== 'q3') t.is(before[i], destination)
  t.true(Math.abs(shareOf('q3', after) - 1 / 3) < 0.02)
})

test('the order of binding does not matter, so a restart changes nothing', (t) => {
  t.deepEqual(spread(hashing({ q1: '1', q2: '2', q3: '3' })), spread(hashing({ q3: '3', q1: '1', q2: '2' })))
})

test('hash-header hashes that header instead of the key', (t) => {
  const bindings = hashing({ q1: '1', q2: '1', q3: '1' }, { 'hash-header': 'customer' })
  const route = (customer: unknown, routingKey: string) =>
    bindings.route(messageOf({ routingKey, headers: { customer } })).join()
  const reached = new Set<string>()
  for (let customer = 0; customer < 50; customer++) {
    const destination = route(`c${customer}`, 'k0')
    for (let key = 1; key < 5; key++) t.is(route(`c${customer}`, `k${key}`), destination)
    reached.add(destination)
  }
  t.is(reached.size, 3)
  t.is(new Set(Array.from({ length: 50 }, (_, customer) => route(customer, ''))).size, 3)
})

test('messages without the header to hash stay together', (t) => {
  const bindings = hashing({ q1: '1', q2: '1', q3: '1' }, { 'hash-header': 'customer' })
  const routed = [
    ...KEYS.slice(0, 100).map((routingKey) => messageOf({ routingKey })),
    messageOf({ headers: { other: 1 } }),
  ].map((message) => bindings.route(message).join())
  t.is(new Set(routed).size, 1)
})

for (const [property, field] of [
  ['correlation_id', 'correlationId'],
  ['message_id', 'messageId'],
  ['timestamp', 'timestamp'],
] as const) {
  test(`hash-property ${property} hashes that property instead of the key`, (t) => {
    const bindings = hashing({ q1: '1', q2: '1', q3: '1' }, { 'hash-property': property })
    const route = (value: number, routingKey: string) =>
      bindings
        .route(messageOf({ routingKey, [field]: field === 'timestamp' ? 1_900_000_000 + value : `id-${value}` }))
        .join()
    const reached = new Set<string>()
    for (let value = 0; value < 50; value++) {
      const destination = route(value, 'k0')
      t.is(route(value, 'k1'), destination)
      reached.add(destination)
    }
    t.is(reached.size, 3)
    t.is(new Set(KEYS.slice(0, 50).map((key) => bindings.routeKey(key).join())).size, 1)
  })
}

test('only a hash of the routing key may be remembered by key', (t) => {
  t.true(exchangeOf('x-consistent-hash').cacheable)
  t.false(exchangeOf('x-consistent-hash', { 'hash-header': 'h' }).cacheable)
  t.false(exchangeOf('x-consistent-hash', { 'hash-property': 'timestamp' }).cacheable)
})

test('a binding key that is no positive integer is refused', (t) => {
  const { router } = exchangeOf('x-consistent-hash')
  const bindWith = (key: string) => refusal(() => router.validateBinding?.(key, table({})))
  const text = '406 channel PRECONDITION_FAILED - The binding key must be'
  t.is(bindWith('abc'), `${text} an integer: <<"abc">>`)
  t.is(bindWith(''), `${text} an integer: <<>>`)
  t.is(bindWith('1.5'), `${text} an integer: <<"1.5">>`)
  t.is(bindWith(' 1'), `${text} an integer: <<" 1">>`)
  t.is(bindWith('0'), `${text} greater than 0`)
  t.is(bindWith('-3'), `${text} greater than 0`)
  t.notThrows(() => router.validateBinding?.('+3', table({})))
})
