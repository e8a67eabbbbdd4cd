import type { Clock, Logger, Timers, Turn } from '../base/index.ts'
import type { PropertyView, Table } from '../codec/index.ts'
import type { Journal } from '../store/index.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Message } from './message.ts'
import type { Queue } from './queue/queue.ts'
import { SegmentTraffic } from './queue/segment-traffic.ts'
import { SharedBodies } from './queue/shared-bodies.ts'
import type { Slab } from './queue/slab.ts'
import { SlabPool } from './queue/slab-pool.ts'
import type { Storage } from './storage/index.ts'

/** So much above what may be held, or half of that, what is about to be read has to go as well. */
const SHORT_BYTES = 16 * 1024 * 1024

/** Bytes held in memory for messages, for the whole node; what the memory alarm looks at. */
export class MemoryAccount {
  /** Bytes of slabs and large bodies now held. */
  used = 0
  /** Memory that emptied queues gave back, for the next that fill; bounded, and not counted as used. */
  readonly pool = new SlabPool()
  /** Large bodies that rest beside the slabs, each counted once however many queues hold it. */
  readonly bodies = new SharedBodies()
  /** Slabs in memory that nothing is written to any more, the latest last: what could go to files. */
  readonly sealed = new Set<Slab>()
  /** Slabs on their way between memory and files. */
  readonly traffic = new SegmentTraffic(this.bodies)
  /** Bytes above which slabs go to files. */
  pagedAbove = Number.POSITIVE_INFINITY

  /** Far too much is held: nothing is read ahead, and slabs go that somebody is about to read. */
  get isShort(): boolean {
    return this.used > this.pagedAbove + Math.max(this.pagedAbove / 2, SHORT_BYTES)
  }
}

/** Limits that hold for every queue and exchange of a node. */
export interface BrokerLimits {
  /** Largest body a publish may carry, in bytes. */
  readonly maxMessageSize: number
  /** How long a delivery may stay unacknowledged, in ms; 0 for ever. */
  readonly consumerTimeoutMs: number
}

/** What all entities of a node share, handed down at construction. */
export interface BrokerContext {
  readonly clock: Clock
  readonly timers: Timers
  readonly turn: Turn
  readonly journal: Journal
  readonly log: Logger
  readonly memory: MemoryAccount
  readonly limits: BrokerLimits
  readonly storage: Storage
  /**
   * For a look at one message's properties, over when the looker calls anybody else. One for all: it keeps the chunk
   * alive that it saw last, and one in each of ten thousand queues would keep ten thousand.
   */
  readonly propertyView: PropertyView
}

/** Why a message left a queue for its dead-letter exchange; the values of x-death's `reason`. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/** What a queue or an exchange asks of the vhost it lives in. */
export interface EntityHost {
  readonly name: string
  readonly context: BrokerContext
  /** Routes a dead letter; never throws, a missing exchange drops the message. */
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void
  /** Removes a queue that has expired or lost its last consumer. */
  deleteQueue(queue: Queue): void
  /** Routes and enqueues a message that an exchange had kept back, from that exchange on. */
  publishFrom(exchange: Exchange, message: Message): void
}

/** How a queue or exchange was asked for. */
export interface EntityOptions {
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: Table
}
