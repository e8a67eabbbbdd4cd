import { readUint32, writeUint32 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'

/**
 * Tells the journal that messages it knows are done with in one queue: every record that starts in a stretch of one of
 * its slabs. Reused for every append.
 *
 *     uid:4  slab number:4  from:4  end:4 (exclusive)
 */
export class SettledRecord implements JournalRecord {
  uid = 0
  slabNumber = 0
  from = 0
  end = 0

  of(uid: number, slabNumber: number, from: number, end: number): this {
    this.uid = uid
    this.slabNumber = slabNumber
    this.from = from
    this.end = end
    return this
  }

  /** Takes over what a record of this kind says. */
  read(buffer: Buffer, from: number): this {
    return this.of(
      readUint32(buffer, from),
      readUint32(buffer, from + 4),
      readUint32(buffer, from + 8),
      readUint32(buffer, from + 12),
    )
  }

  byteLength(): number {
    return 16
  }

  write(target: Buffer, at: number): void {
    writeUint32(target, at, this.uid)
    writeUint32(target, at + 4, this.slabNumber)
    writeUint32(target, at + 8, this.from)
    writeUint32(target, at + 12, this.end)
  }
}
