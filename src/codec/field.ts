import type { Table } from './table.ts'
import { readText, textBytes, writeText } from './text.ts'

/**
 * A value of a field table with the wire type it came with, so that it can be written back as it was.
 * `raw` holds the bytes of a NaN, whose payload a JavaScript number would lose. Type `L` is read as `l`.
 * Source: RabbitMQ's list of types, which differs from the published grammar.
 */
export type FieldValue =
  | { type: 't'; value: boolean }
  | { type: 'b' | 'B' | 's' | 'u' | 'I' | 'i'; value: number }
  | { type: 'l'; value: bigint }
  | { type: 'f' | 'd'; value: number; raw?: Buffer }
  | { type: 'D'; scale: number; value: number }
  | { type: 'S' | 'x'; value: Buffer }
  | { type: 'A'; value: FieldValue[] }
  | { type: 'F'; value: Table }
  | { type: 'T'; value: bigint }
  | { type: 'V' }

/** A long string (`S`); text is written as UTF-8. */
export function longstr(text: string | Buffer): FieldValue {
  if (typeof text !== 'string') return { type: 'S', value: text }
  const value = Buffer.allocUnsafe(textBytes(text))
  writeText(value, 0, text)
  return { type: 'S', value }
}

/**
 * A whole number: `I` when it fits into 32 bits with sign, else `l`.
 * @throws RangeError when it is not whole or needs more than 64 bits.
 */
export function int(value: number | bigint): FieldValue {
  if (value >= -0x8000_0000 && value <= 0x7fff_ffff) {
    if (!Number.isInteger(Number(value))) throw new RangeError(`not a whole number: ${value}`)
    return { type: 'I', value: Number(value) }
  }
  return long(value)
}

/**
 * A whole number as `l`, whatever its size.
 * @throws RangeError when it is not whole or needs more than 64 bits.
 */
export function long(value: number | bigint): FieldValue {
  const whole = BigInt(value)
  if (BigInt.asIntN(64, whole) !== whole) throw new RangeError(`more than 64 bits: ${value}`)
  return { type: 'l', value: whole }
}

/** A boolean (`t`). */
export function bool(value: boolean): FieldValue {
  return { type: 't', value }
}

/** An array (`A`). */
export function array(...values: FieldValue[]): FieldValue {
  return { type: 'A', value: values }
}

/** A timestamp (`T`) in whole seconds since 1970. */
export function timestamp(seconds: number): FieldValue {
  return { type: 'T', value: BigInt(Math.floor(seconds)) }
}

/** A nested table (`F`). */
export function nested(table: Table): FieldValue {
  return { type: 'F', value: table }
}

/** The text of a long string; undefined for every other type. Bytes that are not UTF-8 stay apart, see `readText`. */
export function textOf(value: FieldValue | undefined): string | undefined {
  return value?.type === 'S' ? readText(value.value, 0, value.value.length) : undefined
}

/** The whole number in any of the integer types; undefined for every other type. Above 2^53 the nearest number. */
export function integerOf(value: FieldValue | undefined): number | undefined {
  switch (value?.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
      return value.value
    case 'l':
      return Number(value.value)
    default:
      return undefined
  }
}

const TYPE_NAMES: Record<FieldValue['type'], string> = {
  t: 'bool',
  b: 'byte',
  B: 'unsignedbyte',
  s: 'short',
  u: 'unsignedshort',
  I: 'signedint',
  i: 'unsignedint',
  l: 'long',
  f: 'float',
  d: 'double',
  D: 'decimal',
  S: 'longstr',
  x: 'binary',
  A: 'array',
  F: 'table',
  T: 'timestamp',
  V: 'void',
}

/** The name RabbitMQ gives the value's type in error texts, such as `longstr` or `signedint`. */
export function typeName(value: FieldValue): string {
  return TYPE_NAMES[value.type]
}

/** Whether two values mean the same: integers by value whatever their width, so are floats; else type and value. */
export function fieldEquals(a: FieldValue, b: FieldValue): boolean {
  const integer = wholeOf(a)
  if (integer !== undefined) return integer === wholeOf(b)
  switch (a.type) {
    case 't':
      return b.type === 't' && a.value === b.value
    case 'f':
    case 'd':
      return (
        (b.type === 'f' || b.type === 'd') && (a.value === b.value || (Number.isNaN(a.value) && Number.isNaN(b.value)))
      )
    case 'D':
      return b.type === 'D' && a.scale === b.scale && a.value === b.value
    case 'S':
    case 'x':
      return b.type === a.type && a.value.equals(b.value)
    case 'A':
      return b.type === 'A' && arrayEquals(a.value, b.value)
    case 'F':
      return b.type === 'F' && a.value.equals(b.value)
    case 'T':
      return b.type === 'T' && a.value === b.value
    default:
      return a.type === b.type
  }
}

function arrayEquals(a: FieldValue[], b: FieldValue[]): boolean {
  return a.length === b.length && a.every((value, index) => fieldEquals(value, b[index] as FieldValue))
}

// As bigint, because two longs above 2^53 may differ and still be the same number.
function wholeOf(value: FieldValue): bigint | undefined {
  if (value.type === 'l') return value.value
  const integer = integerOf(value)
  return integer === undefined ? undefined : BigInt(integer)
}
