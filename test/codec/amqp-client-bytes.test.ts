// The codec of amqp-client.js must write the bytes we write, and read what we mean.
import { AMQPView } from '@cloudamqp/amqp-client/amqp-view'
import test from 'ava'
import fc from 'fast-check'
import {
  encodeProperties,
  encodeTable,
  type FieldValue,
  fromObject,
  PropertyView,
  readTable,
  Table,
  toObject,
} from '../../src/codec/index.ts'
import { properties, shortstr, tables } from './arbitraries.ts'
import { same } from './same.ts'

const DATE_SECONDS_MAX = 8_640_000_000_000n

type Plain = Parameters<AMQPView['setTable']>[1]

const name = shortstr.filter((text) => text !== '__proto__' && !/^\d+$/.test(text))
const { table: anyTable } = tables(name)
const table = anyTable.map(withDates)

// What its encoder can say: it takes 32 bits for integers, `f` for what is not whole, and has no other widths.
const { value: plainTable } = fc.letrec<{ field: unknown; value: Plain }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc
      .date({ min: new Date(0), noInvalidDate: true })
      .map((date) => new Date(Math.floor(date.getTime() / 1000) * 1000)),
    fc.constant(null),
    fc.uint8Array().map((array) => Buffer.from(array)),
    fc.array(tie('field'), { maxLength: 4 }),
    tie('value'),
  ),
  value: fc
    .array(fc.tuple(name, tie('field')), { maxLength: 6 })
    .map((entries) => Object.fromEntries(entries) as Plain),
}))

test('amqp-client.js writes the same bytes for the same object, and we read it back', (t) => {
  const property = fc.property(plainTable, (value) => {
    const ours = encodeTable(fromObject(value))
    const view = new AMQPView(new ArrayBuffer(ours.length))
    same(view.setTable(0, value), ours.length)
    const theirs = Buffer.from(view.buffer as ArrayBuffer)
    same(theirs, ours)
    same(toObject(readTable(theirs, 0)), plainObject(value))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('amqp-client.js reads tables with every type as they were meant', (t) => {
  const property = fc.property(table, (value) => {
    const ours = encodeTable(value)
    const [read, length] = viewOf(ours).getTable(0)
    same(length, ours.length)
    same(read, asRead(value))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

test('amqp-client.js reads the properties we write, and writes what we read', (t) => {
  const property = fc.property(properties, table, (values, headers) => {
    // It leaves out what is empty or 0, and does not know cluster-id.
    const given = Object.entries({ ...values, ...(values.headers && { headers }) }).filter(
      ([key, value]) => key !== 'clusterId' && value !== '' && value !== 0,
    )
    const ours = Object.fromEntries(
      given.map(([key, value]) => [key, typeof value === 'string' ? value.replace(/[\udc80-\udcff]/gu, '?') : value]),
    )
    if ('timestamp' in ours) ours.timestamp = (ours.timestamp as number) % Number(DATE_SECONDS_MAX) || 1
    const list = encodeProperties(ours)
    const [read, length] = viewOf(list).getProperties(0)
    same(length, list.length)
    const expected = Object.fromEntries(
      Object.entries(ours).map(([key, value]) => {
        if (key === 'timestamp') return [key, new Date((value as number) * 1000)]
        return [key, key === 'headers' ? asRead(value as Table) : value]
      }),
    )
    same(read, expected)

    const { headers: _, ...others } = ours
    const { headers: __, ...dates } = expected
    const written = Buffer.alloc(encodeProperties(others).length)
    viewOf(written).setProperties(0, dates)
    same(written, encodeProperties(others))
    same(new PropertyView().attach(written, 0, written.length).toObject(), others)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

// Timestamps beyond what a Date holds come out as invalid dates, which equal nothing.
function withDates(value: Table): Table {
  return new Table(value.entries.map(([key, field]) => [key, withDate(field)]))
}

function withDate(field: FieldValue): FieldValue {
  if (field.type === 'T') return { type: 'T', value: field.value % DATE_SECONDS_MAX }
  if (field.type === 'A') return { type: 'A', value: field.value.map(withDate) }
  return field.type === 'F' ? { type: 'F', value: withDates(field.value) } : field
}

function viewOf(buffer: Buffer): AMQPView {
  return new AMQPView(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.length)
}

function asRead(value: Table): object {
  return Object.fromEntries(value.entries.map(([key, field]) => [key, plain(field)]))
}

function plain(field: FieldValue): unknown {
  switch (field.type) {
    case 'l':
      return Number(field.value)
    case 'T':
      return new Date(Number(BigInt.asIntN(64, field.value)) * 1000)
    case 'D':
      return field.value / 10 ** field.scale
    case 'S':
      return field.value.toString('utf8')
    case 'x':
      return new Uint8Array(field.value)
    case 'V':
      return null
    case 'A':
      return field.value.map(plain)
    case 'F':
      return asRead(field.value)
    default:
      return field.value
  }
}

/** The object as our own toObject gives it: dates are seconds, and a bigint is a number where that is exact. */
function plainObject(value: object): object {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainItem(item)]))
}

function plainItem(item: unknown): unknown {
  if (typeof item === 'bigint') return Number.isSafeInteger(Number(item)) ? Number(item) : item
  if (item instanceof Date) return item.getTime() / 1000
  if (Array.isArray(item)) return item.map(plainItem)
  if (typeof item === 'object' && item !== null && !Buffer.isBuffer(item)) return plainObject(item)
  return item
}
