import { entity, preconditionFailed } from '../../broker/index.ts'
import { type FieldValue, type Table, textOf, typeName } from '../../codec/index.ts'
import { fitsTopicBody, TOPIC_BYTES_MAX } from '../packet/topic-body.ts'
import type { ListenerRole } from '../router/listener.ts'

/** When the publisher of a unicast is answered: when a queue has it, with what a consumer answers, when one has acked. */
export type ReplyMode = 'received' | 'consumer' | 'ack'

const ROLES: readonly ListenerRole[] = ['subscriber', 'fallback', 'tap']
const REPLIES: readonly ReplyMode[] = ['consumer', 'ack']

/** What the arguments of a binding say. */
export interface BindingArguments {
  /** Undefined: it depends on who consumes. */
  readonly role: ListenerRole | undefined
  readonly reply: ReplyMode
}

/** @throws AmqpError 406 */
export function readBindingArguments(args: Table): BindingArguments {
  const role = oneOf(args, 'x-amop-role', ROLES)
  const reply = oneOf(args, 'x-amop-reply', REPLIES)
  if (role === 'tap' && reply !== undefined) {
    throw preconditionFailed("invalid arg 'x-amop-reply' for a binding with 'x-amop-role' tap: a tap never answers")
  }
  return { role, reply: reply ?? 'received' }
}

/**
 * What an exchange puts before each topic.
 * @throws AmqpError 406
 */
export function readPrefix(vhost: string, name: string, args: Table): string {
  const value = args.get('x-amop-prefix')
  if (value === undefined) return ''
  const where = `arg 'x-amop-prefix' in ${entity('exchange', name, vhost)}`
  const prefix = textOf(value)
  if (prefix === undefined) throw preconditionFailed(`invalid type '${typeName(value)}' for ${where}`)
  if (!fitsTopicBody(`${prefix}.`)) {
    throw preconditionFailed(`invalid ${where}: it must be UTF-8 and leave room in a topic of ${TOPIC_BYTES_MAX} bytes`)
  }
  return prefix
}

function oneOf<T extends string>(args: Table, name: string, allowed: readonly T[]): T | undefined {
  const value = args.get(name)
  if (value === undefined) return undefined
  const text = textOf(value)
  const found = allowed.find((each) => each === text)
  if (found !== undefined) return found
  throw preconditionFailed(`invalid arg '${name}' for a binding: ${shown(value)} is none of ${allowed.join(', ')}`)
}

function shown(value: FieldValue): string {
  const text = textOf(value)
  return text === undefined ? `a ${typeName(value)}` : `'${text}'`
}
