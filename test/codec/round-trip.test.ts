import test from 'ava'
import fc from 'fast-check'
import { camel } from '../../bin/generator/spec.ts'
import {
  encodeContent,
  encodeProperties,
  encodeTable,
  type Frame,
  FrameParser,
  FrameType,
  PropertyView,
  readTable,
  readUint16,
  readUint32,
  readUint64,
  Table,
  tableBytes,
} from '../../src/codec/index.ts'
import { bytes, call, FIELD_TAGS, type Fields, type Method, methods, properties, split, table } from './arbitraries.ts'
import { same } from './same.ts'

const places = fc.array(fc.nat(), { maxLength: 30 })

test('every method with any arguments survives encode, random split and decode', (t) => {
  const seen = new Set<string>()
  const property = fc.property(fc.array(call, { minLength: 1, maxLength: 8 }), places, (calls, cuts) => {
    const stream = Buffer.concat(calls.map(({ method, channel, fields }) => method.encode(channel, fields)))
    const frames = parse(split(stream, cuts))
    if (frames.length !== calls.length) throw new Error(`${calls.length} frames became ${frames.length}`)
    for (const [index, { method, channel, fields }] of calls.entries()) {
      const frame = frames[index] as Frame
      seen.add(method.name)
      same(frame.type, FrameType.METHOD)
      same(frame.channel, channel)
      same(readUint32(frame.payload, 0), method.id)
      // Somewhere in the middle of a chunk, as the broker reads.
      same(decode(method, frame.payload), expected(method, fields))
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 600 }))
  t.is(seen.size, 66)
})

test('a method without arguments given has the defaults of the protocol', (t) => {
  for (const method of methods) {
    const frame = method.encode(7)
    t.deepEqual(decode(method, frame.subarray(7, -1)), expected(method, {}), method.name)
  }
})

test('a text is accepted where the protocol has a longstr', (t) => {
  const method = methods.find(({ name }) => name === 'connection.start') as Method
  const frame = method.encode(0, { mechanisms: 'PLAIN ä' })
  t.deepEqual(decode(method, frame.subarray(7, -1)).mechanisms, Buffer.from('PLAIN ä'))
})

test('arguments above 64 KiB survive', (t) => {
  const large = new Table([['a', { type: 'S', value: Buffer.alloc(70_000, 1) }]])
  for (const method of methods) {
    const values: Fields = {}
    for (const { name, type } of method.args) {
      if (type === 'table') values[camel(name)] = large
      if (type === 'longstr') values[camel(name)] = Buffer.alloc(70_000, 2)
    }
    const frame = method.encode(1, values)
    same(decode(method, frame.subarray(7, -1)), expected(method, values))
    t.is(frame.readUInt32BE(3), frame.length - 8)
  }
})

test('every table survives encode and decode, and its bytes survive decode and encode', (t) => {
  const seen = new Set<string>()
  const property = fc.property(table, fc.nat(20), (value, at) => {
    const encoded = encodeTable(value)
    same(encoded.length, tableBytes(value))
    const decoded = readTable(Buffer.concat([Buffer.alloc(at, 0xff), encoded, Buffer.alloc(9, 0xff)]), at)
    same(decoded, value)
    same(encodeTable(decoded), encoded)
    if (!decoded.equals(value)) throw new Error('a table does not equal its own copy')
    for (const type of typesIn(value)) seen.add(type)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
  t.deepEqual([...seen].sort(), FIELD_TAGS.filter((tag) => tag !== 'L').sort())
})

test('an unsigned-looking L is read as l and written as l, a boolean other than 0 and 1 as true', (t) => {
  const encoded = Buffer.from('\0\0\0\x0e\x01aL\xff\xff\xff\xff\xff\xff\xff\xfe\x01bt\x02', 'latin1')
  encoded[3] = encoded.length - 4
  const decoded = readTable(encoded, 0)
  t.deepEqual(decoded.entries, [
    ['a', { type: 'l', value: -2n }],
    ['b', { type: 't', value: true }],
  ])
  t.is(encodeTable(decoded).subarray(4).toString('latin1'), '\x01al\xff\xff\xff\xff\xff\xff\xff\xfe\x01bt\x01')
})

test('a decoded table does not refer to the bytes it came from', (t) => {
  const encoded = encodeTable(new Table([['key', { type: 'S', value: Buffer.from('value') }]]))
  const decoded = readTable(encoded, 0)
  encoded.fill(0)
  t.deepEqual(decoded.entries, [['key', { type: 'S', value: Buffer.from('value') }]])
})

test('a message with any subset of properties survives encode, random split and decode', (t) => {
  const frameMax = fc.oneof(fc.integer({ min: 9, max: 64 }), fc.constant(4096), fc.constant(0))
  const property = fc.property(properties, bytes, frameMax, places, (values, body, max, cuts) => {
    const stream = encodeContent(9, encodeProperties(values), body, max)
    const [header, ...bodies] = parse(split(stream, cuts)) as [Frame, ...Frame[]]
    same(header.type, FrameType.HEADER)
    same(header.channel, 9)
    same(readUint16(header.payload, 0), 60)
    same(readUint16(header.payload, 2), 0)
    same(readUint64(header.payload, 4), body.length)
    const view = new PropertyView().attach(header.payload, 12, header.payload.length - 12)
    same(view.valid(), true)
    same(view.toObject(), values)
    same(encodeProperties(view.toObject()), header.payload.subarray(12))
    for (const frame of bodies) {
      same([frame.type, frame.channel], [FrameType.BODY, 9])
      if (max > 0 && frame.payload.length > max - 8) throw new Error(`a payload of ${frame.payload.length} bytes`)
    }
    same(Buffer.concat(bodies.map(({ payload }) => payload)), body)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 800 }))
})

test('a stream byte by byte gives the same frames as the whole', (t) => {
  const sample = fc.sample(call, { numRuns: 40, seed: 1 })
  const stream = Buffer.concat(sample.map(({ method, channel, fields }) => method.encode(channel, fields)))
  const whole = parse([stream])
  t.is(whole.length, 40)
  t.deepEqual(parse(Array.from(stream, (byte) => Buffer.of(byte))), whole)
})

function parse(chunks: Buffer[]): Frame[] {
  const parser = new FrameParser(0)
  const frames: Frame[] = []
  for (const chunk of chunks) {
    parser.push(chunk)
    for (let frame = parser.next(); frame; frame = parser.next()) frames.push(frame)
  }
  same(parser.pending, 0)
  return frames
}

function decode(method: Method, payload: Buffer): Fields {
  const decoder = method.decoder()
  const chunk = Buffer.concat([Buffer.alloc(3, 0xff), payload, Buffer.alloc(5, 0xff)])
  if (!decoder.decode(chunk, 7, chunk.length - 5)) throw new Error(`${method.name} cannot be decoded`)
  return Object.fromEntries(method.args.map(({ name }) => [camel(name), decoder[camel(name)]]))
}

function expected(method: Method, fields: Fields): Fields {
  return Object.fromEntries(
    method.args.map((argument) => [camel(argument.name), fields[camel(argument.name)] ?? defaultOf(argument)]),
  )
}

function defaultOf(argument: Method['args'][number]): unknown {
  switch (argument.type) {
    case 'bit':
      return argument.default ?? false
    case 'shortstr':
      return argument.default ?? ''
    case 'longstr':
      return Buffer.from((argument.default as string | undefined) ?? '')
    case 'table':
      return new Table()
    default:
      return argument.default ?? 0
  }
}

function typesIn(value: Table): string[] {
  return value.entries.flatMap(([, entry]) => (entry.type === 'F' ? ['F', ...typesIn(entry.value)] : [entry.type]))
}
