import test from 'ava'
import { Message, MessageMark } from '../../src/broker/index.ts'
import { fromObject } from '../../src/codec/index.ts'
import { seeds } from '../amqp/seeds.ts'
import { same } from '../codec/same.ts'
import { bodies } from '../helpers/restart.ts'
import { CrashBench } from './crash-bench.ts'
import { FakeConsumer } from './queue/fakes.ts'

const DELAYING = { 'x-delayed-type': 'fanout' }

function delay(ms: number, more: Record<string, unknown> = {}) {
  return { headers: fromObject({ 'x-delay': ms, ...more }) }
}

/** Messages go to exchange `x`, which keeps them back, and then into `q`. */
function delaying(): CrashBench {
  const bench = new CrashBench()
  bench.exchange('x', 'x-delayed-message', DELAYING)
  bench.queue('q')
  bench.bind('x', 'q')
  return bench
}

function inQueue(bench: CrashBench): string[] {
  return bodies(bench.node).q ?? []
}

test('a message goes on waiting after a restart, and arrives when it is due', (t) => {
  const bench = delaying()
  t.true(bench.publish('x', 'key', 'body', { ...delay(1000), messageId: 'm' }).routed)
  bench.node.advance(400)
  const after = bench.crash()
  t.is(after.node.vhost.exchange('x').delayed?.size, 1)
  after.node.advance(599)
  t.deepEqual(inQueue(after), [])
  after.node.advance(1)
  t.deepEqual(inQueue(after), ['body'])
  const [message] = after.node.vhost.queue('q', undefined).peek(1)
  t.is(message?.routingKey, 'key')
  t.is(message?.exchange, 'x')
})

test('what became due while the broker was down arrives at once, in order, behind what was there', (t) => {
  const bench = delaying()
  for (let i = 0; i < 20; i++) bench.publish('x', '', `same ${i}`, delay(500))
  bench.publish('x', '', 'early', delay(100))
  bench.publish('x', '', 'not yet', delay(9000))
  bench.publish('', 'q', 'there before')
  // The broker is killed before any of them is due, and started when most are.
  bench.node.virtualHosts.context.timers.clear()
  bench.node.advance(5000)
  const after = bench.crash()
  t.deepEqual(inQueue(after), ['there before'])
  after.node.advance(1)
  const expected = ['there before', 'early', ...Array.from({ length: 20 }, (_, i) => `same ${i}`)]
  t.deepEqual(inQueue(after), expected)
  after.node.advance(4000)
  t.deepEqual(inQueue(after), [...expected, 'not yet'])
})

test('what came after a restart stands behind what came before and is due at the same time', (t) => {
  const bench = delaying()
  bench.publish('x', '', 'before', delay(1000))
  const after = bench.crash()
  after.publish('x', '', 'after', delay(1000))
  after.node.advance(1000)
  t.deepEqual(inQueue(after), ['before', 'after'])
})

test('what was let go is not let go again, wherever a crash cuts', (t) => {
  const bench = delaying()
  const declared = bench.journal.records.length
  const published: [count: number, body: string][] = []
  for (const [body, ms] of Object.entries({ a: 300, b: 100, c: 200, d: 100 })) {
    bench.publish('x', '', body, delay(ms))
    published.push([bench.journal.records.length, body])
  }
  bench.node.advance(250)
  bench.node.settle()
  for (const cut of bench.journal.cuts()) {
    if (cut < declared) continue
    const after = bench.crash(cut)
    after.node.advance(1000)
    const expected = published.filter(([count]) => count <= cut).map(([, body]) => body)
    t.deepEqual(inQueue(after).sort(), expected, `cut after ${cut}`)
  }
})

/** What waits in a queue, and whether it comes flagged. */
function taken(bench: CrashBench, name = 'q'): string[] {
  const queue = bench.node.vhost.queue(name, undefined)
  const view = new Message()
  const found: string[] = []
  while (queue.get(view, true) >= 0) found.push(`${view.body}${queue.lastRedelivered ? ' again' : ''}`)
  return found
}

test('what may have left before a crash that took its leave is flagged redelivered, and nothing else', (t) => {
  const bench = delaying()
  bench.publish('x', '', 'left', delay(100))
  bench.publish('x', '', 'waits', delay(500))
  const held = bench.journal.records.length
  bench.node.advance(200)
  t.deepEqual(taken(bench), ['left'])
  const after = bench.crash(held)
  after.node.advance(1)
  t.deepEqual(taken(after), ['left again'])
  after.node.advance(400)
  t.deepEqual(taken(after), ['waits'])
})

test('a consumer that waits has the flag, too', (t) => {
  for (const noAck of [true, false]) {
    const bench = delaying()
    bench.publish('x', '', 'left', delay(100))
    bench.node.virtualHosts.context.timers.clear()
    bench.node.advance(200)
    const after = bench.crash()
    const consumer = new FakeConsumer({ noAck })
    after.node.vhost.queue('q', undefined).addConsumer(consumer)
    after.node.advance(1)
    t.deepEqual(
      consumer.deliveries.map(({ body, redelivered }) => [body, redelivered]),
      [['left', true]],
    )
  }
})

test('the letter of a message that was flagged for having been delayed is a first one, however large', (t) => {
  for (const bytes of [10, 10_000]) {
    const bench = delaying()
    bench.queue('short', { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' })
    bench.queue('end')
    bench.bind('x', 'short')
    bench.publish('x', '', 'x'.repeat(bytes), delay(100))
    bench.node.virtualHosts.context.timers.clear()
    bench.node.advance(200)
    const after = bench.crash()
    after.node.advance(1)
    t.is(taken(after)[0]?.endsWith(' again'), true)
    after.publish('', 'short', 'next')
    t.is(taken(after, 'end')[0]?.endsWith(' again'), false)
  }
})

test('transient messages, and those of a transient exchange, do not come back', (t) => {
  const bench = delaying()
  bench.exchange('transient', 'x-delayed-message', DELAYING, false)
  bench.bind('transient', 'q')
  bench.publish('x', '', 'transient message', { ...delay(10), deliveryMode: 1 })
  bench.publish('transient', '', 'transient exchange', delay(10))
  t.is(bench.journal.records.filter(({ type }) => type === 34).length, 0)
  const after = bench.crash()
  after.node.advance(100)
  t.deepEqual(inQueue(after), [])
  bench.node.advance(100)
  t.deepEqual(inQueue(bench), ['transient message', 'transient exchange'])
})

test('what waits in an exchange goes with it, and does not come back with its name', (t) => {
  const bench = delaying()
  bench.publish('x', '', 'gone', delay(10))
  bench.node.vhost.deleteExchange('x', false)
  bench.exchange('x', 'x-delayed-message', DELAYING)
  bench.bind('x', 'q')
  const after = bench.crash()
  after.node.advance(100)
  t.deepEqual(inQueue(after), [])
  t.is(after.node.vhost.exchange('x').delayed?.size, 0)

  bench.node.virtualHosts.add('v')
  bench.publish('x', '', 'stays', delay(10))
  bench.node.virtualHosts.delete('v')
  const later = bench.crash()
  later.node.advance(100)
  t.deepEqual(inQueue(later), ['stays'])
})

test('held messages count as memory after a restart, until they leave', (t) => {
  const bench = delaying()
  bench.publish('x', '', 'x'.repeat(10_000), delay(10))
  const after = bench.crash()
  t.true(after.node.memory.used > 10_000)
  t.is(after.node.memory.used, after.node.vhost.exchange('x').delayed?.bytes as number)
  after.node.vhost.clear()
  t.is(after.node.memory.used, 0)
  t.is(after.node.timers.size, 0)
})

test('a duplicate of a message that waits is known after a restart', (t) => {
  const bench = new CrashBench()
  bench.exchange('x', 'x-delayed-message', { ...DELAYING, 'x-message-deduplication': true })
  bench.queue('q')
  bench.bind('x', 'q')
  const declared = bench.journal.records.length
  const properties = delay(100, { 'x-deduplication-header': 'a' })
  const { position } = bench.publish('x', '', 'body', properties)
  t.is(position, bench.journal.appended)
  for (const cut of bench.journal.cuts()) {
    if (cut < declared) continue
    const after = bench.crash(cut)
    after.publish('x', '', 'body', properties)
    after.node.advance(1000)
    t.deepEqual(inQueue(after), ['body'], `cut after ${cut}`)
  }
})

test('a dead letter that waits is still one after a restart', (t) => {
  const bench = delaying()
  bench.queue('dying', { 'x-dead-letter-exchange': 'x', 'x-dead-letter-routing-key': 'rekeyed', 'x-message-ttl': 5 })
  bench.publish('', 'dying', 'letter', delay(100))
  bench.node.advance(10)
  const after = bench.crash()
  after.node.advance(200)
  const [letter] = after.node.vhost.queue('q', undefined).peek(1)
  t.is(letter?.body.toString(), 'letter')
  t.is(letter?.marks, MessageMark.DEAD_LETTER | MessageMark.REKEYED)
})

test('delays, crashes and checkpoints in any order: everything arrives once, in order of its time', (t) => {
  seeds(t, 40, (random) => {
    let bench = delaying()
    const expected: { body: string; at: number; order: number }[] = []
    for (let step = 0; step < 60; step++) {
      switch (random.below(6)) {
        case 0:
          bench.node.advance(random.below(40))
          break
        case 1:
          bench.node.settle()
          bench = bench.crash()
          break
        case 2:
          // Messages in queues are not part of these checkpoints, so only one that is not ended keeps them.
          bench.checkpoint(false)
          break
        default: {
          const ms = 1 + random.below(60)
          bench.publish('x', '', `m${step}`, delay(ms))
          expected.push({ body: `m${step}`, at: bench.node.clock.now + ms, order: step })
        }
      }
    }
    bench.node.advance(200)
    expected.sort((a, b) => a.at - b.at || a.order - b.order)
    same(
      inQueue(bench),
      expected.map(({ body }) => body),
    )
  })
})
