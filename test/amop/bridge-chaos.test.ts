import test from 'ava'
import {
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicNack,
  encodeExchangeBind,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeQueueUnbind,
  fromObject,
} from '../../src/codec/index.ts'
import { publish } from '../amqp/harness.ts'
import type { Random } from '../amqp/random.ts'
import { seeds } from '../amqp/seeds.ts'
import { type BridgeClient, BridgeNode, type BridgeSdk } from './bridge-harness.ts'

const TOPICS = ['a', 'b', 'p.a']
const QUEUES = ['q0', 'q1', 'q2']
const MODES = ['none', 'unicast', 'multicast', 'anycast']

/** Does one thing after another, whatever came of the last. */
class Chaos {
  readonly node: BridgeNode
  sdks: BridgeSdk[] = []
  readonly #random: Random
  #client: BridgeClient
  #tags = 0

  constructor(random: Random) {
    this.#random = random
    this.node = new BridgeNode({ random: () => random.below(1000) / 1000 })
    this.#client = this.node.client().exchange('x', 'fanout')
    this.#client.exchange('p', 'x-amop', { 'x-amop-prefix': 'p.' })
  }

  step(): void {
    const random = this.#random
    const sdk = this.sdks[random.below(Math.max(this.sdks.length, 1))]
    switch (random.below(5)) {
      case 0:
        if (this.sdks.length < 4) this.sdks.push(this.node.sdk(...TOPICS.filter(() => this.#by(6))))
        else if (this.#by(3)) this.sdks.shift()?.disconnect()
        break
      case 1:
        if (this.#by(5)) sdk?.unicast(random.pick(TOPICS), 'from an SDK')
        else sdk?.multicast(random.pick(TOPICS), 'from an SDK')
        break
      case 2:
        for (const push of sdk?.takeAll() ?? []) if (push.type === 0x30 && this.#by(7)) sdk?.answer(push, 'ok')
        break
      case 3:
        if (this.#by(3)) this.node.advance(random.below(3000))
        else this.#say(this.#publish())
        break
      default:
        this.#say(this.#order())
    }
  }

  /** True so many times of ten. */
  #by(times: number): boolean {
    return this.#random.below(10) < times
  }

  #publish(): Buffer {
    const random = this.#random
    const mode = random.pick(MODES)
    const headers = fromObject(mode === 'none' ? {} : { 'x-amop-mode': mode, ...(this.#by(3) && { CC: ['b'] }) })
    const replyTo = this.#by(3) ? { replyTo: random.pick(QUEUES), correlationId: 'c' } : {}
    const exchange = random.pick(['amq.amop', 'p', 'x'])
    return publish(1, { exchange, routingKey: random.pick(['a', 'b']), body: 'x', properties: { headers, ...replyTo } })
  }

  #order(): Buffer {
    const random = this.#random
    const queue = random.pick(QUEUES)
    switch (random.below(9)) {
      case 0: {
        const overflow = random.pick(['drop-head', 'reject-publish'])
        const letters = this.#by(5) ? { 'x-dead-letter-exchange': random.pick(['amq.amop', 'p', 'x']) } : {}
        const args = { 'x-max-length': random.below(4), 'x-overflow': overflow, ...letters }
        return encodeQueueDeclare(1, { queue, durable: this.#by(5), arguments: fromObject(args) })
      }
      case 1:
      case 2: {
        const reply = random.pick(['received', 'consumer', 'ack'])
        const role = random.pick(['any', 'tap', 'subscriber', 'fallback'])
        const args = {
          ...(role !== 'any' && { 'x-amop-role': role }),
          ...(role !== 'tap' && reply !== 'received' && { 'x-amop-reply': reply }),
        }
        const exchange = random.pick(['amq.amop', 'p', 'x'])
        return encodeQueueBind(1, { queue, exchange, routingKey: random.pick(['a', 'b']), arguments: fromObject(args) })
      }
      case 3:
        return encodeQueueUnbind(1, { queue, exchange: random.pick(['amq.amop', 'p']), routingKey: 'a' })
      case 4: {
        const [destination, source] = random.pick(['x amq.amop', 'amq.amop x', 'p x', 'x p']).split(' ')
        return encodeExchangeBind(1, { destination: `${destination}`, source: `${source}`, routingKey: 'a' })
      }
      case 5:
        return this.#by(3) ? encodeQueueDelete(1, { queue }) : encodeQueuePurge(1, { queue })
      case 6:
        return encodeBasicConsume(1, { queue, noAck: this.#by(3), consumerTag: `c${++this.#tags}` })
      case 7:
        return encodeBasicCancel(1, { consumerTag: `c${this.#tags}` })
      default:
        // All that was delivered and not settled.
        return encodeBasicNack(1, { deliveryTag: 0, multiple: true, requeue: this.#by(5) })
    }
  }

  /** Whatever the answer is; who is refused begins anew. */
  #say(frames: Buffer): void {
    this.#client.send(frames)
    if (!this.#client.transcript().some((line) => line.includes('.close '))) return
    this.#client.disconnect()
    this.#client = this.node.client()
  }
}

test('whatever is bound, asked, settled and taken away, nothing is left in the end', (t) => {
  seeds(t, 6, (random) => {
    const chaos = new Chaos(random)
    const { node } = chaos
    for (let i = 0; i < 600; i++) chaos.step()
    for (const sdk of chaos.sdks) sdk.disconnect()
    node.advance(60_000)
    const { unanswered, retainedBytes } = node.context.router
    const left = { unanswered, retainedBytes, departures: node.bridge.departures.count }
    if (Object.values(left).some((count) => count !== 0)) throw new Error(`left: ${JSON.stringify(left)}`)
    for (const topic of [...TOPICS, 'p.b']) {
      for (const { name, outstanding } of node.bridge.listenersOf(topic)) {
        if (outstanding > 0) throw new Error(`${name} still has ${outstanding}`)
      }
    }
    const defects = node.node.internalErrors
    if (defects.length > 0) throw new Error(defects[0])
  })
})
