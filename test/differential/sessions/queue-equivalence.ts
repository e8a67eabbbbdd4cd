import { int, longstr, Table } from '../../../src/codec/index.ts'
import type { Arguments, QueueFlags } from '../channel.ts'
import { group } from '../session.ts'

export const queueEquivalence = group('queue-equivalence', (session) => {
  const redeclares = (
    title: string,
    [flags, args]: [QueueFlags, Arguments],
    [otherFlags, otherArgs]: [QueueFlags, Arguments],
  ) => {
    session(title, async (s) => {
      const c = await s.open()
      await c.declare(s.q(), flags, args)
      await c.declare(s.q(), otherFlags, otherArgs)
    })
  }

  redeclares('durable added', [{}, {}], [{ durable: true }, {}])
  redeclares('durable removed', [{ durable: true }, {}], [{}, {}])
  redeclares('auto-delete added', [{}, {}], [{ autoDelete: true }, {}])
  redeclares('auto-delete removed', [{ autoDelete: true }, {}], [{}, {}])
  redeclares('durable and auto-delete both differ', [{}, {}], [{ durable: true, autoDelete: true }, {}])
  redeclares('durable and an argument differ', [{}, {}], [{ durable: true }, { 'x-max-length': 1 }])
  redeclares('exclusive and durable differ', [{ exclusive: true }, {}], [{ durable: true }, {}])

  const pairs: [name: string, one: unknown, other: unknown][] = [
    ['x-message-ttl', 1000, 2000],
    ['x-expires', 60_000, 70_000],
    ['x-max-length', 10, 20],
    ['x-max-length-bytes', 10, 20],
    ['x-max-priority', 5, 6],
    ['x-overflow', 'drop-head', 'reject-publish'],
    ['x-dead-letter-exchange', 'amq.fanout', 'amq.direct'],
    ['x-queue-mode', 'default', 'lazy'],
    ['x-queue-version', 1, 2],
    ['x-single-active-consumer', true, false],
    ['x-queue-master-locator', 'min-masters', 'client-local'],
    ['foo', 'bar', 'baz'],
    ['x-ha-policy', 'all', 'nodes'],
    ['x-consumer-timeout', 1, 2],
  ]
  for (const [name, one, other] of pairs) {
    redeclares(`${name} changed`, [{}, { [name]: one }], [{}, { [name]: other }])
    redeclares(`${name} removed`, [{}, { [name]: one }], [{}, {}])
    redeclares(`${name} added`, [{}, {}], [{}, { [name]: one }])
    redeclares(`${name} unchanged`, [{}, { [name]: one }], [{}, { [name]: one }])
  }

  redeclares(
    'a dead-letter key changed',
    [{}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'one' }],
    [{}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'other' }],
  )
  redeclares('a type changed to a string', [{}, { 'x-max-length': 10 }], [{}, { 'x-max-length': '10' }])
  redeclares('a value that is invalid as well as different', [{}, { 'x-max-length': 10 }], [{}, { 'x-max-length': -1 }])
  redeclares(
    'arguments in another order',
    [{}, { 'x-max-length': 1, 'x-message-ttl': 9 }],
    [{}, { 'x-message-ttl': 9, 'x-max-length': 1 }],
  )
  redeclares(
    'two arguments differ',
    [{}, { 'x-max-length': 1, 'x-message-ttl': 9 }],
    [{}, { 'x-max-length': 2, 'x-message-ttl': 8 }],
  )
  redeclares('classic said explicitly', [{}, {}], [{}, { 'x-queue-type': 'classic' }])
  redeclares('classic said first', [{}, { 'x-queue-type': 'classic' }], [{}, {}])
  redeclares('classic to quorum', [{ durable: true }, {}], [{ durable: true }, { 'x-queue-type': 'quorum' }])
  redeclares(
    'quorum to classic',
    [{ durable: true }, { 'x-queue-type': 'quorum' }],
    [{ durable: true }, { 'x-queue-type': 'classic' }],
  )
  redeclares('quorum to none', [{ durable: true }, { 'x-queue-type': 'quorum' }], [{ durable: true }, {}])
  redeclares(
    'a quorum queue’s delivery limit changed',
    [{ durable: true }, { 'x-queue-type': 'quorum', 'x-delivery-limit': 2 }],
    [{ durable: true }, { 'x-queue-type': 'quorum', 'x-delivery-limit': 3 }],
  )
  redeclares(
    'a quorum queue’s dead-letter strategy added',
    [{ durable: true }, { 'x-queue-type': 'quorum' }],
    [{ durable: true }, { 'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-most-once' }],
  )
  redeclares(
    'an integer of another width',
    [{}, new Table([['x-message-ttl', int(1000)]])],
    [{}, new Table([['x-message-ttl', { type: 'l', value: 1000n }]])],
  )
  redeclares(
    'a different integer of another width',
    [{}, new Table([['x-message-ttl', int(1000)]])],
    [{}, new Table([['x-message-ttl', { type: 'u', value: 1001 }]])],
  )
  redeclares(
    'a long string against bytes',
    [{}, new Table([['x-dead-letter-exchange', longstr('a')]])],
    [{}, new Table([['x-dead-letter-exchange', { type: 'x', value: Buffer.from('a') }]])],
  )
})
