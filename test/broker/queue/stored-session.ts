import type { ExecutionContext } from 'ava'
import type { Message } from '../../../src/broker/message.ts'
import type { PublishOutcome, Queue } from '../../../src/broker/queue/index.ts'
import { FakeSegments } from './fake-segments.ts'
import { FakeHost } from './fakes.ts'
import type { ModelMessage } from './model.ts'
import { Session } from './session.ts'
import { checkpoint, publish, quiet, replay, restart, type Stored, swept } from './stored.ts'

const UID = 7

/**
 * A stored queue and its model, with a journal that is kept and files beside it: slabs are paged out at any time, read
 * late, checkpointed, and the broker stops or crashes. What a vhost, a pager and a checkpointer would do is done here.
 */
export class StoredSession extends Session {
  protected readonly segments: FakeSegments
  /** Bodies of messages that do not survive a restart. */
  readonly #transient = new Set<string>()
  readonly #restarts: boolean
  pagedOut = 0
  restarts = 0
  waits = 0

  /** @param restarts whether the broker stops and crashes now and then. */
  constructor(t: ExecutionContext, seed: number, args: Record<string, unknown>, restarts: boolean) {
    const segments = new FakeSegments()
    super(t, seed, args, true, new FakeHost(segments))
    this.segments = segments
    this.#restarts = restarts
    this.expiring = args['x-message-ttl'] !== undefined
  }

  protected override declare(): Queue {
    return this.host.queue('q', this.args, { durable: true, uid: UID })
  }

  protected override settle(): Promise<void> {
    return quiet(this.#stored)
  }

  get #stored(): Stored {
    const { host, segments, queue, args } = this
    return { host, segments, queue, args }
  }

  protected override send(message: Message, { body }: ModelMessage): PublishOutcome {
    const persistent = !this.random.chance(20)
    if (!persistent && this.args['x-queue-type'] !== 'quorum') this.#transient.add(body)
    return publish(this.host, this.queue, message, persistent)
  }

  protected override async step(): Promise<void> {
    const { random } = this
    const dice = random.below(100)
    if (dice < 15) await this.#pageOut()
    else if (dice < 20 && !this.expiring) await this.#whileHeld()
    else if (dice < 22) await this.#loadSome()
    else if (dice < 24) this.#checkpoint()
    else if (dice < 26 && this.#restarts) await this.#restart(random.chance(30))
    else await super.step()
  }

  /** Any slab may go, as if memory were short all the time. */
  async #pageOut(): Promise<void> {
    const { random } = this
    for (const slab of [...this.queue.slabs()]) {
      const { line } = slab
      if (!random.chance(60) || !slab.resident || slab.live === 0) continue
      if (slab === line.tail) line.seal(slab)
      if (random.chance(20)) line.pack(slab)
      if (slab.segment === undefined) {
        const writing = this.host.memory.traffic.write(slab, this.host.context)
        if (random.chance(30)) this.settleOne((held) => this.queue.acknowledge(held.place))
        if (random.chance(30)) this.requeue()
        const written = await writing
        if (written === undefined) continue
        if (slab.live === 0 || slab.segment !== undefined) {
          this.host.memory.traffic.discard(written, this.host.context)
          continue
        }
        line.setSegment(slab, written, false)
      }
      if (line.pageOut(slab)) this.pagedOut++
    }
  }

  async #loadSome(): Promise<void> {
    for (const slab of [...this.queue.slabs()]) {
      if (!this.random.chance(50)) continue
      if (slab.segment !== undefined) this.t.is(await slab.line.load(slab), true)
    }
  }

  /** Things happen while a slab is being read. Not with expirations: the model's would not wait. */
  async #whileHeld(): Promise<void> {
    const { random, segments } = this
    segments.held = true
    this.waiting = true
    for (const consumer of this.consumers) consumer.credit += this.random.below(8)
    this.queue.drain()
    this.compareDeliveries()
    for (let count = random.below(6); count > 0; count--) {
      const dice = random.below(6)
      if (dice === 0) this.publish()
      else if (dice === 1) this.settleOne((held) => this.queue.acknowledge(held.place))
      else if (dice === 2) this.requeue()
      else if (dice === 3) this.reject()
      else if (dice === 4 && random.chance(30)) this.purge()
      else if (dice === 5) await this.#pageOut()
      this.host.settle()
      this.compareDeliveries()
    }
    if (segments.waiting > 0) this.waits++
    segments.release()
    await this.settle()
    this.waiting = false
  }

  #checkpoint(): void {
    checkpoint(this.#stored, () => this.random.chance(50))
  }

  /** @param clean everything was put back and told to the journal before. */
  async #restart(clean: boolean): Promise<void> {
    this.restarts++
    for (const consumer of this.consumers.splice(0)) this.queue.removeConsumer(consumer)
    if (clean) {
      for (const { message, place } of this.unacked.splice(0)) {
        this.queue.requeue(place)
        this.model.putBack(message)
      }
      await this.settle()
      // What has come back too late dies now, also if it would not have survived the stop.
      this.model.expire()
      this.#checkpoint()
    }
    const { host, queue } = restart(this.#stored, clean)
    this.host = host
    this.queue = queue
    this.noteDeaths()
    const { model } = this
    model.ready.push(...this.unacked.splice(0).map(({ message }) => message))
    model.ready = model.ready.filter(({ body }) => !this.#transient.has(body))
    for (const message of model.ready) {
      message.returned = false
      message.direct = false
      if (!clean) message.redelivered = true
    }
  }

  protected override async finish(): Promise<void> {
    await super.finish()
    await swept(this.host)
    this.t.is(this.segments.files.size, 0, 'files nobody needs are left')
    const restored = replay(this.#stored)
    this.t.deepEqual(restored?.slabs ?? [], [])
    this.t.deepEqual(restored?.segments ?? [], [])
  }
}
