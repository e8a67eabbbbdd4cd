import {
  type Message,
  preconditionFailed,
  type Queue,
  type ResolvedPublish,
  type Route,
  type VirtualHost,
} from '../broker/index.ts'
import type { Journal, JournalWaiter, Position } from '../store/index.ts'
import type { Channel } from './channel.ts'
import type { AmqpConsumer } from './consumer.ts'
import { returnMessage } from './publisher.ts'
import { applySettlement, type Settlement } from './settlement.ts'

interface PendingPublish {
  readonly route: Route
  readonly message: Message
  readonly mandatory: boolean
  /** Where it goes, if that could be fixed when it was published. */
  readonly resolved: ResolvedPublish | undefined
}

interface PendingSettlement {
  readonly deliveryTag: number
  readonly queue: Queue
  readonly place: number
  readonly consumer: AmqpConsumer | undefined
  readonly settlement: Settlement
}

interface PendingCommit {
  readonly position: Position
  readonly committed: () => void
}

/**
 * What a channel has published and settled since its last commit or rollback. Messages are routed when they are
 * published and enqueued at commit; settlements are checked at once and take effect at commit. Source: RabbitMQ.
 */
export class Transaction implements JournalWaiter {
  readonly #journal: Journal
  #publishes: PendingPublish[] = []
  #settlements: PendingSettlement[] = []
  /** Commits that wait for the journal, in order. */
  #commits: PendingCommit[] = []

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** @throws AmqpError 406 for malformed CC or BCC headers. */
  publish(vhost: VirtualHost, route: Route, message: Message, mandatory: boolean): void {
    const kept = message.owned ? message.copyView() : message.copy()
    const resolved = vhost.resolve(route, kept)
    vhost.context.memory.used += kept.buffer.length
    this.#publishes.push({ route, message: kept, mandatory, resolved })
  }

  /** Deliveries settled and not committed: to the limits of the channel they still are outstanding. */
  get settledCount(): number {
    return this.#settlements.length
  }

  settle(
    deliveryTag: number,
    queue: Queue,
    place: number,
    consumer: AmqpConsumer | undefined,
    settlement: Settlement,
  ): void {
    this.#settlements.push({ deliveryTag, queue, place, consumer, settlement })
  }

  /**
   * @param committed called when everything is as safe as the journal makes it.
   * @throws AmqpError 406 when a queue has refused a message.
   */
  commit(channel: Channel, committed: () => void): void {
    const publishes = this.#publishes
    const settlements = this.#settlements
    this.#publishes = []
    this.#settlements = []
    let position: Position = 0
    let rejected = false
    for (const { route, message, mandatory, resolved } of publishes) {
      channel.vhost.context.memory.used -= message.buffer.length
      const { vhost } = channel
      const result = resolved === undefined ? vhost.publish(route, message) : vhost.publishResolved(resolved)
      position = Math.max(position, result.position)
      rejected ||= result.rejected
      if (mandatory && !result.routed) returnMessage(channel, resolved?.message ?? result.stored ?? message)
    }
    for (const { deliveryTag, queue, place, consumer, settlement } of settlements) {
      applySettlement(channel, deliveryTag, queue, place, consumer, settlement)
    }
    if (rejected) throw preconditionFailed('partial tx completion')
    this.#whenCompleted(position, committed)
  }

  /** Forgets the publishes; what was settled waits for its settlement again, without being delivered again. */
  rollback(channel: Channel): void {
    for (const { message } of this.#publishes) channel.vhost.context.memory.used -= message.buffer.length
    this.#publishes = []
    const settlements = this.#settlements
    this.#settlements = []
    channel.unacked.restore(settlements)
  }

  journalCompleted(): void {
    const { completed } = this.#journal
    for (let first = this.#commits[0]; first !== undefined && first.position <= completed; first = this.#commits[0]) {
      this.#commits.shift()
      first.committed()
    }
    if (this.#commits.length === 0) this.#journal.removeWaiter(this)
  }

  /** The channel has gone: nobody is left to tell. */
  close(channel: Channel): void {
    this.rollback(channel)
    this.#commits = []
    this.#journal.removeWaiter(this)
  }

  #whenCompleted(position: Position, committed: () => void): void {
    if (this.#commits.length === 0 && position <= this.#journal.completed) {
      committed()
      return
    }
    if (this.#commits.length === 0) this.#journal.addWaiter(this)
    this.#commits.push({ position, committed })
  }
}
