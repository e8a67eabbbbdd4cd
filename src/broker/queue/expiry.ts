import { PropertyFlag, type PropertyView } from '../../codec/index.ts'
import type { Message } from '../message.ts'

const NEVER = Number.POSITIVE_INFINITY
const PLUS = 0x2b
const MINUS = 0x2d

/** Ten years in ms: RabbitMQ's limit for every time to live. */
const EXPIRATION_MAX_MS = 315_360_000_000

/**
 * When a message that arrives now expires: the queue's TTL or its own `expiration`, whichever ends first.
 * @param ttlMs the queue's, Infinity for none
 * @param now ms since the epoch
 * @returns ms since the epoch, 0 for never
 */
export function expiryOf(message: Message, view: PropertyView, ttlMs: number, now: number): number {
  const ownMs = (message.propertyFlags & PropertyFlag.EXPIRATION) === 0 ? NEVER : expirationOf(message, view)
  const leastMs = Math.min(ownMs, ttlMs)
  return leastMs === NEVER ? 0 : now + leastMs
}

function expirationOf(message: Message, view: PropertyView): number {
  const at = message.properties(view).find(PropertyFlag.EXPIRATION)
  return at < 0 ? NEVER : readExpiration(message.buffer, at)
}

/**
 * Reads a message's `expiration`: decimal digits, any number of zeros before them, and a sign. Source: Erlang's
 * `string:to_integer`, with which RabbitMQ reads it.
 * @param at where the short string's length is
 * @returns 0 to 315360000000 ms (ten years); Infinity for anything else, which a publish is not allowed to send.
 */
export function readExpiration(buffer: Buffer, at: number): number {
  const end = at + 1 + (buffer[at] as number)
  const sign = buffer[at + 1]
  const digitsAt = sign === PLUS || sign === MINUS ? at + 2 : at + 1
  if (digitsAt >= end) return NEVER
  let ms = 0
  for (let index = digitsAt; index < end; index++) {
    const digit = (buffer[index] as number) - 0x30
    if (digit < 0 || digit > 9) return NEVER
    ms = ms * 10 + digit
  }
  if (ms > EXPIRATION_MAX_MS || (sign === MINUS && ms > 0)) return NEVER
  return ms
}
