import { camel, FIXED_BYTES, type SpecArgument, type SpecMethod } from './spec.ts'

/** One argument, or the octet that up to eight bit arguments share; `bits` is empty for any other type. */
interface Item {
  argument: SpecArgument
  bits: SpecArgument[]
}

/**
 * The lines of `decode`: one comparison for all fixed arguments up to the length of the next variable one, then reads at
 * constant distances from `from` or `at`.
 */
export function decodeLines(method: SpecMethod): string[] {
  const lines: string[] = []
  const items = itemsOf(method.args)
  let base = 'from'
  let moved = false
  for (let first = 0; first < items.length; ) {
    const variable = items.findIndex((item, index) => index >= first && isVariable(item))
    const end = variable < 0 ? items.length : variable + 1
    const group = items.slice(first, end)
    const fixed = group.reduce((bytes, item) => bytes + fixedBytesOf(item), 0)
    lines.push(`if (${base} + ${fixed} ${variable < 0 ? '!==' : '>'} to) return false`)
    let distance = 0
    for (const item of group) {
      const place = distance === 0 ? base : `${base} + ${distance}`
      if (isVariable(item)) {
        const { name, type } = item.argument
        lines.push(`this.${camel(name)}At = ${place}`)
        const start = type === 'shortstr' ? 1 : 4
        const length = type === 'shortstr' ? `(buffer[${place}] as number)` : `readUint32(buffer, ${place})`
        const declare = items.slice(end).some(isVariable) ? 'let' : 'const'
        lines.push(`${moved ? 'at +=' : `${declare} at = from +`} ${distance + start} + ${length}`)
        moved = true
      } else if (item.bits.length > 0) {
        lines.push(...bitLines(item.bits, place))
      } else {
        lines.push(`this.${camel(item.argument.name)} = ${readCall(item.argument, place)}`)
      }
      distance += fixedBytesOf(item)
    }
    first = end
    base = 'at'
    if (first === items.length && variable >= 0) return [...lines, 'return at === to']
  }
  return [...lines, items.length === 0 ? 'return from === to' : 'return true']
}

function itemsOf(args: SpecArgument[]): Item[] {
  const items: Item[] = []
  for (const argument of args) {
    const last = items.at(-1)
    if (argument.type !== 'bit') items.push({ argument, bits: [] })
    else if (last?.argument.type === 'bit' && last.bits.length < 8) last.bits.push(argument)
    else items.push({ argument, bits: [argument] })
  }
  return items
}

function isVariable(item: Item): boolean {
  return item.bits.length === 0 && FIXED_BYTES[item.argument.type] === undefined
}

// For a variable argument what must be there before its length can be read.
function fixedBytesOf(item: Item): number {
  if (item.bits.length > 0) return 1
  return FIXED_BYTES[item.argument.type] ?? (item.argument.type === 'shortstr' ? 1 : 4)
}

function bitLines(bits: SpecArgument[], place: string): string[] {
  const [only] = bits
  if (only && bits.length === 1) return [`this.${camel(only.name)} = ((buffer[${place}] as number) & 1) !== 0`]
  return [
    `const bits = buffer[${place}] as number`,
    ...bits.map((bit, index) => `this.${camel(bit.name)} = (bits & ${1 << index}) !== 0`),
  ]
}

function readCall(argument: SpecArgument, place: string): string {
  switch (argument.type) {
    case 'octet':
      return `buffer[${place}] as number`
    case 'short':
      return `readUint16(buffer, ${place})`
    case 'long':
      return `readUint32(buffer, ${place})`
    default:
      return `readUint64(buffer, ${place})`
  }
}
