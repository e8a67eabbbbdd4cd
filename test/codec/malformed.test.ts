// Bytes that nobody should send. The codec may answer false or CodecError and nothing else.
import test from 'ava'
import fc from 'fast-check'
import {
  CodecError,
  cannotDecode,
  encodeProperties,
  encodeTable,
  type FieldValue,
  FrameParser,
  fieldEnd,
  findHeader,
  isTable,
  PropertyView,
  readTable,
  readTableEntries,
  Table,
  tableEnd,
} from '../../src/codec/index.ts'
import { call, field, methods, PROPERTY_NAMES, properties, table } from './arbitraries.ts'
import { same } from './same.ts'

const junk = fc.uint8Array({ maxLength: 80 }).map((array) => Buffer.from(array))

// Random bytes rarely get past the first length: these begin well and are then bent.
const bentTable = bent(table.map(encodeTable))
const bentProperties = bent(properties.map(encodeProperties))

function bent(whole: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const bends = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 3 })
  return fc.tuple(whole, bends, fc.option(fc.nat())).map(([bytes, places, cut]) => {
    const copy = Buffer.from(bytes)
    for (const [place, value] of places) copy[place % copy.length] = value
    return cut === null ? copy : copy.subarray(0, cut % (copy.length + 1))
  })
}

test('arguments cut short at any byte, or with a byte too many, are not decoded', (t) => {
  const seen = new Set<string>()
  const property = fc.property(call, ({ method, fields }) => {
    const frame = method.encode(1, fields)
    const end = frame.length - 1
    const decoder = method.decoder()
    if (!decoder.decode(frame, 11, end)) throw new Error('the whole cannot be decoded')
    for (let to = 11; to < end; to++) {
      // Whether something follows in the buffer or not.
      if (decoder.decode(guarded(frame, 11, to), 11, to)) throw new Error(`decoded with ${end - to} bytes missing`)
      if (decoder.decode(frame.subarray(0, to), 11, to)) throw new Error(`decoded a cut buffer at ${to}`)
    }
    if (decoder.decode(frame, 11, end + 1)) throw new Error('decoded with a byte too many')
    seen.add(method.name)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 800 }))
  t.is(seen.size, methods.length)
})

test('decode never reads outside the arguments, whatever they are', (t) => {
  const property = fc.property(fc.constantFrom(...methods), junk, fc.nat(10), (method, bytes, before) => {
    const from = before
    const to = before + bytes.length
    const buffer = Buffer.concat([Buffer.alloc(before, 0xff), bytes, Buffer.alloc(20, 0xff)])
    method.decoder().decode(guarded(buffer, from, to), from, to)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 3000 }))
})

test('a getter after a good decode throws nothing but CodecError', (t) => {
  const property = fc.property(call, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), (sample, bends) => {
    const frame = sample.method.encode(1, sample.fields)
    for (const [place, value] of bends) frame[11 + (place % (frame.length - 11))] = value
    const decoder = sample.method.decoder()
    if (!decoder.decode(frame, 11, frame.length - 1)) return
    for (const key of Object.keys(sample.fields)) onlyCodecErrors(() => decoder[key])
  })
  t.notThrows(() => fc.assert(property, { numRuns: 3000 }))
})

test('a shortstr argument that is not UTF-8 is refused with the text RabbitMQ uses', (t) => {
  const declare = methods.find(({ name }) => name === 'queue.declare')
  const frame = declare?.encode(1, { queue: 'queue' }) as Buffer
  const decoder = declare?.decoder()
  frame.set([0xc3, 0x28], 14)
  t.true(decoder?.decode(frame, 11, frame.length - 1))
  const error = t.throws(() => decoder?.queue, { instanceOf: CodecError })
  t.is(error?.code, 501)
  t.is(error?.message, 'FRAME_ERROR - Malformed UTF-8 in shortstr')
})

test('arguments that cannot be decoded are printed as RabbitMQ prints them', (t) => {
  t.is(cannotDecode(Buffer.of(9, 0, 0, 9), 1, 3).message, 'FRAME_ERROR - cannot decode <<0,0>>')
  t.is(cannotDecode(Buffer.alloc(0), 0, 0).message, 'FRAME_ERROR - cannot decode <<>>')
  t.is(cannotDecode(Buffer.alloc(100_000, 1), 0, 100_000).message.length, 255)
})

test('tables whose lengths lie are refused', (t) => {
  const lies = {
    'a length above what is there': '\0\0\0\x02\x01',
    'a length of 4 GiB': '\xff\xff\xff\xff',
    'no whole length': '\0\0\0',
    'nothing at all': '',
    'a name longer than the table': '\0\0\0\x03\x09at',
    'a name without a value': '\0\0\0\x02\x01a',
    'a value cut short': '\0\0\0\x06\x01aI\0\0\0',
    'a string longer than the table': '\0\0\0\x08\x01aS\0\0\0\x02b',
    'a string of 4 GiB': '\0\0\0\x08\x01aS\xff\xff\xff\xffb',
    'an array longer than the table': '\0\0\0\x08\x01aA\0\0\0\x02V',
    'an array whose value is longer than itself': '\0\0\0\x0a\x01aA\0\0\0\x01tVV',
    'a nested table longer than the table': '\0\0\0\x07\x01aF\0\0\0\x01',
    'a nested table whose value is longer than itself': '\0\0\0\x0b\x01aF\0\0\0\x03\x01bt\x01',
    'an unknown type': '\0\0\0\x03\x01aZ',
    'a signed type of the published grammar': '\0\0\0\x04\x01aU\0',
  }
  for (const [lie, text] of Object.entries(lies)) {
    const buffer = Buffer.from(text, 'latin1')
    const error = t.throws(() => readTable(buffer, 0), { instanceOf: CodecError }, lie)
    t.is(error?.code, 501)
    t.is(error?.message, 'FRAME_ERROR - cannot decode table')
    t.false(isTable(buffer, 0, buffer.length), lie)
    t.is(findHeader(buffer, 0, Buffer.from('b')), -1, lie)
  }
  t.throws(() => readTable(Buffer.alloc(8), 20), { instanceOf: CodecError })
})

test('a table cut at any byte, with a length that says so, is read or refused without looking further', (t) => {
  const property = fc.property(table, (value) => {
    const whole = encodeTable(value)
    for (let to = 4; to <= whole.length; to++) {
      whole.writeUInt32BE(to - 4, 0)
      const guard = guarded(whole, 0, to)
      const read = onlyCodecErrors(() => readTable(whole, 0))
      same(isTable(guard, 0, to), read !== undefined)
      same(findHeader(guard, 0, Buffer.from('no such name')), -1)
      // A cut between two entries leaves a table of the first ones.
      if (read) same(read.entries, value.entries.slice(0, read.size))
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 150 }))
})

test('the empty table, empty names and empty values are no lies', (t) => {
  t.is(readTable(Buffer.alloc(4), 0).size, 0)
  t.is(readTableEntries(Buffer.alloc(4), 4, 4).size, 0)
  const { entries } = readTable(Buffer.from('\0\0\0\x0e\0S\0\0\0\0\0F\0\0\0\0\0V', 'latin1'), 0)
  t.deepEqual(entries, [
    ['', { type: 'S', value: Buffer.alloc(0) }],
    ['', { type: 'F', value: new Table() }],
    ['', { type: 'V' }],
  ])
})

test('tables and arrays are nested 64 deep and no deeper', (t) => {
  for (const type of ['A', 'F'] as const) {
    t.notThrows(() => readTable(nest(type, 63), 0))
    t.true(isTable(nest(type, 63), 0, nest(type, 63).length))
    t.throws(() => readTable(nest(type, 64), 0), { instanceOf: CodecError, message: /cannot decode table/ })
    t.false(isTable(nest(type, 64), 0, nest(type, 64).length))
    // As many as a frame of RabbitMQ's size holds.
    const bomb = nest(type, 20_000)
    t.throws(() => readTable(bomb, 0), { instanceOf: CodecError })
    t.false(isTable(bomb, 0, bomb.length))
    t.is(findHeader(bomb, 0, Buffer.from('x')), -1)
  }
})

test('a table of the smallest values costs memory in proportion', (t) => {
  // A value of one byte is the most objects a byte can buy.
  const size = 100_000
  const array = Buffer.alloc(size + 11, 'V')
  array.write('\0\0\0\0\x01aA\0\0\0\0', 'latin1')
  array.writeUInt32BE(size + 7, 0)
  array.writeUInt32BE(size, 7)
  const value = readTable(array, 0).get('a')
  t.is(value?.type === 'A' && value.value.length, size)
})

test('random and bent tables are read or refused with CodecError, alike by reader, checker and finder', (t) => {
  const counts = { good: 0, bad: 0 }
  const property = fc.property(fc.oneof(junk, bentTable), fc.constantFrom('', 'a', 'x-match'), (bytes, name) => {
    const read = onlyCodecErrors(() => readTable(bytes, 0))
    same(isTable(guarded(bytes, 0, bytes.length), 0, bytes.length), read !== undefined)
    const found = findHeader(guarded(bytes, 0, bytes.length), 0, Buffer.from(name))
    if (read) same(found >= 0, read.has(name))
    if (found >= 0 && fieldEnd(bytes, found, bytes.length) < 0) throw new Error('found a value that is not whole')
    if (read) {
      // What was read can be written, and is then the same.
      const again = encodeTable(read)
      same(readTable(again, 0).equals(read), true)
      same(again.length, tableEnd(bytes, 0, bytes.length))
    }
    counts[read ? 'good' : 'bad']++
    onlyCodecErrors(() => readTableEntries(bytes, 0, bytes.length))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 6000 }))
  t.true(counts.good > 100 && counts.bad > 100, JSON.stringify(counts))
})

test('random and bent properties are read or refused with CodecError, and valid() tells which', (t) => {
  const counts = { good: 0, bad: 0 }
  const property = fc.property(fc.oneof(junk, bentProperties), fc.nat(9), (bytes, at) => {
    const buffer = Buffer.concat([Buffer.alloc(at, 0xff), bytes, Buffer.alloc(9, 0xff)])
    const view = new PropertyView().attach(buffer, at, bytes.length)
    const guard = new PropertyView().attach(guarded(buffer, at, at + bytes.length), at, bytes.length)
    same(guard.valid(), view.valid())
    for (let flag = 0x8000; flag >= 4; flag >>= 1) {
      const value = onlyCodecErrors(() => guard.find(flag))
      if (view.valid()) same(value === undefined, false)
    }
    for (const name of PROPERTY_NAMES) onlyCodecErrors(() => view[name])
    const whole = onlyCodecErrors(() => view.toObject())
    if (view.valid() && (!view.has(0x2000) || isTable(buffer, view.find(0x2000), view.end)))
      same(whole !== undefined, true)
    counts[view.valid() ? 'good' : 'bad']++
  })
  t.notThrows(() => fc.assert(property, { numRuns: 6000 }))
  t.true(counts.good > 100 && counts.bad > 100, JSON.stringify(counts))
})

test('a random stream in random pieces gives frames or a CodecError, and nothing above frame-max waits', (t) => {
  const counts = { frames: 0, errors: 0 }
  const good = call.map(({ method, fields }) => method.encode(1, fields)).filter((frame) => frame.length <= 4096)
  const pieces = fc.array(fc.oneof(junk, good, bent(good)), { maxLength: 12 })
  const property = fc.property(pieces, (chunks) => {
    const parser = new FrameParser(4096)
    for (const chunk of chunks) {
      parser.push(chunk)
      let frame = onlyCodecErrors(() => parser.next() ?? null)
      for (; frame; frame = onlyCodecErrors(() => parser.next() ?? null)) counts.frames++
      if (frame === undefined) {
        counts.errors++
        return
      }
      if (parser.pending > 4096) throw new Error(`${parser.pending} bytes wait`)
    }
  })
  t.notThrows(() => fc.assert(property, { numRuns: 4000 }))
  t.true(counts.frames > 100 && counts.errors > 100, JSON.stringify(counts))
})

test('a frame that announces 2 GiB makes nobody allocate them', (t) => {
  const parser = new FrameParser(0)
  const before = process.memoryUsage().arrayBuffers
  parser.push(Buffer.of(3, 0, 1, 0x7f, 0xff, 0xff, 0xff))
  t.is(parser.next(), undefined)
  parser.push(Buffer.alloc(10))
  t.is(parser.next(), undefined)
  t.true(process.memoryUsage().arrayBuffers - before < 2 ** 28)
})

test('a value that the finder returns is the one the reader gives', (t) => {
  const property = fc.property(table, fc.string({ maxLength: 3 }), field, (entries, name, value) => {
    entries.entries.splice(entries.size >> 1, 0, [name, value])
    const bytes = encodeTable(entries)
    const first = entries.get(name) as FieldValue
    const at = findHeader(bytes, 0, Buffer.from(name))
    same(bytes.subarray(at, fieldEnd(bytes, at, bytes.length)), encodeTable(new Table([['', first]])).subarray(5))
  })
  t.notThrows(() => fc.assert(property, { numRuns: 1000 }))
})

function nest(type: 'A' | 'F', times: number): Buffer {
  // From inside out, an empty one first.
  let inner = Buffer.from([0, 0, 0, 0])
  const layers: Buffer[] = []
  let length = inner.length
  for (let i = 0; i < times; i++) {
    const outermost = i === times - 1
    const head = Buffer.from(type === 'F' || outermost ? `\0\0\0\0\x01a${type}` : `\0\0\0\0${type}`, 'latin1')
    length += head.length
    head.writeUInt32BE(length - 4, 0)
    layers.push(head)
  }
  inner = Buffer.concat([...layers.reverse(), inner])
  return inner
}

/** The buffer, or rather something that throws when a byte outside `from` to `to` is read. */
function guarded(buffer: Buffer, from: number, to: number): Buffer {
  return new Proxy(buffer, {
    get(target, key) {
      const index = typeof key === 'string' ? Number(key) : Number.NaN
      if (index < from || index >= to) throw new Error(`read at ${index}, outside ${from} to ${to}`)
      return Reflect.get(target, key, target)
    },
  })
}

/** What the function returns; undefined when it throws a CodecError with the right code. */
function onlyCodecErrors<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CodecError) || error.code !== 501 || Buffer.byteLength(error.message) > 255) throw error
    return undefined
  }
}
