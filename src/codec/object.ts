import { type FieldValue, int, longstr } from './field.ts'
import { Table } from './table.ts'
import { TABLE_LEVELS_MAX } from './table-reader.ts'
import { readText } from './text.ts'

/**
 * A table from plain values: string to `S`, boolean to `t`, whole number to `I` or `l`, other number to `d`, bigint to
 * `l`, Buffer to `x`, Date to `T` (whole seconds), null to `V`, array to `A`, object to `F`. A Table passes as it is; an
 * undefined value is left out.
 * @throws RangeError for more than 64 levels, a bigint of more than 64 bits or a Date before 1970; TypeError for a
 * function or symbol.
 */
export function fromObject(object: Record<string, unknown>): Table {
  return tableFrom(object, 1)
}

function tableFrom(object: object, level: number): Table {
  if (level > TABLE_LEVELS_MAX) throw new RangeError(`a table is nested at most ${TABLE_LEVELS_MAX} deep`)
  const table = new Table()
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) table.entries.push([name, fieldFrom(value, level)])
  }
  return table
}

function fieldFrom(value: unknown, level: number): FieldValue {
  switch (typeof value) {
    case 'string':
      return longstr(value)
    case 'boolean':
      return { type: 't', value }
    case 'number':
      return fitsLong(value) ? int(value) : { type: 'd', value }
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw new RangeError(`more than 64 bits: ${value}`)
      return { type: 'l', value }
    case 'object':
      return value === null ? { type: 'V' } : fieldFromObject(value, level)
    default:
      throw new TypeError(`no field type for a ${typeof value}`)
  }
}

function fieldFromObject(value: object, level: number): FieldValue {
  if (value instanceof Table) return { type: 'F', value }
  if (value instanceof Uint8Array) return { type: 'x', value: Buffer.from(value) }
  if (value instanceof Date) {
    const seconds = Math.floor(value.getTime() / 1000)
    if (!(seconds >= 0)) throw new RangeError('a timestamp is not before 1970')
    return { type: 'T', value: BigInt(seconds) }
  }
  if (!Array.isArray(value)) return { type: 'F', value: tableFrom(value, level + 1) }
  if (level >= TABLE_LEVELS_MAX) throw new RangeError(`a table is nested at most ${TABLE_LEVELS_MAX} deep`)
  return { type: 'A', value: value.map((item: unknown) => fieldFrom(item ?? null, level + 1)) }
}

// A double may be whole and still beyond what 64 bits hold; and -0 would lose its sign as an integer.
function fitsLong(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 63 && !Object.is(value, -0)
}

/**
 * Plain values from a table: `S` to string, `x` to Buffer, `l` and `T` (seconds) to a number when it is exact, else
 * bigint, `D` to the nearest number, `V` to null, `A` to array, `F` to object. Of duplicate names the first counts.
 */
export function toObject(table: Table): Record<string, unknown> {
  const values = new Map<string, unknown>()
  for (const [name, value] of table.entries) if (!values.has(name)) values.set(name, plain(value))
  // fromEntries defines, where an assignment to `__proto__` would do something else.
  return Object.fromEntries(values)
}

function plain(field: FieldValue): unknown {
  switch (field.type) {
    case 'S':
      return readText(field.value, 0, field.value.length)
    case 'l':
    case 'T': {
      const number = Number(field.value)
      return Number.isSafeInteger(number) ? number : field.value
    }
    case 'D':
      return field.value / 10 ** field.scale
    case 'A':
      return field.value.map(plain)
    case 'F':
      return toObject(field.value)
    case 'V':
      return null
    default:
      return field.value
  }
}
