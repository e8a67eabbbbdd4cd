import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { RecordType, readMessageRecord, SettledRecord, SLAB_END } from '../../../src/broker/storage/index.ts'
import { FakeConsumer, get, inChunk } from './fakes.ts'
import { fill, pageOutAll, publish, restart, type Stored, slabsOf, storedQueue } from './stored.ts'

/** What the journal has heard of, in order: where messages begin, and stretches that are settled. */
function journalOf({ host }: Stored): string[] {
  const lines: string[] = []
  for (const { type, bytes } of host.journal.records) {
    if (type === RecordType.MESSAGE) {
      readMessageRecord(bytes, 0, new Message(), (_uid, slab, offset) => lines.push(`message ${slab}:${offset}`))
    } else if (type === RecordType.SETTLED) {
      const { slabNumber, from, end, count } = new SettledRecord().read(bytes, 0)
      lines.push(`${count} settled ${slabNumber}:${from}-${end}`)
    }
  }
  return lines
}

test('neighbours are settled in one record, whoever acknowledges them and in whatever order', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 100, 100)
  const consumers = [new FakeConsumer(), new FakeConsumer()] as const
  for (const consumer of consumers) queue.addConsumer(consumer)
  queue.drain()
  host.journal.settled.length = 0
  for (const consumer of consumers) for (const place of consumer.places) queue.acknowledge(place)
  host.settle()
  t.deepEqual(
    host.journal.settled.map(({ count, bodyBytes, from }) => [count, bodyBytes, from]),
    [[100, 10_000, 0]],
  )
})

test('what is not journalled lies between two stretches', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  for (let index = 0; index < 5; index++) publish(host, queue, inChunk('x'), index !== 2)
  for (let index = 0; index < 5; index++) queue.acknowledge(get(queue)?.place as number)
  host.settle()
  t.deepEqual(
    host.journal.settled.map(({ count }) => count),
    [2, 2],
  )
})

test('a place is not used again before the journal knows that it is free', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  const seen = new Map<string, 'used' | 'free'>()
  for (let round = 0; round < 300; round++) {
    for (let index = 0; index < 1 + (round % 7); index++)
      publish(host, queue, inChunk('x'.repeat(10 + 37 * (round % 11))))
    while (queue.messageCount > 0) queue.acknowledge(get(queue)?.place as number)
    if (round % 5 === 0) host.settle()
  }
  host.settle()
  for (const { type, bytes } of host.journal.records) {
    if (type === RecordType.MESSAGE) {
      readMessageRecord(bytes, 0, new Message(), (_uid, slab, offset) => {
        t.not(seen.get(`${slab}:${offset}`), 'used')
        seen.set(`${slab}:${offset}`, 'used')
      })
      continue
    }
    const { slabNumber, from, end } = new SettledRecord().read(bytes, 0)
    for (const key of seen.keys()) {
      const [number, offset] = key.split(':').map(Number) as [number, number]
      if (number === slabNumber && offset >= from && offset < end) seen.set(key, 'free')
    }
  }
  t.true([...seen.values()].every((state) => state === 'free'))
  t.is(restart(stored).queue.messageCount, 0)
})

test('within a turn a stored queue that empties again and again tells the journal little', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  for (let index = 0; index < 1000; index++) {
    publish(host, queue, inChunk('x'.repeat(16)))
    queue.acknowledge(get(queue)?.place as number)
  }
  host.settle()
  t.true(host.journal.settled.length < 20, `${host.journal.settled.length}`)
  t.true(host.memory.used <= 4096)
  t.deepEqual(slabsOf(queue), [])
})

test('an emptied queue gives its memory back when the turn ends', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 100, 1000)
  for (let index = 0; index < 100; index++) queue.acknowledge(get(queue)?.place as number)
  host.settle()
  t.true(host.memory.used <= 4096, `${host.memory.used}`)
  fill(stored, 1, 10)
  t.is(get(queue)?.place, 0)
})

test('a purge settles what was ready, and only that', async (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 50, 100, 10)
  const [first, second, third] = [1, 2, 3].map(() => get(queue)?.place as number) as [number, number, number]
  queue.requeue(second)
  await pageOutAll(stored)
  fill(stored, 5, 100)
  queue.purge()
  // What comes next in the same slab is not part of it.
  publish(host, queue, inChunk('new'))
  host.settle()
  const next = restart(stored)
  t.is(next.queue.messageCount, 3)
  t.deepEqual([get(next.queue)?.place, get(next.queue)?.place], [first, third])
  t.is(get(next.queue)?.body, 'new')
  const whole = host.journal.settled.filter(({ end }) => end === SLAB_END)
  t.is(whole.length, 4)
})

test('a deleted queue tells the journal nothing more', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  fill(stored, 10, 100)
  for (let index = 0; index < 5; index++) queue.acknowledge(get(queue)?.place as number)
  host.deleteQueue(queue)
  host.settle()
  t.deepEqual(host.journal.settled, [])
})

test('the numbers of slabs are not used again where the journal has them', (t) => {
  const stored = storedQueue()
  const { host, queue } = stored
  let last = -1
  for (let round = 0; round < 5; round++) {
    fill(stored, 40, 100, 2)
    const numbers = slabsOf(queue).map(({ number }) => number)
    t.true((numbers[0] as number) >= last)
    last = numbers.at(-1) as number
    while (queue.messageCount > 0) queue.acknowledge(get(queue)?.place as number)
    host.settle()
  }
  t.true(last > 90)
  t.true(journalOf(stored).length > 100)
})
