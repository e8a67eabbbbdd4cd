import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { certificate, newSeq, TestAmop, TestListener } from './harness.ts'

const { MULTICAST, RESPONSE } = PacketType

test('a multicast reaches all who listen, and is answered at once with its own body', (t) => {
  const node = new TestAmop()
  const subscribers = Array.from({ length: 3 }, () => node.subscriber('t'))
  const other = node.subscriber('u')
  const publisher = node.connect()
  const seq = publisher.multicast('t', 'hi')
  t.like(publisher.expectAnswer(seq), { result: 0, topic: 't', text: 'hi' })
  for (const subscriber of subscribers) {
    t.like(subscriber.expect(MULTICAST), { seq, result: 0, topic: 't', text: 'hi' })
    subscriber.expectNothing()
  }
  other.expectNothing()
})

test('a multicast that nobody hears is answered with 0', (t) => {
  const publisher = new TestAmop().connect()
  const seq = publisher.multicast('t', 'hi')
  t.like(publisher.expectAnswer(seq), { result: 0, topic: 't', text: 'hi' })
})

test('a publisher that subscribes gets its answer first and then its own copy', (t) => {
  const sdk = new TestAmop().subscriber('t')
  const seq = sdk.multicast('t', 'hi')
  t.deepEqual(
    sdk.takeAll().map(({ type, seq }) => [type, seq]),
    [
      [RESPONSE, seq],
      [MULTICAST, seq],
    ],
  )
})

test('answers of subscribers are ignored', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  publisher.multicast('t')
  publisher.takeAll()
  subscriber.answer(subscriber.expect(MULTICAST), 'thanks')
  t.notThrows(() => publisher.expectNothing())
})

test('one sent over two connections of a certificate is delivered once and answered twice', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const connections = [node.connect(certificate('a')), node.connect(certificate('a'))]
  const stranger = node.connect(certificate('b'))
  const seq = newSeq()
  for (const publisher of [...connections, stranger]) {
    publisher.multicast('t', 'hi', seq)
    t.is(publisher.expectAnswer(seq).result, 0)
  }
  t.is(subscriber.takeAll().length, 2)
})

test('a multicast is remembered for 30 s', (t) => {
  const node = new TestAmop()
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.multicast('t')
  node.advance(29_999)
  publisher.multicast('t', '', seq)
  t.is(subscriber.takeAll().length, 1)
  node.advance(1)
  publisher.multicast('t', '', seq)
  t.is(subscriber.takeAll().length, 1)
})

test('the oldest multicast is forgotten when there are too many', (t) => {
  const node = new TestAmop({ settings: { multicastsRemembered: 2 } })
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seqs = [publisher.multicast('t'), publisher.multicast('t'), publisher.multicast('t')]
  t.is(subscriber.takeAll().length, 3)
  for (const seq of seqs.toReversed()) publisher.multicast('t', '', seq)
  t.deepEqual(
    subscriber.takeAll().map(({ seq }) => seq),
    seqs.slice(0, 1),
  )
})

test('queues, taps and other nodes get a multicast too', (t) => {
  const node = new TestAmop()
  const listeners = [new TestListener('queue'), new TestListener('node'), new TestListener('queue')]
  for (const [i, role] of (['fallback', 'subscriber', 'tap'] as const).entries()) {
    const listener = listeners[i] as TestListener
    listener.role = role
    node.context.router.subscribe(listener, 't')
  }
  const publisher = node.connect()
  const seq = publisher.multicast('t', 'hi')
  for (const { copies } of listeners) {
    t.is(copies.length, 1)
    t.like(copies[0], { seq, topic: 't', publisher: publisher.session })
    t.is(copies[0]?.data.toString(), 'hi')
  }
})

test('a listener that cannot take a multicast keeps it from nobody else', (t) => {
  const node = new TestAmop()
  const [broken, full] = [new TestListener('queue', 'broken'), new TestListener('node', 'full')]
  broken.throws = true
  full.takes = false
  node.context.router.subscribe(broken, 't')
  node.context.router.subscribe(full, 't')
  const subscriber = node.subscriber('t')
  const publisher = node.connect()
  const seq = publisher.multicast('t')
  t.is(subscriber.takeAll().length, 1)
  t.is(publisher.expectAnswer(seq).result, 0)
  t.deepEqual(
    node.log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields?.session),
    ['broken', 'full'],
  )
})

test('the same bytes go to a thousand sessions', (t) => {
  const node = new TestAmop()
  const subscribers = Array.from({ length: 1000 }, () => node.subscriber('t'))
  const publisher = node.connect()
  const seq = publisher.multicast('t', 'x'.repeat(1000))
  for (const subscriber of subscribers) {
    const [copy, ...more] = subscriber.takeAll()
    t.is(more.length, 0)
    if (copy?.seq !== seq || copy.text.length !== 1000) t.fail()
  }
})
