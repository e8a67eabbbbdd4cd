import type { ExecutionContext } from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { PublishOutcome, type Queue } from '../../../src/broker/queue/index.ts'
import { encodeProperties, integerOf, type Properties } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, FakeHost, inChunk } from './fakes.ts'
import { type ModelMessage, ModelQueue } from './model.ts'

const NONE = Number.POSITIVE_INFINITY

/** Numbers that a seed repeats. Source: mulberry32. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

export interface Held {
  readonly message: ModelMessage
  readonly place: number
}

/** A queue and its model, moved in step. */
export class Session {
  protected readonly t: ExecutionContext
  protected readonly random: Random
  /** More comes than goes: the queue runs through several slabs. */
  protected readonly deep: boolean
  protected host: FakeHost
  protected queue: Queue
  protected readonly model: ModelQueue
  protected consumers: FakeConsumer[] = []
  protected unacked: Held[] = []
  protected readonly ttl: number
  protected readonly deaths: string[] = []
  protected readonly args: Record<string, unknown>
  /** Messages have expirations of their own. */
  protected expiring = true
  /** Messages may be on their way from a file. */
  protected waiting = false
  protected order = 0

  constructor(t: ExecutionContext, seed: number, args: Record<string, unknown>, deep: boolean, host = new FakeHost()) {
    this.t = t
    this.deep = deep
    this.random = new Random(seed)
    this.args = { 'x-dead-letter-exchange': 'dlx', ...args }
    this.host = host
    this.queue = this.declare()
    this.noteDeaths()
    this.ttl = (args['x-message-ttl'] as number) ?? NONE
    const quorum = args['x-queue-type'] === 'quorum'
    this.model = new ModelQueue({
      quorum,
      levels: quorum ? 2 : ((args['x-max-priority'] as number) ?? 0) + 1,
      maxLength: (args['x-max-length'] as number) ?? NONE,
      maxLengthBytes: (args['x-max-length-bytes'] as number) ?? NONE,
      overflow: (args['x-overflow'] as string) ?? 'drop-head',
      deliveryLimit: (args['x-delivery-limit'] as number) ?? 20,
    })
    this.model.now = this.host.now
  }

  protected declare(): Queue {
    return this.host.queue('q', this.args)
  }

  protected noteDeaths(): void {
    this.host.onDeadLetter = (letter) => void this.deaths.push(`${letter.reason} ${letter.body.trimEnd()}`)
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      await this.step()
      await this.settle()
      this.model.expire()
      this.compareDeliveries()
      this.compare(step % 50 === 0)
    }
    await this.finish()
  }

  /** Lets everything happen that is still to happen. */
  protected async settle(): Promise<void> {
    this.host.settle()
  }

  protected async step(): Promise<void> {
    const random = this.random
    const dice = random.below(100)
    if (this.deep && dice < 30) for (let count = random.below(8); count > 0; count--) this.publish()
    else if (dice < 40) this.publish()
    else if (dice < 55) this.get(random.chance(30))
    else if (dice < 65) this.settleOne((held) => this.queue.acknowledge(held.place))
    else if (dice < 77) this.requeue()
    else if (dice < 82) this.reject()
    else if (dice < 83 && !(this.deep && random.chance(80))) this.purge()
    else if (dice < 88) this.#addConsumer()
    else if (dice < 92) this.#removeConsumer()
    else if (dice < 96) this.#giveCredit()
    else this.#advance()
  }

  protected publish(): void {
    const random = this.random
    const size = random.of([20, 20, 20, 60, 120, 700, 4000, 4096, 4097, 9000])
    const bytes = random.chance(1) && random.chance(20) ? random.of([300_000, 1_100_000]) : size
    const body = `${this.order} `.padEnd(bytes)
    const properties: Properties = {}
    if (random.chance(30)) properties.priority = random.below(12)
    const ownTtl = this.expiring && random.chance(20) ? random.of([0, 5, 50, 500]) : NONE
    if (ownTtl !== NONE) properties.expiration = String(ownTtl)
    const owned = random.chance(50)
    const message = owned
      ? Message.of('x', 'k', encodeProperties(properties), Buffer.from(body))
      : inChunk(body, properties)
    const ttl = Math.min(ownTtl, this.ttl)
    const modelled: ModelMessage = {
      body: body.trimEnd(),
      level: this.#levelOf(properties.priority ?? 0),
      bytes,
      expiry: ttl === NONE ? 0 : this.model.now + ttl,
      order: this.order++,
      redelivered: false,
      returns: 0,
      returned: false,
      direct: this.model.ready.length === 0 && this.#credit > 0,
    }
    const refused = this.model.refuses(bytes)
    if (refused && this.model.options.overflow === 'reject-publish-dlx') {
      this.model.deaths.push(`maxlen ${modelled.body}`)
    }
    if (!refused) {
      if (modelled.direct) this.model.ready.push(modelled)
      else this.model.add(modelled)
    }
    const outcome = this.send(message, modelled)
    this.t.is(outcome, refused ? PublishOutcome.REJECTED : PublishOutcome.ACCEPTED)
    this.compareDeliveries()
  }

  protected send(message: Message, _modelled: ModelMessage): PublishOutcome {
    return this.queue.publish(message)
  }

  get #credit(): number {
    return this.consumers.reduce((sum, consumer) => sum + consumer.credit, 0)
  }

  #levelOf(priority: number): number {
    const { quorum, levels } = this.model.options
    return quorum ? Number(priority >= 5) : Math.min(priority, levels - 1)
  }

  protected get(noAck: boolean): void {
    const view = new Message()
    const place = this.queue.get(view, noAck)
    if (this.model.ready.length === 0) {
      this.t.is(place, -1)
      return
    }
    const message = this.model.take()
    this.t.is(view.body.toString().trimEnd(), message.body)
    this.t.is(this.queue.lastRedelivered, message.redelivered)
    if (!noAck) this.unacked.push({ message, place })
    else if (this.random.chance(50)) this.t.true(view.owned)
  }

  /** Takes one unacked message out of those there are. */
  protected settleOne(settle: (held: Held) => void): Held | undefined {
    const oldestFirst = this.random.chance(60)
    const index = oldestFirst ? 0 : this.random.below(this.unacked.length)
    const [held] = this.unacked.splice(index, 1)
    if (held !== undefined) settle(held)
    return held
  }

  protected requeue(): void {
    for (let count = this.random.of([1, 1, 1, 3, this.deep ? 100 : 20]); count > 0; count--) {
      const held = this.settleOne(({ place }) => this.queue.requeue(place))
      if (held !== undefined) this.model.putBack(held.message)
    }
    this.model.expire()
  }

  protected reject(): void {
    const held = this.settleOne(({ place }) => this.queue.reject(place))
    if (held !== undefined) this.model.deaths.push(`rejected ${held.message.body}`)
  }

  protected purge(): void {
    this.t.is(this.queue.purge(), this.model.ready.length)
    this.model.ready = []
  }

  #addConsumer(): void {
    if (this.consumers.length === 4) return
    const consumer = new FakeConsumer({ noAck: this.random.chance(30), credit: this.random.below(10) })
    this.consumers.push(consumer)
    this.queue.addConsumer(consumer)
    this.queue.drain()
  }

  #removeConsumer(): void {
    const [consumer] = this.consumers.splice(this.random.below(this.consumers.length), 1)
    if (consumer !== undefined) this.queue.removeConsumer(consumer)
  }

  #giveCredit(): void {
    for (const consumer of this.consumers) consumer.credit += this.random.below(8)
    this.host.context.turn.drain(this.queue)
  }

  #advance(): void {
    const ms = this.random.of([1, 5, 20, 100])
    this.host.advance(ms)
    this.model.advance(ms)
  }

  /** What consumers got must be the model's first messages, in that order. */
  protected compareDeliveries(): void {
    const deliveries = this.consumers.flatMap((consumer) =>
      consumer.deliveries.splice(0).map((delivery) => ({ delivery, noAck: consumer.noAck })),
    )
    const byBody = new Map(deliveries.map((entry) => [entry.delivery.body.trimEnd(), entry]))
    while (byBody.size > 0) {
      const message = this.model.take()
      const taken = byBody.get(message.body)
      if (taken === undefined) {
        this.t.fail(`${[...byBody.keys()]} delivered instead of ${message.body}`)
        throw new Error('out of step')
      }
      byBody.delete(message.body)
      const { delivery, noAck } = taken
      this.t.is(delivery.redelivered, message.redelivered)
      const count = integerOf(delivery.properties.headers?.get('x-delivery-count'))
      this.t.is(count, message.returns > 0 ? message.returns : undefined)
      if (!noAck) this.unacked.push({ message, place: delivery.place })
      this.model.expire()
    }
    if (this.#credit > 0 && !this.waiting)
      this.t.is(this.model.ready.length, 0, 'a ready consumer was left without messages')
  }

  protected compare(whole: boolean): void {
    const { ready } = this.model
    if (this.queue.messageCount !== ready.length || this.queue.unackedCount !== this.unacked.length) {
      this.t.deepEqual(
        bodies(this.queue).map((body) => body.trimEnd()),
        this.model.inOrder().map((message) => message.body),
      )
      throw new Error('out of step')
    }
    this.t.is(this.queue.readyBytes, this.model.readyBytes)
    this.t.deepEqual(this.#inPromisedOrder(this.deaths), this.#inPromisedOrder(this.model.deaths))
    if (!whole) return
    this.t.deepEqual(
      bodies(this.queue).map((body) => body.trimEnd()),
      this.model.inOrder().map((message) => message.body),
    )
    this.t.is(
      this.queue.unackedBytes,
      this.unacked.reduce((sum, held) => sum + held.message.bytes, 0),
    )
  }

  /** Deaths of one moment have an order within a line only. */
  #inPromisedOrder(deaths: string[]): string[] {
    const taken = deaths.splice(0)
    return this.model.options.levels > 1 ? taken.sort() : taken
  }

  protected async finish(): Promise<void> {
    for (const held of this.unacked.splice(0)) this.queue.acknowledge(held.place)
    this.queue.purge()
    await this.settle()
    this.t.is(this.host.memory.bodies.size, 0)
    this.t.true(this.host.memory.used <= 4096 * this.model.options.levels, `${this.host.memory.used} bytes kept`)
    this.t.is(this.queue.memoryBytes, this.host.memory.used)
    this.queue.markDeleted()
    this.t.is(this.host.memory.used, 0)
    this.t.is(this.host.context.timers.size, 0)
  }
}
