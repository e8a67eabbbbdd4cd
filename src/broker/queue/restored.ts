import type { Message } from '../message.ts'
import type { StoredSlab } from '../storage/index.ts'
import type { CrashTail } from './crash-tail.ts'
import type { SlabMemory } from './slab-pool.ts'

/** Messages of one slab as the journal has them, without a file: records in the slab's format, few bytes between them. */
export interface RestoredSlab {
  /** The slab's number in its queue. */
  readonly number: number
  readonly memory: SlabMemory
  /** Where the records end in memory. */
  readonly end: number
  /** The offset that each had in the slab, ascending. */
  readonly offsets: Int32Array
  /** Where each is in memory now. */
  readonly at: Int32Array
  /** Large messages that other queues have as well, by the offset of their record. */
  readonly references: ReadonlyMap<number, Message>
  /** Behind the last record that the slab is known to have had. */
  readonly slabEnd: number
}

/** The messages of one queue as a restart finds them. */
export interface RestoredQueue {
  readonly uid: number
  /** By number. */
  readonly segments: readonly StoredSlab[]
  /** By number; none of these is among the segments. */
  readonly slabs: readonly RestoredSlab[]
  /** Every message may have been delivered before, and its dead letter too. */
  readonly crashed: boolean
  /** What an earlier crash has left open, if this was none. */
  readonly crashTail: CrashTail | undefined
  /** The highest number that a slab has had, -1 for none. */
  readonly lastSlabNumber: number
}
