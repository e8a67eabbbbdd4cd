import test from 'ava'
import fc from 'fast-check'
import {
  array,
  bool,
  encodeTable,
  type FieldValue,
  fieldEquals,
  findHeader,
  fromObject,
  int,
  integerOf,
  long,
  longstr,
  nested,
  readTable,
  Table,
  textOf,
  timestamp,
  toObject,
  typeName,
} from '../../src/codec/index.ts'
import { field, table } from './arbitraries.ts'
import { same } from './same.ts'

test('a table keeps order and duplicates, and gives the first of a name', (t) => {
  const value = new Table([
    ['b', int(1)],
    ['a', int(2)],
    ['b', int(3)],
  ])
  t.is(value.size, 3)
  t.is(integerOf(value.get('b')), 1)
  t.true(value.has('a'))
  t.false(value.has('c'))
  t.is(value.get('c'), undefined)
  t.deepEqual(readTable(encodeTable(value), 0), value)
})

test('set puts a value in the place of the first of its name, and a new name last', (t) => {
  const value = new Table([
    ['b', int(1)],
    ['a', int(2)],
    ['b', int(3)],
  ])
  t.is(value.set('b', bool(true)).set('c', longstr('x')), value)
  t.deepEqual(value.entries, [
    ['b', { type: 't', value: true }],
    ['a', { type: 'I', value: 2 }],
    ['c', { type: 'S', value: Buffer.from('x') }],
  ])
})

test('delete removes all of a name and says whether there were any', (t) => {
  const value = new Table([
    ['b', int(1)],
    ['a', int(2)],
    ['b', int(3)],
  ])
  t.true(value.delete('b'))
  t.false(value.delete('b'))
  t.deepEqual(value.entries, [['a', { type: 'I', value: 2 }]])
})

test('the empty table is a fresh one each time', (t) => {
  Table.empty.set('a', int(1))
  t.is(Table.empty.size, 0)
})

test('tables are equal whatever the order of names and the width of integers', (t) => {
  const value = new Table([
    ['a', { type: 'b', value: 5 }],
    ['b', array(long(7), longstr('x'))],
    ['c', nested(new Table([['d', { type: 'u', value: 9 }]]))],
  ])
  const other = new Table([
    ['c', nested(new Table([['d', long(9)]]))],
    ['a', int(5)],
    ['b', array(int(7), longstr('x'))],
  ])
  t.true(value.equals(other))
  t.true(other.equals(value))
  t.false(value.equals(new Table(other.entries.slice(1))))
  t.false(value.equals(new Table([...other.entries.slice(1), ['d', int(9)]])))
  t.false(value.equals(new Table([...other.entries.slice(1), ['c', int(9)]])))
})

test('duplicates count, in the order among themselves', (t) => {
  const one = new Table([
    ['a', int(1)],
    ['a', int(2)],
    ['b', int(3)],
  ])
  const moved = new Table([
    ['b', int(3)],
    ['a', int(1)],
    ['a', int(2)],
  ])
  const swapped = new Table([
    ['a', int(2)],
    ['a', int(1)],
    ['b', int(3)],
  ])
  const others = new Table([
    ['a', int(1)],
    ['b', int(3)],
    ['b', int(3)],
  ])
  t.true(one.equals(moved))
  t.false(one.equals(swapped))
  t.false(one.equals(others))
})

test('values of different types differ, those of one kind compare by value', (t) => {
  const kinds: FieldValue[] = [
    bool(true),
    int(1),
    { type: 'd', value: 1.5 },
    { type: 'D', scale: 1, value: 15 },
    longstr('1'),
    { type: 'x', value: Buffer.from('1') },
    array(int(1)),
    nested(new Table()),
    timestamp(1),
    { type: 'V' },
  ]
  for (const [i, a] of kinds.entries()) {
    for (const [j, b] of kinds.entries()) t.is(fieldEquals(a, b), i === j, `${typeName(a)} and ${typeName(b)}`)
  }
  t.false(fieldEquals(bool(true), bool(false)))
  t.false(fieldEquals(int(1), int(2)))
  t.false(fieldEquals(longstr('a'), longstr('b')))
  t.false(fieldEquals(array(int(1)), array(int(1), int(1))))
  t.false(fieldEquals(timestamp(1), timestamp(2)))
  t.false(fieldEquals({ type: 'D', scale: 1, value: 1 }, { type: 'D', scale: 2, value: 1 }))
  t.true(fieldEquals({ type: 'f', value: 0.5 }, { type: 'd', value: 0.5 }))
  t.true(fieldEquals({ type: 'f', value: Number.NaN }, { type: 'd', value: Number.NaN }))
  // As numbers both would be 2^53.
  t.false(fieldEquals(long(2n ** 53n), long(2n ** 53n + 1n)))
})

test('a random table equals itself sorted by name, and not itself with an entry more', (t) => {
  const property = fc.property(table, (value) => {
    const sorted = new Table([...value.entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
    const longer = new Table([...value.entries, ['', int(1)]])
    same([value.equals(sorted), sorted.equals(value)], [true, true])
    same([value.equals(longer), longer.equals(value)], [false, false])
  })
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})

test('int takes the narrowest of I and l, and refuses what neither holds', (t) => {
  t.deepEqual(int(0x7fff_ffff), { type: 'I', value: 0x7fff_ffff })
  t.deepEqual(int(-0x8000_0000), { type: 'I', value: -0x8000_0000 })
  t.deepEqual(int(5n), { type: 'I', value: 5 })
  t.deepEqual(int(0x8000_0000), { type: 'l', value: 0x8000_0000n })
  t.deepEqual(int(-(2n ** 63n)), { type: 'l', value: -(2n ** 63n) })
  t.deepEqual(long(5), { type: 'l', value: 5n })
  for (const wrong of [1.5, 1e12 + 0.5, 2 ** 63, 2n ** 63n, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => int(wrong), { instanceOf: RangeError }, String(wrong))
  }
})

test('whole numbers are read from every integer type and from nothing else', (t) => {
  for (const type of ['b', 'B', 's', 'u', 'I', 'i'] as const) t.is(integerOf({ type, value: 7 }), 7)
  t.is(integerOf(long(-7)), -7)
  t.is(integerOf({ type: 'd', value: 7 }), undefined)
  t.is(integerOf({ type: 'T', value: 7n }), undefined)
  t.is(integerOf(longstr('7')), undefined)
  t.is(integerOf(undefined), undefined)
})

test('text is read from long strings and from nothing else', (t) => {
  t.is(textOf(longstr('grüß')), 'grüß')
  t.is(textOf({ type: 'x', value: Buffer.from('a') }), undefined)
  t.is(textOf(undefined), undefined)
})

test('types have the names of RabbitMQ', (t) => {
  const names = new Map<string, string>()
  fc.assert(fc.property(field, (value) => void names.set(value.type, typeName(value))))
  const expected = {
    A: 'array',
    B: 'unsignedbyte',
    D: 'decimal',
    F: 'table',
    I: 'signedint',
    S: 'longstr',
    T: 'timestamp',
    V: 'void',
    b: 'byte',
    d: 'double',
    f: 'float',
    i: 'unsignedint',
    l: 'long',
    s: 'short',
    t: 'bool',
    u: 'unsignedshort',
    x: 'binary',
  }
  for (const [type, name] of names) t.is(name, expected[type as keyof typeof expected])
  t.true(names.size > 10)
})

test('plain values become fields of the type a client would choose', (t) => {
  const date = new Date('2024-01-02T03:04:05.678Z')
  const value = fromObject({
    text: 'x',
    flag: true,
    small: -5,
    big: 2 ** 40,
    huge: 1e300,
    fraction: 0.5,
    negativeZero: -0,
    exact: 2n ** 62n,
    bytes: Buffer.from([1]),
    date,
    nothing: null,
    missing: undefined,
    list: [1, 'a', undefined, [null]],
    object: { a: { b: 1 } },
    table: new Table([['c', int(1)]]),
  })
  const types = Object.fromEntries(value.entries.map(([name, entry]) => [name, entry.type]))
  t.deepEqual(types, {
    text: 'S',
    flag: 't',
    small: 'I',
    big: 'l',
    huge: 'd',
    fraction: 'd',
    negativeZero: 'd',
    exact: 'l',
    bytes: 'x',
    date: 'T',
    nothing: 'V',
    list: 'A',
    object: 'F',
    table: 'F',
  })
  t.deepEqual(toObject(readTable(encodeTable(value), 0)), {
    text: 'x',
    flag: true,
    small: -5,
    big: 2 ** 40,
    huge: 1e300,
    fraction: 0.5,
    negativeZero: -0,
    exact: 2n ** 62n,
    bytes: Buffer.from([1]),
    date: Math.floor(date.getTime() / 1000),
    nothing: null,
    list: [1, 'a', null, [null]],
    object: { a: { b: 1 } },
    table: { c: 1 },
  })
})

test('what has no field type is refused', (t) => {
  t.throws(() => fromObject({ a: () => 1 }), { instanceOf: TypeError })
  t.throws(() => fromObject({ a: Symbol('a') }), { instanceOf: TypeError })
  t.throws(() => fromObject({ a: 2n ** 63n }), { instanceOf: RangeError })
  t.throws(() => fromObject({ a: new Date(-1) }), { instanceOf: RangeError })
  t.throws(() => fromObject({ a: new Date(Number.NaN) }), { instanceOf: RangeError })
  const circle: Record<string, unknown> = {}
  circle.list = [circle]
  t.throws(() => fromObject(circle), { instanceOf: RangeError })
  const list: unknown[] = []
  list.push(list)
  t.throws(() => fromObject({ list }), { instanceOf: RangeError })
})

test('as many levels as can be read can be made from plain values, and no more', (t) => {
  for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ a: inner })]) {
    let value: unknown = 1
    for (let level = 1; level < 64; level++) value = wrap(value)
    const whole = fromObject({ value })
    t.deepEqual(readTable(encodeTable(whole), 0), whole)
    t.throws(() => fromObject({ value: wrap(value) }), { instanceOf: RangeError })
  }
})

test('a header named __proto__ is a header like any other', (t) => {
  const value = toObject(new Table([['__proto__', longstr('x')]]))
  t.deepEqual(Object.entries(value), [['__proto__', 'x']])
  t.is(Object.getPrototypeOf(value), Object.prototype)
})

test('of duplicate names the first is in the object', (t) => {
  t.deepEqual(
    toObject(
      new Table([
        ['a', int(1)],
        ['a', int(2)],
        ['b', { type: 'D', scale: 2, value: 314 }],
      ]),
    ),
    { a: 1, b: 3.14 },
  )
})

test('names above 255 bytes cannot be written', (t) => {
  t.throws(() => encodeTable(new Table([['ä'.repeat(128), int(1)]])), { instanceOf: RangeError })
  t.is(readTable(encodeTable(new Table([['ä'.repeat(127), int(1)]])), 0).size, 1)
})

test('a header is found by its bytes, the first of its name, and only whole names match', (t) => {
  const bytes = encodeTable(
    new Table([
      ['abc', nested(new Table([['ab', int(1)]]))],
      ['ab', longstr('first')],
      ['ab', longstr('second')],
    ]),
  )
  const at = findHeader(Buffer.concat([Buffer.alloc(3), bytes]), 3, Buffer.from('ab')) - 3
  t.is(bytes.toString('latin1', at, at + 10), 'S\0\0\0\x05first')
  t.is(findHeader(bytes, 0, Buffer.from('a')), -1)
  t.is(findHeader(bytes, 0, Buffer.from('abcd')), -1)
})
