// The fixed parts of the protocol as buffer-layout reads and writes them: the oracle for the hand-written offsets.
import test from 'ava'
import { blob, type Layout, nu64be, struct, u8, u16be, u32be } from 'buffer-layout'
import fc from 'fast-check'
import {
  encodeContentHeader,
  encodeFrame,
  FRAME_END,
  FrameParser,
  FrameType,
  PROTOCOL_HEADER,
  PropertyView,
  readUint16,
  readUint32,
  readUint64,
  writeFrameHeader,
  writeUint16,
  writeUint32,
  writeUint64,
} from '../../src/codec/index.ts'
import { same } from './same.ts'

interface ProtocolHeader {
  name: Buffer
  id: number
  major: number
  minor: number
  revision: number
}

interface FrameHeader {
  type: number
  channel: number
  size: number
}

interface ContentHeader {
  classId: number
  weight: number
  bodySize: number
  flags: number
}

// The layouts of members differ in what they hold, which the type of an array cannot say.
type Members = Layout<number | Buffer>[]

const protocolHeader = struct<ProtocolHeader>([
  blob(4, 'name'),
  u8('id'),
  u8('major'),
  u8('minor'),
  u8('revision'),
] as Members)
const frameHeader = struct<FrameHeader>([u8('type'), u16be('channel'), u32be('size')] as Members)
const contentHeader = struct<ContentHeader>([
  u16be('classId'),
  u16be('weight'),
  nu64be('bodySize'),
  u16be('flags'),
] as Members)

const octet = fc.integer({ min: 0, max: 0xff })
const short = fc.integer({ min: 0, max: 0xffff })
const long = fc.integer({ min: 0, max: 0xffff_ffff })
const longlong = fc.oneof(fc.maxSafeNat(), long, fc.nat(300))

test('the layouts have the sizes of the protocol', (t) => {
  t.is(protocolHeader.span, 8)
  t.is(frameHeader.span, 7)
  t.is(contentHeader.span, 14)
})

test('the protocol header announces AMQP 0-9-1', (t) => {
  const header = { name: Buffer.from('AMQP'), id: 0, major: 0, minor: 9, revision: 1 }
  t.like(protocolHeader.decode(PROTOCOL_HEADER), header)
  const written = Buffer.alloc(8)
  protocolHeader.encode(header, written)
  t.deepEqual(written, PROTOCOL_HEADER)
})

test('numbers of 16, 32 and 64 bits are read and written as the layout does, at any offset', (t) => {
  const values = struct<{ a: number; b: number; c: number }>([u16be('a'), u32be('b'), nu64be('c')] as Members)
  const property = fc.property(short, long, longlong, fc.nat(5), (a, b, c, at) => {
    const theirs = Buffer.alloc(at + values.span)
    values.encode({ a, b, c }, theirs, at)
    const ours = Buffer.alloc(theirs.length)
    writeUint16(ours, at, a)
    writeUint32(ours, at + 2, b)
    writeUint64(ours, at + 6, c)
    same(ours, theirs)
    same([readUint16(theirs, at), readUint32(theirs, at + 2), readUint64(theirs, at + 6)], [a, b, c])
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('random bytes are the same numbers to the layout', (t) => {
  const values = struct<{ a: number; b: number; c: number }>([u16be('a'), u32be('b'), nu64be('c')] as Members)
  const property = fc.property(fc.uint8Array({ minLength: 14, maxLength: 14 }), (array) => {
    const buffer = Buffer.from(array)
    const { a, b, c } = values.decode(buffer)
    same([readUint16(buffer, 0), readUint32(buffer, 2), readUint64(buffer, 6)], [a, b, c])
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('a frame header is read and written as the layout does', (t) => {
  const type = fc.constantFrom(...Object.values(FrameType))
  const property = fc.property(type, short, fc.uint8Array({ maxLength: 300 }), long, (kind, channel, array, size) => {
    const payload = Buffer.from(array)
    const theirs = Buffer.alloc(payload.length + 8, FRAME_END)
    frameHeader.encode({ type: kind, channel, size: payload.length }, theirs)
    payload.copy(theirs, 7)
    same(encodeFrame(kind, channel, payload), theirs)
    const parser = new FrameParser()
    parser.push(theirs)
    same(parser.next(), { type: kind, channel, payload })

    const header = Buffer.alloc(10)
    writeFrameHeader(header, 2, kind, channel, size)
    same({ ...frameHeader.decode(header, 2) }, { type: kind, channel, size })
  })
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})

test('any type and size in a frame header is judged by what the layout reads', (t) => {
  const property = fc.property(octet, short, fc.oneof(long, fc.nat(5000)), (type, channel, size) => {
    const header = Buffer.alloc(7)
    frameHeader.encode({ type, channel, size }, header)
    const parser = new FrameParser(4096)
    parser.push(header)
    const unknown = type !== 8 && (type < 1 || type > 3)
    const wanted = unknown ? 'unknown_frame' : size > 4088 ? `{frame_too_large,${size},4088}` : 'waits'
    same(outcome(parser), wanted)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('the fixed part of a content header is read and written as the layout does', (t) => {
  const property = fc.property(longlong, short, (bodySize, flags) => {
    const frame = Buffer.alloc(22, FRAME_END)
    frameHeader.encode({ type: FrameType.HEADER, channel: 5, size: 14 }, frame)
    contentHeader.encode({ classId: 60, weight: 0, bodySize, flags }, frame, 7)
    same(encodeContentHeader(5, bodySize, frame.subarray(19, 21)), frame)
    same(readUint64(frame, 11), bodySize)
    same(new PropertyView().attach(frame, 19, 2).flags, flags)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

function outcome(parser: FrameParser): string {
  try {
    return parser.next() ? 'a frame' : 'waits'
  } catch (error) {
    return (error as Error).message.split(': ')[1] ?? ''
  }
}
