import { copyBytes } from '../../codec/index.ts'
import { MESSAGE_MARKS, type Message } from '../message.ts'
import type { SlabMemory } from './slab-pool.ts'

/*
 * One message at rest in a slab. The words of the head are 32 bits in the machine's own byte order, and every record
 * starts at a multiple of 4.
 *
 *      0  length of the record with head and padding
 *      4  flags (bits 0-7) and delivery count (bits 8-31)
 *      8  length of the property flags word and list
 *     12  length of the body
 *     16  only when flagged EXPIRES: expiry in ms since the epoch, its low word and then its high word
 *     16 or 24  exchange shortstr | routing-key shortstr | properties | body | 0-3 bytes of padding
 *
 * A large message that owns its buffer is not copied: its record is the head alone, flagged REFERENCE, and the slab
 * keeps the message by the record's offset.
 */
export const HEAD_BYTES = 16
const EXPIRY_BYTES = 8

/** Bodies larger than this are kept by reference where their buffer is their own. */
export const COPY_BODY_BYTES_MAX = 4096

/** Handed out before and put back. */
export const REDELIVERED = 0x01
/** Acknowledged or dropped: the bytes are dead. */
export const SETTLED = 0x02
export const REFERENCE = 0x04
/** The journal knows this message and has to hear of its end. */
export const JOURNALLED = 0x08
// 0x10 and 0x20 are the message's own marks.
/** The head has an expiry; never set by anyone but `writeHead`. */
const EXPIRES = 0x40

/** So many bits further right, EXPIRES is the bytes that an expiry takes. */
const EXPIRES_SHIFT = 3

const COUNT_SHIFT = 8
const COUNT_MAX = 0xffffff
const HIGH_WORD = 0x1_0000_0000

/** Bytes of the record that refers to a message. @param expiry ms since the epoch, 0 for never. */
export function headBytes(expiry: number): number {
  return expiry === 0 ? HEAD_BYTES : HEAD_BYTES + EXPIRY_BYTES
}

/** Bytes of the record that holds a copy of the message. @param expiry ms since the epoch, 0 for never. */
export function recordBytes(message: Message, expiry: number): number {
  return (headBytes(expiry) + message.addressLength + message.propertiesLength + message.bodyLength + 3) & ~3
}

/**
 * Writes the head alone.
 * @param state flags and delivery count
 * @param expiry ms since the epoch, 0 for never.
 */
export function writeHead(
  words: Int32Array,
  at: number,
  length: number,
  state: number,
  message: Message,
  expiry: number,
): void {
  const word = at >> 2
  words[word] = length
  words[word + 2] = message.propertiesLength
  words[word + 3] = message.bodyLength
  if (expiry === 0) {
    words[word + 1] = (state & ~EXPIRES) | message.marks
    return
  }
  words[word + 1] = state | EXPIRES | message.marks
  words[word + 4] = (expiry % HIGH_WORD) | 0
  words[word + 5] = Math.floor(expiry / HIGH_WORD)
}

/** Copies address, properties and body behind a head that is written. */
export function writeContent(memory: SlabMemory, at: number, message: Message): void {
  copyContent(message, memory.bytes, contentAt(memory.words, at))
}

/** Bytes that `copyContent` fills. */
export function contentBytes(message: Message): number {
  return message.addressLength + message.propertiesLength + message.bodyLength
}

/** Copies address, properties and body, one behind the other; in one piece where they already lie so. */
export function copyContent(message: Message, target: Buffer, to: number): void {
  const { buffer, exchangeAt, propertiesAt, propertiesLength, bodyAt, bodyLength } = message
  const addressEnd = exchangeAt + message.addressLength
  if (addressEnd === propertiesAt && propertiesAt + propertiesLength === bodyAt) {
    copyBytes(buffer, exchangeAt, bodyAt + bodyLength, target, to)
    return
  }
  copyBytes(buffer, exchangeAt, addressEnd, target, to)
  to += addressEnd - exchangeAt
  copyBytes(buffer, propertiesAt, propertiesAt + propertiesLength, target, to)
  copyBytes(buffer, bodyAt, bodyAt + bodyLength, target, to + propertiesLength)
}

/** Points the view at a record's message. Not for a REFERENCE. */
export function showRecord(bytes: Buffer, words: Int32Array, at: number, view: Message): void {
  showContent(bytes, contentAt(words, at), words, at, view)
}

/** Points the view at the message of a record whose content, as `copyContent` lays it out, is elsewhere. */
export function showContent(bytes: Buffer, exchangeAt: number, words: Int32Array, at: number, view: Message): void {
  const word = at >> 2
  const routingKeyAt = exchangeAt + 1 + (bytes[exchangeAt] as number)
  const propertiesAt = routingKeyAt + 1 + (bytes[routingKeyAt] as number)
  const propertiesLength = words[word + 2] as number
  view.buffer = bytes
  view.exchangeAt = exchangeAt
  view.routingKeyAt = routingKeyAt
  view.propertiesAt = propertiesAt
  view.propertiesLength = propertiesLength
  view.bodyAt = propertiesAt + propertiesLength
  view.bodyLength = words[word + 3] as number
  view.owned = false
  view.marks = (words[word + 1] as number) & MESSAGE_MARKS
}

export function recordLength(words: Int32Array, at: number): number {
  return words[at >> 2] as number
}

/** Flags and delivery count in one word. */
export function recordState(words: Int32Array, at: number): number {
  return words[(at >> 2) + 1] as number
}

export function setRecordState(words: Int32Array, at: number, state: number): void {
  words[(at >> 2) + 1] = state
}

/** How often it was handed out and came back. */
export function deliveryCount(state: number): number {
  return state >>> COUNT_SHIFT
}

/** The state after one more return; the count stops at its largest value. */
export function countDelivery(state: number): number {
  return deliveryCount(state) === COUNT_MAX ? state : state + (1 << COUNT_SHIFT)
}

/** The state with another count of returns. */
export function withCount(state: number, count: number): number {
  return (state & 0xff) | (count << COUNT_SHIFT)
}

export function recordBodyBytes(words: Int32Array, at: number): number {
  return words[(at >> 2) + 3] as number
}

/** ms since the epoch, 0 for never. */
export function recordExpiry(words: Int32Array, at: number): number {
  const word = at >> 2
  if (((words[word + 1] as number) & EXPIRES) === 0) return 0
  return ((words[word + 4] as number) >>> 0) + (words[word + 5] as number) * HIGH_WORD
}

/** Where the exchange name is. */
function contentAt(words: Int32Array, at: number): number {
  return at + HEAD_BYTES + (((words[(at >> 2) + 1] as number) & EXPIRES) >> EXPIRES_SHIFT)
}
