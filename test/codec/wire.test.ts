import test from 'ava'
import fc from 'fast-check'
import {
  CodecError,
  copyBytes,
  readLongstr,
  readShortstr,
  readText,
  readUint64,
  shortstrBytes,
  shortstrEnd,
  shortstrEquals,
  textBytes,
  writeLongstr,
  writeShortstr,
  writeText,
  writeUint64,
} from '../../src/codec/index.ts'
import { same } from './same.ts'

test('any bytes survive as text and back', (t) => {
  // Heads of sequences, their tails, surrogates and what is too long, next to plain letters.
  const unit = fc.constantFrom(...'61 c3 a4 e2 82 ac f0 9f 90 87 ed a0 80 ff c0 efbfbd'.split(' '))
  const property = fc.property(
    fc.oneof(
      fc.array(unit).map((units) => Buffer.from(units.join(''), 'hex')),
      raw,
    ),
    (bytes) => {
      const text = readText(bytes, 0, bytes.length)
      const written = Buffer.alloc(bytes.length)
      same(textBytes(text), bytes.length)
      same(writeText(written, 0, text), bytes.length)
      same(written, bytes)
      same(/[\udc80-\udcff]/u.test(text), !utf8.test(bytes))
    },
  )
  t.notThrows(() => fc.assert(property, { numRuns: 2000 }))
})

const raw = fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array))

const utf8 = {
  test(bytes: Buffer): boolean {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      return true
    } catch {
      return false
    }
  },
}

test('only the bytes that are not UTF-8 are set apart', (t) => {
  const bytes = Buffer.concat([Buffer.from('aä€🐇'), Buffer.of(0xff), Buffer.from('🐇'), Buffer.of(0xf0, 0x9f, 0x90)])
  t.is(readText(bytes, 0, bytes.length), 'aä€🐇\udcff🐇\udcf0\udc9f\udc90')
})

test('text that is UTF-8 is just that text', (t) => {
  const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
    const bytes = Buffer.from(text)
    same(readText(bytes, 0, bytes.length), text)
    same(textBytes(text), bytes.length)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
  t.is(readText(Buffer.from('\ufffd\ufeff'), 0, 6), '\ufffd\ufeff')
})

test('a shortstr is UTF-8 or refused, and may hold a replacement character of its own', (t) => {
  const property = fc.property(raw, (bytes) => {
    const shortstr = Buffer.concat([Buffer.of(9, bytes.length), bytes])
    if (utf8.test(bytes)) same(readShortstr(shortstr, 1), bytes.toString('utf8'))
    else
      same(
        refusal(() => readShortstr(shortstr, 1)),
        'FRAME_ERROR - Malformed UTF-8 in shortstr',
      )
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
  t.is(readShortstr(Buffer.from('\x03\ufffd'), 0), '\ufffd')
})

test('strings that reach past the buffer are refused', (t) => {
  t.throws(() => readShortstr(Buffer.of(3, 0x61, 0x61), 0), { instanceOf: CodecError })
  t.throws(() => readShortstr(Buffer.of(3), 1), { instanceOf: CodecError })
  t.throws(() => readLongstr(Buffer.of(0, 0, 0, 2, 0x61), 0), { instanceOf: CodecError })
  t.throws(() => readLongstr(Buffer.of(0xff, 0xff, 0xff, 0xff), 0), { instanceOf: CodecError })
})

test('a longstr is a copy', (t) => {
  const buffer = Buffer.from('\0\0\0\x02ab', 'latin1')
  const copy = readLongstr(buffer, 0)
  buffer.fill(0)
  t.is(copy.toString(), 'ab')
})

test('strings are written with their length in bytes', (t) => {
  const buffer = Buffer.alloc(20, 0xff)
  t.is(shortstrBytes('ä'), 3)
  t.is(writeShortstr(buffer, 1, 'ä'), 4)
  t.is(shortstrEnd(buffer, 1), 4)
  t.is(writeLongstr(buffer, 4, 'ä'), 10)
  t.is(writeLongstr(buffer, 10, Buffer.of(1)), 15)
  t.is(buffer.toString('hex'), 'ff02c3a400000002c3a40000000101ffffffffff')
  t.throws(() => shortstrBytes('ä'.repeat(128)), { instanceOf: RangeError })
})

test('shortstrs are compared with their lengths', (t) => {
  const buffer = Buffer.from('\x02ab\x02ab\x03abc\x02ax\0\0', 'latin1')
  t.true(shortstrEquals(buffer, 0, buffer, 3))
  t.false(shortstrEquals(buffer, 0, buffer, 6))
  t.false(shortstrEquals(buffer, 6, buffer, 0))
  t.false(shortstrEquals(buffer, 0, buffer, 10))
  t.true(shortstrEquals(buffer, 13, buffer, 14))
})

test('64 bits are exact up to 2^53 and near above', (t) => {
  const buffer = Buffer.alloc(8)
  for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53]) {
    writeUint64(buffer, 0, value)
    t.is(buffer.readBigUInt64BE(), BigInt(value))
    t.is(readUint64(buffer, 0), value)
  }
  buffer.fill(0xff)
  t.is(readUint64(buffer, 0), 2 ** 64)
})

test('bytes are copied by loop and by call alike', (t) => {
  const source = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 0xff))
  for (const length of [0, 1, 89, 90, 91, 92, 250]) {
    const target = Buffer.alloc(300)
    copyBytes(source, 7, 7 + length, target, 11)
    t.deepEqual(target, Buffer.concat([Buffer.alloc(11), source.subarray(7, 7 + length), Buffer.alloc(289 - length)]))
  }
})

function refusal(run: () => unknown): string {
  try {
    return `accepted: ${run()}`
  } catch (error) {
    return error instanceof CodecError ? error.message : String(error)
  }
}
