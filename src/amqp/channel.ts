import type { Permissions } from '../auth/index.ts'
import type { Timer } from '../base/index.ts'
import { AmqpError, type Queue, type VirtualHost } from '../broker/index.ts'
import { encodeChannelClose, ReplyCode } from '../codec/index.ts'
import { Confirms } from './confirm.ts'
import type { Connection } from './connection.ts'
import type { AmqpConsumer } from './consumer.ts'
import type { DirectReply } from './direct-reply.ts'
import { shortText } from './errors.ts'
import { Publisher } from './publisher.ts'
import type { Transaction } from './transaction.ts'
import { Unacked } from './unacked.ts'

/** How often the age of deliveries is looked at, at most. Source: RabbitMQ's channel tick. */
const ACK_CHECK_MS = 60_000

/** One channel of a connection: what is open on it, and what of its deliveries is outstanding. */
export class Channel {
  readonly connection: Connection
  readonly number: number
  readonly vhost: VirtualHost
  readonly permissions: Permissions
  state: 'open' | 'closing' = 'open'
  /** The tag of the latest delivery. */
  deliveryTag = 0
  readonly unacked = new Unacked()
  readonly consumers = new Map<string, AmqpConsumer>()
  readonly publisher: Publisher
  /** For consumers to come; 0 for no limit. */
  prefetchCount = 0
  /** For all deliveries of the channel together; 0 for no limit. */
  globalPrefetch = 0
  /** Deliveries that count against that limit. */
  outstanding = 0
  /** Up to this tag, what basic.get has handed out counts, too. */
  #countedTag = 0
  confirms: Confirms | undefined
  transaction: Transaction | undefined
  directReply: DirectReply | undefined
  /** The queue that an empty name stands for. */
  lastQueue = ''
  #ackTimer: Timer | undefined
  /** The latest delivery tag at each of the last looks at the deliveries' age. */
  #ackMarks: { at: number; deliveryTag: number }[] = []

  constructor(connection: Connection, number: number, vhost: VirtualHost, permissions: Permissions) {
    this.connection = connection
    this.number = number
    this.vhost = vhost
    this.permissions = permissions
    this.publisher = new Publisher(this)
  }

  /** A basic.publish may be handled in place: the channel is open and no other content is under way. */
  get takesPublish(): boolean {
    return this.state === 'open' && this.publisher.idle
  }

  /**
   * Sets the limit for all deliveries of the channel together. What basic.get hands out does not count, except what
   * was out when the limit was set first. Source: RabbitMQ.
   */
  limitPrefetch(prefetchCount: number): void {
    if (this.globalPrefetch === 0) {
      this.#countedTag = this.deliveryTag
      this.outstanding = this.unacked.count + (this.transaction?.settledCount ?? 0)
    }
    this.globalPrefetch = prefetchCount
    this.wakeConsumers()
  }

  /** A delivery has been settled for good. */
  uncount(deliveryTag: number, consumer: AmqpConsumer | undefined): void {
    if (consumer === undefined && deliveryTag > this.#countedTag) return
    const wasLimited = this.globalPrefetch !== 0 && this.outstanding >= this.globalPrefetch
    this.outstanding--
    if (wasLimited) this.wakeConsumers()
  }

  send(frame: Buffer): void {
    this.connection.out.append(frame)
  }

  /** From here on publishes are counted and confirmed. */
  selectConfirms(): void {
    this.confirms ??= new Confirms(this.connection, this.number)
  }

  settleConfirms(): void {
    this.confirms?.settle()
  }

  /** A delivery that needs an ack is about to be sent. */
  track(deliveryTag: number, queue: Queue, place: number, consumer: AmqpConsumer | undefined): void {
    this.unacked.push(deliveryTag, queue, place, consumer)
    if (consumer !== undefined) this.outstanding++
    if (this.#ackTimer === undefined) this.#watchAcks()
  }

  /** Lets queues try again after a limit of the whole channel was lifted. */
  wakeConsumers(): void {
    for (const consumer of this.consumers.values()) this.connection.turn.drain(consumer.queue)
  }

  /** Closes the channel because of an error of the client's; everything on it is ignored until its close-ok. */
  fail(error: AmqpError, classId: number, methodId: number): void {
    this.connection.log.error(`channel ${this.number} of ${this.connection.name} is closed: ${error.message}`, {
      user: this.connection.user?.name,
    })
    this.settleConfirms()
    this.removeConsumers()
    this.release()
    this.state = 'closing'
    this.send(
      encodeChannelClose(this.number, {
        replyCode: error.code,
        replyText: shortText(error.message),
        classId,
        methodId,
      }),
    )
  }

  removeConsumers(): void {
    const consumers = [...this.consumers.values()]
    this.consumers.clear()
    for (const consumer of consumers) consumer.queue.removeConsumer(consumer)
  }

  /** Gives everything back: unacked messages return to their queues, an open transaction is forgotten. */
  release(): void {
    this.connection.timers.cancel(this.#ackTimer)
    this.#ackTimer = undefined
    this.transaction?.rollback(this)
    this.requeueAll()
    this.confirms?.close()
    this.directReply?.cancel()
    this.directReply = undefined
    this.publisher.release()
  }

  requeueAll(): void {
    const { unacked } = this
    // A message given back once too often may arrive here again, from the queue of its dead letters.
    const lastTag = this.deliveryTag
    for (let slot = unacked.oldest(); slot >= 0; slot = unacked.oldest()) {
      const deliveryTag = unacked.tagAt(slot)
      if (deliveryTag > lastTag) break
      const queue = unacked.queueAt(slot)
      const place = unacked.placeAt(slot)
      const consumer = unacked.consumerAt(slot)
      unacked.remove(slot)
      if (consumer !== undefined) consumer.inFlight--
      this.uncount(deliveryTag, consumer)
      queue.requeue(place)
    }
  }

  #watchAcks(): void {
    const { consumerTimeoutMs } = this.vhost.context.limits
    if (consumerTimeoutMs === 0) return
    const { clock, timers } = this.connection
    const interval = Math.min(ACK_CHECK_MS, consumerTimeoutMs / 2)
    this.#ackTimer = timers.schedule(clock.now + interval, () => this.#checkAcks(consumerTimeoutMs))
  }

  /**
   * Finds deliveries that wait too long without a time stamp for each: a tag that was out at a look that is older than
   * the timeout and still waits is too old.
   */
  #checkAcks(timeoutMs: number): void {
    this.#ackTimer = undefined
    const oldest = this.unacked.oldest()
    if (oldest < 0) {
      this.#ackMarks = []
      return
    }
    const now = this.connection.clock.now
    const marks = this.#ackMarks
    marks.push({ at: now, deliveryTag: this.deliveryTag })
    let expiredTag = 0
    while (marks.length > 0 && (marks[0] as { at: number }).at <= now - timeoutMs) {
      expiredTag = (marks.shift() as { deliveryTag: number }).deliveryTag
    }
    if (this.unacked.tagAt(oldest) <= expiredTag) {
      this.fail(
        new AmqpError(
          ReplyCode.PRECONDITION_FAILED,
          `PRECONDITION_FAILED - delivery acknowledgement on channel ${this.number} timed out. Timeout value used: ${timeoutMs} ms. This timeout value can be configured, see consumers doc guide to learn more`,
        ),
        0,
        0,
      )
      return
    }
    this.#watchAcks()
  }
}
