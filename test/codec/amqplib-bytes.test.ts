// amqplib's own codec must write the bytes we write, and read what we mean.
import { createRequire } from 'node:module'
import test from 'ava'
import fc from 'fast-check'
import { camel } from '../../bin/generator/spec.ts'
import {
  ClassId,
  encodeContentHeader,
  encodeFrame,
  encodeProperties,
  encodeTable,
  type FieldValue,
  FrameType,
  HEARTBEAT_FRAME,
  PropertyView,
  readTable,
  Table,
  textOf,
} from '../../src/codec/index.ts'
import { bytes, call, type Fields, type Method, methods, properties, shortstr, tables } from './arbitraries.ts'
import { same } from './same.ts'

interface AmqplibDefs {
  constants: Record<string, number>
  constant_strs: Record<string, string>
  decode(id: number, args: Buffer): Fields
  encodeMethod(id: number, channel: number, fields: Fields): Buffer
  encodeProperties(id: number, channel: number, size: bigint | number, fields: Fields): Buffer
}

interface AmqplibFrame {
  HEARTBEAT_BUF: Buffer
  makeBodyFrame(channel: number, payload: Buffer): Buffer
}

interface AmqplibCodec {
  encodeTable(buffer: Buffer, value: object, offset: number): number
  decodeFields(slice: Buffer): object
}

// The package does not export its codec, so by path; tests run at the root of the repository.
const require = createRequire(`${process.cwd()}/node_modules/amqplib/`)
const defs: AmqplibDefs = require('./lib/defs.js')
const frames: AmqplibFrame = require('./lib/frame.js')
const fields: AmqplibCodec = require('./lib/codec.js')

// amqplib has objects for tables: names are unique text, and JavaScript moves names that look like array indices.
const name = shortstr.filter((text) => text !== '!' && text !== '__proto__' && !/^\d+$/.test(text))
const { table: anyTable } = tables(name)
const table = anyTable.map(expressible)

test('amqplib writes the same bytes for every method', (t) => {
  const seen = new Set<string>()
  const property = fc.property(call, table, ({ method, channel, fields: values }, args) => {
    const ours = withTable(method, values, args)
    const theirs = Object.fromEntries(
      Object.entries(ours).map(([key, value]) => [theirName(key), theirArgument(value)]),
    )
    // amqplib insists on the arguments for which the protocol has no default.
    for (const argument of method.args) {
      if (argument.default === undefined) theirs[theirName(camel(argument.name))] ??= emptyArgument(argument.type)
    }
    same(method.encode(channel, ours), defs.encodeMethod(method.id, channel, theirs))
    seen.add(method.name)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1500 }))
  t.is(seen.size, methods.length)
})

test('amqplib reads every method as it was meant', (t) => {
  const property = fc.property(call, table, ({ method, channel, fields: values }, args) => {
    const ours = withTable(method, values, args)
    const frame = method.encode(channel, ours)
    const read = defs.decode(method.id, frame.subarray(11, -1))
    for (const argument of method.args) {
      const key = camel(argument.name)
      const given = ours[key]
      // Defaults are compared by bytes above.
      if (given !== undefined) same(read[theirName(key)], given instanceof Table ? plainTable(given) : given)
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1500 }))
})

test('amqplib writes the same bytes for tables with every type, and we read them back', (t) => {
  const property = fc.property(table, (value) => {
    const target = Buffer.alloc(encodeTable(value).length)
    fields.encodeTable(target, theirTable(value), 0)
    same(encodeTable(value), target)
    same(readTable(target, 0), value)
    same(fields.decodeFields(encodeTable(value).subarray(4)), plainTable(value))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1500 }))
})

test('amqplib writes and reads the same content headers', (t) => {
  const property = fc.property(properties, table, fc.integer({ min: 0, max: 2 ** 40 }), (values, headers, size) => {
    const ours = textual({ ...values, ...(values.headers && { headers }) })
    const list = encodeProperties(ours)
    const frame = encodeContentHeader(3, size, list)
    const theirs = defs.encodeProperties(ClassId.BASIC, 3, size, {
      ...ours,
      headers: ours.headers && theirTable(ours.headers),
    })
    same(frame, theirs)
    same(new PropertyView().attach(theirs, 19, theirs.length - 20).toObject(), ours)
    const read = defs.decode(ClassId.BASIC, list)
    for (const [key, value] of Object.entries(ours)) {
      same(read[key], value instanceof Table ? plainTable(value) : value)
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('amqplib makes the same body frames and heartbeats', (t) => {
  const property = fc.property(bytes, fc.integer({ min: 0, max: 0xffff }), (body, channel) => {
    same(encodeFrame(FrameType.BODY, channel, body), frames.makeBodyFrame(channel, body))
  })
  t.notThrows(() => fc.assert(property))
  t.deepEqual(HEARTBEAT_FRAME, frames.HEARTBEAT_BUF)
})

// Without duplicate names, NaNs of which amqplib knows one, and in an order that objects keep.
function expressible(value: Table): Table {
  const entries = new Map(value.entries.map(([key, entry]) => [key, expressibleField(entry)]))
  return new Table([...entries])
}

function expressibleField(field: FieldValue): FieldValue {
  switch (field.type) {
    case 'f':
    case 'd':
      return { type: field.type, value: field.raw ? 1.5 : field.value }
    case 'S':
      return { type: 'S', value: Buffer.from(field.value.toString('utf8')) }
    case 'A':
      return { type: 'A', value: field.value.map(expressibleField) }
    case 'F':
      return { type: 'F', value: expressible(field.value) }
    default:
      return field
  }
}

/** The value in amqplib's notation, which names the type. */
function theirs(field: FieldValue): unknown {
  switch (field.type) {
    case 'S':
      return textOf(field)
    case 't':
    case 'x':
      return field.value
    case 'V':
      return null
    case 'A':
      return field.value.map(theirs)
    case 'F':
      return theirTable(field.value)
    case 'D':
      return { '!': 'decimal', value: { places: field.scale, digits: field.value } }
    default:
      return { '!': TYPES[field.type], value: field.value }
  }
}

const TYPES = {
  b: 'int8',
  B: 'uint8',
  s: 'int16',
  u: 'uint16',
  I: 'int32',
  i: 'uint32',
  l: 'int64',
  f: 'float',
  d: 'double',
  T: 'timestamp',
}

/** The value as amqplib's decoder gives it. */
function plain(field: FieldValue): unknown {
  switch (field.type) {
    case 'l':
      return Number(field.value)
    case 'T':
      return { '!': 'timestamp', value: Number(field.value) }
    case 'D':
      return theirs(field)
    case 'S':
      return textOf(field)
    case 'V':
      return null
    case 'A':
      return field.value.map(plain)
    case 'F':
      return plainTable(field.value)
    default:
      return field.value
  }
}

function theirTable(value: Table): object {
  return Object.fromEntries(value.entries.map(([key, field]) => [key, theirs(field)]))
}

function plainTable(value: Table): object {
  return Object.fromEntries(value.entries.map(([key, field]) => [key, plain(field)]))
}

function withTable(method: Method, values: Fields, args: Table): Fields {
  const ours = { ...values }
  for (const argument of method.args) {
    if (argument.type === 'table' && ours[camel(argument.name)]) ours[camel(argument.name)] = args
  }
  return ours
}

function theirArgument(value: unknown): unknown {
  return value instanceof Table ? theirTable(value) : value
}

function theirName(key: string): string {
  return key === 'noWait' ? 'nowait' : key
}

function emptyArgument(type: string): unknown {
  return { shortstr: '', longstr: Buffer.alloc(0), table: {}, bit: false }[type] ?? 0
}

// amqplib has strings for properties, so these must be UTF-8.
function textual<T extends object>(values: T): T {
  const entries = Object.entries(values).map(([key, value]) => [
    key,
    typeof value === 'string' ? wellFormed(value) : value,
  ])
  return Object.fromEntries(entries) as T
}

function wellFormed(text: string): string {
  return text.replace(/[\udc80-\udcff]/gu, '?')
}
