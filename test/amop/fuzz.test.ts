import test from 'ava'
import { encodeTopicBody, HEADER_BYTES, Packet, PacketType } from '../../src/amop/index.ts'
import type { Random } from '../amqp/random.ts'
import { seeds } from '../amqp/seeds.ts'
import { certificate, newSeq, TestAmop, type TestSdk } from './harness.ts'

const TYPES = [...Object.values(PacketType), 0, 0x1000, 0x1001, 0x1002, 0xffff]
const PRIVATE = '#!$TopicNeedVerify_p'
const TOPICS = ['a', 'b', '', '_block_notify_1', PRIVATE, `#!$PushChannel_${PRIVATE}`, 'x'.repeat(254)]
const CHALLENGE = `#!$VerifyChannel_${PRIVATE}_${'0'.repeat(32)}`
const JSONS = [
  '{"minimumSupport":1,"maximumSupport":3}',
  '{"jsonrpc":"2.0","id":1,"method":"getClientVersion"}',
  '{"checkResult":0,"nodeId":"x","topic":"y"}',
  JSON.stringify(TOPICS),
  JSON.stringify(['a', 'b', PRIVATE, CHALLENGE]),
  '[]',
  '{"minimumSupport":9}',
]

/** @throws Error when something is left of sessions that have gone, or the node does not work any more. */
function checkAfterwards(node: TestAmop, sdks: readonly TestSdk[]): void {
  for (const sdk of sdks) {
    sdk.disconnect()
    if (sdk.transport.lateWrites > 0) throw new Error('written after the end')
  }
  if (node.internalErrors.length > 0) throw new Error(node.internalErrors.join('\n'))
  const { router, sessions } = node.context
  if (sessions.size > 0) throw new Error(`${sessions.size} sessions are left`)
  if (router.table.size > 0) throw new Error(`topics are left: ${[...router.table.topics()]}`)
  if (router.unanswered > 0) throw new Error(`${router.unanswered} unicasts are left`)
  if (router.retainedBytes !== 0) throw new Error(`${router.retainedBytes} bytes are left`)
  if (node.timers.size > 0) throw new Error(`${node.timers.size} timers are left`)
  const subscriber = node.subscriber('alive')
  const publisher = node.connect()
  const seq = publisher.unicast('alive')
  subscriber.answer(subscriber.expectUnicast(), 'yes')
  if (publisher.expectAnswer(seq).text !== 'yes') throw new Error('the node does not work any more')
}

function randomBody(random: Random): Buffer {
  switch (random.below(4)) {
    case 0:
      return random.bytes(random.below(60))
    case 1:
      return Buffer.from(random.pick(JSONS))
    default:
      return encodeTopicBody(random.pick(TOPICS), random.bytes(random.below(100)))
  }
}

function randomFrame(random: Random, seqs: readonly string[]): Buffer {
  const seq = seqs.length > 0 && random.below(3) === 0 ? random.pick(seqs) : newSeq()
  return Packet.make(random.pick(TYPES), seq, random.pick([0, 0, 0, 7, -1]), randomBody(random)).frame
}

test('random frames of several SDKs leave nothing behind and break nothing', (t) => {
  seeds(t, 150, (random) => {
    const node = new TestAmop({ settings: { outputBytesMax: 2000 } })
    const sdks = Array.from({ length: 4 }, (_, i) => node.connect(certificate(`sdk${i % 3}`)))
    const seqs: string[] = []
    for (let step = 0; step < 100; step++) {
      const index = random.below(sdks.length)
      const sdk = sdks[index] as TestSdk
      const frames = Buffer.concat(Array.from({ length: 1 + random.below(4) }, () => randomFrame(random, seqs)))
      for (const piece of random.split(frames)) sdk.transmit(piece)
      for (const { seq } of sdk.takeAll()) seqs.push(seq)
      if (random.below(10) === 0) sdk.transport.stuck = !sdk.transport.stuck
      if (!sdk.transport.stuck) {
        sdk.transport.drain()
        sdk.session.writable()
      }
      if (random.below(30) === 0) sdk.disconnect()
      if (sdk.session.closed) sdks[index] = node.connect(certificate('again'))
      if (random.below(15) === 0) node.advance(random.below(12_000))
    }
    checkAfterwards(node, sdks)
  })
})

test('random bytes end the session or wait for more, and never do more', (t) => {
  seeds(t, 200, (random) => {
    const node = new TestAmop()
    const sdk = node.connect()
    for (const piece of random.split(random.bytes(random.below(2000)))) sdk.transmit(piece)
    if (sdk.takeAll().length > 0) throw new Error('random bytes were answered')
    checkAfterwards(node, [sdk])
  })
})

test('frames with damaged heads and bodies never break the node', (t) => {
  seeds(t, 200, (random) => {
    const node = new TestAmop()
    const sdks = [node.subscriber('a', PRIVATE, CHALLENGE), node.connect()]
    const frames: Buffer[] = []
    for (let i = 0; i < 20; i++) {
      const frame = Buffer.from(randomFrame(random, []))
      const from = random.pick([4, 6, 38, HEADER_BYTES])
      if (from < frame.length) frame[from + random.below(frame.length - from)] = random.below(256)
      if (random.below(20) === 0) frame[random.below(4)] = random.below(256)
      frames.push(random.below(20) === 0 ? frame.subarray(0, random.below(frame.length)) : frame)
    }
    for (const piece of random.split(Buffer.concat(frames))) sdks[1]?.transmit(piece)
    node.advance(random.below(2) * 31_000)
    checkAfterwards(node, sdks)
  })
})

test('every unicast is answered once, whatever becomes of those who have it', (t) => {
  seeds(t, 100, (random) => {
    const choice = random.pick(['random', 'round-robin', 'least-outstanding'] as const)
    const node = new TestAmop({
      settings: { choice, outputBytesMax: 3000, retainedBytesMax: random.pick([500, 100_000]) },
    })
    const publishers = [node.connect(), node.subscriber('a')]
    let subscribers = Array.from({ length: 5 }, () => node.subscriber('a', 'b'))
    const waiting = new Set<string>()
    const takeAnswers = (): void => {
      for (const publisher of publishers) {
        for (const frame of publisher.takeAll()) {
          if (frame.type === PacketType.UNICAST) publisher.answer(frame, 'self')
          else if (!waiting.delete(frame.seq)) throw new Error(`an answer that nobody waits for: ${frame.seq}`)
        }
      }
    }
    for (let step = 0; step < 200; step++) {
      waiting.add(random.pick(publishers).unicast(random.pick(['a', 'b', 'c']), random.bytes(random.below(200))))
      const subscriber = random.pick(subscribers)
      const action = random.below(20)
      if (action < 8) for (const push of subscriber.takeAll()) subscriber.answer(push, 'ok', random.pick([0, 0, 3]))
      else if (action === 8) subscriber.disconnect()
      else if (action === 9) subscriber.transport.stuck = true
      else if (action === 10) subscriber.subscribe(random.pick(['a', 'b']))
      else if (action === 11) node.advance(random.below(4000))
      else if (action === 12) {
        subscriber.transport.stuck = false
        subscriber.transport.drain()
        subscriber.session.writable()
      }
      if (random.below(20) === 0) subscribers = [...subscribers.slice(-6), node.subscriber('a')]
      takeAnswers()
      takeAnswers()
    }
    // The publishers' heartbeats keep them.
    for (let i = 0; i < 7; i++) {
      node.advance(5_000)
      for (const publisher of publishers) publisher.beat()
      takeAnswers()
      takeAnswers()
    }
    if (waiting.size > 0) throw new Error(`${waiting.size} were never answered`)
    if (node.context.router.unanswered > 0) throw new Error('the router waits for an answer')
  })
})
