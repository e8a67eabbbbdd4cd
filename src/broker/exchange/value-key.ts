import type { FieldValue, Table } from '../../codec/index.ts'

/**
 * A text that two field values share exactly when RabbitMQ takes them for equal: it compares values without their
 * tags, so all numbers by value (a timestamp is one), longstr and binary by their bytes, and the string "1" is not the
 * integer 1. Inside tables and arrays the tags count.
 */
export function valueKey(value: FieldValue): string {
  switch (value.type) {
    case 'b':
    case 'B':
    case 's':
    case 'u':
    case 'I':
    case 'i':
    case 'l':
    case 'T':
      return `n${value.value}`
    case 'f':
    case 'd':
      return `n${Number.isInteger(value.value) ? BigInt(value.value) : value.value}`
    case 'S':
    case 'x':
      return `S${value.value.toString('latin1')}`
    case 'A':
      return `A${value.value.map((element) => sized(taggedKey(element))).join('')}`
    case 'F':
      return `F${value.value.entries
        .map(([name, element]) => sized(name) + sized(taggedKey(element)))
        .sort()
        .join('')}`
    default:
      return exactKey(value)
  }
}

/** Whether RabbitMQ takes two arguments for the same. */
export function sameValue(a: FieldValue, b: FieldValue): boolean {
  return valueKey(a) === valueKey(b)
}

function taggedKey(value: FieldValue): string {
  return value.type + valueKey(value)
}

/** As `valueKey`, but integers, floats and timestamps stay apart: what tells two bindings' arguments from each other. */
export function exactKey(value: FieldValue): string {
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
      return `A${value.value.map((element) => sized(exactKey(element))).join('')}`
    case 'F':
      return `F${tableKey(value.value)}`
  }
}

/** A text that two tables share exactly when they have equal entries, in whatever order. */
export function tableKey(table: Table): string {
  return table.entries
    .map(([name, value]) => sized(name) + sized(exactKey(value)))
    .sort()
    .join('')
}

// With its length in front, a part can contain anything and still ends where it should.
function sized(text: string): string {
  return `${text.length}:${text}`
}
