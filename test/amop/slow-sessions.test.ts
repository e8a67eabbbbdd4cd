import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { TestAmop } from './harness.ts'

const BOUND = 100_000
const BODY = 'x'.repeat(10_000)

/** The times for answers are long, so that only the output's bound is looked at. */
const slowNode = (): TestAmop =>
  new TestAmop({ settings: { outputBytesMax: BOUND, sessionTimeoutMs: 1_000_000, nodeTimeoutMs: 1_000_000 } })

test('what a slow subscriber cannot take goes to the next, and the bound holds', (t) => {
  const node = slowNode()
  const [slow, quick] = [node.subscriber('t'), node.subscriber('t')]
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 100; i++) publisher.unicast('t', BODY)
  t.true(slow.transport.pendingBytes > BOUND / 2 && slow.transport.pendingBytes <= BOUND)
  t.is(quick.takeAll().length, 100 - slow.transport.heldCount)
  publisher.expectNothing()
  t.deepEqual(node.warnings, [`amop session ${slow.name} is slow: what does not fit goes to others`])
})

test('what is not kept for a second candidate still passes over one that cannot take it', (t) => {
  const node = new TestAmop({ settings: { outputBytesMax: 1000, retainedBytesMax: 0, choice: 'round-robin' } })
  const [slow, quick] = [node.subscriber('t'), node.subscriber('t')]
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 10; i++) publisher.unicast('t', 'x'.repeat(900))
  t.is(slow.transport.heldCount, 1)
  t.is(quick.takeAll().length, 9)
  publisher.expectNothing()
})

test('a unicast that a thousand slow sessions refuse is answered in good time', (t) => {
  const node = slowNode()
  for (let i = 0; i < 1000; i++) {
    const slow = node.subscriber('t')
    slow.transport.stuck = true
  }
  const publisher = node.connect()
  publisher.multicast('t', 'x'.repeat(BOUND))
  publisher.takeAll()
  const before = performance.now()
  const seq = publisher.unicast('t')
  t.is(publisher.expectAnswer(seq).result, 104)
  t.true(performance.now() - before < 1000)
})

test('when all are slow, a unicast is 104', (t) => {
  const node = slowNode()
  const slow = node.subscriber('t')
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 9; i++) publisher.unicast('t', BODY)
  publisher.expectNothing()
  const seq = publisher.unicast('t', BODY)
  t.like(publisher.expectAnswer(seq), { result: 104, topic: 't', text: BODY })
})

test('a multicast passes over a slow subscriber with a warning', (t) => {
  const node = slowNode()
  const [slow, quick] = [node.subscriber('t'), node.subscriber('t')]
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 50; i++) publisher.multicast('t', BODY)
  t.is(quick.takeAll().length, 50)
  t.true(slow.transport.pendingBytes <= BOUND)
  t.like(node.log.find('copy failed')?.fields, { topic: 't', session: slow.name })
})

test('a subscriber that does not read for 30 s is dropped, and what it had goes to the next', (t) => {
  const node = slowNode()
  const slow = node.subscriber('t')
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 5; i++) publisher.unicast('t', BODY)
  const quick = node.subscriber('t')
  for (let i = 0; i < 20; i++) publisher.multicast('t', BODY)
  quick.takeAll()
  publisher.takeAll()
  node.advance(29_999)
  t.is(slow.transport.closedBecause, undefined)
  node.advance(1)
  t.regex(slow.transport.closedBecause ?? '', /has not read for 30000 ms/)
  t.truthy(node.log.find(`amop session ${slow.name} is closed`))
  t.is(quick.takeAll().length, 5)
  t.is(slow.transport.lateWrites, 0)
})

test('one that has read half of it in time stays', (t) => {
  const node = slowNode()
  const slow = node.subscriber('t')
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 20; i++) publisher.multicast('t', BODY)
  node.advance(20_000)
  slow.transport.drain(6)
  slow.session.writable()
  node.advance(20_000)
  t.is(slow.transport.closedBecause, undefined)
})

test('a frame over the bound is taken by a session that has nothing else to read', (t) => {
  const node = slowNode()
  const subscriber = node.subscriber('t')
  subscriber.transport.stuck = true
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'x'.repeat(3 * BOUND))
  publisher.expectNothing()
  publisher.unicast('t')
  t.is(publisher.takeAll()[0]?.result, 104)
  subscriber.transport.drain()
  t.is(subscriber.expectUnicast().seq, seq)
})

test('one for which a single frame was too large is not dropped for it', (t) => {
  const node = slowNode()
  const subscriber = node.subscriber('t')
  subscriber.transport.stuck = true
  const publisher = node.connect()
  publisher.multicast('t', BODY)
  publisher.multicast('t', 'x'.repeat(BOUND))
  t.truthy(node.log.find('copy failed'))
  node.advance(40_000)
  t.is(subscriber.transport.closedBecause, undefined)
})

test('a publisher that does not read its answers is not read either, and goes on when it does', (t) => {
  const node = slowNode()
  const publisher = node.connect()
  publisher.transport.stuck = true
  for (let i = 0; i < 9; i++) publisher.multicast('t', BODY)
  t.false(publisher.transport.paused)
  publisher.multicast('t', BODY)
  t.true(publisher.transport.paused)
  node.advance(10_000)
  publisher.transport.drain(4)
  publisher.session.writable()
  t.true(publisher.transport.paused)
  publisher.transport.drain(2)
  publisher.session.writable()
  t.false(publisher.transport.paused)
  node.advance(30_000)
  t.is(publisher.transport.closedBecause, undefined)
})

test('answers beyond twice the bound are dropped with a warning', (t) => {
  const node = slowNode()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  publisher.transport.stuck = true
  for (let i = 0; i < 50; i++) publisher.unicast('t')
  for (const push of subscriber.takeAll()) subscriber.answer(push, BODY)
  t.true(publisher.transport.pendingBytes <= 2 * BOUND + BODY.length + 100)
  t.is(node.log.lines.filter(({ message }) => message.includes('an answer was dropped')).length, 30)
  node.advance(30_000)
  t.regex(publisher.transport.closedBecause ?? '', /has not read/)
  t.is(node.context.router.unanswered, 0)
})

test('a request for verification waits for a publisher that reads', (t) => {
  const node = slowNode()
  const v = '#!$TopicNeedVerify_t'
  node.subscriber(v, `#!$VerifyChannel_${v}_${'0'.repeat(32)}`)
  const publisher = node.connect()
  publisher.transport.stuck = true
  for (let i = 0; i < 10; i++) publisher.multicast('t', BODY)
  publisher.subscribe(`#!$PushChannel_${v}`)
  publisher.transport.drain()
  publisher.session.writable()
  publisher.transport.stuck = false
  publisher.takeAll()
  node.advance(5_000)
  t.is(publisher.expectJson(PacketType.VERIFY_REQUEST).topic, v)
})

test('small frames that wait keep no more memory alive than they have', (t) => {
  const node = new TestAmop({ settings: { outputBytesMax: 1_000_000 } })
  const slow = node.subscriber('rare')
  slow.transport.stuck = true
  const publisher = node.connect()
  for (let i = 0; i < 2000; i++) {
    publisher.multicast('rare', 'x')
    // Between two of them, a shared buffer is used up by others.
    publisher.multicast('nobody', 'x'.repeat(3000))
    publisher.multicast('nobody', 'x'.repeat(3000))
    publisher.takeAll()
  }
  t.is(slow.transport.heldCount, 2000)
  t.true(slow.transport.heldMemory < 4 * slow.transport.pendingBytes, `${slow.transport.heldMemory}`)
})
