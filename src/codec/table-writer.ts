import type { FieldValue } from './field.ts'
import type { Table } from './table.ts'
import { shortstrBytes, writeLongstr, writeShortstr, writeUint32 } from './wire.ts'

/** The table's bytes on the wire, its four length octets included. */
export function encodeTable(table: Table): Buffer {
  const buffer = Buffer.allocUnsafe(tableBytes(table))
  writeTable(buffer, 0, table)
  return buffer
}

/**
 * How many bytes `encodeTable` gives.
 * @throws RangeError when a name is over 255 bytes.
 */
export function tableBytes(table: Table): number {
  let bytes = 4
  for (const [name, value] of table.entries) bytes += shortstrBytes(name) + fieldBytes(value)
  return bytes
}

/** Writes the table with its length and returns the offset behind it. The buffer must have room for `tableBytes(table)`. */
export function writeTable(buffer: Buffer, at: number, table: Table): number {
  let end = at + 4
  for (const [name, value] of table.entries) end = writeField(buffer, writeShortstr(buffer, end, name), value)
  writeUint32(buffer, at, end - at - 4)
  return end
}

function writeArray(buffer: Buffer, at: number, values: FieldValue[]): number {
  let end = at + 4
  for (const value of values) end = writeField(buffer, end, value)
  writeUint32(buffer, at, end - at - 4)
  return end
}

/** How many bytes a value takes, its tag included. */
function fieldBytes(field: FieldValue): number {
  switch (field.type) {
    case 't':
    case 'b':
    case 'B':
      return 2
    case 's':
    case 'u':
      return 3
    case 'I':
    case 'i':
    case 'f':
      return 5
    case 'l':
    case 'd':
    case 'T':
      return 9
    case 'D':
      return 6
    case 'S':
    case 'x':
      return 5 + field.value.length
    case 'A':
      return field.value.reduce((bytes, value) => bytes + fieldBytes(value), 5)
    case 'F':
      return 1 + tableBytes(field.value)
    case 'V':
      return 1
  }
}

function writeField(buffer: Buffer, tagAt: number, field: FieldValue): number {
  buffer[tagAt] = field.type.charCodeAt(0)
  const at = tagAt + 1
  switch (field.type) {
    case 't':
      return buffer.writeUInt8(field.value ? 1 : 0, at)
    case 'b':
      return buffer.writeInt8(field.value, at)
    case 'B':
      return buffer.writeUInt8(field.value, at)
    case 's':
      return buffer.writeInt16BE(field.value, at)
    case 'u':
      return buffer.writeUInt16BE(field.value, at)
    case 'I':
      return buffer.writeInt32BE(field.value, at)
    case 'i':
      return buffer.writeUInt32BE(field.value, at)
    case 'l':
      return buffer.writeBigInt64BE(field.value, at)
    case 'f':
      return field.raw ? at + field.raw.copy(buffer, at) : buffer.writeFloatBE(field.value, at)
    case 'd':
      return field.raw ? at + field.raw.copy(buffer, at) : buffer.writeDoubleBE(field.value, at)
    case 'D':
      return buffer.writeUInt32BE(field.value, buffer.writeUInt8(field.scale, at))
    case 'S':
    case 'x':
      return writeLongstr(buffer, at, field.value)
    case 'A':
      return writeArray(buffer, at, field.value)
    case 'F':
      return writeTable(buffer, at, field.value)
    case 'T':
      return buffer.writeBigUInt64BE(field.value, at)
    case 'V':
      return at
  }
}
