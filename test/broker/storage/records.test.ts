import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { CrashTail } from '../../../src/broker/queue/crash-tail.ts'
import { readCounts } from '../../../src/broker/storage/counts-record.ts'
import { crashTailRecord, readCrashTail } from '../../../src/broker/storage/crash-tail-record.ts'
import {
  BodyFileRecord,
  CountsRecord,
  KeptRecord,
  MessageRecord,
  RecordType,
  readBodyFileRecord,
  readMessageRecord,
  readSegmentRecord,
  SegmentRecord,
  SettledRecord,
  type StoredSlab,
} from '../../../src/broker/storage/index.ts'
import { encodeProperties } from '../../../src/codec/index.ts'
import type { JournalRecord } from '../../../src/store/index.ts'

function bytesOf(record: JournalRecord): Buffer {
  const bytes = Buffer.alloc(record.byteLength() + 2, 0xee)
  record.write(bytes, 1)
  if (bytes[0] !== 0xee || bytes.at(-1) !== 0xee) throw new Error('a record writes outside its length')
  return bytes
}

const properties = encodeProperties({ deliveryMode: 2, correlationId: 'c' })

function shown(view: Message): unknown {
  const { exchange, routingKey, marks } = view
  const end = view.propertiesAt + view.propertiesLength
  const own = view.buffer.subarray(view.propertiesAt, end).equals(properties)
  return { exchange, routingKey, marks, own, body: view.body.toString() }
}

test('a published message comes back with its place in every queue', (t) => {
  const record = new MessageRecord().of(Message.of('x', 'key', properties, Buffer.from('body'), 0x30))
  record.add(7, 0, 0, 0)
  record.add(0xffff_fffe, 0xffff_fffd, 0x7f_ffff, 0)
  const places: number[][] = []
  const view = new Message()
  readMessageRecord(bytesOf(record), 1, view, (...place) => places.push(place))
  t.deepEqual(places, [
    [7, 0, 0, 0, 2],
    [0xffff_fffe, 0xffff_fffd, 0x7f_ffff, 0, 2],
  ])
  t.deepEqual(shown(view), { exchange: 'x', routingKey: 'key', marks: 0x30, own: true, body: 'body' })
})

test('expiries are kept for all queues as soon as one has one, and are forgotten with the next message', (t) => {
  const record = new MessageRecord().of(Message.of('', 'k', properties, Buffer.alloc(0)))
  record.add(1, 2, 3, 0)
  record.add(4, 5, 6, 1_770_000_000_123)
  const expiries: number[] = []
  readMessageRecord(bytesOf(record), 1, new Message(), (_uid, _slab, _offset, expiry) => expiries.push(expiry))
  t.deepEqual(expiries, [0, 1_770_000_000_123])
  const withExpiries = record.byteLength()
  record.of(Message.of('', 'k', properties, Buffer.alloc(0)))
  record.add(1, 2, 3, 0)
  t.is(record.byteLength(), withExpiries - 12 - 2 * 8)
})

test('a message kept by a checkpoint comes back with its state', (t) => {
  const message = Message.of('x', 'key', properties, Buffer.from('body'), 0x10)
  const record = new KeptRecord().of(9, 8, 7, (0xffffff << 8) | 0x19, 1_770_000_000_123, message)
  const view = new Message()
  const { uid, slabNumber, offset, state, expiry } = new KeptRecord().read(bytesOf(record), 1, view)
  t.deepEqual([uid, slabNumber, offset, expiry], [9, 8, 7, 1_770_000_000_123])
  t.is(state >>> 8, 0xffffff)
  t.is(state & 0xff, 0x19)
  t.deepEqual(shown(view), { exchange: 'x', routingKey: 'key', marks: 0x10, own: true, body: 'body' })
})

test('a settled stretch comes back', (t) => {
  const record = new SettledRecord().of(1, 2, 3, 0xffff_ffff, 5, 2 ** 40)
  const { uid, slabNumber, from, end, count, bodyBytes } = new SettledRecord().read(bytesOf(record), 1)
  t.deepEqual([uid, slabNumber, from, end, count, bodyBytes], [1, 2, 3, 0xffff_ffff, 5, 2 ** 40])
})

test('a slab in a file comes back, with its runs or without', (t) => {
  const slab: StoredSlab = {
    level: 255,
    number: 12,
    file: { id: 2 ** 40, bytes: 1_048_576 },
    end: 1_048_000,
    takenTo: 64,
    live: 3,
    liveBytes: 300,
    bodyBytes: 2 ** 33,
    expiry: 1_770_000_000_000,
    runs: undefined,
    bodies: [],
  }
  const record = new SegmentRecord()
  t.deepEqual(readSegmentRecord(bytesOf(record.of(5, slab)), 1, false), { uid: 5, slab })
  const half = { ...slab, runs: Int32Array.of(0, 64, 128, 256) }
  t.deepEqual(readSegmentRecord(bytesOf(record.of(5, half)), 1, false), { uid: 5, slab: half })
  const nothing = { ...slab, runs: new Int32Array(0) }
  t.deepEqual(readSegmentRecord(bytesOf(record.of(5, nothing)), 1, false), { uid: 5, slab: nothing })
  t.is(record.type, RecordType.SEGMENT)
  const bodies = [
    { id: 2 ** 40, runs: Int32Array.of(0, 9000, 20_000, 30_000) },
    { id: 7, runs: Int32Array.of(5, 10) },
  ]
  for (const sharing of [
    { ...slab, bodies },
    { ...half, bodies },
  ]) {
    t.deepEqual(readSegmentRecord(bytesOf(record.of(5, sharing)), 1, true), { uid: 5, slab: sharing })
    t.is(record.type, RecordType.SEGMENT_SHARING)
  }
})

test('a record of a body file comes back as it was', (t) => {
  const record = new BodyFileRecord()
  for (const runs of [undefined, Int32Array.of(0, 5000, 9000, 20_000)]) {
    const stored = { id: 2 ** 40, file: { id: 2 ** 41, bytes: 16_000 }, runs }
    t.deepEqual(readBodyFileRecord(bytesOf(record.of(stored)), 1), stored)
  }
})

test('no two kinds of records have one type', (t) => {
  const types = Object.values(RecordType)
  t.is(new Set(types).size, types.length)
})

test('delivery counts come back', (t) => {
  const record = new CountsRecord().of(9, 8, [0, 1, 0x7f_ffff, 0xff_ffff])
  const { uid, slabNumber, counts } = readCounts(bytesOf(record), 1)
  t.deepEqual([uid, slabNumber, ...counts], [9, 8, 0, 1, 0x7f_ffff, 0xff_ffff])
})

test('what a crash has left open comes back', (t) => {
  const record = crashTailRecord(9, new CrashTail(0xffff_fffe, 1_770_000_000_123))
  t.deepEqual(readCrashTail(bytesOf(record), 1), { uid: 9, lastSlabNumber: 0xffff_fffe, startedAt: 1_770_000_000_123 })
})
