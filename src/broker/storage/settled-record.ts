import { readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'

/** As the end of a stretch: whatever the slab holds. */
export const SLAB_END = 0xffff_ffff

/**
 * Tells the journal that messages it knows are done with in one queue: every record that starts in a stretch of one of
 * its slabs. Count and bytes are there because the slab may lie in a file that nobody wants to open for that. Reused
 * for every append.
 *
 *     uid:4  slab number:4  from:4  end:4 (exclusive)  messages:4  body bytes:8
 */
export class SettledRecord implements JournalRecord {
  uid = 0
  slabNumber = 0
  from = 0
  end = 0
  /** How many messages are settled with it; meaningless up to SLAB_END. */
  count = 0
  /** Bytes of their bodies; meaningless up to SLAB_END. */
  bodyBytes = 0

  of(uid: number, slabNumber: number, from: number, end: number, count: number, bodyBytes: number): this {
    this.uid = uid
    this.slabNumber = slabNumber
    this.from = from
    this.end = end
    this.count = count
    this.bodyBytes = bodyBytes
    return this
  }

  /** Takes over what a record of this kind says. */
  read(buffer: Buffer, from: number): this {
    this.uid = readUint32(buffer, from)
    this.slabNumber = readUint32(buffer, from + 4)
    this.from = readUint32(buffer, from + 8)
    this.end = readUint32(buffer, from + 12)
    this.count = readUint32(buffer, from + 16)
    this.bodyBytes = readUint64(buffer, from + 20)
    return this
  }

  byteLength(): number {
    return 28
  }

  write(target: Buffer, at: number): void {
    writeUint32(target, at, this.uid)
    writeUint32(target, at + 4, this.slabNumber)
    writeUint32(target, at + 8, this.from)
    writeUint32(target, at + 12, this.end)
    writeUint32(target, at + 16, this.count)
    writeUint64(target, at + 20, this.bodyBytes)
  }
}
