import test from 'ava'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

test('messages of higher priority come first, equal ones in order', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-priority': 10 })
  for (const [body, priority] of [
    ['a', 1],
    ['b', 7],
    ['c', 1],
    ['d', 10],
    ['e', 7],
  ] as const) {
    queue.publish(inChunk(body, { priority }))
  }
  queue.publish(inChunk('none'))
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.deepEqual(consumer.bodies, ['d', 'b', 'e', 'a', 'c', 'none'])
})

test('a priority above the maximum counts as the maximum and is delivered as it was sent', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-priority': 3 })
  queue.publish(inChunk('three', { priority: 3 }))
  queue.publish(inChunk('high', { priority: 200 }))
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.deepEqual(consumer.bodies, ['three', 'high'])
  t.is(consumer.deliveries[1]?.properties.priority, 200)
})

test('a queue without priorities ignores them', (t) => {
  const host = new FakeHost()
  for (const args of [{}, { 'x-max-priority': 0 }]) {
    const queue = host.queue('q', args)
    queue.publish(inChunk('a', { priority: 1 }))
    queue.publish(inChunk('b', { priority: 9 }))
    t.deepEqual(bodies(queue), ['a', 'b'])
  }
})

test('a requeued message returns to its priority and position', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-priority': 255 })
  for (const [body, priority] of [
    ['a', 255],
    ['b', 255],
    ['c', 2],
    ['d', 2],
  ] as const) {
    queue.publish(inChunk(body, { priority }))
  }
  const places = [1, 2, 3].map(() => get(queue)?.place as number)
  for (const place of places) queue.requeue(place)
  t.deepEqual(bodies(queue), ['a', 'b', 'c', 'd'])
  t.deepEqual(
    [1, 2, 3, 4].map(() => get(queue)?.body),
    ['a', 'b', 'c', 'd'],
  )
})

test('purge empties all priorities', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-max-priority': 5 })
  for (let priority = 0; priority <= 5; priority++) queue.publish(inChunk('x', { priority }))
  t.is(queue.purge(), 6)
  t.is(queue.messageCount, 0)
  queue.publish(inChunk('y', { priority: 2 }))
  t.is(get(queue)?.body, 'y')
})

test('a quorum queue with both levels waiting serves two of high priority for one of normal', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-queue-type': 'quorum' })
  for (let i = 0; i < 4; i++) queue.publish(inChunk(`n${i}`, { priority: i }))
  for (let i = 0; i < 4; i++) queue.publish(inChunk(`h${i}`, { priority: 5 + i }))
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.drain()
  t.deepEqual(consumer.bodies, ['h0', 'h1', 'n0', 'h2', 'h3', 'n1', 'n2', 'n3'])
})

test('what came back to a quorum queue is served before all that waits', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { 'x-queue-type': 'quorum' })
  queue.publish(inChunk('normal'))
  const place = get(queue)?.place as number
  queue.publish(inChunk('high', { priority: 9 }))
  queue.requeue(place)
  t.is(get(queue)?.body, 'normal')
  t.is(get(queue)?.body, 'high')
})
