import test from 'ava'
import {
  encodeTopicBody,
  FULL_ACCESS,
  type Listener,
  Packet,
  PacketType,
  type Publisher,
} from '../../src/amop/index.ts'
import { newSeq, TestAmop, TestListener } from './harness.ts'

function watch(node: TestAmop, topic: string) {
  const told: string[] = []
  const watcher = {
    joined: ({ name }: Listener) => told.push(`+ ${name}`),
    left: ({ name }: Listener) => told.push(`- ${name}`),
  }
  node.context.router.table.watch(topic, watcher)
  return { told, watcher }
}

/** Publishes what the test tells it, and not to these. */
class PickyPublisher implements Publisher {
  readonly name = 'picky'
  readonly identity = 'picky'
  readonly access = FULL_ACCESS
  unanswered = 0
  readonly results: number[] = []
  readonly #shunned: readonly Listener[]

  constructor(...shunned: Listener[]) {
    this.#shunned = shunned
  }

  excludes(listener: Listener): boolean {
    return this.#shunned.includes(listener)
  }

  answered(_message: unknown, answer: Packet): void {
    this.results.push(answer.result)
  }
}

const packet = (type: number) => Packet.make(type, newSeq(), 0, encodeTopicBody('news', Buffer.from('x')))

test('a watcher is told who comes to its topic and who goes', (t) => {
  const node = new TestAmop()
  const { told, watcher } = watch(node, 'news')
  const one = node.subscriber('news', 'other')
  const two = node.subscriber('news')
  one.subscribe('news', 'more')
  one.subscribe('more')
  two.disconnect()
  t.deepEqual(told, [`+ ${one.name}`, `+ ${two.name}`, `- ${one.name}`, `- ${two.name}`])
  node.context.router.table.unwatch('news', watcher)
  node.subscriber('news')
  t.is(told.length, 4)
})

test('several may watch the same topic', (t) => {
  const node = new TestAmop()
  const first = watch(node, 'news')
  const second = watch(node, 'news')
  node.context.router.table.unwatch('news', first.watcher)
  const sdk = node.subscriber('news')
  t.deepEqual(first.told, [])
  t.deepEqual(second.told, [`+ ${sdk.name}`])
})

test('a publisher reaches nobody whom it excludes', (t) => {
  const node = new TestAmop()
  const { router } = node.context
  const subscriber = new TestListener('queue', 'own')
  const tap = new TestListener('queue', 'tap')
  tap.role = 'tap'
  router.subscribe(subscriber, 'news')
  router.subscribe(tap, 'news')
  const picky = new PickyPublisher(subscriber, tap)
  t.false(router.reaches(picky, 'news', PacketType.UNICAST))
  t.false(router.reaches(picky, 'news', PacketType.MULTICAST))
  t.false(router.reaches(picky, 'nothing', PacketType.MULTICAST))
  router.unicast(picky, packet(PacketType.UNICAST))
  t.is(router.multicast(picky, packet(PacketType.MULTICAST)), 0)
  t.deepEqual(picky.results, [100, 0])
  t.deepEqual([subscriber.pushed.length, subscriber.copies.length, tap.copies.length], [0, 0, 0])
  t.deepEqual(node.internalErrors, [])
})

test('a fallback is chosen when the only subscriber is excluded, and a tap alone is no listener for a unicast', (t) => {
  const node = new TestAmop()
  const { router } = node.context
  const own = new TestListener('queue', 'own')
  const tap = new TestListener('queue', 'tap')
  tap.role = 'tap'
  const fallback = new TestListener('queue', 'fallback')
  fallback.role = 'fallback'
  router.subscribe(own, 'news')
  router.subscribe(tap, 'news')
  const picky = new PickyPublisher(own)
  t.false(router.reaches(picky, 'news', PacketType.UNICAST))
  t.true(router.reaches(picky, 'news', PacketType.MULTICAST))
  router.subscribe(fallback, 'news')
  t.true(router.reaches(picky, 'news', PacketType.UNICAST))
  router.unicast(picky, packet(PacketType.UNICAST))
  t.deepEqual([own.pushed.length, fallback.pushed.length, tap.copies.length], [0, 1, 1])
})

test('who is excluded is not asked either when the first candidate fails', (t) => {
  const node = new TestAmop({ random: () => 0 })
  const { router } = node.context
  const first = new TestListener('queue', 'first')
  const own = new TestListener('queue', 'own')
  router.subscribe(first, 'news')
  router.subscribe(own, 'news')
  const picky = new PickyPublisher(own)
  router.unicast(picky, packet(PacketType.UNICAST))
  first.pushed[0]?.fail(first, 'it has gone')
  t.deepEqual(picky.results, [104])
  t.is(own.pushed.length, 0)
})

test('a unicast tells whether anybody has had it', (t) => {
  const node = new TestAmop()
  const { router } = node.context
  const listener = new TestListener('queue')
  router.subscribe(listener, 'news')
  const taken: boolean[] = []
  const publisher = new PickyPublisher()
  publisher.answered = (message) => taken.push((message as { wasTaken: boolean }).wasTaken)
  listener.takes = false
  router.unicast(publisher, packet(PacketType.UNICAST))
  listener.takes = true
  router.unicast(publisher, packet(PacketType.UNICAST))
  listener.pushed[0]?.fail(listener, 'it has gone')
  router.unicast(publisher, packet(PacketType.UNICAST))
  node.advance(node.context.settings.sessionTimeoutMs)
  listener.throws = true
  router.unicast(publisher, packet(PacketType.UNICAST))
  t.deepEqual(taken, [false, true, true, false])
})
