import { writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'

/** Stands for the place of a message that was handed over on arrival and so never had one. */
export const NO_PLACE = -1
/** Stands for all that was ready. */
export const ALL_READY = -2

/**
 * Tells the journal that a message it knows is settled in one queue, and need not come back after a restart. Reused
 * for every append.
 *
 *     uid:4  place:8
 */
export class SettleRecord implements JournalRecord {
  #uid = 0
  #place = 0

  of(uid: number, place: number): this {
    this.#uid = uid
    this.#place = place
    return this
  }

  byteLength(): number {
    return 12
  }

  write(target: Buffer, at: number): void {
    writeUint32(target, at, this.#uid)
    writeUint64(target, at + 4, this.#place < 0 ? 2 ** 53 + this.#place : this.#place)
  }
}
