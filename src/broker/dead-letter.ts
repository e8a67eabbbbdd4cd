import {
  array,
  type FieldValue,
  integerOf,
  long,
  longstr,
  nested,
  PropertyFlag,
  PropertyView,
  replaceProperties,
  Table,
  textOf,
  timestamp,
} from '../codec/index.ts'
import type { DeathReason } from './host.ts'
import { Message, MessageMark } from './message.ts'

/** One end of a message in a queue. */
export interface Death {
  readonly queue: string
  readonly reason: DeathReason
  /** The dead-letter exchange, where it goes now. */
  readonly exchange: string
  /** Undefined: it keeps its keys. */
  readonly routingKey: string | undefined
  /** ms since the epoch */
  readonly now: number
}

/** Headers that tell of a message's deaths; a client's own are replaced. Source: RabbitMQ 4.0. */
const DEATH_HEADERS = [
  'x-death',
  'x-first-death-exchange',
  'x-first-death-queue',
  'x-first-death-reason',
  'x-last-death-exchange',
  'x-last-death-queue',
  'x-last-death-reason',
]

/**
 * The message as it goes on from a queue it died in: to the dead-letter exchange, without `expiration`, with the death
 * written into its headers (`x-death`, `x-first-death-*`, `x-last-death-*`). A death in the same queue for the same
 * reason as one before is counted there. Headers of these names that a client had put in are dropped: only what the
 * broker itself wrote, by the message's mark, is history. Source: RabbitMQ 4.0.
 */
export function deadLetterMessage(message: Message, death: Death): Message {
  const view = new PropertyView()
  const before = readHeaders(message, view) ?? new Table()
  const own = (message.marks & MessageMark.DEAD_LETTER) !== 0
  const headers = new Table(before.entries.filter(([name]) => !DEATH_HEADERS.includes(name)))
  headers.set('x-death', array(...addDeath(own ? deathsIn(before) : [], message, before, death).map(nested)))
  const now: Record<string, FieldValue> = {
    exchange: longstr(message.exchange),
    queue: longstr(death.queue),
    reason: longstr(death.reason),
  }
  for (const [name, value] of Object.entries(now)) {
    const first = `x-first-death-${name}`
    headers.set(first, (own ? before.get(first) : undefined) ?? value)
  }
  for (const [name, value] of Object.entries(now)) headers.set(`x-last-death-${name}`, value)
  const { buffer, bodyAt, bodyLength } = message
  const properties = replaceProperties(buffer, message.propertiesAt, message.propertiesLength, {
    headers,
    expiration: null,
  })
  const rekeyed = death.routingKey !== undefined
  return Message.of(
    death.exchange,
    death.routingKey ?? message.routingKey,
    properties,
    buffer.subarray(bodyAt, bodyAt + bodyLength),
    message.marks | MessageMark.DEAD_LETTER | (rekeyed ? MessageMark.REKEYED : 0),
  )
}

/**
 * Every key that a stored message is routed by: its own, and those of its CC header, unless a dead-letter routing key
 * has taken their place. BCC's were removed before it was stored.
 */
export function routingKeysOf(message: Message, view: PropertyView): string[] {
  return keysOf(message, readHeaders(message, view))
}

/**
 * Whether a dead letter would come into a queue where it died already, with no rejection since: nobody would ever have
 * had a say in its going round. Source: RabbitMQ.
 * @param message as `deadLetterMessage` gave it.
 */
export function isDeathCycle(message: Message, queue: string): boolean {
  if ((message.marks & MessageMark.DEAD_LETTER) === 0) return false
  const headers = readHeaders(message, new PropertyView())
  for (const death of headers === undefined ? [] : deathsIn(headers)) {
    if (textOf(death.get('reason')) === 'rejected') return false
    if (textOf(death.get('queue')) === queue) return true
  }
  return false
}

/**
 * The headers of a message; undefined when it has none, or bytes that are no table: those were never looked at on
 * their way in, and must do no harm where nobody can be told.
 */
export function readHeaders(message: Message, view: PropertyView): Table | undefined {
  try {
    return message.properties(view).headers
  } catch {
    return undefined
  }
}

/** Newest first. */
function deathsIn(headers: Table): Table[] {
  const deaths = headers.get('x-death')
  if (deaths?.type !== 'A') return []
  return deaths.value.flatMap((death) => (death.type === 'F' ? [death.value] : []))
}

function addDeath(deaths: Table[], message: Message, headers: Table, death: Death): Table[] {
  const same = deaths.find(
    (other) => textOf(other.get('queue')) === death.queue && textOf(other.get('reason')) === death.reason,
  )
  if (same === undefined) return [newDeath(message, headers, death), ...deaths]
  same.set('count', long((integerOf(same.get('count')) ?? 0) + 1))
  return [same, ...deaths.filter((other) => other !== same)]
}

function newDeath(message: Message, headers: Table, death: Death): Table {
  const table = new Table()
    .set('count', long(1))
    .set('reason', longstr(death.reason))
    .set('queue', longstr(death.queue))
    .set('time', timestamp(death.now / 1000))
    .set('exchange', longstr(message.exchange))
    .set('routing-keys', array(...keysOf(message, headers).map((key) => longstr(key))))
  const expiration = readExpiration(message)
  return expiration === undefined ? table : table.set('original-expiration', longstr(expiration))
}

function keysOf(message: Message, headers: Table | undefined): string[] {
  const keys = [message.routingKey]
  if ((message.marks & MessageMark.REKEYED) !== 0) return keys
  const carbonCopies = headers?.get('CC')
  if (carbonCopies?.type !== 'A') return keys
  for (const copy of carbonCopies.value) {
    const key = textOf(copy)
    if (key !== undefined) keys.push(key)
  }
  return keys
}

function readExpiration(message: Message): string | undefined {
  if ((message.propertyFlags & PropertyFlag.EXPIRATION) === 0) return undefined
  return message.properties(new PropertyView()).expiration
}
