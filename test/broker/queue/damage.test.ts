import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { encodeProperties } from '../../../src/codec/index.ts'
import { SegmentError } from '../../../src/store/index.ts'
import { bodies, FakeConsumer, get, inChunk } from './fakes.ts'
import { Random } from './session.ts'
import {
  checkpoint,
  fill,
  pageOut,
  pageOutAll,
  publish,
  quiet,
  replay,
  restart,
  type Stored,
  slabsOf,
  storedQueue,
} from './stored.ts'

const BLOCK_BYTES = 65536

/** A queue whose messages of 1000 bytes lie in one file, and more behind. */
async function inOneFile(
  count: number,
  args: Record<string, unknown> = {},
): Promise<Stored & { slab: Slab; id: number }> {
  const stored = storedQueue(args)
  fill(stored, count, 1000)
  const [slab] = slabsOf(stored.queue) as [Slab]
  await pageOut(stored, slab)
  checkpoint(stored)
  return { ...stored, slab, id: slab.segment?.id as number }
}

function numbersOf(bodies: readonly string[]): number[] {
  return bodies.map((body) => Number(body.trimEnd()))
}

function errors({ host }: Stored): string[] {
  return host.log.lines.filter(({ level }) => level === 'error').map(({ message }) => message)
}

test('a damaged block costs the messages in it and no others', async (t) => {
  const stored = await inOneFile(500)
  const { host, segments, queue, id } = stored
  segments.damage(id, 3)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  await quiet(stored)
  const got = numbersOf(consumer.bodies)
  const lost = 500 - got.length
  t.true(lost >= 63 && lost <= 67, `${lost}`)
  const first = got.findIndex((number, index) => number !== index)
  t.true(first > 185 && first < 200)
  t.deepEqual(got, [...got.slice(0, first), ...got.slice(first).map((_, index) => first + lost + index)])
  t.like(queue, { messageCount: 0, unackedCount: got.length, unackedBytes: got.length * 1000 })
  t.deepEqual(errors(stored), [
    `${lost} messages of queue 'q' in vhost '/' are lost: segment ${id} cannot be read: some of it is not what was written`,
  ])
  await quiet(stored)
  t.deepEqual(segments.aside, [id])
  t.truthy(host.log.find(`kept as damaged-${id}`))
  for (const place of consumer.places) queue.acknowledge(place)
  await quiet(stored)
  t.is(host.memory.used, 0)
  t.is(segments.files.size, 0)
})

test('what a damaged file has left is in the journal from then on, and what is lost does not come back', async (t) => {
  const stored = await inOneFile(300)
  stored.segments.damage(stored.id, 1)
  const left = numbersOf(bodies(stored.queue))
  t.true(left.length > 200 && left.length < 300)
  await quiet(stored)
  t.deepEqual(replay(stored)?.segments, [])
  const next = restart(stored)
  t.is(next.queue.messageCount, left.length)
  t.deepEqual(numbersOf(bodies(next.queue)), left)
})

test('a damaged file is kept under its name until the journal does without it', async (t) => {
  const stored = await inOneFile(300)
  const { host, segments, queue } = stored
  segments.damage(stored.id, 1)
  host.journal.late = true
  get(queue)
  await quiet(stored)
  t.deepEqual(segments.aside, [])
  host.journal.complete()
  await quiet(stored)
  t.deepEqual(segments.aside, [stored.id])
})

for (const [what, block] of [
  ['beginning', 0],
  ['end', 4],
] as const) {
  test(`damage at the ${what} of a file leaves the rest readable`, async (t) => {
    const stored = await inOneFile(300)
    stored.segments.damage(stored.id, block)
    const left = numbersOf(bodies(stored.queue))
    t.true(left.length > 200 && left.length < 300, `${left.length}`)
    t.is(stored.queue.messageCount, left.length)
    t.is(left.includes(0), block !== 0)
    t.is(left.includes(299), block === 0)
  })
}

for (const [how, spoil] of [
  ['is missing', ({ segments, id }: { segments: Stored['segments']; id: number }) => void segments.files.delete(id)],
  [
    'has no head',
    ({ segments }: { segments: Stored['segments'] }) => {
      segments.failure = new SegmentError('damaged', 'the head of it is damaged')
    },
  ],
  [
    'is damaged all over',
    ({ segments, id }: { segments: Stored['segments']; id: number }) => {
      for (let block = 0; block < 10; block++) segments.damage(id, block)
    },
  ],
] as const) {
  test(`a file that ${how} takes all of its messages with it, and the queue goes on`, async (t) => {
    const stored = await inOneFile(100)
    const { host, queue, segments } = stored
    publish(host, queue, inChunk('behind'))
    spoil(stored)
    const consumer = new FakeConsumer()
    queue.addConsumer(consumer)
    queue.drain()
    await quiet(stored)
    t.deepEqual(consumer.bodies, ['behind'])
    t.is(errors(stored).length, 1)
    t.regex(errors(stored)[0] as string, /^100 messages of queue 'q' in vhost '\/' are lost/)
    t.like(queue, { messageCount: 0, unackedCount: 1, unackedBytes: 6 })
    queue.acknowledge(consumer.places[0] as number)
    segments.failure = undefined
    await quiet(stored)
    t.is(replay(stored)?.slabs.length, 0)
    t.is(host.memory.used, 0)
  })
}

test('messages that somebody has and a damaged file has lost are settled without effect', async (t) => {
  const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
  const { host, segments, queue } = stored
  fill(stored, 200, 1000)
  const places = Array.from({ length: 150 }, () => get(queue)?.place as number)
  // Of those that are going to be lost, some come back before.
  for (const place of places.slice(70, 80)) queue.requeue(place)
  const [slab] = slabsOf(queue) as [Slab]
  await pageOut(stored, slab)
  checkpoint(stored)
  segments.damage(slab.segment?.id as number, 1)
  queue.acknowledge(places[0] as number)
  const lostOf = (from: number, end: number) => places.slice(from, end).filter((place) => !slab.isLive(offsetOf(place)))
  const { unackedCount, messageCount } = queue
  t.is(lostOf(70, 80).length, 10)
  t.is(messageCount, 50)
  t.is(queue.readyBytes, 50_000)
  const lost = [...lostOf(0, 70), ...lostOf(80, 150)].filter((place) => place !== places[0])
  t.is(unackedCount, 139 - lost.length)
  t.is(queue.unackedBytes, unackedCount * 1000)
  const { acknowledged, requeued, rejected } = queue.stats
  for (const [index, place] of lost.entries()) {
    if (index % 3 === 0) queue.acknowledge(place)
    else if (index % 3 === 1) queue.requeue(place)
    else queue.reject(place)
  }
  t.like(queue, { unackedCount, messageCount })
  t.like(queue.stats, { acknowledged, requeued, rejected })
  t.deepEqual(host.deadLetters, [])
  for (const place of places) if (!lost.includes(place) && slab.isLive(offsetOf(place))) queue.acknowledge(place)
  t.is(queue.unackedCount, 0)
  t.deepEqual(
    numbersOf(bodies(queue)),
    Array.from({ length: 50 }, (_, index) => 150 + index),
  )
  queue.purge()
  await quiet(stored)
  t.is(host.memory.used, 0)
})

function offsetOf(place: number): number {
  return place % (1024 * 1024)
}

test('damage of a large message costs that one alone', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  const large = (body: string) => Message.of('', 'k', encodeProperties({}), Buffer.from(body.padEnd(2 * BLOCK_BYTES)))
  for (const body of ['0', '1', '2']) publish(host, queue, large(body))
  publish(host, queue, inChunk('3'))
  const [slab] = slabsOf(queue) as [Slab]
  await pageOut(stored, slab)
  checkpoint(stored)
  segments.damage(slab.segment?.id as number, 3)
  t.deepEqual(numbersOf(bodies(queue)), [0, 2, 3])
  t.is(host.memory.bodies.size, 2)
  queue.purge()
  t.is(host.memory.bodies.size, 0)
})

test('damage among the dead loses nothing, and the file is replaced all the same', async (t) => {
  const stored = await inOneFile(300)
  const { host, segments, queue, slab } = stored
  const places = Array.from({ length: 200 }, () => get(queue)?.place as number)
  for (const place of places) queue.acknowledge(place)
  host.settle()
  await pageOut(stored, slab)
  segments.damage(stored.id, 1)
  t.is(bodies(queue).length, 100)
  await quiet(stored)
  t.deepEqual(errors(stored), [])
  t.truthy(host.log.find('no message of queue'))
  t.deepEqual(segments.aside, [stored.id])
  t.is(restart(stored).queue.messageCount, 100)
})

test('whatever blocks are damaged, what lies elsewhere is there, in order and counted right', async (t) => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000)
  t.log(`SEED=${seed}`)
  for (let round = 0; round < 40; round++) {
    const random = new Random(seed + round)
    const stored = storedQueue()
    const { host, segments, queue } = stored
    const count = 50 + random.below(300)
    for (let index = 0; index < count; index++) {
      const bytes = random.of([10, 100, 1000, 3000, 9000, 70_000])
      const body = Buffer.from(`${index} `.padEnd(bytes))
      if (random.chance(5)) publish(host, queue, Message.of('x', 'k', encodeProperties({}), body))
      else publish(host, queue, inChunk(body.subarray(0, 4000)))
    }
    const places = Array.from({ length: random.below(count) }, () => get(queue)?.place as number)
    for (const place of places.splice(0, random.below(places.length))) queue.acknowledge(place)
    for (const place of places.splice(0, random.below(places.length))) queue.requeue(place)
    for (const slab of slabsOf(queue)) {
      slab.line.seal(slab)
      if (random.chance(40)) slab.line.pack(slab)
    }
    const before = numbersOf(bodies(queue).map((body) => body.trimEnd()))
    const slabs = await pageOutAll(stored)
    checkpoint(stored)
    let blocks = 0
    for (const slab of slabs) {
      const { id, bytes } = slab.segment as { id: number; bytes: number }
      for (let block = 0; block * BLOCK_BYTES < bytes; block++) {
        if (!random.chance(15)) continue
        segments.damage(id, block)
        blocks++
      }
    }
    const after = numbersOf(bodies(queue).map((body) => body.trimEnd()))
    t.is(queue.messageCount, after.length)
    t.deepEqual(
      after,
      before.filter((number) => after.includes(number)),
    )
    if (blocks === 0) t.deepEqual(after, before)
    for (const place of places) queue.acknowledge(place)
    t.like(queue, { unackedCount: 0, unackedBytes: 0 })
    await quiet(stored)
    const next = restart(stored)
    t.deepEqual(numbersOf(bodies(next.queue).map((body) => body.trimEnd())), after)
    queue.purge()
    t.like(queue, { messageCount: 0, readyBytes: 0 })
    await quiet(stored)
    t.true(host.memory.used <= 4096, `${host.memory.used}`)
  }
})

test('a damaged file that was never synced costs nothing: the journal has its messages, and is told of nothing', async (t) => {
  const stored = storedQueue()
  const { host, segments, queue } = stored
  fill(stored, 200, 1000)
  publish(host, queue, inChunk('transient'), false)
  const [slab] = slabsOf(queue) as [Slab]
  await pageOut(stored, slab)
  const { storage } = host.context
  const told: string[] = []
  storage.onFatal = ({ message }) => told.push(message)
  for (const spoil of [() => segments.damage(slab.segment?.id as number, 1), () => segments.files.clear()]) {
    spoil()
    t.is(get(queue), undefined)
    queue.addConsumer(new FakeConsumer())
    queue.drain()
    await quiet(stored)
    t.true(told.length > 0)
    for (const text of told.splice(0)) t.regex(text, /^segment \d+, which was not synced yet, is not what was written/)
  }
  t.is(queue.messageCount, 201)
  t.is(replay(stored)?.slabs.length, 1)
  const next = restart(stored)
  t.deepEqual(
    numbersOf(bodies(next.queue)),
    Array.from({ length: 200 }, (_, index) => index),
  )
})
