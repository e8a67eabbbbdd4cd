import test from 'ava'
import { encodeTopicBody, PacketType } from '../../src/amop/index.ts'
import { certificate, newSeq, type Received, response, TestAmop, TestListener, type TestSdk } from './harness.ts'

/** Which of them was asked, with what it got. */
function asked(sdks: readonly TestSdk[]): { sdk: TestSdk; push: Received } {
  const found = sdks.flatMap((sdk) => sdk.takeAll().map((push) => ({ sdk, push })))
  if (found.length !== 1) throw new Error(`${found.length} were asked`)
  return found[0] as { sdk: TestSdk; push: Received }
}

test('a unicast reaches the subscriber as it was sent, and its answer the publisher', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const data = Buffer.from([0xff, 0xff, 0xff, 0x80, 0, 1, 2])
  const seq = publisher.unicast('t', data)
  const pushed = subscriber.expectUnicast()
  t.like(pushed, { seq, topic: 't', result: 0, text: data.toString() })
  publisher.expectNothing()
  subscriber.answer(pushed, 'thanks')
  t.like(publisher.expectAnswer(seq), { topic: 't', text: 'thanks', result: 0 })
  t.is(node.context.router.unanswered, 0)
  t.is(node.context.router.retainedBytes, 0)
})

test('an answer is passed on whatever its type and its result are', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  subscriber.expectUnicast()
  subscriber.send(0x1234, encodeTopicBody('t', Buffer.from('own code')), { seq, result: -5000 })
  t.like(publisher.expectAnswer(seq), { result: -5000, text: 'own code' })
  t.like(node.log.find('the listener says so')?.fields, { seq, code: -5000, session: subscriber.name })
})

test('nobody listens: 100 with an empty body', (t) => {
  const node = new TestAmop()
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  t.like(publisher.expectAnswer(seq), { result: 100, text: '', topic: undefined })
  t.like(node.log.find('nobody listens')?.fields, { seq, topic: 't', code: 100, publisher: publisher.name })
})

test('the only subscriber stays silent: 104 with the request’s body after 5 s', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  const pushed = subscriber.expectUnicast()
  node.advance(4_999)
  publisher.expectNothing()
  node.advance(1)
  t.like(publisher.expectAnswer(seq), { result: 104, topic: 't', text: 'hi' })
  subscriber.answer(pushed, 'too late')
  publisher.expectNothing()
  t.is(node.warnings.length, 1)
  t.like(node.log.find('no answer in time')?.fields, { seq, topic: 't', code: 104, session: subscriber.name })
})

test('one is silent and one answers: the answer comes 5 s later, with one push to each', (t) => {
  const node = new TestAmop()
  const subscribers = [node.subscriber('t'), node.subscriber('t')]
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  const first = asked(subscribers)
  node.advance(5_000)
  const second = asked(subscribers)
  t.not(second.sdk, first.sdk)
  t.like(second.push, { seq, topic: 't', text: 'hi' })
  first.sdk.answer(first.push, 'too late')
  publisher.expectNothing()
  second.sdk.answer(second.push, 'in time')
  t.like(publisher.expectAnswer(seq), { result: 0, text: 'in time' })
  t.like(node.log.find('goes to the next candidate')?.fields, { seq, session: first.sdk.name })
})

test('two die with the message in hand: the third has it at once', (t) => {
  const node = new TestAmop()
  let subscribers = [node.subscriber('t'), node.subscriber('t'), node.subscriber('t')]
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  for (let i = 0; i < 2; i++) {
    const { sdk } = asked(subscribers)
    subscribers = subscribers.filter((other) => other !== sdk)
    sdk.disconnect()
  }
  const { sdk, push } = asked(subscribers)
  sdk.answer(push, 'alive')
  t.like(publisher.expectAnswer(seq), { result: 0, text: 'alive' })
})

test('the only one dies: 104 at once, and 100 for the next message', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  subscriber.disconnect()
  t.like(publisher.expectAnswer(seq), { result: 104, text: 'hi' })
  t.is(publisher.expectAnswer(publisher.unicast('t')).result, 100)
})

test('six silent sessions end in 104 after 30 s, seven in 100, and each was asked once', (t) => {
  for (const [count, code] of [
    [6, 104],
    [7, 100],
  ] as const) {
    const node = new TestAmop()
    const subscribers = Array.from({ length: count }, () => node.subscriber('t'))
    const publisher = node.connect()
    const seq = publisher.unicast('t')
    node.advance(29_999)
    publisher.expectNothing()
    node.advance(1)
    const answer = publisher.expectAnswer(seq)
    t.is(answer.result, code)
    t.is(answer.text, '')
    t.is(answer.topic, code === 104 ? 't' : undefined)
    t.deepEqual(subscribers.map((sdk) => sdk.takeAll().length).sort(), [...Array(count - 6).fill(0), 1, 1, 1, 1, 1, 1])
  }
})

test('the 30 s end even when a candidate has been asked just before', (t) => {
  const node = new TestAmop()
  const subscribers = Array.from({ length: 8 }, () => node.subscriber('t'))
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  node.advance(2_000)
  asked(subscribers).sdk.disconnect()
  node.advance(27_999)
  publisher.expectNothing()
  node.advance(1)
  t.is(publisher.expectAnswer(seq).result, 100)
  t.is(node.context.router.unanswered, 0)
})

test('who subscribes after the first has failed is no candidate', (t) => {
  const node = new TestAmop()
  const first = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  const second = node.subscriber('t')
  node.advance(5_000)
  const pushed = second.expectUnicast()
  const third = node.subscriber('t')
  node.advance(5_000)
  t.is(publisher.expectAnswer(seq).result, 104)
  third.expectNothing()
  t.is(pushed.seq, first.expectUnicast().seq)
})

test('a candidate that has left the topic meanwhile is not asked', (t) => {
  const node = new TestAmop()
  const subscribers = [node.subscriber('t'), node.subscriber('t'), node.subscriber('t')]
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  const first = asked(subscribers).sdk
  node.advance(5_000)
  const second = asked(subscribers).sdk
  for (const third of subscribers) if (third !== first && third !== second) third.subscribe('other')
  node.advance(5_000)
  t.is(publisher.expectAnswer(seq).result, 104)
})

test('who leaves the topic may still answer what it has', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  subscriber.subscribe()
  subscriber.answer(subscriber.expectUnicast(), 'still')
  t.is(publisher.expectAnswer(seq).text, 'still')
})

test('a publisher that subscribes is served under a fresh seq, and answered under its own', (t) => {
  const node = new TestAmop()
  const sdk = node.subscriber('t')
  const seq = sdk.unicast('t', 'hi')
  const pushed = sdk.expectUnicast()
  t.not(pushed.seq, seq)
  t.regex(pushed.seq, /^[0-9a-f]{32}$/)
  t.like(pushed, { topic: 't', text: 'hi' })
  sdk.answer(pushed, 'myself')
  t.like(sdk.expectAnswer(seq), { topic: 't', text: 'myself', result: 0 })
})

test('another connection of the publishing program is served under a fresh seq', (t) => {
  const node = new TestAmop()
  const one = certificate('one')
  const publisher = node.connect(one, '127.0.0.1:20200')
  const subscriber = node.connect(one, '127.0.0.1:20201').subscribe('t')
  const seq = publisher.unicast('t', 'hi')
  const pushed = subscriber.expectUnicast()
  t.not(pushed.seq, seq)
  subscriber.answer(pushed, 'over the other')
  t.like(publisher.expectAnswer(seq), { topic: 't', text: 'over the other', result: 0 })
})

test('other programs get the seq of the publisher, with its certificate or their own', (t) => {
  const node = new TestAmop()
  const [one, two] = [certificate('one'), certificate('two')]
  const publisher = node.connect(one, '127.0.0.1:20200')
  const same = node.connect(one, '127.0.0.1:20200').subscribe('same')
  const other = node.connect(two, '127.0.0.1:20201').subscribe('other')
  const seqs = [publisher.unicast('same'), publisher.unicast('other')]
  t.deepEqual([same.expectUnicast().seq, other.expectUnicast().seq], seqs)
})

test('two messages with the same seq reach one subscriber under two', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publishers = [node.connect(), node.connect()]
  const seq = newSeq()
  for (const [i, publisher] of publishers.entries()) publisher.unicast('t', `${i}`, seq)
  const [first, second] = [subscriber.expectUnicast(), subscriber.expectUnicast()]
  t.is(first.seq, seq)
  t.not(second.seq, seq)
  subscriber.answer(second, 'second')
  subscriber.answer(first, 'first')
  t.deepEqual(
    publishers.map((publisher) => publisher.expectAnswer(seq).text),
    ['first', 'second'],
  )
})

test('an answer without a topic counts as a failure of that candidate', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  subscriber.send(PacketType.RESPONSE, '', { seq })
  t.is(publisher.expectAnswer(seq).result, 104)
  const second = publisher.unicast('t')
  subscriber.send(PacketType.RESPONSE, '', { seq: second, result: 7 })
  t.is(publisher.expectAnswer(second).result, 7)
})

test('a malformed topic is dropped with a log line, one that is not UTF-8 is nobody’s', (t) => {
  const node = new TestAmop()
  const publisher = node.connect()
  for (const type of [PacketType.UNICAST, PacketType.MULTICAST]) {
    for (const body of [[], [0], [0, 1], [3, 1], [255, 1]]) publisher.send(type, Buffer.from(body))
  }
  publisher.expectNothing()
  t.is(node.warnings.length, 10)
  const seq = publisher.send(PacketType.UNICAST, Buffer.from([2, 0xff]))
  t.is(publisher.expectAnswer(seq).result, 100)
  const multicast = publisher.send(PacketType.MULTICAST, Buffer.from([2, 0xff]))
  t.is(publisher.expectAnswer(multicast).result, 0)
})

test('a publisher that has gone does not hold up those who answer', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  publisher.unicast('t')
  publisher.disconnect()
  subscriber.answer(subscriber.expectUnicast())
  t.is(node.context.router.unanswered, 0)
  t.is(publisher.transport.lateWrites, 0)
})

test('with random choice every subscriber has about as much', (t) => {
  const node = new TestAmop()
  const subscribers = Array.from({ length: 4 }, () => node.subscriber('t'))
  const publisher = node.connect()
  for (let i = 0; i < 4000; i++) publisher.unicast('t')
  for (const subscriber of subscribers) {
    const { length } = subscriber.takeAll()
    // Six standard deviations.
    t.true(length > 1000 - 165 && length < 1000 + 165, `${length}`)
  }
})

test('round-robin asks one after the other', (t) => {
  const node = new TestAmop({ settings: { choice: 'round-robin' } })
  const subscribers = Array.from({ length: 3 }, () => node.subscriber('t'))
  const publisher = node.connect()
  for (let i = 0; i < 30; i++) publisher.unicast('t')
  t.deepEqual(
    subscribers.map((sdk) => sdk.takeAll().length),
    [10, 10, 10],
  )
})

test('least-outstanding asks whoever has least to do', (t) => {
  const node = new TestAmop({ settings: { choice: 'least-outstanding' } })
  const subscribers = Array.from({ length: 3 }, () => node.subscriber('t'))
  const publisher = node.connect()
  for (let i = 0; i < 30; i++) publisher.unicast('t')
  const pushes = subscribers.map((sdk) => sdk.takeAll())
  t.deepEqual(
    pushes.map(({ length }) => length),
    [10, 10, 10],
  )
  for (const push of pushes[1] ?? []) subscribers[1]?.answer(push)
  for (let i = 0; i < 10; i++) publisher.unicast('t')
  t.is(subscribers[1]?.takeAll().length, 10)
})

test('a thousand unicasts that all time out leave nothing behind', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  for (let i = 0; i < 1000; i++) {
    publisher.unicast('t')
    node.advance(3)
  }
  t.is(subscriber.session.outstanding, 1000)
  node.advance(5_000)
  t.is(subscriber.session.outstanding, 0)
  t.is(publisher.takeAll().filter(({ result }) => result === 104).length, 1000)
  t.is(node.context.router.unanswered, 0)
  t.is(node.context.router.retainedBytes, 0)
})

test('each waits its own 5 s, also behind one that is tried again', (t) => {
  const node = new TestAmop()
  const subscribers = [node.subscriber('t'), node.subscriber('t')]
  node.subscriber('u')
  const publisher = node.connect()
  const first = publisher.unicast('t')
  node.advance(1)
  const second = publisher.unicast('u')
  node.advance(4_999)
  publisher.expectNothing()
  t.is(subscribers.flatMap((sdk) => sdk.takeAll()).length, 2)
  node.advance(1)
  t.is(publisher.expectAnswer(second).result, 104)
  node.advance(4_999)
  t.is(publisher.expectAnswer(first).result, 104)
})

test('too many unanswered unicasts of one publisher are refused with 103', (t) => {
  const node = new TestAmop({ settings: { outstandingMax: 2 } })
  node.subscriber('t')
  const publisher = node.connect()
  publisher.unicast('t')
  publisher.unicast('t')
  const seq = publisher.unicast('t', 'hi')
  t.like(publisher.expectAnswer(seq), { result: 103, text: '' })
  const other = node.connect()
  other.unicast('t')
  other.expectNothing()
  node.advance(5_000)
  t.is(publisher.takeAll().length, 2)
  publisher.unicast('t')
  publisher.expectNothing()
})

test('what is over the bytes kept for a second candidate has one', (t) => {
  const node = new TestAmop({ settings: { retainedBytesMax: 100 } })
  const subscribers = [node.subscriber('t'), node.subscriber('t')]
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'x'.repeat(100))
  const { sdk } = asked(subscribers)
  t.is(node.context.router.retainedBytes, 0)
  sdk.disconnect()
  t.like(publisher.expectAnswer(seq), { result: 104, text: '' })
})

test('over the bandwidth limit: 103 with an empty body, and later it goes again', (t) => {
  // A bucket of 131,072 bytes, of which a frame takes a quarter of its size.
  const node = new TestAmop({ settings: { bandwidthMbits: 1 } })
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  publisher.unicast('t', Buffer.alloc(600_000))
  const seq = publisher.unicast('t', 'hi')
  t.like(publisher.expectAnswer(seq), { result: 103, text: '' })
  const multicast = publisher.multicast('t', 'hi')
  t.like(publisher.expectAnswer(multicast), { result: 103, text: '' })
  // What nobody hears costs nothing.
  t.is(publisher.expectAnswer(publisher.unicast('nobody')).result, 100)
  node.advance(1_000)
  publisher.multicast('t', 'hi', multicast)
  t.is(publisher.expectAnswer(multicast).result, 0)
  t.is(subscriber.takeAll().length, 2)
})

test('every step of a unicast can be followed by its seq', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  subscriber.answer(subscriber.expectUnicast())
  const steps = node.log.lines.filter(({ fields }) => fields?.seq === seq).map(({ message }) => message)
  t.deepEqual(
    steps,
    ['received', 'candidate', 'pushed', 'answered'].map((step) => `amop unicast ${step}`),
  )
})

test('a node has 30 s, and its answer is final', (t) => {
  const node = new TestAmop()
  const peer = new TestListener('node')
  node.context.router.subscribe(peer, 't')
  const publisher = node.connect()
  const seq = publisher.unicast('t', 'hi')
  node.advance(29_999)
  publisher.expectNothing()
  node.advance(1)
  t.like(publisher.expectAnswer(seq), { result: 100, text: '' })
  t.is(peer.withdrawn.length, 1)
  const second = publisher.unicast('t')
  peer.pushed[1]?.answer(peer, response(second, 't', '', 104))
  t.is(publisher.expectAnswer(second).result, 104)
})

test('a node that fails leaves the message to the next, and a late answer is dropped', (t) => {
  const node = new TestAmop({ random: () => 0 })
  const peer = new TestListener('node')
  node.context.router.subscribe(peer, 't')
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  const [unicast] = peer.pushed
  unicast?.fail(peer, 'it has gone')
  const pushed = subscriber.expectUnicast()
  unicast?.answer(peer, response(seq, 't', 'late'))
  unicast?.fail(peer, 'again')
  publisher.expectNothing()
  subscriber.answer(pushed, 'good')
  t.is(publisher.expectAnswer(seq).text, 'good')
})

test('a listener that fails in an unexpected way is passed over, and is 101 when there is no other', (t) => {
  const node = new TestAmop({ random: () => 0 })
  const queue = new TestListener('queue')
  queue.throws = true
  node.context.router.subscribe(queue, 't')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  t.like(publisher.expectAnswer(seq), { result: 101, text: '' })
  const subscriber = node.subscriber('t')
  publisher.unicast('t')
  subscriber.expectUnicast()
  publisher.expectNothing()
})

test('a fallback gets a unicast only when nobody else listens, a tap always, and never answers', (t) => {
  const node = new TestAmop()
  const { router } = node.context
  const [fallback, tap] = [new TestListener('queue', 'fallback'), new TestListener('queue', 'tap')]
  fallback.role = 'fallback'
  tap.role = 'tap'
  router.subscribe(tap, 't')
  const publisher = node.connect()
  t.is(publisher.expectAnswer(publisher.unicast('t')).result, 100)
  t.is(tap.copies.length, 1)
  router.subscribe(fallback, 't')
  const seq = publisher.unicast('t', 'hi')
  t.is(fallback.pushed[0]?.data.toString(), 'hi')
  fallback.pushed[0]?.answer(fallback, response(seq, 't', 'kept'))
  t.is(publisher.expectAnswer(seq).text, 'kept')
  const subscriber = node.subscriber('t')
  for (let i = 0; i < 10; i++) publisher.unicast('t')
  t.is(subscriber.takeAll().length, 10)
  t.is(fallback.pushed.length, 1)
  t.is(tap.copies.length, 12)
})
