import test from 'ava'
import fc from 'fast-check'
import { encodeTable, type Table, ValueReader, ValueRecord, ValueWriter } from '../../src/codec/index.ts'
import { anyText, shortstr, tables } from './arbitraries.ts'
import { same } from './same.ts'

type Value =
  | { kind: 'octet' | 'long' | 'longlong'; value: number }
  | { kind: 'text'; value: string }
  | { kind: 'table'; value: Table }

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.integer({ min: 0, max: 255 }).map((value): Value => ({ kind: 'octet', value })),
  fc.integer({ min: 0, max: 0xffff_ffff }).map((value): Value => ({ kind: 'long', value })),
  fc.maxSafeNat().map((value): Value => ({ kind: 'longlong', value })),
  fc.oneof(anyText, fc.string({ maxLength: 2000 })).map((value): Value => ({ kind: 'text', value })),
  tables(shortstr).table.map((value): Value => ({ kind: 'table', value })),
)

function write(values: readonly Value[]): ValueRecord {
  return new ValueRecord((writer) => {
    for (const { kind, value } of values) {
      if (kind === 'text') writer.text(value)
      else if (kind === 'table') writer.table(value)
      else writer[kind](value)
    }
  })
}

function bytesOf(record: ValueRecord): Buffer {
  const bytes = Buffer.alloc(record.byteLength())
  record.write(bytes, 0)
  return bytes
}

test('values are read as they were written, wherever they lie', (t) => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), fc.nat(9), (values, from) => {
      const bytes = bytesOf(write(values))
      const buffer = Buffer.concat([Buffer.alloc(from, 0xff), bytes, Buffer.alloc(9, 0xff)])
      const reader = new ValueReader(buffer, from, from + bytes.length)
      for (const { kind, value } of values) {
        if (kind === 'table') same(encodeTable(reader.table()), encodeTable(value))
        else same(reader[kind](), value)
      }
      same(reader.at, from + bytes.length)
    }),
  )
  t.pass()
})

test('values that are cut short are refused, not made up from what lies behind', (t) => {
  const record = write([{ kind: 'text', value: 'name' }])
  const bytes = Buffer.concat([bytesOf(record), Buffer.alloc(100)])
  for (let to = 0; to < 8; to++) {
    t.throws(() => new ValueReader(bytes, 0, to).text(), { message: /cut short/ })
  }
  for (const kind of ['octet', 'long', 'longlong', 'table'] as const) {
    t.throws(() => new ValueReader(bytes, 50, 50)[kind](), { message: /cut short/ })
  }
  const lying = Buffer.from([0, 0, 0, 9, 1, 2, 3])
  t.throws(() => new ValueReader(lying, 0, lying.length).table(), { message: /cut short/ })
})

test('bytes that are not UTF-8 are written back as they were', (t) => {
  const name = Buffer.from([0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82])
  const text = new ValueReader(Buffer.concat([Buffer.from([0, 0, 0, 6]), name]), 0, 10).text()
  t.deepEqual(Buffer.from(new ValueWriter().text(text).bytes.subarray(4)), name)
})

test('a record is put together when it is asked for, and once', (t) => {
  let filled = 0
  const record = new ValueRecord((values) => {
    filled++
    values.text('x'.repeat(10_000)).long(7)
  })
  t.is(filled, 0)
  t.is(record.byteLength(), 10_008)
  t.is(bytesOf(record).readUInt32BE(10_004), 7)
  t.is(filled, 1)
})
