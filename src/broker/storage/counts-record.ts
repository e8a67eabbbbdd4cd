import { readUint32, writeUint32 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'

const HEAD_BYTES = 12
const ENTRY_BYTES = 8

/**
 * How often messages in one slab of a quorum queue were handed out and came back. Reused for every append.
 *
 *     uid:4  slab number:4  count:4  (offset:4  delivery count:4) x count
 */
export class CountsRecord implements JournalRecord {
  #uid = 0
  #slabNumber = 0
  #counts: ArrayLike<number> = []

  /** @param counts pairs of offset and delivery count; only read until the record is appended. */
  of(uid: number, slabNumber: number, counts: ArrayLike<number>): this {
    this.#uid = uid
    this.#slabNumber = slabNumber
    this.#counts = counts
    return this
  }

  byteLength(): number {
    return HEAD_BYTES + (this.#counts.length / 2) * ENTRY_BYTES
  }

  write(target: Buffer, at: number): void {
    writeUint32(target, at, this.#uid)
    writeUint32(target, at + 4, this.#slabNumber)
    writeUint32(target, at + 8, this.#counts.length / 2)
    for (let index = 0; index < this.#counts.length; index++) {
      writeUint32(target, at + HEAD_BYTES + 4 * index, this.#counts[index] as number)
    }
  }
}

/** What a record of this kind says. */
export interface FoundCounts {
  readonly uid: number
  readonly slabNumber: number
  /** Pairs of offset and delivery count. */
  readonly counts: Int32Array
}

export function readCounts(buffer: Buffer, from: number): FoundCounts {
  const counts = new Int32Array(2 * readUint32(buffer, from + 8))
  for (let index = 0; index < counts.length; index++) counts[index] = readUint32(buffer, from + HEAD_BYTES + 4 * index)
  return { uid: readUint32(buffer, from), slabNumber: readUint32(buffer, from + 4), counts }
}
