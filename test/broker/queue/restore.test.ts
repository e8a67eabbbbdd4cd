import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import type { Slab } from '../../../src/broker/queue/slab.ts'
import { RecordType } from '../../../src/broker/storage/index.ts'
import { encodeProperties, integerOf, type Properties, PropertyView } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, get, inChunk } from './fakes.ts'
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

function ready({ queue }: Stored): string[] {
  return bodies(queue).map((body) => body.trimEnd())
}

function send({ host, queue }: Stored, bodies: string, properties: Properties = {}): void {
  for (const body of bodies) publish(host, queue, inChunk(body, properties))
}

/** Everything that is ready, as basic.get gives it. */
function takeAll({ queue }: Stored): [body: string, redelivered: boolean][] {
  const taken: [string, boolean][] = []
  for (let next = get(queue); next !== undefined; next = get(queue)) taken.push([next.body.trimEnd(), next.redelivered])
  return taken
}

test('after a crash everything is there in its order, flagged redelivered, and new messages come behind it', (t) => {
  const stored = storedQueue()
  send(stored, 'abcdef')
  const places = [1, 2, 3].map(() => get(stored.queue)?.place as number)
  stored.queue.acknowledge(places[1] as number)
  stored.host.settle()
  const next = restart(stored)
  t.is(next.queue.uid, stored.queue.uid)
  t.like(next.queue, { messageCount: 5, readyBytes: 5, unackedCount: 0 })
  send(next, 'xy')
  t.deepEqual(takeAll(next), [
    ...[...'acdef'].map((body) => [body, true] as [string, boolean]),
    ['x', false],
    ['y', false],
  ])
})

test('after an orderly stop only what was handed out is flagged redelivered', async (t) => {
  const stored = storedQueue()
  fill(stored, 30, 100, 10)
  const places = Array.from({ length: 15 }, () => get(stored.queue)?.place as number)
  for (const place of places) stored.queue.requeue(place)
  await pageOut(stored, slabsOf(stored.queue)[1] as Slab)
  checkpoint(stored)
  const next = restart(stored, true)
  t.deepEqual(
    takeAll(next),
    Array.from({ length: 30 }, (_, index) => [String(index), index < 15]),
  )
})

test('transient messages of a durable queue do not come back', (t) => {
  const stored = storedQueue()
  for (const body of 'abcd') publish(stored.host, stored.queue, inChunk(body), body > 'b')
  const next = restart(stored)
  t.deepEqual(ready(next), ['c', 'd'])
})

test('slabs in files come back unopened, counted, and in their place between those that were not', async (t) => {
  const stored = storedQueue()
  fill(stored, 60, 100, 10)
  const unacked = Array.from({ length: 25 }, () => get(stored.queue)?.place as number)
  for (const place of unacked.slice(12, 18)) stored.queue.acknowledge(place)
  stored.host.settle()
  for (const [index, slab] of slabsOf(stored.queue).entries()) if (index % 2 === 1) await pageOut(stored, slab)
  checkpoint(stored)
  const next = restart(stored)
  t.like(next.queue, { messageCount: 54, readyBytes: 5400 })
  t.is(next.segments.reads + next.segments.readsNow, 0)
  t.deepEqual(
    slabsOf(next.queue).map((slab) => [slab.live, slab.resident]),
    [
      [10, true],
      [4, false],
      [10, true],
      [10, false],
      [10, true],
      [10, false],
    ],
  )
  const consumer = new FakeConsumer()
  next.queue.addConsumer(consumer)
  next.queue.drain()
  send(next, 'x')
  await quiet(next)
  const left = Array.from({ length: 60 }, (_, index) => String(index)).filter((_, index) => index < 12 || index >= 18)
  t.deepEqual(
    consumer.bodies.map((body) => body.trimEnd()),
    [...left, 'x'],
  )
  t.true(consumer.deliveries.slice(0, 54).every(({ redelivered }) => redelivered))
  t.is(next.segments.readsNow, 0)
  for (const place of consumer.places) next.queue.acknowledge(place)
  await quiet(next)
  t.true(next.host.memory.used <= 4096)
  t.is(next.segments.files.size, 0)
})

test('what came back can be purged, rejected, put back and looked at like anything else', async (t) => {
  const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
  fill(stored, 20, 100, 10)
  await pageOut(stored, slabsOf(stored.queue)[1] as Slab)
  checkpoint(stored)
  const next = restart(stored)
  const { queue, host, segments } = next
  const places = Array.from({ length: 12 }, () => get(queue)?.place as number)
  queue.requeue(places[3] as number)
  queue.requeue(places[11] as number)
  queue.reject(places[0] as number)
  t.deepEqual(
    host.deadLetters.map(({ body }) => body.trimEnd()),
    ['0'],
  )
  t.deepEqual(ready(next), ['3', ...Array.from({ length: 9 }, (_, index) => String(11 + index))])
  t.is(queue.purge(), 10)
  t.is(queue.unackedCount, 9)
  for (const [index, place] of places.entries()) if (![0, 3, 11].includes(index)) queue.acknowledge(place)
  await quiet(next)
  t.is(segments.files.size, 0)
  t.is(host.memory.used, 0)
  t.is(replay(next)?.slabs.length ?? 0, 0)
})

test('a purge after a restart opens no file of which nobody had anything', async (t) => {
  const stored = storedQueue()
  fill(stored, 50, 100, 10)
  const first = Array.from({ length: 5 }, () => get(stored.queue)?.place as number)
  for (const place of first) stored.queue.acknowledge(place)
  stored.host.settle()
  await pageOutAll(stored)
  checkpoint(stored)
  const next = restart(stored)
  t.is(next.queue.purge(), 45)
  await quiet(next)
  t.is(next.segments.readsNow, 0)
  t.is(next.segments.files.size, 0)
  t.is(restart(next).queue.messageCount, 0)
})

test('each message comes back with its priority', async (t) => {
  const stored = storedQueue({ 'x-max-priority': 5 })
  for (const priority of [0, 3, 5, 3, 0]) send(stored, String(priority), { priority })
  for (const slab of slabsOf(stored.queue)) if (slab.line.level === 3) await pageOut(stored, slab)
  checkpoint(stored)
  const next = restart(stored)
  send(next, 'x', { priority: 4 })
  t.deepEqual(ready(next), ['5', 'x', '3', '3', '0', '0'])
})

test('a quorum queue has its high messages and its delivery counts back', (t) => {
  const stored = storedQueue({ 'x-queue-type': 'quorum', 'x-delivery-limit': 3 })
  send(stored, 'ab')
  send(stored, 'cd', { priority: 7 })
  for (let times = 0; times < 2; times++) stored.queue.requeue(get(stored.queue)?.place as number)
  checkpoint(stored)
  const next = restart(stored)
  const consumer = new FakeConsumer()
  next.queue.addConsumer(consumer)
  next.queue.drain()
  t.deepEqual(
    consumer.deliveries.map(({ body, properties }) => [body, integerOf(properties.headers?.get('x-delivery-count'))]),
    [
      ['c', 2],
      ['d', undefined],
      ['a', undefined],
      ['b', undefined],
    ],
  )
  next.queue.requeue(consumer.places[0] as number)
  next.host.settle()
  next.queue.requeue(consumer.places[4] as number)
  t.is(next.queue.stats.deliveryLimited, 1)
})

test('time goes on for what expires, and its file is not opened before', async (t) => {
  for (const inFile of [false, true]) {
    const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
    fill(stored, 3, 100)
    const { host } = stored
    host.advance(1)
    send(stored, 'ab', { expiration: '1000' })
    for (let index = 0; index < 3; index++) stored.queue.acknowledge(get(stored.queue)?.place as number)
    host.settle()
    host.advance(600)
    if (inFile) await pageOutAll(stored)
    checkpoint(stored)
    const next = restart(stored)
    await quiet(next)
    next.host.advance(399)
    await quiet(next)
    t.is(next.queue.messageCount, 2)
    t.is(next.segments.reads + next.segments.readsNow, 0)
    next.host.advance(1)
    await quiet(next)
    t.deepEqual(
      next.host.deadLetters.map(({ body }) => body),
      ['a', 'b'],
    )
    t.is(next.host.context.timers.size, 0)
  }
})

test('what expired while the broker was down is dead-lettered in the first turn, not before', async (t) => {
  for (const inFile of [false, true]) {
    const stored = storedQueue({ 'x-dead-letter-exchange': 'dlx' })
    send(stored, 'ab', { expiration: '1000' })
    send(stored, 'c')
    if (inFile) await pageOutAll(stored)
    checkpoint(stored)
    const next = restart(stored, false, stored.host.now + 5000)
    t.is(next.queue.messageCount, 3)
    t.deepEqual(next.host.deadLetters, [])
    await quiet(next)
    t.deepEqual(
      next.host.deadLetters.map(({ body }) => body),
      ['a', 'b'],
    )
    t.is(next.queue.messageCount, 1)
  }
})

test('large messages come back whole, from the journal and from files', async (t) => {
  const large = (body: string) => Message.of('x', 'k', encodeProperties({}), Buffer.from(body.padEnd(50_000)))
  for (const inFile of [false, true]) {
    const stored = storedQueue()
    for (const body of 'abc') publish(stored.host, stored.queue, large(body))
    stored.queue.acknowledge(get(stored.queue)?.place as number)
    stored.host.settle()
    if (inFile) await pageOutAll(stored)
    checkpoint(stored)
    const next = restart(restart(stored))
    t.deepEqual(ready(next), ['b', 'c'])
    t.deepEqual(takeAll(next).length, 2)
  }
})

test('a queue that came back empty goes on with numbers that were never used', (t) => {
  const stored = storedQueue()
  fill(stored, 20, 100, 2)
  for (let place = get(stored.queue)?.place; place !== undefined; place = get(stored.queue)?.place) {
    stored.queue.acknowledge(place)
  }
  stored.host.settle()
  const last = replay(stored)?.lastSlabNumber as number
  t.true(last >= 9)
  const next = restart(stored)
  send(next, 'a')
  t.true((slabsOf(next.queue)[0]?.number as number) > last)
})

test('a number that was there before is not given to another queue', (t) => {
  const { host, queue } = storedQueue()
  t.is(queue.uid, 7)
  t.true(host.queue('other').uid > 7)
})

test('what comes back counts against the limits', (t) => {
  const stored = storedQueue({ 'x-max-length': 3, 'x-overflow': 'reject-publish' })
  send(stored, 'abc')
  const next = restart(stored)
  send(next, 'd')
  t.deepEqual(ready(next), ['a', 'b', 'c'])
  const bytes = storedQueue({ 'x-max-length-bytes': 4 })
  send(bytes, 'abcd')
  const again = restart(bytes)
  send(again, 'e')
  t.deepEqual(ready(again), ['b', 'c', 'd', 'e'])
})

test('the same slab cannot come back twice', (t) => {
  const stored = storedQueue()
  send(stored, 'ab')
  const restored = replay(stored)
  const [slab] = restored?.slabs ?? []
  t.throws(
    () =>
      storedQueue().queue.restore({
        uid: 7,
        segments: [],
        slabs: [slab as never, slab as never],
        crashed: true,
        crashTail: undefined,
        lastSlabNumber: 5,
      }),
    {
      message: /twice/,
    },
  )
})

test('a queue goes through any number of crashes', async (t) => {
  let stored = storedQueue()
  let count = 0
  for (let round = 0; round < 10; round++) {
    fill(stored, 20, 300, 7)
    count += 20
    if (round % 3 === 0) await pageOutAll(stored)
    if (round % 2 === 0) checkpoint(stored)
    stored = restart(stored)
    for (let index = 0; index < 5; index++) stored.queue.acknowledge(get(stored.queue)?.place as number)
    count -= 5
    stored.host.settle()
    await quiet(stored)
    t.is(stored.queue.messageCount, count)
    t.is(bodies(stored.queue).length, count)
  }
  t.deepEqual(
    ready(stored).slice(-20),
    Array.from({ length: 20 }, (_, index) => String(index)),
  )
})

const QUORUM = { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 }

/** What is ready, as basic.get gives it, with its delivery count; put back again without counting. */
function counts({ queue }: Stored): [body: string, count: number | undefined][] {
  const found: [string, number | undefined][] = []
  const places: number[] = []
  const view = new Message()
  const properties = new PropertyView()
  for (let place = queue.get(view, false); place >= 0; place = queue.get(view, false)) {
    const count = integerOf(view.properties(properties).headers?.get('x-delivery-count'))
    found.push([view.body.toString().trimEnd(), count])
    places.push(place)
  }
  for (const place of places) queue.requeue(place, false)
  return found
}

/** Every message is handed out, and those of these numbers come back so many times. */
function handOut(stored: Stored, returns: Readonly<Record<string, number>>): void {
  const { queue } = stored
  for (let round = 0; ; round++) {
    const taken: { place: number; body: string }[] = []
    for (let next = get(queue); next !== undefined; next = get(queue)) taken.push(next)
    for (const { place, body } of taken) queue.requeue(place, round < (returns[body.trimEnd()] ?? 0))
    if (round > Math.max(...Object.values(returns))) return
  }
}

const RETURNS = { 1: 2, 3: 1, 6: 70, 9: 1 }
const COUNTED = Array.from({ length: 10 }, (_, id) => [String(id), (RETURNS as Record<number, number>)[id]])

test('a quorum queue counts on after a crash, wherever its messages lie', async (t) => {
  for (const filed of ['none', 'before', 'after', 'paged'] as const) {
    const stored = storedQueue(QUORUM)
    fill(stored, 10, 100, 5)
    if (filed === 'before') {
      await pageOutAll(stored)
      checkpoint(stored)
    }
    handOut(stored, RETURNS)
    stored.host.settle()
    if (filed === 'after' || filed === 'paged') await pageOutAll(stored)
    if (filed === 'after') for (const slab of slabsOf(stored.queue)) await slab.line.load(slab)
    if (filed === 'paged') checkpoint(stored)
    t.deepEqual(counts(stored), COUNTED as never)
    let next = restart(stored)
    t.deepEqual(counts(next), COUNTED as never, filed)
    // Nobody has looked at it when it stops again.
    next = restart(restart(next), true)
    t.deepEqual(counts(next), COUNTED as never, filed)
    await pageOutAll(next)
    next = restart(next, true)
    t.deepEqual(counts(next), COUNTED as never, filed)
  }
})

test('an orderly stop keeps the counts of what lies in files that are older', async (t) => {
  const stored = storedQueue(QUORUM)
  fill(stored, 10, 100, 5)
  await pageOutAll(stored)
  handOut(stored, RETURNS)
  for (const slab of slabsOf(stored.queue)) if (slab.number === 1) await pageOut(stored, slab)
  checkpoint(stored)
  const next = restart(stored, true)
  for (const slab of slabsOf(next.queue)) await slab.line.load(slab)
  // The file is still the first one, without a count.
  for (const slab of slabsOf(next.queue)) await pageOut(next, slab)
  t.deepEqual(counts(next), COUNTED as never)
})

test('a count of what is done with does not come upon what takes its place', (t) => {
  const stored = storedQueue(QUORUM)
  send(stored, 'a')
  const { queue } = stored
  queue.requeue(get(queue)?.place as number)
  queue.acknowledge(get(queue)?.place as number)
  send(stored, 'b')
  stored.host.settle()
  const next = restart(stored)
  t.deepEqual(counts(next), [['b', undefined]])
})

test('returns are told of once a turn, and a classic queue tells of none', (t) => {
  for (const [args, records] of [
    [QUORUM, 1],
    [{}, 0],
  ] as const) {
    const stored = storedQueue(args)
    send(stored, 'abc')
    const places = [1, 2, 3].map(() => get(stored.queue)?.place as number)
    for (const place of places) stored.queue.requeue(place)
    stored.host.settle()
    t.is(stored.host.journal.records.filter(({ type }) => type === RecordType.COUNTS).length, records)
  }
})

test('as many returns as may be are told of', (t) => {
  const stored = storedQueue(QUORUM)
  for (let id = 0; id < 20_000; id++) publish(stored.host, stored.queue, inChunk('x'))
  const places: number[] = []
  for (let next = get(stored.queue); next !== undefined; next = get(stored.queue)) places.push(next.place)
  for (const place of places) stored.queue.requeue(place)
  stored.host.settle()
  const found = counts(restart(stored))
  t.is(found.length, 20_000)
  t.true(found.every(([, count]) => count === 1))
})
