import { type FieldValue, integerOf, longstr, readText, Table, textOf, typeName } from '../../codec/index.ts'
import { validateDeduplication } from '../deduplication.ts'
import { entity, preconditionFailed } from '../errors.ts'
import type { QueueType } from './limits.ts'

/** The longest time a timer is asked for, 10 years in ms. Source: RabbitMQ. */
const TIMER_MS_MAX = 315_360_000_000

const PRIORITY_MAX = 255
const SHORTSTR_BYTES_MAX = 255

/** What is declared beside the arguments. */
export interface QueueProperties {
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  /** The server was left to make a name. */
  readonly serverNamed?: boolean
}

/** Arguments each type of queue knows; one known to another type only is refused. Source: RabbitMQ 4.0. */
const KNOWN: Record<QueueType, readonly string[]> = {
  classic: [
    'x-expires',
    'x-message-ttl',
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-priority',
    'x-overflow',
    'x-queue-mode',
    'x-queue-version',
    'x-single-active-consumer',
    'x-queue-type',
    'x-queue-master-locator',
    'x-queue-leader-locator',
  ],
  quorum: [
    'x-expires',
    'x-message-ttl',
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-dead-letter-strategy',
    'x-delivery-limit',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-overflow',
    'x-single-active-consumer',
    'x-queue-type',
    'x-quorum-initial-group-size',
    'x-queue-leader-locator',
  ],
}

const STREAM_ONLY = [
  'x-max-age',
  'x-stream-max-segment-size-bytes',
  'x-stream-filter-size-bytes',
  'x-initial-cluster-size',
]

/** Any type of queue has them, and somebody else gives them a meaning. */
const OF_EVERY_TYPE = ['x-amop-deliver', 'x-amop-deliver-mode', 'x-amop-deliver-prefetch']

const KNOWN_TO_ANY = new Set([...KNOWN.classic, ...KNOWN.quorum, ...STREAM_ONLY])

/** What is wrong with a value, as RabbitMQ prints it; undefined when nothing is. */
type Check = (value: FieldValue, args: Table) => string | undefined

/** In RabbitMQ's order. */
const CHECKS: readonly (readonly [name: string, check: Check])[] = [
  ['x-expires', (value) => checkTime(value, 1)],
  ['x-message-ttl', (value) => checkTime(value, 0)],
  ['x-dead-letter-routing-key', checkDeadLetterRoutingKey],
  ['x-dead-letter-strategy', oneOf(['at-most-once', 'at-least-once'], 'invalid_dlx_strategy')],
  ['x-max-length', checkCount],
  ['x-max-length-bytes', checkCount],
  ['x-max-in-memory-length', checkCount],
  ['x-max-in-memory-bytes', checkCount],
  ['x-max-priority', checkMaxPriority],
  ['x-overflow', oneOf(['drop-head', 'reject-publish', 'reject-publish-dlx'], 'invalid_overflow')],
  ['x-queue-mode', checkMode],
  ['x-queue-version', checkVersion],
  ['x-single-active-consumer', (value) => (value.type === 't' ? undefined : unacceptable(value))],
  ['x-delivery-limit', checkInteger],
  ['x-quorum-initial-group-size', checkGroupSize],
  ['x-queue-leader-locator', oneOf(['client-local', 'balanced'], 'invalid_queue_locator_arg')],
]

/**
 * Checks what a new queue is declared with, in RabbitMQ's order and words. Arguments that no type knows are kept and
 * mean nothing.
 * @throws AmqpError 406
 */
export function validateQueueArguments(name: string, vhost: string, args: Table, properties: QueueProperties): void {
  const subject = entity('queue', name, vhost)
  const deadLetterExchange = args.get('x-dead-letter-exchange')
  if (deadLetterExchange !== undefined && deadLetterExchange.type !== 'S') {
    const type = typeName(deadLetterExchange)
    throw preconditionFailed(`invalid type '${type}' for arg 'x-dead-letter-exchange' in ${subject}`)
  }
  const refuse = (argument: string, reason: string) =>
    preconditionFailed(`invalid arg '${argument}' for ${subject}: ${reason}`)
  const typeReason = checkType(args.get('x-queue-type'))
  if (typeReason !== undefined) throw refuse('x-queue-type', typeReason)
  const type = queueTypeOf(args)
  for (const [argument] of args.entries) {
    if (!KNOWN_TO_ANY.has(argument) || KNOWN[type].includes(argument)) continue
    throw preconditionFailed(`invalid arg '${argument}' for ${subject} of queue type rabbit_${type}_queue`)
  }
  for (const [argument, check] of CHECKS) {
    const value = args.get(argument)
    const reason = value === undefined ? undefined : check(value, args)
    if (reason !== undefined) throw refuse(argument, reason)
  }
  validateDeduplication('queue', name, vhost, args)
  if (type === 'quorum') validateQuorumProperties(subject, properties)
}

/** The type the arguments ask for, classic unless they do. */
export function queueTypeOf(args: Table): QueueType {
  return textOf(args.get('x-queue-type')) === 'quorum' ? 'quorum' : 'classic'
}

/** The arguments with the type among them, as RabbitMQ 4.0 stores and shows them. */
export function withQueueType(args: Table): Table {
  const stored = new Table([...args.entries])
  return stored.has('x-queue-type') ? stored : stored.set('x-queue-type', longstr('classic'))
}

export function isSingleActive(args: Table): boolean {
  const value = args.get('x-single-active-consumer')
  return value?.type === 't' && value.value
}

/** The highest priority that counts, 0 for a queue without priorities. */
export function maxPriorityOf(args: Table): number {
  return integerOf(args.get('x-max-priority')) ?? 0
}

/** The arguments that a declare of an existing queue of this type has to repeat. */
export function comparedArguments(type: QueueType): readonly string[] {
  return [...KNOWN[type], ...OF_EVERY_TYPE]
}

function validateQuorumProperties(subject: string, properties: QueueProperties): void {
  if (properties.serverNamed) {
    throw preconditionFailed('Cannot declare a server-named queue for type rabbit_quorum_queue')
  }
  if (properties.autoDelete) throw preconditionFailed(`invalid property 'auto-delete' for ${subject}`)
  if (properties.exclusive) throw preconditionFailed(`invalid property 'exclusive-owner' for ${subject}`)
  if (!properties.durable) throw preconditionFailed(`invalid property 'non-durable' for ${subject}`)
}

/** Streams are a type like the others in RabbitMQ; here they are refused by name. */
function checkType(value: FieldValue | undefined): string | undefined {
  if (value === undefined) return undefined
  const type = textOf(value)
  if (type === undefined) return unacceptable(value)
  return type === 'classic' || type === 'quorum' ? undefined : `"unsupported queue type '${type}'"`
}

function unacceptable(value: FieldValue): string {
  return `{unacceptable_type,${typeName(value)}}`
}

function checkInteger(value: FieldValue): string | undefined {
  return integerOf(value) === undefined ? `"expected integer, got ${typeName(value)}"` : undefined
}

function checkCount(value: FieldValue): string | undefined {
  const wrongType = checkInteger(value)
  if (wrongType !== undefined) return wrongType
  const count = integerOf(value) as number
  return count < 0 ? `{value_negative,${exact(value)}}` : undefined
}

function checkTime(value: FieldValue, leastMs: 0 | 1): string | undefined {
  const wrong = checkCount(value)
  if (wrong !== undefined) return wrong
  const ms = integerOf(value) as number
  if (ms < leastMs) return '{value_zero,0}'
  return ms > TIMER_MS_MAX ? `{value_too_large,${exact(value)}}` : undefined
}

function checkMaxPriority(value: FieldValue): string | undefined {
  const wrong = checkCount(value)
  if (wrong !== undefined) return wrong
  return (integerOf(value) as number) > PRIORITY_MAX ? `{max_value_exceeded,${exact(value)}}` : undefined
}

function checkGroupSize(value: FieldValue): string | undefined {
  return checkCount(value) ?? (integerOf(value) === 0 ? '{value_zero,0}' : undefined)
}

function checkDeadLetterRoutingKey(value: FieldValue, args: Table): string | undefined {
  if (value.type !== 'S') return unacceptable(value)
  // RabbitMQ lets it pass and fails when it delivers such a dead letter.
  if (value.value.length > SHORTSTR_BYTES_MAX) return `"longer than ${SHORTSTR_BYTES_MAX} bytes"`
  return args.has('x-dead-letter-exchange') ? undefined : 'routing_key_but_no_dlx_defined'
}

function checkMode(value: FieldValue): string | undefined {
  const mode = textOf(value)
  if (mode === undefined) return unacceptable(value)
  return mode === 'default' || mode === 'lazy' ? undefined : `"unsupported queue mode '${mode}'"`
}

function checkVersion(value: FieldValue): string | undefined {
  const wrong = checkCount(value)
  if (wrong !== undefined) return wrong
  const version = integerOf(value)
  return version === 1 || version === 2 ? undefined : `"unsupported queue version '${exact(value)}'"`
}

function oneOf(allowed: readonly string[], reason: string): Check {
  return (value) => {
    if (value.type !== 'S') return unacceptable(value)
    return allowed.includes(readText(value.value, 0, value.value.length)) ? undefined : reason
  }
}

/** The number with all its digits. */
function exact(value: FieldValue): string {
  return String((value as { value: number | bigint }).value)
}
