import { type FieldValue, int, long, longstr, Table } from '../../../src/codec/index.ts'
import type { Arguments, QueueFlags } from '../channel.ts'
import { group } from '../session.ts'

const INTEGERS = [
  'x-message-ttl',
  'x-expires',
  'x-max-length',
  'x-max-length-bytes',
  'x-max-priority',
  'x-delivery-limit',
  'x-quorum-initial-group-size',
  'x-max-in-memory-length',
  'x-max-in-memory-bytes',
  'x-stream-max-segment-size-bytes',
  'x-initial-cluster-size',
]

const STRINGS = [
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-overflow',
  'x-queue-mode',
  'x-queue-type',
  'x-queue-master-locator',
  'x-queue-leader-locator',
  'x-max-age',
  'x-dead-letter-strategy',
]

export const queueArguments = group('queue-arguments', (session) => {
  const declares = (title: string, args: Arguments, flags: QueueFlags = {}) => {
    session(title, async (s) => {
      const c = await s.open()
      await c.declare(s.q(), flags, args)
    })
  }

  for (const name of INTEGERS) {
    declares(`${name} as a string`, { [name]: 'abc' })
    declares(`${name} as a boolean`, { [name]: true })
    declares(`${name} of -1`, { [name]: -1 })
    declares(`${name} of 0`, { [name]: 0 })
    declares(`${name} of 1`, { [name]: 1 })
    declares(`${name} of 2^40`, { [name]: 2 ** 40 })
  }
  for (const name of STRINGS) {
    declares(`${name} as an integer`, { [name]: 5 })
    declares(`${name} of "zzz"`, { [name]: 'zzz' })
    declares(`${name} of ""`, { [name]: '' })
  }

  const edges: [name: string, value: FieldValue][] = [
    ['x-message-ttl', long(315_360_000_000n)],
    ['x-message-ttl', long(315_360_000_001n)],
    ['x-message-ttl', { type: 'd', value: 100 }],
    ['x-expires', long(315_360_000_000n)],
    ['x-expires', long(315_360_000_001n)],
    ['x-max-priority', int(255)],
    ['x-max-priority', int(256)],
    ['x-max-length', long(9_223_372_036_854_775_807n)],
    ['x-overflow', longstr('drop-head')],
    ['x-overflow', longstr('reject-publish')],
    ['x-overflow', longstr('reject-publish-dlx')],
    ['x-overflow', longstr('DROP-HEAD')],
    ['x-queue-type', longstr('classic')],
    ['x-queue-type', longstr('quorum')],
    ['x-queue-type', longstr('CLASSIC')],
    ['x-queue-mode', longstr('default')],
    ['x-queue-mode', longstr('lazy')],
    ['x-queue-version', int(0)],
    ['x-queue-version', int(1)],
    ['x-queue-version', int(2)],
    ['x-queue-version', int(3)],
    ['x-queue-version', longstr('2')],
    ['x-single-active-consumer', { type: 't', value: true }],
    ['x-single-active-consumer', { type: 't', value: false }],
    ['x-single-active-consumer', longstr('true')],
    ['x-single-active-consumer', int(1)],
    ['x-queue-master-locator', longstr('min-masters')],
    ['x-queue-master-locator', longstr('client-local')],
    ['x-queue-leader-locator', longstr('client-local')],
    ['x-queue-leader-locator', longstr('balanced')],
    ['x-dead-letter-exchange', longstr('nosuch')],
    ['x-max-age', longstr('1h')],
    ['x-ha-policy', longstr('all')],
    ['x-message-deduplication', { type: 't', value: true }],
    ['x-consumer-timeout', int(1000)],
    ['x-consumer-timeout', longstr('zzz')],
    ['foo', longstr('bar')],
    ['x-cancel-on-ha-failover', { type: 't', value: true }],
    ['x-quorum-target-group-size', int(3)],
  ]
  for (const [name, value] of edges) {
    const text = 'value' in value ? (value.type === 'S' ? JSON.stringify(value.value.toString()) : value.value) : 'void'
    declares(`${name} of ${text} (${value.type})`, new Table([[name, value]]))
  }

  declares('a dead-letter key with its exchange', {
    'x-dead-letter-exchange': 'amq.fanout',
    'x-dead-letter-routing-key': 'k',
  })
  declares('a dead-letter key without an exchange', { 'x-dead-letter-routing-key': 'k' })
  declares('two bad arguments: the first in the table is named', { 'x-max-length': -1, 'x-message-ttl': -1 })
  declares('two bad arguments in the other order', { 'x-message-ttl': -1, 'x-max-length': -1 })
  declares('a bad argument behind a bad queue type', { 'x-max-length': -1, 'x-queue-type': 'zzz' })

  const quorum = { 'x-queue-type': 'quorum' }
  declares('a quorum queue', quorum, { durable: true })
  declares('a quorum queue that is not durable', quorum)
  declares('a quorum queue that is exclusive', quorum, { durable: true, exclusive: true })
  declares('a quorum queue that is auto-deleted', quorum, { durable: true, autoDelete: true })
  declares(
    'a quorum queue with all its arguments',
    {
      ...quorum,
      'x-expires': 60_000,
      'x-message-ttl': 60_000,
      'x-dead-letter-exchange': 'amq.fanout',
      'x-dead-letter-routing-key': 'k',
      'x-max-length': 10,
      'x-max-length-bytes': 1000,
      'x-overflow': 'reject-publish',
      'x-single-active-consumer': true,
      'x-dead-letter-strategy': 'at-most-once',
      'x-delivery-limit': 3,
      'x-quorum-initial-group-size': 1,
      'x-queue-leader-locator': 'client-local',
    },
    { durable: true },
  )
  for (const [name, value] of [
    ['x-max-priority', 5],
    ['x-queue-mode', 'lazy'],
    ['x-queue-version', 2],
    ['x-queue-master-locator', 'client-local'],
    ['x-max-age', '1h'],
    ['x-delivery-limit', -1],
    ['x-delivery-limit', 0],
    ['x-delivery-limit', 'abc'],
    ['x-overflow', 'reject-publish-dlx'],
    ['x-dead-letter-strategy', 'at-least-once'],
    ['x-dead-letter-strategy', 'zzz'],
    ['x-message-ttl', -1],
    ['x-max-in-memory-length', 5],
    ['x-queue-leader-locator', 'zzz'],
    ['foo', 'bar'],
  ] as const) {
    declares(`a quorum queue with ${name} of ${value}`, { ...quorum, [name]: value }, { durable: true })
  }
  session('a server-named quorum queue', async (s) => {
    const c = await s.open()
    await c.declare('', { durable: true }, quorum)
  })
  declares('a stream', { 'x-queue-type': 'stream' }, { durable: true })
  declares('a stream that is not durable', { 'x-queue-type': 'stream' })
})
