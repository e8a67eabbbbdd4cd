import {
  BASIC_CANCEL_OK,
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicNack,
  encodeBasicQos,
  encodeBasicReject,
} from '../../src/codec/index.ts'
import { makeBody } from './body.ts'
import type { Channel, Client, Received } from './client.ts'
import { Confirms } from './confirms.ts'
import type { Copy, Line } from './ledger.ts'
import { pick, type Worker, type World } from './load.ts'

/**
 * Takes from several queues: acknowledges one by one or many at once, rejects, puts back, keeps. From time to time it
 * publishes something, because the confirm says that the acknowledgements before it were read.
 */
export class ConsumingClient implements Worker {
  readonly client: Client
  readonly #world: World
  readonly #name: string
  readonly #channel: Channel
  readonly #confirms: Confirms
  readonly #unsettled = new Map<number, Copy>()
  readonly #lines = new Map<string, Line>()
  readonly #prefetch: number
  readonly #proveEvery: number
  #working: Promise<void> | undefined

  private constructor(world: World, client: Client, channel: Channel, name: string) {
    const { random } = world
    this.client = client
    this.#world = world
    this.#name = name
    this.#channel = channel
    this.#confirms = new Confirms(world.ledger, channel)
    this.#prefetch = pick(random, [1, 5, 50, 300])
    this.#proveEvery = pick(random, [1, 10, 50])
    channel.onMessage = (message) => this.#receive(message)
  }

  static async open(world: World, client: Client, name: string): Promise<ConsumingClient> {
    return new ConsumingClient(world, client, await client.openChannel(true), name)
  }

  work(): Promise<void> {
    this.#working = this.#consume()
    return this.#working
  }

  async finish(): Promise<void> {
    await this.#working
    for (const consumerTag of this.#lines.keys()) {
      await this.#channel.call(encodeBasicCancel(this.#channel.id, { consumerTag }), BASIC_CANCEL_OK)
    }
    this.#prove()
    await this.#confirms.fewerThan(1)
  }

  async #consume(): Promise<void> {
    const { random, topology } = this.#world
    const { id } = this.#channel
    try {
      const qos = encodeBasicQos(id, { prefetchCount: this.#prefetch })
      await this.#channel.call(qos, BASIC_QOS_OK)
      for (let count = random.between(1, 12); count > 0; count--) {
        const line = pick(random, topology.consumed)
        if (this.#lines.has(line.name)) continue
        this.#lines.set(line.name, line)
        const fields = { queue: line.name, consumerTag: line.name }
        await this.#channel.call(encodeBasicConsume(id, fields), BASIC_CONSUME_OK)
      }
    } catch (error) {
      if (this.client.failure === undefined) throw error
    }
  }

  #receive(message: Received): void {
    const { random, ledger } = this.#world
    const line = this.#lines.get(message.consumerTag) as Line
    const copy = ledger.receive(line, message)
    if (copy === undefined) return
    const tag = message.deliveryTag
    this.#unsettled.set(tag, copy)
    const what = random.below(20)
    if (what < 9) this.#acknowledge(tag, copy)
    else if (what < 11) this.#acknowledgeUpTo(tag)
    else if (what < 12) this.#requeue(tag, copy)
    else if (what < 14) this.#reject(tag, copy)
    // The others are kept, but not so many that nothing more comes.
    if (this.#unsettled.size >= this.#prefetch) this.#acknowledgeUpTo(tag)
    if (this.#confirms.unproven >= this.#proveEvery && this.#confirms.count < 20) this.#prove()
  }

  #acknowledge(tag: number, copy: Copy): void {
    this.#unsettled.delete(tag)
    this.#world.ledger.acknowledge(copy)
    this.#confirms.settle({ copy })
    this.#channel.write(encodeBasicAck(this.#channel.id, { deliveryTag: tag }))
  }

  #acknowledgeUpTo(last: number): void {
    for (const [tag, copy] of this.#unsettled) {
      this.#unsettled.delete(tag)
      this.#world.ledger.acknowledge(copy)
      this.#confirms.settle({ copy })
    }
    this.#channel.write(encodeBasicAck(this.#channel.id, { deliveryTag: last, multiple: true }))
  }

  #requeue(tag: number, copy: Copy): void {
    this.#unsettled.delete(tag)
    copy.isRequeued = true
    this.#channel.write(encodeBasicNack(this.#channel.id, { deliveryTag: tag, requeue: true }))
  }

  /** Where there is no dead-letter exchange, rejecting is as good as acknowledging. */
  #reject(tag: number, copy: Copy): void {
    const { ledger, topology } = this.#world
    const grave = topology.graves.get(copy.line)
    this.#unsettled.delete(tag)
    if (grave === undefined) {
      ledger.acknowledge(copy)
      this.#confirms.settle({ copy })
    } else this.#confirms.settle({ copy, letter: ledger.deadLetter(copy, grave) })
    this.#channel.write(encodeBasicReject(this.#channel.id, { deliveryTag: tag, requeue: false }))
  }

  #prove(): void {
    const { ledger, topology } = this.#world
    const properties = { deliveryMode: 2 }
    const sent = ledger.publish(this.#name, properties, 16, [topology.barrier])
    const tag = this.#channel.publish('', topology.barrier.name, properties, makeBody(sent.uid, 16))
    this.#confirms.add(tag, sent)
  }
}
