import { readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord, SegmentRef } from '../../store/index.ts'

const HEAD_BYTES = 24
/** Stands for a missing list of runs. */
const EVERYTHING = 0xffff_ffff

/** Where large messages are that slabs' files refer to. */
export interface StoredBodyFile {
  /** The number of the file that they were written to first; their places are those in it. */
  readonly id: number
  /** The file that has what is left of it. */
  readonly file: SegmentRef
  /** The stretches that went there, one behind the other: pairs of from and end (exclusive). Undefined: all. */
  readonly runs: Int32Array | undefined
}

/**
 * Says which file has the messages of a body file.
 *
 *     id:8  file id:8  file bytes:4  count of runs:4 (2^32 - 1: all of it, as it was written)  (from:4  end:4) x count
 */
export class BodyFileRecord implements JournalRecord {
  #stored: StoredBodyFile | undefined

  of(stored: StoredBodyFile): this {
    this.#stored = stored
    return this
  }

  byteLength(): number {
    return HEAD_BYTES + 4 * (this.#stored?.runs?.length ?? 0)
  }

  write(target: Buffer, at: number): void {
    const { id, file, runs } = this.#stored as StoredBodyFile
    writeUint64(target, at, id)
    writeUint64(target, at + 8, file.id)
    writeUint32(target, at + 16, file.bytes)
    writeUint32(target, at + 20, runs === undefined ? EVERYTHING : runs.length / 2)
    if (runs !== undefined) writeRuns(target, at + HEAD_BYTES, runs)
  }
}

/** What a record of this kind says. */
export function readBodyFileRecord(buffer: Buffer, from: number): StoredBodyFile {
  const count = readUint32(buffer, from + 20)
  return {
    id: readUint64(buffer, from),
    file: { id: readUint64(buffer, from + 8), bytes: readUint32(buffer, from + 16) },
    runs: count === EVERYTHING ? undefined : readRuns(buffer, from + HEAD_BYTES, count),
  }
}

export function writeRuns(target: Buffer, at: number, runs: Int32Array): void {
  for (let index = 0; index < runs.length; index++) writeUint32(target, at + 4 * index, runs[index] as number)
}

export function readRuns(buffer: Buffer, from: number, count: number): Int32Array {
  const runs = new Int32Array(count * 2)
  for (let index = 0; index < runs.length; index++) runs[index] = readUint32(buffer, from + 4 * index)
  return runs
}
