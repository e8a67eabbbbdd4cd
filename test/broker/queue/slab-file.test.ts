import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { type PagedSlab, surveySlab } from '../../../src/broker/queue/paged-slab.ts'
import type { Queue } from '../../../src/broker/queue/queue.ts'
import { showRecord } from '../../../src/broker/queue/record.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { decodeSlab, encodeSlab, storedSlab } from '../../../src/broker/queue/slab-file.ts'
import { SlabPool } from '../../../src/broker/queue/slab-pool.ts'
import { Staging } from '../../../src/broker/queue/staging.ts'
import { encodeProperties } from '../../../src/codec/index.ts'
import type { DamagedRange } from '../../../src/store/index.ts'
import { FakeHost, get, inChunk } from './fakes.ts'
import { Random } from './session.ts'
import { slabsOf } from './stored.ts'

const BLOCK_BYTES = 65536
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)

/** A body that says everywhere whose it is. */
function bodyOf(index: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `<${index}>`)
}

function indexOf(body: Buffer): number {
  return Number(/<(\d+)>/.exec(body.toString('latin1'))?.[1])
}

/** What a file is found to have, by the number in the body. */
function read(payload: Buffer, damaged: DamagedRange[] = []): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  const content = decodeSlab({ payload, damaged }, new SlabPool(), undefined)
  if (content === undefined) return found
  const { memory, table, large } = content
  const view = new Message()
  const offsets = table === undefined ? [] : [...table.offsets.entries()]
  if (table === undefined) {
    for (let at = 0; at < usedOf(payload); at += memory.words[at >> 2] as number) offsets.push([offsets.length, at])
  }
  for (const [index, offset] of offsets) {
    const at = table?.places[index] ?? offset
    const isLarge = ((memory.words[(at >> 2) + 1] as number) & 0x04) !== 0
    if (isLarge) {
      const content = large.get(offset)
      const body = content?.subarray(content.indexOf('<'))
      if (body !== undefined) found.set(indexOf(body), body)
      continue
    }
    showRecord(memory.bytes, memory.words, at, view)
    found.set(indexOf(view.body), view.body)
  }
  return found
}

function usedOf(payload: Buffer): number {
  return payload.readUInt32BE(8)
}

/** A queue with one slab of random messages, some of them settled, and its bodies. */
function randomSlab(random: Random): { queue: Queue; slab: Slab; bodies: Map<number, Buffer>; alive: Set<number> } {
  const queue = new FakeHost().queue('q', {}, { durable: true })
  const bodies = new Map<number, Buffer>()
  const count = 20 + random.below(200)
  for (let index = 0; index < count; index++) {
    const isLarge = random.chance(3)
    const body = bodyOf(index, isLarge ? 5000 + random.below(80_000) : 5 + random.below(4000))
    bodies.set(index, body)
    queue.publish(isLarge ? Message.of('x', 'k', encodeProperties({}), body) : inChunk(body), random.chance(50))
    if (queue.memoryBytes > 900_000) break
  }
  const alive = new Set(bodies.keys())
  const share = random.of([0, 0, 10, 50, 90])
  for (let index = 0; index < bodies.size - 1; index++) {
    const place = get(queue)?.place as number
    if (!random.chance(share)) continue
    queue.acknowledge(place)
    alive.delete(index)
  }
  const [slab] = slabsOf(queue) as [Slab]
  slab.line.seal(slab)
  if (random.chance(30)) slab.line.pack(slab)
  return { queue, slab, bodies, alive }
}

test('a slab comes back from its file with everything that was alive', (t) => {
  t.log(`SEED=${seed}`)
  const staging = new Staging()
  for (let round = 0; round < 30; round++) {
    const { slab, bodies, alive } = randomSlab(new Random(seed + round))
    const payload = encodeSlab(slab, staging)
    const found = read(payload)
    for (const index of alive) t.true(found.get(index)?.equals(bodies.get(index) as Buffer))
    staging.give(payload)
  }
})

test('a damaged stretch takes those messages with it that lie in it, and no others', (t) => {
  t.log(`SEED=${seed}`)
  for (let round = 0; round < 60; round++) {
    const random = new Random(seed + round)
    const { slab, bodies, alive } = randomSlab(random)
    const payload = encodeSlab(slab)
    const from = BLOCK_BYTES * random.below(Math.ceil(payload.length / BLOCK_BYTES))
    const end = Math.min(from + BLOCK_BYTES * random.of([1, 1, 2]), payload.length)
    const spoilt = Buffer.from(payload)
    spoilt.subarray(from, end).fill(random.of([0, 0xff, 0x3c]))
    const found = read(spoilt, [{ from, end }])
    for (const index of alive) {
      const body = bodies.get(index) as Buffer
      const at = payload.indexOf(body)
      t.true(at >= 0)
      // The head of a large message's record lies elsewhere.
      const nearAny = body.length > 4096 || (at - 64 < end && at + body.length + 8 > from)
      const isIn = at < end && at + body.length > from
      if (isIn) t.false(found.has(index), `${index} is damaged`)
      else if (!nearAny && payload.length > 2 * BLOCK_BYTES) t.true(found.get(index)?.equals(body))
    }
  }
})

test('nothing is read from a file whose both guides are damaged, or that is cut short', (t) => {
  const { slab } = randomSlab(new Random(1))
  const payload = encodeSlab(slab)
  const { length } = payload
  t.is(
    read(payload, [
      { from: 0, end: 10 },
      { from: length - 10, end: length },
    ]).size,
    0,
  )
  t.true(read(payload, [{ from: 0, end: 10 }]).size > 0)
  for (const bytes of [0, 3, 4, 31]) t.is(read(payload.subarray(0, bytes), []).size, 0)
})

test('a file of a newer layout is refused, not taken for damaged', (t) => {
  const { slab } = randomSlab(new Random(1))
  const payload = encodeSlab(slab)
  payload.writeUInt32BE(3, 0)
  t.throws(() => read(payload), { name: 'SegmentError', message: /newer version/ })
})

test('a file has little more than the messages, and less when most of them are dead', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', {}, { durable: true })
  for (let index = 0; index < 7000; index++) {
    queue.publish(inChunk(Buffer.alloc(100, 'x'), { deliveryMode: 2 }, '', 'queue-001'), true)
  }
  const [slab] = slabsOf(queue) as [Slab]
  const bytes = encodeSlab(slab).length
  t.true(bytes < 7000 * 133, `${bytes}`)
  for (let index = 0; index < 6000; index++) queue.acknowledge(get(queue)?.place as number)
  t.true(encodeSlab(slab).length < 1000 * 150)
})

test('what is known of a paged slab is what a look at it in memory gives', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', {}, { durable: true })
  for (let index = 0; index < 10; index++) {
    queue.publish(inChunk('x'.repeat(100), index === 7 ? { expiration: '500' } : {}), index !== 4)
  }
  const [slab] = slabsOf(queue) as [Slab]
  const places = Array.from({ length: 3 }, () => get(queue)?.place as number)
  queue.acknowledge(places[1] as number)
  slab.line.seal(slab)
  const survey: PagedSlab = surveySlab(slab)
  t.like(survey, { unread: 7, unreadBodyBytes: 700, journalledBodyBytes: 800, expiry: host.now + 500 })
  t.deepEqual(
    [...survey.taken].filter((_, index) => index % 3 < 2),
    [0, 100, places[2] as number, 100],
  )
  t.deepEqual(survey.runs?.slice(0, 3), Int32Array.of(0, places[1] as number, places[2] as number))
  t.is(survey.journalledRuns?.length, 6)
  slab.segment = { id: 1, bytes: 1 }
  t.like(storedSlab(slab), { number: 0, level: 0, end: slab.end, takenTo: slab.readAt, live: 8, bodyBytes: 800 })
})
