import {
  type Message,
  preconditionFailed,
  type Queue,
  type ResolvedPublish,
  type Route,
  type VirtualHost,
} from '../broker/index.ts'
import type { Position } from '../store/index.ts'
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

/**
 * Bytes of messages that one transaction may have: its records are one group of the journal, and that has to be in memory
 * whole.
 */
const TRANSACTION_BYTES_MAX = 256 * 1024 * 1024

/**
 * What a channel has published and settled since its last commit or rollback. Messages are routed when they are
 * published and enqueued at commit; settlements are checked at once and take effect at commit. Source: RabbitMQ.
 */
export class Transaction {
  #publishes: PendingPublish[] = []
  /** Of the publishes' messages. */
  #bytes = 0
  #settlements: PendingSettlement[] = []

  /** @throws AmqpError 406 for malformed CC or BCC headers, or when the transaction becomes too large. */
  publish(vhost: VirtualHost, route: Route, message: Message, mandatory: boolean): void {
    const kept = message.owned ? message.copyView() : message.copy()
    const resolved = vhost.resolve(route, kept)
    const bytes = kept.buffer.length
    // A single message may be as large as messages may be.
    if (this.#bytes > 0 && this.#bytes + bytes > TRANSACTION_BYTES_MAX) {
      throw preconditionFailed(`a transaction is larger than ${TRANSACTION_BYTES_MAX} bytes`)
    }
    this.#bytes += bytes
    vhost.context.memory.used += bytes
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
   * What is published and settled comes back after a crash all of it or not at all. A commit is about queues: what becomes
   * of a message outside the broker (`PublishResult.pending`) is neither waited for nor undone.
   * @returns what has to be completed before commit-ok may be sent; 0 for nothing.
   * @throws AmqpError 406 when a queue has refused a message.
   */
  commit(channel: Channel): Position {
    const { storage, journal } = channel.vhost.context
    const publishes = this.#takePublishes(channel)
    const settlements = this.#settlements
    this.#settlements = []
    // Told before: what others have settled is not part of this.
    storage.settlements.flush()
    const before = journal.appended
    let rejected = false
    let settled = 0
    storage.beginGroup()
    try {
      for (const publish of publishes) rejected = publishNow(channel, publish) || rejected
      for (const { deliveryTag, queue, place, consumer, settlement } of settlements) {
        settled++
        applySettlement(channel, deliveryTag, queue, place, consumer, settlement)
      }
    } finally {
      storage.settlements.flush()
      storage.endGroup()
      // What went wrong was a defect, or the disk: nobody else would give the rest back.
      channel.unacked.restore(settlements.slice(settled))
    }
    if (rejected) throw preconditionFailed('partial tx completion')
    return journal.appended > before ? journal.appended : 0
  }

  /** Forgets the publishes; what was settled waits for its settlement again, without being delivered again. */
  rollback(channel: Channel): void {
    this.#takePublishes(channel)
    const settlements = this.#settlements
    this.#settlements = []
    channel.unacked.restore(settlements)
  }

  #takePublishes(channel: Channel): readonly PendingPublish[] {
    const publishes = this.#publishes
    channel.vhost.context.memory.used -= this.#bytes
    this.#publishes = []
    this.#bytes = 0
    return publishes
  }
}

/** @returns whether a queue has refused it. */
function publishNow(channel: Channel, { route, message, mandatory, resolved }: PendingPublish): boolean {
  const { vhost } = channel
  const result = resolved === undefined ? vhost.publish(route, message) : vhost.publishResolved(resolved)
  if (mandatory && !result.routed) returnMessage(channel, resolved?.message ?? result.stored ?? message)
  return result.rejected
}
