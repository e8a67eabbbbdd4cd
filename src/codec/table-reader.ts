/*
 * A field table on the wire, as RabbitMQ and its clients write it:
 *
 *   table    long bytes, then pairs: shortstr name, octet tag, value
 *   array    long bytes, then: octet tag, value
 *
 *   t b B  1 byte      s u  2      I i f  4      l L d T  8      D  1 + 4      V  0      S x A F  long bytes, bytes
 *
 * Every length is checked against what encloses it before anything is read or allocated.
 */
import { frameError } from './error.ts'
import type { FieldValue } from './field.ts'
import { Table } from './table.ts'
import { readText } from './text.ts'
import { readUint32 } from './wire.ts'

/** Tables and arrays may be nested this deep, the outermost counted. */
export const TABLE_LEVELS_MAX = 64

/**
 * The table whose four length octets are at `at`. Nothing of it refers to the buffer afterwards.
 * @throws CodecError 501 `FRAME_ERROR - cannot decode table` when a length lies, a type is unknown, or it is nested
 * deeper than 64 levels.
 */
export function readTable(buffer: Buffer, at: number): Table {
  const end = tableEnd(buffer, at, buffer.length)
  if (end < 0) throw malformedTable()
  return readTableEntries(buffer, at + 4, end)
}

/**
 * The table whose pairs are the bytes `from` to `to` (exclusive), without length octets, as SASL's AMQPLAIN sends it.
 * @throws CodecError 501 as `readTable`.
 */
export function readTableEntries(buffer: Buffer, from: number, to: number): Table {
  // One copy for all values: a view of a socket's buffer would keep the whole chunk alive.
  return new TableReader(Buffer.from(buffer.subarray(from, to))).table(to - from, 1)
}

/** The offset behind the table (or array) whose four length octets are at `at`; -1 when it does not end by `to`. */
export function tableEnd(buffer: Buffer, at: number, to: number): number {
  if (at + 4 > to) return -1
  const end = at + 4 + readUint32(buffer, at)
  return end <= to ? end : -1
}

/**
 * The offset behind the value whose tag octet is at `tagAt`; -1 when its type is unknown or it does not end by `to`.
 * Does not look into tables and arrays.
 */
export function fieldEnd(buffer: Buffer, tagAt: number, to: number): number {
  if (tagAt >= to) return -1
  const end = tagAt + 1 + fixedBytes(buffer[tagAt] as number)
  // Negative: the type carries its own length, or there is no such type.
  if (end > tagAt) return end <= to ? end : -1
  return hasLength(buffer[tagAt] as number) ? tableEnd(buffer, tagAt + 1, to) : -1
}

/** Whether `readTable` would succeed for the table at `at` and it ends by `to`. Allocates nothing. */
export function isTable(buffer: Buffer, at: number, to: number): boolean {
  const end = tableEnd(buffer, at, to)
  return end >= 0 && areFields(buffer, at + 4, end, true, 1)
}

/**
 * Looks a header up in an encoded table without decoding it, the first of that name.
 * @param tableAt offset of the table's four length octets.
 * @returns the offset of the value's tag octet (the value is whole), or -1 when there is none or the table breaks off
 * before it.
 */
export function findHeader(buffer: Buffer, tableAt: number, name: Buffer): number {
  const end = tableEnd(buffer, tableAt, buffer.length)
  let at = tableAt + 4
  while (at < end) {
    const tagAt = at + 1 + (buffer[at] as number)
    const next = fieldEnd(buffer, tagAt, end)
    if (next < 0) return -1
    if (sameBytes(buffer, at + 1, tagAt, name)) return tagAt
    at = next
  }
  return -1
}

function sameBytes(buffer: Buffer, from: number, to: number, name: Buffer): boolean {
  if (to - from !== name.length) return false
  for (let i = 0; i < name.length; i++) if (buffer[from + i] !== name[i]) return false
  return true
}

function areFields(buffer: Buffer, from: number, to: number, named: boolean, level: number): boolean {
  if (level > TABLE_LEVELS_MAX) return false
  let at = from
  while (at < to) {
    const tagAt = named ? at + 1 + (buffer[at] as number) : at
    const end = fieldEnd(buffer, tagAt, to)
    if (end < 0) return false
    const tag = buffer[tagAt]
    if (tag === TAG_F && !areFields(buffer, tagAt + 5, end, true, level + 1)) return false
    if (tag === TAG_A && !areFields(buffer, tagAt + 5, end, false, level + 1)) return false
    at = end
  }
  return true
}

const TAG_A = 0x41
const TAG_F = 0x46

function hasLength(tag: number): boolean {
  return tag === 0x53 || tag === 0x78 || tag === TAG_A || tag === TAG_F
}

/** Bytes of a value of that type behind its tag; -1 when the type is unknown or carries its own length. */
function fixedBytes(tag: number): number {
  switch (tag) {
    case 0x74: // t
    case 0x62: // b
    case 0x42: // B
      return 1
    case 0x73: // s
    case 0x75: // u
      return 2
    case 0x49: // I
    case 0x69: // i
    case 0x66: // f
      return 4
    case 0x6c: // l
    case 0x4c: // L
    case 0x64: // d
    case 0x54: // T
      return 8
    case 0x44: // D
      return 5
    case 0x56: // V
      return 0
    default:
      return -1
  }
}

function malformedTable(): Error {
  return frameError('cannot decode table')
}

/** Reads one table from a buffer of its own; values refer to it. */
class TableReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  table(end: number, level: number): Table {
    if (level > TABLE_LEVELS_MAX) throw malformedTable()
    const entries: [string, FieldValue][] = []
    while (this.#at < end) {
      const from = this.#at + 1
      const to = from + (this.#buffer[this.#at] as number)
      if (to >= end) throw malformedTable()
      this.#at = to
      entries.push([readText(this.#buffer, from, to), this.#value(end, level)])
    }
    return new Table(entries)
  }

  #array(end: number, level: number): FieldValue[] {
    if (level > TABLE_LEVELS_MAX) throw malformedTable()
    const values: FieldValue[] = []
    while (this.#at < end) values.push(this.#value(end, level))
    return values
  }

  #value(to: number, level: number): FieldValue {
    const buffer = this.#buffer
    const end = fieldEnd(buffer, this.#at, to)
    if (end < 0) throw malformedTable()
    const type = String.fromCharCode(buffer[this.#at] as number)
    const at = this.#at + 1
    this.#at = end
    switch (type) {
      case 't':
        return { type, value: buffer[at] !== 0 }
      case 'b':
        return { type, value: buffer.readInt8(at) }
      case 'B':
        return { type, value: buffer.readUInt8(at) }
      case 's':
        return { type, value: buffer.readInt16BE(at) }
      case 'u':
        return { type, value: buffer.readUInt16BE(at) }
      case 'I':
        return { type, value: buffer.readInt32BE(at) }
      case 'i':
        return { type, value: buffer.readUInt32BE(at) }
      case 'l':
      case 'L':
        return { type: 'l', value: buffer.readBigInt64BE(at) }
      case 'f':
        return keepNaN({ type, value: buffer.readFloatBE(at) }, buffer, at, end)
      case 'd':
        return keepNaN({ type, value: buffer.readDoubleBE(at) }, buffer, at, end)
      case 'D':
        return { type, scale: buffer.readUInt8(at), value: buffer.readUInt32BE(at + 1) }
      case 'S':
      case 'x':
        return { type, value: buffer.subarray(at + 4, end) }
      case 'A':
        this.#at = at + 4
        return { type, value: this.#array(end, level + 1) }
      case 'F':
        this.#at = at + 4
        return { type, value: this.table(end, level + 1) }
      case 'T':
        return { type, value: buffer.readBigUInt64BE(at) }
      default:
        return { type: 'V' }
    }
  }
}

function keepNaN(field: { type: 'f' | 'd'; value: number }, buffer: Buffer, at: number, end: number): FieldValue {
  return Number.isNaN(field.value) ? { ...field, raw: buffer.subarray(at, end) } : field
}
