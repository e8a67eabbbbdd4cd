import type { DeathReason } from '../host.ts'
import { recordExpiry } from './record.ts'
import type { RestoredQueue } from './restored.ts'
import type { Slab } from './slab.ts'

/**
 * What a crash has left open about the dead letters of a queue: a letter is delivered before it is durable. If the crash
 * took it, the message is here again and dies again, and its letter may be one that somebody has had.
 */
export class CrashTail {
  /** The highest number of the slabs that were there at the crash. */
  readonly lastSlabNumber: number
  /** When the broker came back, in ms since the epoch. */
  readonly startedAt: number

  constructor(lastSlabNumber: number, startedAt: number) {
    this.lastSlabNumber = lastSlabNumber
    this.startedAt = startedAt
  }

  /** What is open after a restart, at this time: of the crash before it, or else of an earlier one. */
  static of({ crashed, crashTail, lastSlabNumber }: RestoredQueue, now: number): CrashTail | undefined {
    return crashed ? new CrashTail(lastSlabNumber, now) : crashTail
  }

  /** Whether this record, which is in memory, may have gone to the dead-letter exchange before the crash. */
  mayHaveBuried(slab: Slab, offset: number, reason: DeathReason): boolean {
    if (slab.number > this.lastSlabNumber) return false
    return reason !== 'expired' || recordExpiry(slab.memory.words, slab.locate(offset)) <= this.startedAt
  }

  /** Something that was there at the crash still is. */
  concerns(slabs: Iterable<Slab>): boolean {
    for (const { number } of slabs) if (number <= this.lastSlabNumber) return true
    return false
  }
}
