import test from 'ava'
import { FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

const SINGLE = { 'x-single-active-consumer': true }

test('of several consumers only the first gets messages, and the next when it goes', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', SINGLE)
  const [a, b, c] = [new FakeConsumer(), new FakeConsumer(), new FakeConsumer()]
  for (const consumer of [a, b, c]) queue.addConsumer(consumer)
  t.is(queue.consumerCount, 3)
  t.is(queue.activeConsumer, a)
  queue.publish(inChunk('1'))
  queue.publish(inChunk('2'))
  queue.removeConsumer(b)
  a.credit = 0
  queue.publish(inChunk('3'))
  queue.removeConsumer(a)
  host.settle()
  t.is(queue.activeConsumer, c)
  t.deepEqual([a.bodies, b.bodies, c.bodies], [['1', '2'], [], ['3']])
})

test('the successor is the one of highest priority, then the oldest', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', SINGLE)
  const first = new FakeConsumer()
  const low = new FakeConsumer({ priority: -1 })
  const high = new FakeConsumer({ priority: 5 })
  const alsoHigh = new FakeConsumer({ priority: 5 })
  for (const consumer of [first, low, high, alsoHigh]) queue.addConsumer(consumer)
  t.is(queue.activeConsumer, first)
  queue.removeConsumer(first)
  t.is(queue.activeConsumer, high)
  queue.removeConsumer(high)
  t.is(queue.activeConsumer, alsoHigh)
  queue.removeConsumer(alsoHigh)
  t.is(queue.activeConsumer, low)
  queue.removeConsumer(low)
  t.is(queue.activeConsumer, undefined)
})

test('on a classic queue a later consumer of higher priority does not take over', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', SINGLE)
  const active = new FakeConsumer()
  queue.addConsumer(active)
  queue.addConsumer(new FakeConsumer({ priority: 10 }))
  queue.publish(inChunk('1'))
  queue.acknowledge(active.places[0] as number)
  queue.publish(inChunk('2'))
  t.deepEqual(active.bodies, ['1', '2'])
})

test('on a quorum queue it takes over once nothing is unacknowledged', (t) => {
  const host = new FakeHost()
  for (const settle of ['acknowledge', 'reject', 'requeue'] as const) {
    const queue = host.queue('q', { ...SINGLE, 'x-queue-type': 'quorum' })
    const active = new FakeConsumer()
    const later = new FakeConsumer({ priority: 10 })
    queue.addConsumer(active)
    queue.publish(inChunk('1'))
    queue.addConsumer(later)
    queue.publish(inChunk('2'))
    t.is(queue.activeConsumer, active)
    queue.acknowledge(active.places[1] as number)
    t.is(queue.activeConsumer, active)
    queue[settle](active.places[0] as number)
    host.settle()
    t.is(queue.activeConsumer, later, settle)
    queue.publish(inChunk('3'))
    t.deepEqual(later.bodies, settle === 'requeue' ? ['1', '3'] : ['3'])
  }
})

test('on an idle quorum queue it takes over at once', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { ...SINGLE, 'x-queue-type': 'quorum' })
  queue.addConsumer(new FakeConsumer())
  const later = new FakeConsumer({ priority: 1 })
  queue.addConsumer(later)
  t.is(queue.activeConsumer, later)
})

test('an exclusive consumer is refused', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q1', SINGLE)
  t.like(
    t.throws(() => queue.addConsumer(new FakeConsumer({ exclusive: true }))),
    { code: 403, message: "ACCESS_REFUSED - queue 'q1' in vhost '/' in exclusive use" },
  )
})

test('basic.get works on a classic queue and is refused on a quorum queue', (t) => {
  const host = new FakeHost()
  const classic = host.queue('q1', SINGLE)
  classic.publish(inChunk('a'))
  t.is(get(classic)?.body, 'a')
  const quorum = host.queue('q1', { ...SINGLE, 'x-queue-type': 'quorum' })
  t.like(
    t.throws(() => get(quorum)),
    {
      code: 405,
      scope: 'channel',
      message:
        "RESOURCE_LOCKED - cannot obtain access to locked queue 'q1' in vhost '/'. basic.get operations are not supported by quorum queues with single active consumer",
    },
  )
})
