import { createHash } from 'node:crypto'
import { type FieldValue, integerOf, PropertyFlag, PropertyView, type Table, textOf, typeName } from '../codec/index.ts'
import { entity, preconditionFailed } from './errors.ts'
import { exactKey } from './exchange/value-key.ts'
import type { Message } from './message.ts'

const HEADER_DEFAULT = 'x-deduplication-header'
const CACHE_SIZE_DEFAULT = 128
const NEVER = Number.POSITIVE_INFINITY

/** Longer keys are remembered by their hash, so that a full cache is bounded whatever clients put into the header. */
const KEY_CHARACTERS_MAX = 128

/**
 * Checks the deduplication arguments of a new exchange or queue that asks for it with `x-message-deduplication: true`:
 * `x-cache-size` from 1, `x-cache-ttl` in ms from 0, `x-deduplication-header` a string. Without that argument nothing
 * is checked: the others then mean nothing here.
 * @throws AmqpError 406, worded like RabbitMQ's texts for queue arguments.
 */
export function validateDeduplication(kind: 'queue' | 'exchange', name: string, vhost: string, args: Table): void {
  if (!isAsked(args)) return
  const refuse = (argument: string, reason: string) =>
    preconditionFailed(`invalid arg '${argument}' for ${entity(kind, name, vhost)}: ${reason}`)
  for (const [argument, least] of [
    ['x-cache-size', 1],
    ['x-cache-ttl', 0],
  ] as const) {
    const value = args.get(argument)
    if (value === undefined) continue
    const integer = integerOf(value)
    if (integer === undefined) throw refuse(argument, `"expected integer, got ${typeName(value)}"`)
    if (integer < least) throw refuse(argument, integer < 0 ? `{value_negative,${integer}}` : '{value_zero,0}')
  }
  const header = args.get('x-deduplication-header')
  if (header !== undefined && header.type !== 'S')
    throw refuse('x-deduplication-header', `{unacceptable_type,${typeName(header)}}`)
}

/**
 * Remembers the keys of the messages seen, each from its first message on, until its time is over or the cache is full
 * and it is the oldest. A key is a header's value of any type; a message without the header is never a duplicate.
 * Source: LavinMQ's arguments on exchanges and queues.
 */
export class Deduplicator {
  /** What the message asked about last is now remembered by; undefined when it was a duplicate, or has no key. */
  freshKey: string | undefined
  /** When that key is forgotten, in ms; infinite for never. */
  freshExpiry = NEVER
  readonly #header: string
  readonly #sizeMax: number
  readonly #ttlMs: number
  /** Keys, oldest first, with the time (ms) at which each is forgotten. */
  readonly #expiries = new Map<string, number>()
  /** Those that a restart does not make forget. */
  readonly #stored = new Set<string>()
  readonly #view = new PropertyView()

  private constructor(header: string, sizeMax: number, ttlMs: number) {
    this.#header = header
    this.#sizeMax = sizeMax
    this.#ttlMs = ttlMs
  }

  /** The deduplicator that the arguments ask for; undefined when they do not. */
  static from(args: Table): Deduplicator | undefined {
    if (!isAsked(args)) return undefined
    return new Deduplicator(
      textOf(args.get('x-deduplication-header')) ?? HEADER_DEFAULT,
      Math.max(integerOf(args.get('x-cache-size')) ?? CACHE_SIZE_DEFAULT, 1),
      integerOf(args.get('x-cache-ttl')) ?? NEVER,
    )
  }

  /** How many keys are remembered, expired ones that nobody asked for since included. */
  get size(): number {
    return this.#expiries.size
  }

  /**
   * Whether a message with the same key was seen before; remembers the key when not. An integer header `x-cache-ttl`
   * (ms) is the time for this message's key.
   * @param now ms since the epoch
   */
  isDuplicate(message: Message, now: number): boolean {
    this.freshKey = undefined
    if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return false
    const headers = message.properties(this.#view).headers
    const value = headers?.get(this.#header)
    if (headers === undefined || value === undefined) return false
    const key = cacheKey(value)
    const expiry = this.#expiries.get(key)
    if (expiry !== undefined) {
      if (expiry > now) return true
      this.#forget(key)
    }
    const ttlMs = integerOf(headers.get('x-cache-ttl')) ?? this.#ttlMs
    this.#add(key, now + ttlMs)
    this.freshKey = key
    this.freshExpiry = now + ttlMs
    return false
  }

  /** The journal has been told of a key that is remembered. */
  noteStored(key: string): void {
    if (this.#expiries.has(key)) this.#stored.add(key)
  }

  /** Remembers a key from before a restart, as the youngest. @param expiry in ms, infinite for never. */
  restore(key: string, expiry: number): void {
    this.#forget(key)
    this.#add(key, expiry)
    this.#stored.add(key)
  }

  /** The keys that the journal was told of and that count at this time, oldest first, with the expiry of each. */
  *storedKeys(now: number): Iterable<readonly [key: string, expiry: number]> {
    for (const entry of this.#expiries) if (entry[1] > now && this.#stored.has(entry[0])) yield entry
  }

  #add(key: string, expiry: number): void {
    if (this.#expiries.size >= this.#sizeMax) this.#forgetOldest()
    this.#expiries.set(key, expiry)
  }

  #forgetOldest(): void {
    for (const key of this.#expiries.keys()) {
      this.#forget(key)
      return
    }
  }

  #forget(key: string): void {
    this.#expiries.delete(key)
    this.#stored.delete(key)
  }
}

function isAsked(args: Table): boolean {
  const asked = args.get('x-message-deduplication')
  return asked?.type === 't' && asked.value
}

function cacheKey(value: FieldValue): string {
  const key = exactKey(value)
  return key.length <= KEY_CHARACTERS_MAX ? key : createHash('sha256').update(key).digest('base64')
}
