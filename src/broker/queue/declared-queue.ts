import type { Table } from '../../codec/index.ts'
import type { Consumer } from '../consumer.ts'
import { Deduplicator } from '../deduplication.ts'
import type { Binding } from '../exchange/index.ts'
import type { EntityHost, EntityOptions } from '../host.ts'
import { isSingleActive, queueTypeOf, withQueueType } from './arguments.ts'
import { Consumers } from './consumers.ts'
import { type Follower, Followers, type QueueEnd } from './followers.ts'
import { QueueLimits, type QueueType } from './limits.ts'
import { QueueStats } from './stats.ts'

export interface QueueOptions extends EntityOptions {
  /** The connection that alone may use it; undefined for everybody's queue. */
  readonly exclusiveOwner: object | undefined
  /** The number it had before a restart. */
  readonly uid?: number
}

/** What a queue was declared with, and who is around it; what it holds is not here. */
export class DeclaredQueue {
  readonly host: EntityHost
  readonly name: string
  /** Unique in the node; stands for the queue in the journal. */
  readonly uid: number
  readonly type: QueueType
  readonly durable: boolean
  /** Comes back after a restart, and so do its persistent messages: durable, and nobody's alone. */
  readonly stored: boolean
  readonly autoDelete: boolean
  readonly exclusiveOwner: object | undefined
  /** As declared, and `x-queue-type` also if it was not. */
  readonly arguments: Table
  readonly limits: QueueLimits
  readonly consumers: Consumers
  /** Asked once for each message that arrives. */
  readonly deduplicator: Deduplicator | undefined
  readonly stats = new QueueStats()
  /** The bindings that lead here; maintained by the vhost. */
  readonly bindings = new Set<Binding>()
  /** A dead letter that came back to here was dropped, and the log has said so; maintained by the vhost. */
  deathCycleSeen = false
  /** Undefined while nobody follows anything, which is nearly always. */
  protected followers: Followers | undefined = undefined

  /** @param options whose arguments `validateQueueArguments` has let pass. */
  constructor(host: EntityHost, name: string, options: QueueOptions) {
    const { uids } = host.context.storage
    const args = withQueueType(options.arguments)
    this.host = host
    this.name = name
    this.uid = options.uid ?? uids.next()
    uids.seen(this.uid)
    this.type = queueTypeOf(args)
    this.durable = options.durable
    this.stored = options.durable && options.exclusiveOwner === undefined
    this.autoDelete = options.autoDelete
    this.exclusiveOwner = options.exclusiveOwner
    this.arguments = args
    this.limits = new QueueLimits(this.type, args)
    this.consumers = new Consumers(isSingleActive(args))
    this.deduplicator = Deduplicator.from(args)
  }

  /** The follower is told of the end of the message with this place, until `unfollow`. */
  follow(place: number, follower: Follower): void {
    this.followers ??= new Followers()
    this.followers.add(place, follower)
  }

  unfollow(place: number): void {
    this.followers?.remove(place)
    if (this.followers?.size === 0) this.followers = undefined
  }

  get consumerCount(): number {
    return this.consumers.count
  }

  /** The consumer that gets everything, where there is a single active one. */
  get activeConsumer(): Consumer | undefined {
    return this.consumers.active
  }

  get deadLetterExchange(): string | undefined {
    return this.limits.deadLetterExchange
  }

  get deadLetterRoutingKey(): string | undefined {
    return this.limits.deadLetterRoutingKey
  }

  /** @returns whether somebody has followed that message. */
  protected tell(followers: Followers, place: number, end: QueueEnd): boolean {
    const told = followers.tell(place, end)
    if (followers.size === 0) this.followers = undefined
    return told
  }
}
