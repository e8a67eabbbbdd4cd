import { readUint32, readUint64, ValueRecord } from '../../codec/index.ts'
import type { CrashTail } from '../queue/crash-tail.ts'

/** What a record of this kind says. */
export interface StoredCrashTail {
  readonly uid: number
  readonly lastSlabNumber: number
  readonly startedAt: number
}

/**
 * What a checkpoint says of a queue that has come through a crash: letters of what lies in its slabs up to this one may
 * have been delivered before.
 *
 *     uid:4  last slab number:4  started at:8 (ms since the epoch)
 */
export function crashTailRecord(uid: number, { lastSlabNumber, startedAt }: CrashTail): ValueRecord {
  return new ValueRecord((values) => values.long(uid).long(lastSlabNumber).longlong(startedAt))
}

export function readCrashTail(buffer: Buffer, from: number): StoredCrashTail {
  return {
    uid: readUint32(buffer, from),
    lastSlabNumber: readUint32(buffer, from + 4),
    startedAt: readUint64(buffer, from + 8),
  }
}
