import type { FieldValue, Table } from '../../codec/index.ts'

/**
 * A text that two field values share exactly when a headers exchange takes them for equal: integers by value whatever
 * their width, floats likewise, longstr and binary by their bytes; otherwise type and value, so the string "1" is not
 * the integer 1. Source: RabbitMQ 4.0, which compares values without their tags.
 */
export function valueKey(value: FieldValue): string {
  switch (value.type) {
    case 'S':
    case 'x':
      return `S${value.value.toString('latin1')}`
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
    case 'l':
      return `i${value.value}`
    case 'f':
    case 'd':
      return `d${value.value}`
    case 't':
      return value.value ? 't1' : 't0'
    case 'T':
      return `T${value.value}`
    case 'D':
      return `D${value.scale}:${value.value}`
    case 'V':
      return 'V'
    case 'A':
      return `A${value.value.map((element) => sized(valueKey(element))).join('')}`
    case 'F':
      return `F${tableKey(value.value)}`
  }
}

/** A text that two tables share exactly when they have equal entries, in whatever order. */
export function tableKey(table: Table): string {
  return table.entries
    .map(([name, value]) => sized(name) + sized(valueKey(value)))
    .sort()
    .join('')
}

// With its length in front, a part can contain anything and still ends where it should.
function sized(text: string): string {
  return `${text.length}:${text}`
}
