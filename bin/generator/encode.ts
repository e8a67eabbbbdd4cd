import { camel, FIXED_BYTES, pascal, type SpecArgument, type SpecMethod } from './spec.ts'

/** The lines of `encode...`: the size first, then one write an argument into a frame of exactly that size. */
export function encodeLines(method: SpecMethod, constant: string): string[] {
  const variable = method.args.filter((argument) => isVariable(argument))
  const lines = variable.map((argument) => `const ${local(argument)} = ${valueCode(argument)}`)
  const sizes = variable.map((argument) => `${argument.type}Bytes(${local(argument)})`)
  const fixed = fixedBytes(method.args)
  const size = [...(fixed > 0 || sizes.length === 0 ? [String(fixed)] : []), ...sizes].join(' + ')
  if (sizes.length > 0) lines.push(`const bytes = ${size}`)
  lines.push(`const frame = emptyMethodFrame(channel, ${constant}, ${sizes.length > 0 ? 'bytes' : size})`)
  const writes = writeLines(method.args)
  if (writes.length > 0) lines.push(...placed(writes))
  return [...lines, 'return frame']
}

/** A write at `at`, and how `at` moves: by a number, or by what the call returns. */
interface Write {
  lines: (at: string) => string[]
  bytes: number | 'returned'
}

// While everything so far has a fixed size, offsets are constants; `at` begins where that ends, and is not moved behind
// the last write.
function placed(writes: Write[]): string[] {
  const lines: string[] = []
  let distance = 11
  let moved = false
  writes.forEach((write, index) => {
    const last = index === writes.length - 1
    const at = moved ? (distance === 0 ? 'at' : `at + ${distance}`) : String(distance)
    const written = write.lines(at)
    if (write.bytes !== 'returned') {
      lines.push(...written)
      distance += write.bytes
      return
    }
    const assign = last ? '' : moved ? 'at = ' : `${movesAgain(writes.slice(index + 1)) ? 'let' : 'const'} at = `
    lines.push(...written.map((line) => assign + line))
    moved = true
    distance = 0
  })
  return lines
}

function movesAgain(rest: Write[]): boolean {
  return rest.slice(0, -1).some((write) => write.bytes === 'returned')
}

function writeLines(args: SpecArgument[]): Write[] {
  const writes: Write[] = []
  let bits: SpecArgument[] = []
  const flush = () => {
    const group = bits
    bits = []
    if (group.length > 0) writes.push({ bytes: 1, lines: (at) => bitLines(group, at) })
  }
  for (const argument of args) {
    if (argument.type === 'bit') {
      if (bits.length === 8) flush()
      bits.push(argument)
      continue
    }
    flush()
    writes.push(writeOf(argument))
  }
  flush()
  return writes
}

function writeOf(argument: SpecArgument): Write {
  const bytes = FIXED_BYTES[argument.type]
  if (bytes === undefined) {
    return { bytes: 'returned', lines: (at) => [`write${pascal(argument.type)}(frame, ${at}, ${local(argument)})`] }
  }
  const value = valueCode(argument)
  if (bytes === 1) return { bytes, lines: (at) => [`frame[${at}] = ${value}`] }
  return { bytes, lines: (at) => [`writeUint${bytes * 8}(frame, ${at}, ${value})`] }
}

function bitLines(bits: SpecArgument[], at: string): string[] {
  const test = (bit: SpecArgument) =>
    bit.default === true ? `fields.${camel(bit.name)} ?? true` : `fields.${camel(bit.name)}`
  const [only] = bits
  if (only && bits.length === 1) {
    return [`frame[${at}] = ${only.default === true ? `(${test(only)})` : test(only)} ? 1 : 0`]
  }
  return ['let bits = 0', ...bits.map((bit, index) => `if (${test(bit)}) bits |= ${1 << index}`), `frame[${at}] = bits`]
}

function valueCode(argument: SpecArgument): string {
  const field = `fields.${camel(argument.name)}`
  switch (argument.type) {
    case 'shortstr':
    case 'longstr':
      return `${field} ?? '${argument.default ?? ''}'`
    case 'table':
      return `${field} ?? Table.empty`
    default:
      return `${field} ?? ${argument.default ?? 0}`
  }
}

// `arguments` is a name that a variable cannot have.
function local(argument: SpecArgument): string {
  return argument.name === 'arguments' ? 'table' : camel(argument.name)
}

function isVariable(argument: SpecArgument): boolean {
  return argument.type !== 'bit' && FIXED_BYTES[argument.type] === undefined
}

function fixedBytes(args: SpecArgument[]): number {
  let bytes = 0
  let bits = 0
  for (const argument of args) {
    bits = argument.type === 'bit' ? bits + 1 : 0
    bytes += argument.type === 'bit' ? (bits % 8 === 1 ? 1 : 0) : (FIXED_BYTES[argument.type] ?? 0)
  }
  return bytes
}
