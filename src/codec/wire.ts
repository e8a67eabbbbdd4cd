/*
 * Elementary types of AMQP 0-9-1, big-endian, read and written at offsets.
 *
 *   shortstr   octet length, bytes            longstr   long length, bytes
 *
 * Functions named read... trust the caller that the bytes are there, as `decode` of a method has made sure; what lies
 * outside the buffer reads as 0. Buffer's own readUInt32BE and friends check their arguments again and cost two to
 * three times as much on the hot path.
 */
import { isUtf8 } from 'node:buffer'
import { frameError } from './error.ts'
import { textBytes, writeText } from './text.ts'

/** A short: 0..65535. */
export function readUint16(buffer: Buffer, at: number): number {
  return ((buffer[at] as number) << 8) | (buffer[at + 1] as number)
}

/** A long: 0..2^32-1. */
export function readUint32(buffer: Buffer, at: number): number {
  return (
    (((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)) >>>
    0
  )
}

/** A longlong as a number: exact up to 2^53, the nearest number above. */
export function readUint64(buffer: Buffer, at: number): number {
  const high = readUint32(buffer, at)
  const low = readUint32(buffer, at + 4)
  // Without the branch every result would be a floating-point number to the engine, small ones too.
  return high === 0 ? low : high * 0x1_0000_0000 + low
}

/** Writes the low 16 bits of a whole number. */
export function writeUint16(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 8
  buffer[at + 1] = value
}

/** Writes the low 32 bits of a whole number. */
export function writeUint32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}

/** Writes a whole number of 0..2^64-1. */
export function writeUint64(buffer: Buffer, at: number, value: number): void {
  writeUint32(buffer, at, Math.floor(value / 0x1_0000_0000))
  writeUint32(buffer, at + 4, value)
}

/**
 * The shortstr whose length octet is at `at`.
 * @throws CodecError 501 when its bytes are not UTF-8 (RabbitMQ checks every shortstr argument) or reach past the buffer.
 */
export function readShortstr(buffer: Buffer, at: number): string {
  const end = shortstrEnd(buffer, at)
  if (!(end <= buffer.length)) throw frameError('cannot decode shortstr')
  const text = buffer.toString('utf8', at + 1, end)
  // U+FFFD stands for what could not be decoded, or for itself.
  if (text.includes('\ufffd') && !isUtf8(buffer.subarray(at + 1, end))) throw frameError('Malformed UTF-8 in shortstr')
  return text
}

/** The offset behind the shortstr whose length octet is at `at`; NaN when `at` is outside the buffer. */
export function shortstrEnd(buffer: Buffer, at: number): number {
  return at + 1 + (buffer[at] as number)
}

/** Whether the shortstrs at `at` and `otherAt` have the same bytes. Both must lie inside their buffers. */
export function shortstrEquals(buffer: Buffer, at: number, other: Buffer, otherAt: number): boolean {
  const length = buffer[at] as number
  // The length octets are compared as well.
  for (let i = 0; i <= length; i++) if (buffer[at + i] !== other[otherAt + i]) return false
  return true
}

/**
 * How many bytes the text takes as a shortstr, length octet included.
 * @throws RangeError above 255 bytes of UTF-8.
 */
export function shortstrBytes(text: string): number {
  const bytes = textBytes(text)
  if (bytes > 255) throw new RangeError(`a shortstr holds at most 255 bytes, not ${bytes}`)
  return 1 + bytes
}

/** Writes a shortstr and returns the offset behind it. The buffer must have room for `shortstrBytes(text)`. */
export function writeShortstr(buffer: Buffer, at: number, text: string): number {
  const end = writeText(buffer, at + 1, text)
  buffer[at] = end - at - 1
  return end
}

/**
 * A copy of the longstr whose four length octets are at `at`.
 * @throws CodecError 501 when it reaches past the buffer.
 */
export function readLongstr(buffer: Buffer, at: number): Buffer {
  const end = at + 4 + readUint32(buffer, at)
  if (end > buffer.length) throw frameError('cannot decode longstr')
  return Buffer.from(buffer.subarray(at + 4, end))
}

/** How many bytes a longstr takes, its four length octets included. */
export function longstrBytes(value: Buffer | string): number {
  return 4 + (typeof value === 'string' ? textBytes(value) : value.length)
}

/** Writes a longstr (a string as UTF-8) and returns the offset behind it. */
export function writeLongstr(buffer: Buffer, at: number, value: Buffer | string): number {
  const end =
    typeof value === 'string' ? writeText(buffer, at + 4, value) : at + 4 + value.copy(buffer, at + 4, 0, value.length)
  writeUint32(buffer, at, end - at - 4)
  return end
}

/** Up to here a loop is faster than a call. */
const LOOP_BYTES_MAX = 24
/** Memory larger than that is not held on to. */
const HELD_BYTES_MAX = 4 * 1024 * 1024

// Where the latest source lies. Asking a buffer for its memory costs as much as copying 100 bytes (in V8 it is a call
// out of compiled code), and one chunk or slab is the source of many copies in a row.
let latest: Buffer | undefined
let memory: ArrayBufferLike = new ArrayBuffer(0)
let memoryAt = 0

/**
 * Copies bytes `from` to `to` (exclusive) of the source to `at` in the target. The ranges must not overlap in one buffer,
 * and all of the source's range must be there.
 */
export function copyBytes(source: Buffer, from: number, to: number, target: Buffer, at: number): void {
  if (to - from > LOOP_BYTES_MAX) {
    if (source !== latest && !remember(source)) source.copy(target, at, from, to)
    // A view and `set` is what Buffer.copy does, too, but it asks for the memory each time.
    else target.set(new Uint8Array(memory, memoryAt + from, to - from), at)
    return
  }
  for (let i = from; i < to; i++) target[at++] = source[i] as number
}

/** @returns false when the source is too large to be held on to. */
function remember(source: Buffer): boolean {
  const { buffer } = source
  if (buffer.byteLength > HELD_BYTES_MAX) return false
  latest = source
  memory = buffer
  memoryAt = source.byteOffset
  return true
}
