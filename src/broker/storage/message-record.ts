import { copyBytes, readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'
import { MESSAGE_MARKS, type Message } from '../message.ts'

/** Its entries say when they expire. */
const HAS_EXPIRIES = 0x01

const ENTRY_BYTES = 12
const EXPIRY_BYTES = 8

/**
 * One published message for the journal: one body, and a place in each queue that took it. Reused for every append.
 *
 *     flags:1  count:4  (uid:4  slab number:4  offset:4  [expiry:8]) x count  content
 *
 * The flags have the message's marks that it keeps at rest, and 0x01 when the entries carry expiries (ms since the epoch, 0 for never).
 */
export class MessageRecord implements JournalRecord {
  #message: Message | undefined
  /** Numbers of the entries, four each: uid, slab number, offset, expiry. */
  readonly #entries: number[] = []
  #used = 0
  #expires = false

  /** Begins a record; the view is only read until it is appended. */
  of(message: Message): this {
    this.#message = message
    this.#used = 0
    this.#expires = false
    return this
  }

  /** How many queues have it. */
  get count(): number {
    return this.#used / 4
  }

  /** Adds a queue that has taken it. @param expiry ms since the epoch, 0 for never. */
  add(uid: number, slabNumber: number, offset: number, expiry: number): void {
    const entries = this.#entries
    const at = this.#used
    entries[at] = uid
    entries[at + 1] = slabNumber
    entries[at + 2] = offset
    entries[at + 3] = expiry
    this.#used = at + 4
    if (expiry !== 0) this.#expires = true
  }

  byteLength(): number {
    const entryBytes = this.#expires ? ENTRY_BYTES + EXPIRY_BYTES : ENTRY_BYTES
    return 5 + this.count * entryBytes + contentBytes(this.#message as Message)
  }

  write(target: Buffer, at: number): void {
    const message = this.#message as Message
    const entries = this.#entries
    const used = this.#used
    target[at] = (message.marks & MESSAGE_MARKS) | (this.#expires ? HAS_EXPIRIES : 0)
    writeUint32(target, at + 1, used / 4)
    at += 5
    for (let index = 0; index < used; index += 4) {
      writeUint32(target, at, entries[index] as number)
      writeUint32(target, at + 4, entries[index + 1] as number)
      writeUint32(target, at + 8, entries[index + 2] as number)
      at += ENTRY_BYTES
      if (!this.#expires) continue
      writeUint64(target, at, entries[index + 3] as number)
      at += EXPIRY_BYTES
    }
    writeContent(target, at, message)
  }
}

/**
 * Reads a record of this kind.
 * @param visit called for each of the `count` queues that took the message; the view is shown before.
 */
export function readMessageRecord(
  buffer: Buffer,
  from: number,
  view: Message,
  visit: (uid: number, slabNumber: number, offset: number, expiry: number, count: number) => void,
): void {
  const flags = buffer[from] as number
  const count = readUint32(buffer, from + 1)
  const entryBytes = (flags & HAS_EXPIRIES) === 0 ? ENTRY_BYTES : ENTRY_BYTES + EXPIRY_BYTES
  let at = from + 5
  showContent(buffer, at + count * entryBytes, flags & MESSAGE_MARKS, view)
  for (let index = 0; index < count; index++) {
    const expiry = entryBytes === ENTRY_BYTES ? 0 : readUint64(buffer, at + ENTRY_BYTES)
    visit(readUint32(buffer, at), readUint32(buffer, at + 4), readUint32(buffer, at + 8), expiry, count)
    at += entryBytes
  }
}

/*
 * A message's content in a record:
 *
 *     exchange shortstr  routing-key shortstr  length:4 properties  length:4 body
 */

/** Bytes that `writeContent` fills. */
export function contentBytes(message: Message): number {
  return 8 + message.addressLength + message.propertiesLength + message.bodyLength
}

export function writeContent(target: Buffer, at: number, message: Message): void {
  const { buffer, exchangeAt, propertiesAt, propertiesLength, bodyAt, bodyLength, addressLength } = message
  copyBytes(buffer, exchangeAt, exchangeAt + addressLength, target, at)
  at += addressLength
  writeUint32(target, at, propertiesLength)
  at += 4
  copyBytes(buffer, propertiesAt, propertiesAt + propertiesLength, target, at)
  at += propertiesLength
  writeUint32(target, at, bodyLength)
  copyBytes(buffer, bodyAt, bodyAt + bodyLength, target, at + 4)
}

/** Points the view at content that `writeContent` wrote. */
export function showContent(buffer: Buffer, at: number, marks: number, view: Message): void {
  const routingKeyAt = at + 1 + (buffer[at] as number)
  const propertiesAt = routingKeyAt + 1 + (buffer[routingKeyAt] as number) + 4
  const propertiesLength = readUint32(buffer, propertiesAt - 4)
  const bodyAt = propertiesAt + propertiesLength + 4
  view.buffer = buffer
  view.exchangeAt = at
  view.routingKeyAt = routingKeyAt
  view.propertiesAt = propertiesAt
  view.propertiesLength = propertiesLength
  view.bodyAt = bodyAt
  view.bodyLength = readUint32(buffer, bodyAt - 4)
  view.owned = false
  view.marks = marks
}
