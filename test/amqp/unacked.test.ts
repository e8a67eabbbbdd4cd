import test from 'ava'
import type { AmqpConsumer } from '../../src/amqp/consumer.ts'
import { Unacked } from '../../src/amqp/unacked.ts'
import type { Queue } from '../../src/broker/index.ts'
import { Random } from './random.ts'

interface Entry {
  deliveryTag: number
  queue: Queue
  place: number
  consumer: AmqpConsumer | undefined
}

// The ring only keeps these; any objects do.
const QUEUES = [{ name: 'q1' }, { name: 'q2' }] as unknown as Queue[]
const CONSUMERS = [undefined, { consumerTag: 'c1' } as unknown as AmqpConsumer]

function check(unacked: Unacked, model: readonly Entry[], asked: number): void {
  const say = (what: string) => {
    throw new Error(`${what}; model has ${model.map((entry) => entry.deliveryTag)}`)
  }
  if (unacked.count !== model.length) say(`count is ${unacked.count}`)
  const oldest = unacked.oldest()
  if (model[0] === undefined ? oldest !== -1 : unacked.tagAt(oldest) !== model[0].deliveryTag) say('wrong oldest')
  const entry = model.find(({ deliveryTag }) => deliveryTag === asked)
  const slot = unacked.find(asked)
  if (entry === undefined) {
    if (slot !== -1) say(`finds ${asked}`)
    return
  }
  if (slot < 0) say(`does not find ${asked}`)
  if (unacked.tagAt(slot) !== asked || unacked.placeAt(slot) !== entry.place) say(`wrong entry for ${asked}`)
  if (unacked.queueAt(slot) !== entry.queue || unacked.consumerAt(slot) !== entry.consumer)
    say(`wrong owner of ${asked}`)
}

test('the ring of deliveries behaves like a sorted list under any order of pushes, settlements and restores', (t) => {
  const first = Math.floor(Math.random() * 2 ** 31)
  t.log(`seeds from ${first}`)
  for (let seed = first; seed < first + 300; seed++) {
    const random = new Random(seed)
    const unacked = new Unacked()
    let model: Entry[] = []
    let settled: Entry[] = []
    let tag = 0
    const pushiness = 1 + random.below(4)
    for (let step = 0; step < 400; step++) {
      const kind = random.below(10)
      if (kind < 3 + pushiness) {
        // No-ack deliveries leave gaps between the tags.
        tag += random.below(5) === 0 ? 1 + random.below(40) : 1
        const entry: Entry = {
          deliveryTag: tag,
          queue: random.pick(QUEUES),
          place: random.below(2 ** 31) * 2 ** 10,
          consumer: random.pick(CONSUMERS),
        }
        unacked.push(tag, entry.queue, entry.place, entry.consumer)
        model.push(entry)
      } else if (kind < 8 && model.length > 0) {
        const entry = random.pick(model)
        unacked.remove(unacked.find(entry.deliveryTag))
        model = model.filter((other) => other !== entry)
        settled.push(entry)
      } else if (kind === 8 && model.length > 0) {
        const upTo = random.pick(model).deliveryTag
        for (let slot = unacked.oldest(); slot >= 0 && unacked.tagAt(slot) <= upTo; slot = unacked.oldest()) {
          unacked.remove(slot)
        }
        model = model.filter(({ deliveryTag }) => deliveryTag > upTo)
      } else if (kind === 9 && random.below(6) === 0) {
        unacked.restore(settled)
        model = [...model, ...settled].sort((a, b) => a.deliveryTag - b.deliveryTag)
        settled = []
      }
      const asked = random.pick([0, tag, tag + 1, 1 + random.below(tag + 2), model[0]?.deliveryTag ?? 7])
      try {
        check(unacked, model, asked)
      } catch (error) {
        t.fail(`seed ${seed}, step ${step}: ${error}`)
        return
      }
    }
  }
  t.pass()
})

test('a delivery that stays for ever does not make the ring grow with those that come and go', (t) => {
  const unacked = new Unacked()
  const queue = QUEUES[0] as Queue
  unacked.push(1, queue, 0, undefined)
  for (let tag = 2; tag < 200_000; tag++) {
    unacked.push(tag, queue, tag, undefined)
    unacked.remove(unacked.find(tag))
  }
  t.is(unacked.count, 1)
  t.is(unacked.tagAt(unacked.oldest()), 1)
  t.true(unacked.capacity <= 64)
})

test('a ring that once held very much gives its memory back when it is empty', (t) => {
  const unacked = new Unacked()
  const queue = QUEUES[0] as Queue
  for (let tag = 1; tag <= 100_000; tag++) unacked.push(tag, queue, tag, undefined)
  t.true(unacked.capacity >= 100_000)
  for (let slot = unacked.oldest(); slot >= 0; slot = unacked.oldest()) unacked.remove(slot)
  t.true(unacked.capacity <= 4096)
  unacked.push(100_001, queue, 5, undefined)
  t.is(unacked.placeAt(unacked.find(100_001)), 5)
})

test('tags that were never given are not found, however large', (t) => {
  const unacked = new Unacked()
  t.is(unacked.find(1), -1)
  for (const tag of [1, 2, 3]) unacked.push(tag, QUEUES[0] as Queue, tag, undefined)
  for (const tag of [0, 4, 2 ** 32, 2 ** 53, 2 ** 64]) t.is(unacked.find(tag), -1)
})
