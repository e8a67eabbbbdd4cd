import { notFound, type Queue, type VirtualHosts } from '../broker/index.ts'
import { MessageSnapshot } from './message-snapshot.ts'

/** How long a wait may take. */
export interface WaitOptions {
  /** In ms. Default 5000. */
  readonly timeoutMs?: number
}

/** One consumer of a queue. */
export interface ConsumerView {
  readonly consumerTag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  /** `x-priority`; higher is served first. */
  readonly priority: number
}

const POLL_MS_MAX = 10

/**
 * A look into one queue from outside. It names the queue and does not hold it: the queue may be declared later, or be
 * deleted and declared again, and every call sees it as it is then.
 */
export class QueueView {
  readonly name: string
  readonly vhost: string
  readonly #hosts: VirtualHosts
  readonly #stopping: AbortSignal

  /** @param stopping ends all waiting when the broker stops. */
  constructor(hosts: VirtualHosts, vhost: string, name: string, stopping: AbortSignal) {
    this.#hosts = hosts
    this.#stopping = stopping
    this.vhost = vhost
    this.name = name
  }

  get exists(): boolean {
    return this.#find() !== undefined
  }

  /** Messages that wait for a consumer. @throws AmqpError 404 when there is no such queue. */
  get messageCount(): number {
    return this.#queue().messageCount
  }

  /** Messages handed to consumers and not yet acknowledged. @throws AmqpError 404 */
  get unackedCount(): number {
    return this.#queue().unackedCount
  }

  /** @throws AmqpError 404 */
  get consumerCount(): number {
    return this.#queue().consumerCount
  }

  /** Those with the highest priority first. @throws AmqpError 404 */
  get consumers(): ConsumerView[] {
    return [...this.#queue().consumers].map(({ consumerTag, noAck, exclusive, priority }) => ({
      consumerTag,
      noAck,
      exclusive,
      priority,
    }))
  }

  /**
   * The first messages that wait, oldest first; they stay where they are.
   * @param limit how many at most, 100 by default.
   * @throws AmqpError 404
   */
  messages(limit = 100): MessageSnapshot[] {
    return this.#queue()
      .peek(limit)
      .map((message) => new MessageSnapshot(message))
  }

  /** Drops the messages that wait. @returns how many. @throws AmqpError 404 */
  purge(): number {
    const queue = this.#queue()
    // A memory alarm that these messages had raised is over at the turn's end.
    queue.host.context.turn.schedule()
    return queue.purge()
  }

  /**
   * Waits until the queue is there and holds nothing: no message waits, and none is with a consumer unacknowledged.
   * @throws Error that says what it holds, when that takes longer than the timeout or the broker stops.
   */
  waitForEmpty(options: WaitOptions = {}): Promise<void> {
    return this.#wait('become empty', (queue) => queue.messageCount === 0 && queue.unackedCount === 0, options)
  }

  /** As `waitForEmpty`, until exactly that many messages wait for a consumer. */
  waitForCount(count: number, options: WaitOptions = {}): Promise<void> {
    return this.#wait(`hold ${messages(count)}`, (queue) => queue.messageCount === count, options)
  }

  /** As `waitForEmpty`, until at least that many consumers are there. */
  waitForConsumers(count: number, options: WaitOptions = {}): Promise<void> {
    return this.#wait(`have ${consumers(count)}`, (queue) => queue.consumerCount >= count, options)
  }

  // Polling leaves the queue's hot path without a hook that only tests would use.
  async #wait(wish: string, holds: (queue: Queue) => boolean, { timeoutMs = 5000 }: WaitOptions): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (let pause = 1; ; pause = Math.min(pause * 2, POLL_MS_MAX)) {
      const queue = this.#find()
      if (queue !== undefined && holds(queue)) return
      if (this.#stopping.aborted) throw new Error(`the broker was stopped before ${this} did ${wish}: ${this.#state()}`)
      if (performance.now() >= deadline) {
        throw new Error(`${this} did not ${wish} within ${timeoutMs} ms: ${this.#state()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }

  /** `queue 'orders' in vhost '/'` */
  toString(): string {
    return `queue '${this.name}' in vhost '${this.vhost}'`
  }

  #state(): string {
    const queue = this.#find()
    if (queue === undefined) return 'there is no such queue'
    return `it has ${messages(queue.messageCount)} waiting, ${queue.unackedCount} unacknowledged, ${consumers(queue.consumerCount)}`
  }

  #find(): Queue | undefined {
    return this.#hosts.find(this.vhost)?.queues.get(this.name)
  }

  #queue(): Queue {
    const queue = this.#find()
    if (queue === undefined) throw notFound('queue', this.name, this.vhost)
    return queue
  }
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`
}

function consumers(count: number): string {
  return count === 1 ? '1 consumer' : `${count} consumers`
}
