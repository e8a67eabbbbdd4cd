import test from 'ava'
import { type QueueProperties, validateQueueArguments } from '../../../src/broker/queue/index.ts'
import { array, bool, type FieldValue, fromObject, int, long, longstr, Table } from '../../../src/codec/index.ts'

const PLAIN: QueueProperties = { durable: true, exclusive: false, autoDelete: false }
const QUEUE = "queue 'q1' in vhost '/'"

function validate(entries: [string, FieldValue][], properties: Partial<QueueProperties> = {}): void {
  validateQueueArguments('q1', '/', new Table(entries), { ...PLAIN, ...properties })
}

/** Argument, value, and the reason RabbitMQ gives for refusing it. */
const REFUSED: readonly (readonly [string, FieldValue, string])[] = [
  ['x-message-ttl', longstr('1000'), '"expected integer, got longstr"'],
  ['x-message-ttl', bool(true), '"expected integer, got bool"'],
  ['x-message-ttl', { type: 'd', value: 1 }, '"expected integer, got double"'],
  ['x-message-ttl', int(-1), '{value_negative,-1}'],
  ['x-message-ttl', long(1099511627776), '{value_too_large,1099511627776}'],
  ['x-expires', int(0), '{value_zero,0}'],
  ['x-expires', int(-5), '{value_negative,-5}'],
  ['x-expires', long(315_360_000_001), '{value_too_large,315360000001}'],
  ['x-expires', longstr('x'), '"expected integer, got longstr"'],
  ['x-max-length', int(-1), '{value_negative,-1}'],
  ['x-max-length', longstr('5'), '"expected integer, got longstr"'],
  ['x-max-length-bytes', long(-(2n ** 63n)), '{value_negative,-9223372036854775808}'],
  ['x-max-priority', int(256), '{max_value_exceeded,256}'],
  ['x-max-priority', int(-1), '{value_negative,-1}'],
  ['x-max-priority', longstr('5'), '"expected integer, got longstr"'],
  ['x-overflow', longstr('explode'), 'invalid_overflow'],
  ['x-overflow', int(1), '{unacceptable_type,signedint}'],
  ['x-dead-letter-routing-key', longstr('k'), 'routing_key_but_no_dlx_defined'],
  ['x-dead-letter-routing-key', int(1), '{unacceptable_type,signedint}'],
  ['x-queue-type', longstr('zzz'), `"unsupported queue type 'zzz'"`],
  ['x-queue-type', longstr('stream'), `"unsupported queue type 'stream'"`],
  ['x-queue-type', int(1), '{unacceptable_type,signedint}'],
  ['x-queue-mode', longstr('zzz'), `"unsupported queue mode 'zzz'"`],
  ['x-queue-mode', bool(true), '{unacceptable_type,bool}'],
  ['x-queue-version', int(3), `"unsupported queue version '3'"`],
  ['x-single-active-consumer', longstr('true'), '{unacceptable_type,longstr}'],
  ['x-queue-leader-locator', longstr('zzz'), 'invalid_queue_locator_arg'],
]

for (const [name, value, reason] of REFUSED) {
  const shown = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))
  test(`${name} with the value ${shown} is refused with RabbitMQ's reason`, (t) => {
    t.like(
      t.throws(() => validate([[name, value]])),
      { code: 406, scope: 'channel', message: `PRECONDITION_FAILED - invalid arg '${name}' for ${QUEUE}: ${reason}` },
    )
  })
}

test('a dead-letter exchange that is no string has a text of its own', (t) => {
  t.throws(() => validate([['x-dead-letter-exchange', int(1)]]), {
    message: `PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' in ${QUEUE}`,
  })
})

test('a dead-letter routing key that fits no delivery is refused', (t) => {
  const key = (length: number): [string, FieldValue][] => [
    ['x-dead-letter-exchange', longstr('')],
    ['x-dead-letter-routing-key', longstr('k'.repeat(length))],
  ]
  t.notThrows(() => validate(key(255)))
  t.throws(() => validate(key(256)), { message: /longer than 255 bytes/ })
})

test('quorum-only arguments are checked on quorum queues', (t) => {
  for (const [name, value, reason] of [
    ['x-dead-letter-strategy', longstr('sometimes'), 'invalid_dlx_strategy'],
    ['x-delivery-limit', longstr('5'), '"expected integer, got longstr"'],
    ['x-quorum-initial-group-size', int(0), '{value_zero,0}'],
    ['x-max-in-memory-length', int(-1), '{value_negative,-1}'],
  ] as const) {
    const entries: [string, FieldValue][] = [
      ['x-queue-type', longstr('quorum')],
      [name, value],
    ]
    t.throws(() => validate(entries), {
      message: `PRECONDITION_FAILED - invalid arg '${name}' for ${QUEUE}: ${reason}`,
    })
  }
})

test('an argument of another type of queue is refused', (t) => {
  for (const [type, argument] of [
    ['classic', 'x-max-age'],
    ['classic', 'x-delivery-limit'],
    ['classic', 'x-stream-filter-size-bytes'],
    ['quorum', 'x-max-priority'],
    ['quorum', 'x-queue-mode'],
    ['quorum', 'x-queue-version'],
    ['quorum', 'x-initial-cluster-size'],
  ] as const) {
    const args: [string, FieldValue][] = [
      ['x-queue-type', longstr(type)],
      [argument, longstr('1D')],
    ]
    t.like(
      t.throws(() => validate(args)),
      {
        code: 406,
        message: `PRECONDITION_FAILED - invalid arg '${argument}' for ${QUEUE} of queue type rabbit_${type}_queue`,
      },
    )
  }
})

test('good arguments pass, in every width of integer', (t) => {
  t.notThrows(() =>
    validateQueueArguments(
      'q1',
      '/',
      fromObject({
        'x-message-ttl': 0,
        'x-expires': 1,
        'x-max-length': 0,
        'x-max-length-bytes': 2 ** 40,
        'x-max-priority': 255,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': '',
        'x-queue-mode': 'lazy',
        'x-queue-version': 2,
        'x-single-active-consumer': true,
        'x-queue-type': 'classic',
        'x-queue-master-locator': 'min-masters',
        'x-queue-leader-locator': 'balanced',
      }),
      PLAIN,
    ),
  )
  for (const type of ['b', 'B', 's', 'u', 'I', 'i'] as const) {
    t.notThrows(() => validate([['x-max-length', { type, value: 100 }]]))
  }
  t.notThrows(() => validate([['x-message-ttl', long(315_360_000_000)]]))
})

test('arguments that no type knows are kept, whatever they are', (t) => {
  t.notThrows(() =>
    validate([
      ['foo', array(int(1))],
      ['x-ha-policy', longstr('all')],
      ['x-consumer-timeout', longstr('soon')],
    ]),
  )
})

test('deduplication arguments are checked where deduplication is asked for', (t) => {
  t.throws(
    () =>
      validate([
        ['x-message-deduplication', bool(true)],
        ['x-cache-size', longstr('many')],
      ]),
    { message: /invalid arg 'x-cache-size'/ },
  )
})

test('a quorum queue is durable, shared, and not deleted by itself', (t) => {
  const quorum: [string, FieldValue][] = [['x-queue-type', longstr('quorum')]]
  t.notThrows(() => validate(quorum))
  for (const [properties, named] of [
    [{ durable: false }, 'non-durable'],
    [{ exclusive: true }, 'exclusive-owner'],
    [{ autoDelete: true }, 'auto-delete'],
  ] as const) {
    t.like(
      t.throws(() => validate(quorum, properties)),
      { code: 406, message: `PRECONDITION_FAILED - invalid property '${named}' for ${QUEUE}` },
    )
  }
  t.throws(() => validate(quorum, { serverNamed: true }), {
    message: 'PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue',
  })
})
