import { readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord, SegmentRef } from '../../store/index.ts'
import { readRuns, writeRuns } from './body-file-record.ts'
import { RecordType } from './record-type.ts'

const HEAD_BYTES = 60
/** Stands for a missing list of runs. */
const EVERYTHING = 0xffff_ffff

/** What a slab's file refers to in a body file. */
export interface StoredBodies {
  /** The body file's number. */
  readonly id: number
  /** Where the messages are: pairs of from and end (exclusive), ascending. */
  readonly runs: Int32Array
}

/** What there is to know of a slab that lies in a file, without opening that. */
export interface StoredSlab {
  /** The level of the line that it belongs to. */
  readonly level: number
  /** The slab's number in its queue. */
  readonly number: number
  readonly file: SegmentRef
  /** Where the slab ends: no record of it starts there or behind. */
  readonly end: number
  /** Records that start before this had been handed out. */
  readonly takenTo: number
  /** Journalled messages that are not settled. */
  readonly live: number
  /** Bytes of their records. */
  readonly liveBytes: number
  /** Bytes of their bodies. */
  readonly bodyBytes: number
  /** None of them expires before this, in ms since the epoch; 0: none of them ever does. */
  readonly expiry: number
  /** Where the live ones are: pairs of offsets, from and end (exclusive), ascending. Undefined: every record is live. */
  readonly runs: Int32Array | undefined
  /** How often those came back that did, where the file need not have it: pairs of offset and count, ascending. */
  readonly counts?: Int32Array
  /** What the file refers to elsewhere. */
  readonly bodies: readonly StoredBodies[]
}

/**
 * Says that a slab of a queue lies in a segment file, and what of it is alive at this moment.
 *
 *     uid:4  level:4  slab number:4  file id:8  file bytes:4  end:4  takenTo:4  live:4  live bytes:4  body bytes:8
 *     expiry:8  count of runs:4 (2^32 - 1: everything is alive)  (from:4  end:4) x count
 *
 * Where the file refers to body files, the record is of another type, and behind all that comes
 *
 *     count of files:4  (body file:8  count of runs:4  (from:4  end:4) x count) x count
 */
export class SegmentRecord implements JournalRecord {
  #uid = 0
  #slab: StoredSlab | undefined

  of(uid: number, slab: StoredSlab): this {
    this.#uid = uid
    this.#slab = slab
    return this
  }

  /** What to append it as. */
  get type(): RecordType {
    return this.#slab?.bodies.length === 0 ? RecordType.SEGMENT : RecordType.SEGMENT_SHARING
  }

  byteLength(): number {
    const { runs, bodies } = this.#slab as StoredSlab
    let bytes = HEAD_BYTES + 4 * (runs?.length ?? 0)
    if (bodies.length === 0) return bytes
    bytes += 4
    for (const body of bodies) bytes += 12 + 4 * body.runs.length
    return bytes
  }

  write(target: Buffer, at: number): void {
    const { level, number, file, end, takenTo, live, liveBytes, bodyBytes, expiry, runs, bodies } = this
      .#slab as StoredSlab
    writeUint32(target, at, this.#uid)
    writeUint32(target, at + 4, level)
    writeUint32(target, at + 8, number)
    writeUint64(target, at + 12, file.id)
    writeUint32(target, at + 20, file.bytes)
    writeUint32(target, at + 24, end)
    writeUint32(target, at + 28, takenTo)
    writeUint32(target, at + 32, live)
    writeUint32(target, at + 36, liveBytes)
    writeUint64(target, at + 40, bodyBytes)
    writeUint64(target, at + 48, expiry)
    writeUint32(target, at + 56, runs === undefined ? EVERYTHING : runs.length / 2)
    at += HEAD_BYTES
    if (runs !== undefined) {
      writeRuns(target, at, runs)
      at += 4 * runs.length
    }
    if (bodies.length === 0) return
    writeUint32(target, at, bodies.length)
    at += 4
    for (const body of bodies) {
      writeUint64(target, at, body.id)
      writeUint32(target, at + 8, body.runs.length / 2)
      writeRuns(target, at + 12, body.runs)
      at += 12 + 4 * body.runs.length
    }
  }
}

/** What a record of this kind says. @param isSharing it is of the type that has body files. */
export function readSegmentRecord(buffer: Buffer, from: number, isSharing: boolean): { uid: number; slab: StoredSlab } {
  const count = readUint32(buffer, from + 56)
  const runs = count === EVERYTHING ? undefined : readRuns(buffer, from + HEAD_BYTES, count)
  return {
    uid: readUint32(buffer, from),
    slab: {
      level: readUint32(buffer, from + 4),
      number: readUint32(buffer, from + 8),
      file: { id: readUint64(buffer, from + 12), bytes: readUint32(buffer, from + 20) },
      end: readUint32(buffer, from + 24),
      takenTo: readUint32(buffer, from + 28),
      live: readUint32(buffer, from + 32),
      liveBytes: readUint32(buffer, from + 36),
      bodyBytes: readUint64(buffer, from + 40),
      expiry: readUint64(buffer, from + 48),
      runs,
      bodies: isSharing ? readBodies(buffer, from + HEAD_BYTES + 4 * (runs?.length ?? 0)) : [],
    },
  }
}

function readBodies(buffer: Buffer, at: number): StoredBodies[] {
  const bodies: StoredBodies[] = []
  let left = readUint32(buffer, at)
  at += 4
  for (; left > 0; left--) {
    const runs = readRuns(buffer, at + 12, readUint32(buffer, at + 8))
    bodies.push({ id: readUint64(buffer, at), runs })
    at += 12 + 4 * runs.length
  }
  return bodies
}
