import { crc32 } from 'node:zlib'

/*
 * A batch: records that come back whole or not at all. Mostly a write is one batch; one with much that damage should not
 * take at once is several, one behind the other. Numbers are big-endian.
 *
 *      0  4  CRC-32 (that of zlib) of everything behind it, to the end of the batch
 *      4  4  mark of the run: a random number, the same in all batches that one opening of the journal writes
 *      8  4  epoch of the run: 1 for the first opening of the directory, then one more each time
 *     12  4  length of the batch with this head
 *     16  8  position of the first record; those of the others follow one by one
 *     24  4  number of records
 *     28  4  bytes of the same write before this batch
 *     32     records, one behind the other:
 *              0  4  length of the content
 *              4  1  type, a number of the caller's
 *              5     content
 *
 * Mark and epoch together are what a reader looks for behind damage. The mark is random so that no message can hold
 * bytes that pass for a batch: who publishes does not know it.
 */
export const BATCH_HEAD_BYTES = 32
export const RECORD_HEAD_BYTES = 5
/** Largest content of a record: room for the largest message, 512 MiB of body and a header of the largest frame. */
export const RECORD_BYTES_MAX = 704 * 1024 * 1024

const MARK_AT = 4
const LENGTH_AT = 12
const FIRST_AT = 16
const COUNT_AT = 24
const BEFORE_AT = 28

/** One opening of the journal. */
export interface Run {
  readonly mark: number
  readonly epoch: number
}

/** Fills in the head of a batch whose records are in place. @param from where it begins in the buffer of its write. */
export function sealBatch(buffer: Buffer, from: number, end: number, run: Run, first: number, count: number): void {
  buffer.writeUInt32BE(run.mark, from + MARK_AT)
  buffer.writeUInt32BE(run.epoch, from + MARK_AT + 4)
  buffer.writeUInt32BE(end - from, from + LENGTH_AT)
  buffer.writeBigUInt64BE(BigInt(first), from + FIRST_AT)
  buffer.writeUInt32BE(count, from + COUNT_AT)
  buffer.writeUInt32BE(from, from + BEFORE_AT)
  buffer.writeUInt32BE(crc32(buffer.subarray(from + MARK_AT, end)), from)
}

/** The bytes that every batch of a run has at {@link RUN_AT}. */
export function runBytes(run: Run): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(run.mark, 0)
  bytes.writeUInt32BE(run.epoch, 4)
  return bytes
}

export const RUN_AT = MARK_AT

export function readRun(buffer: Buffer, at: number): Run {
  return { mark: buffer.readUInt32BE(at + MARK_AT), epoch: buffer.readUInt32BE(at + MARK_AT + 4) }
}

/** Length that the head at this offset claims; nothing is checked yet. */
export function claimedLength(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + LENGTH_AT)
}

/** True when the bytes are a whole batch of this run. @param length as claimed, all of it in the buffer. */
export function isBatch(buffer: Buffer, at: number, length: number, run: Run): boolean {
  return (
    buffer.readUInt32BE(at + MARK_AT) === run.mark &&
    buffer.readUInt32BE(at + MARK_AT + 4) === run.epoch &&
    buffer.readUInt32BE(at) === crc32(buffer.subarray(at + MARK_AT, at + length))
  )
}

export function firstPosition(buffer: Buffer, at: number): number {
  return Number(buffer.readBigUInt64BE(at + FIRST_AT))
}

export function recordCount(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + COUNT_AT)
}

/** Bytes of the same write before this batch. */
export function bytesBefore(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + BEFORE_AT)
}

/** Writes the head of a record; by hand, because it is done once a record. */
export function writeRecordHead(buffer: Buffer, at: number, length: number, type: number): void {
  buffer[at] = length >>> 24
  buffer[at + 1] = length >>> 16
  buffer[at + 2] = length >>> 8
  buffer[at + 3] = length
  buffer[at + 4] = type
}

export function readUint32(buffer: Buffer, at: number): number {
  return (
    (((buffer[at] as number) << 24) |
      ((buffer[at + 1] as number) << 16) |
      ((buffer[at + 2] as number) << 8) |
      (buffer[at + 3] as number)) >>>
    0
  )
}
