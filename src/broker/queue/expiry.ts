import { PropertyFlag, type PropertyView } from '../../codec/index.ts'
import type { Message } from '../message.ts'

const NEVER = Number.POSITIVE_INFINITY
const PLUS = 0x2b

const DIGITS_MAX = 15

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

/** The `expiration` property in ms; Infinity when it is no number, which a publish is not allowed to send. */
function expirationOf(message: Message, view: PropertyView): number {
  const at = message.properties(view).find(PropertyFlag.EXPIRATION)
  if (at < 0) return NEVER
  const { buffer } = message
  const length = buffer[at] as number
  if (length === 0 || length > DIGITS_MAX) return NEVER
  let ms = 0
  // Erlang reads a plus sign as part of the number.
  const digitsAt = buffer[at + 1] === PLUS ? at + 2 : at + 1
  for (let index = digitsAt; index <= at + length; index++) {
    const digit = (buffer[index] as number) - 0x30
    if (digit < 0 || digit > 9) return NEVER
    ms = ms * 10 + digit
  }
  return ms
}
