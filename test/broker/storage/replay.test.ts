import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { JOURNALLED, REDELIVERED, recordState, showRecord } from '../../../src/broker/queue/record.ts'
import type { RestoredQueue } from '../../../src/broker/queue/restored.ts'
import {
  KeptRecord,
  MessageRecord,
  RecordType,
  SegmentRecord,
  SettledRecord,
  SLAB_END,
} from '../../../src/broker/storage/index.ts'
import { MessageReplay } from '../../../src/broker/storage/replay.ts'
import { encodeProperties } from '../../../src/codec/index.ts'
import type { JournalRecord } from '../../../src/store/index.ts'
import { Random } from '../../store/random.ts'

const properties = encodeProperties({ deliveryMode: 2 })
const UID = 5

function feed(replay: MessageReplay, type: number, record: JournalRecord): void {
  const bytes = Buffer.alloc(record.byteLength() + 3)
  record.write(bytes, 3)
  replay.record(type, bytes, 3)
}

function published(slabNumber: number, offset: number, body: string): JournalRecord {
  const record = new MessageRecord().of(Message.of('', 'q', properties, Buffer.from(body)))
  record.add(UID, slabNumber, offset, 0)
  return record
}

function settled(slabNumber: number, from: number, end: number, count = 1): JournalRecord {
  return new SettledRecord().of(UID, slabNumber, from, end, count, count)
}

/** What lies in the slabs that come back in memory: `slab:offset` to body, in order. */
function messagesIn(queue: RestoredQueue | undefined): [place: string, body: string][] {
  const messages: [string, string][] = []
  const view = new Message()
  for (const { number, memory, offsets, at } of queue?.slabs ?? []) {
    for (const [index, offset] of offsets.entries()) {
      showRecord(memory.bytes, memory.words, at[index] as number, view)
      messages.push([`${number}:${offset}`, view.body.toString()])
    }
  }
  return messages
}

test('what was published and not settled comes back in order', (t) => {
  const replay = new MessageReplay()
  for (const [offset, body] of [[0, 'a'] as const, [64, 'b'] as const, [128, 'c'] as const]) {
    feed(replay, RecordType.MESSAGE, published(3, offset, body))
  }
  feed(replay, RecordType.SETTLED, settled(3, 64, 128))
  t.is(replay.countOf(UID), 2)
  t.deepEqual(messagesIn(replay.take(UID)), [
    ['3:0', 'a'],
    ['3:128', 'c'],
  ])
  t.is(replay.take(UID), undefined)
})

test('after a crash everything is flagged redelivered, after an orderly stop nothing more than was', (t) => {
  for (const clean of [false, true]) {
    const replay = new MessageReplay()
    feed(replay, RecordType.MESSAGE, published(0, 0, 'a'))
    if (clean) feed(replay, RecordType.CLEAN, { byteLength: () => 0, write: () => {} })
    t.is(replay.clean, clean)
    const slab = replay.take(UID)?.slabs[0]
    t.is(recordState(slab?.memory.words as Int32Array, 0), clean ? JOURNALLED : JOURNALLED | REDELIVERED)
  }
})

test('a place that is used again holds the later message', (t) => {
  const replay = new MessageReplay()
  feed(replay, RecordType.MESSAGE, published(0, 0, 'first'))
  feed(replay, RecordType.SETTLED, settled(0, 0, 64))
  feed(replay, RecordType.MESSAGE, published(0, 0, 'second'))
  // Damage may have taken the settlement of one before.
  feed(replay, RecordType.MESSAGE, published(0, 0, 'third'))
  t.deepEqual(messagesIn(replay.take(UID)), [['0:0', 'third']])
})

test('a queue is known by its messages alone, and forgotten when it is deleted', (t) => {
  const replay = new MessageReplay()
  feed(replay, RecordType.SETTLED, settled(0, 0, 64))
  t.is(replay.take(UID), undefined)
  feed(replay, RecordType.MESSAGE, published(0, 0, 'a'))
  replay.forget(UID)
  t.is(replay.take(UID), undefined)
})

test('a file stands for all of its slab, and loses what is settled later', (t) => {
  const replay = new MessageReplay()
  feed(replay, RecordType.MESSAGE, published(1, 0, 'a'))
  const slab = {
    level: 0,
    number: 1,
    file: { id: 77, bytes: 4096 },
    end: 400,
    takenTo: 40,
    live: 10,
    liveBytes: 400,
    bodyBytes: 10,
    expiry: 0,
    runs: undefined,
    bodies: [],
  }
  feed(replay, RecordType.SEGMENT, new SegmentRecord().of(UID, slab))
  feed(replay, RecordType.SETTLED, settled(1, 0, 80, 2))
  feed(replay, RecordType.SETTLED, settled(1, 200, 240))
  feed(replay, RecordType.SETTLED, settled(1, 80, 120))
  // A checkpoint that was not finished says again what the file holds.
  const copy = new KeptRecord().of(UID, 1, 120, JOURNALLED, 0, Message.of('', 'q', properties, Buffer.from('copy')))
  feed(replay, RecordType.KEPT, copy)
  t.is(replay.lastSegmentId, 77)
  const queue = replay.take(UID)
  t.deepEqual(queue?.slabs, [])
  t.deepEqual(queue?.segments, [
    { ...slab, takenTo: 400, live: 6, liveBytes: 240, bodyBytes: 6, runs: Int32Array.of(120, 200, 240, 400) },
  ])
  t.is(queue?.lastSlabNumber, 1)
})

test('a file of which everything is settled is forgotten', (t) => {
  const replay = new MessageReplay()
  const slab = {
    level: 0,
    number: 1,
    end: 80,
    takenTo: 0,
    live: 2,
    liveBytes: 80,
    bodyBytes: 2,
    expiry: 0,
    runs: undefined,
    bodies: [],
  }
  for (const stretches of [
    [[0, SLAB_END]],
    [
      [0, 40],
      [40, 80],
    ],
  ] as const) {
    feed(replay, RecordType.SEGMENT, new SegmentRecord().of(UID, { ...slab, file: { id: 1, bytes: 99 } }))
    for (const [from, end] of stretches) feed(replay, RecordType.SETTLED, settled(1, from, end))
    t.is(replay.countOf(UID), 0)
    t.deepEqual(replay.take(UID)?.segments, [])
  }
})

test('any order of publishes, settlements, reuse and repetition leaves what is alive', (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed)
    const replay = new MessageReplay()
    const model = new Map<string, string>()
    const tails = new Map<number, number>()
    for (let step = 0; step < 200; step++) {
      const slabNumber = random.below(4)
      if (random.below(3) > 0) {
        const offset = tails.get(slabNumber) ?? 0
        tails.set(slabNumber, offset + 40 + 4 * random.below(10))
        const body = `${seed}.${step}`
        model.set(`${slabNumber}:${offset}`, body)
        feed(replay, RecordType.MESSAGE, published(slabNumber, offset, body))
      } else {
        const from = random.below(1000)
        const end = from + random.below(300)
        for (const place of [...model.keys()]) {
          const [number, offset] = place.split(':').map(Number) as [number, number]
          if (number === slabNumber && offset >= from && offset < end) model.delete(place)
        }
        feed(replay, RecordType.SETTLED, settled(slabNumber, from, end))
        const left = [...model.keys()].some((place) => place.startsWith(`${slabNumber}:`))
        if (!left && random.below(2) === 0) tails.set(slabNumber, 0)
      }
      if (random.below(20) === 0 && model.size > 0) {
        const [place, body] = [...model][random.below(model.size)] as [string, string]
        const [number, offset] = place.split(':').map(Number) as [number, number]
        const message = Message.of('', 'q', properties, Buffer.from(body))
        feed(replay, RecordType.KEPT, new KeptRecord().of(UID, number, offset, JOURNALLED, 0, message))
      }
    }
    const expected = [...model].sort((a, b) => {
      const [first, second] = [a, b].map(([place]) => place.split(':').map(Number)) as [number[], number[]]
      return (first[0] as number) - (second[0] as number) || (first[1] as number) - (second[1] as number)
    })
    t.deepEqual(messagesIn(replay.take(UID)), expected, `seed ${seed}`)
  }
})
