import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { TestAmop } from './harness.ts'

const SET_TOPICS = PacketType.SET_TOPICS

/** Topics that somebody listens to. */
const listened = (node: TestAmop): string[] => [...node.context.router.table.topics()].sort()

test('a set of topics replaces the former, and is not answered', (t) => {
  const node = new TestAmop()
  const sdk = node.subscriber('a', 'b')
  t.deepEqual(listened(node), ['a', 'b'])
  sdk.subscribe('b', 'c')
  t.deepEqual(listened(node), ['b', 'c'])
  sdk.subscribe()
  t.deepEqual(listened(node), [])
  sdk.expectNothing()
})

test('topics end with their session, and others keep theirs', (t) => {
  const node = new TestAmop()
  const first = node.subscriber('a', 'b')
  const second = node.subscriber('b')
  first.disconnect()
  t.deepEqual(listened(node), ['b'])
  second.disconnect()
  t.deepEqual(listened(node), [])
  t.is(node.timers.size, 0)
})

test('what is no array of texts leaves the former topics', (t) => {
  for (const body of ['', '{', '{}', 'null', '"a"', '["b",1]', '[["b"]]', '[null]', `["${'x'.repeat(1100000)}"]`]) {
    const node = new TestAmop()
    const sdk = node.subscriber('a')
    sdk.send(SET_TOPICS, body)
    t.deepEqual(listened(node), ['a'], body.slice(0, 20))
    t.regex(node.warnings[0] ?? '', /no JSON array of texts/)
    t.is(sdk.transport.closedBecause, undefined)
  }
})

test('topics that no frame can carry, and those over the limit, are left out', (t) => {
  const node = new TestAmop({ settings: { topicsPerSessionMax: 3 } })
  node.subscriber('x'.repeat(255), 'x'.repeat(254), 'a', 'a', '', 'b', 'c')
  t.deepEqual(listened(node), ['', 'a', 'x'.repeat(254)])
  t.like(node.log.find('left out')?.fields, { longerThan254Bytes: 1, tooMany: 2 })
})

test('topics are compared exactly', (t) => {
  const node = new TestAmop()
  const sdk = node.subscriber('a*', 'Ä')
  const publisher = node.connect()
  for (const topic of ['ab', 'a', 'A*', 'A\u0308', 'a* ', '*', '#']) {
    const seq = publisher.unicast(topic)
    t.is(publisher.expectAnswer(seq).result, 100)
  }
  publisher.unicast('Ä')
  t.is(sdk.expectUnicast().topic, 'Ä')
})

test('the empty topic is a topic', (t) => {
  const node = new TestAmop()
  const sdk = node.subscriber('')
  const publisher = node.connect()
  const seq = publisher.unicast('', 'hi')
  const pushed = sdk.expectUnicast()
  t.like(pushed, { topic: '', text: 'hi' })
  sdk.answer(pushed, 'ho')
  t.like(publisher.expectAnswer(seq), { topic: '', text: 'ho', result: 0 })
})

test('nothing is delivered to block notices, and their publisher has its answer', (t) => {
  const node = new TestAmop()
  const sdk = node.subscriber('_block_notify_1', '_block_notify_')
  const publisher = node.connect()
  t.is(publisher.expectAnswer(publisher.unicast('_block_notify_1')).result, 100)
  t.is(publisher.expectAnswer(publisher.multicast('_block_notify_1', 'x')).result, 0)
  t.is(publisher.expectAnswer(publisher.multicast('_block_notify_')).result, 0)
  sdk.expectNothing()
  t.true(sdk.session.topics.has('_block_notify_1'))
})
