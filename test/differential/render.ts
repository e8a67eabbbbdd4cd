import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import {
  CodecError,
  createDecoders,
  type FieldValue,
  METHODS,
  type MethodDecoder,
  PropertyFlag,
  PropertyView,
  readTable,
  readText,
  readUint64,
  shortstrEnd,
  Table,
} from '../../src/codec/index.ts'

/** The numbers under which a decoder is found: class id << 16 | method id. */
export function methodId(payload: Buffer): number {
  return payload.length < 4 ? 0 : payload.readInt32BE(0)
}

/**
 * A method as one line: its name, then its arguments as `name=value`. Left out are false bits, empty tables and the
 * unused ticket.
 */
export function renderMethod(payload: Buffer): string {
  const id = methodId(payload)
  const info = METHODS.get(id)
  const decoder = createDecoders().get(id)
  if (!info || !decoder) return `method ${id >>> 16},${id & 0xffff}`
  if (!decoder.decode(payload, 4, payload.length)) return `${info.name} that cannot be decoded`
  return [info.name, ...renderArguments(decoder)].join(' ')
}

function renderArguments(decoder: MethodDecoder): string[] {
  const words: string[] = []
  for (const [field, plain] of Object.entries(decoder)) {
    if (field === 'buffer' || (field === 'ticket' && plain === 0)) continue
    const name = field.endsWith('At') && typeof plain === 'number' ? field.slice(0, -2) : field
    const value = readArgument(decoder, name, plain)
    if (typeof value === 'boolean') {
      if (value) words.push(name)
    } else if (value instanceof Table) {
      if (value.size > 0) words.push(`${name}=${renderTable(value)}`)
    } else if (Buffer.isBuffer(value)) words.push(`${name}=${renderBytes(value)}`)
    else words.push(`${name}=${typeof value === 'string' ? renderText(value) : value}`)
  }
  return words
}

// Reading a shortstr fails when it is not UTF-8; here its bytes matter.
function readArgument(decoder: MethodDecoder, name: string, plain: unknown): unknown {
  try {
    return Reflect.get(decoder, name)
  } catch (error) {
    if (!(error instanceof CodecError) || typeof plain !== 'number') throw error
    return readText(decoder.buffer, plain + 1, shortstrEnd(decoder.buffer, plain))
  }
}

/** A string in double quotes; bytes that are not UTF-8 show as \xNN. */
function renderText(text: string): string {
  return escapeBytes(JSON.stringify(text))
}

// The codec reads a byte that is not UTF-8 as a lone surrogate, which JSON.stringify writes as an escape.
function escapeBytes(text: string): string {
  return text.replace(/\\udc([89a-f][0-9a-f])/g, '\\x$1').replace(/[\udc80-\udcff]/g, (byte) => {
    return `\\x${(byte.charCodeAt(0) & 0xff).toString(16)}`
  })
}

/** Bytes as text when they are text; a long run by its length and the beginning of its SHA-256. */
export function renderBytes(bytes: Buffer): string {
  if (bytes.length > 100) {
    return `${bytes.length} bytes ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}`
  }
  return isUtf8(bytes) ? JSON.stringify(bytes.toString('utf8')) : `<<${bytes.toString('hex')}>>`
}

/** A table with the wire type of every value, in the order of its entries. */
export function renderTable(table: Table): string {
  const entries = table.entries.map(([name, value]) => `${escapeBytes(name)}:${renderField(value)}`)
  return `{${entries.join(', ')}}`
}

function renderField(value: FieldValue): string {
  switch (value.type) {
    case 'V':
      return 'V'
    case 'S':
    case 'x':
      return `${value.type} ${renderBytes(value.value)}`
    case 'A':
      return `A[${value.value.map(renderField).join(', ')}]`
    case 'F':
      return `F${renderTable(value.value)}`
    case 'D':
      return `D ${value.value}/10^${value.scale}`
    case 'f':
    case 'd':
      return `${value.type} ${value.raw ? value.raw.toString('hex') : value.value}`
    default:
      return `${value.type} ${value.value}`
  }
}

const PROPERTY_NAMES = Object.entries(PropertyFlag)

/** The properties of a content header's payload, in wire order; the empty string when there are none. */
export function renderProperties(payload: Buffer): string {
  const view = new PropertyView().attach(payload, 12, payload.length - 12)
  const words: string[] = []
  for (const [name, flag] of PROPERTY_NAMES) {
    if (!view.has(flag)) continue
    const label = name.toLowerCase().replaceAll('_', '-')
    try {
      words.push(`${label}=${renderProperty(view, flag)}`)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      words.push(`${label} with ${error.message}`)
      break
    }
  }
  if ((view.flags & 3) !== 0) words.push(`further-flags=${view.flags & 3}`)
  return words.join(' ')
}

function renderProperty(view: PropertyView, flag: number): string {
  const at = view.find(flag)
  switch (flag) {
    case PropertyFlag.HEADERS:
      return renderTable(readTable(view.buffer, at))
    case PropertyFlag.DELIVERY_MODE:
    case PropertyFlag.PRIORITY:
      return String(view.buffer[at])
    case PropertyFlag.TIMESTAMP:
      return String(readUint64(view.buffer, at))
    default:
      return renderText(readText(view.buffer, at + 1, shortstrEnd(view.buffer, at)))
  }
}
