import {
  BATCH_HEAD_BYTES,
  bytesBefore,
  claimedLength,
  firstPosition,
  isBatch,
  RECORD_HEAD_BYTES,
  RUN_AT,
  type Run,
  readUint32,
  recordCount,
  runBytes,
} from './batch.ts'
import { type FileLayer, readFully } from './files.ts'
import type { Position } from './journal.ts'

/** What is read at a time; a larger batch gets a larger window for as long as it is looked at. */
const WINDOW_BYTES = 4 * 1024 * 1024

/**
 * Takes the records of a journal, in order. Called synchronously; the bytes are the reader's and are valid only until it
 * returns.
 */
export interface RecordVisitor {
  /** @param from where the content begins in the buffer. @param to one behind its last byte. */
  record(position: Position, type: number, buffer: Buffer, from: number, to: number): void
}

/** A batch that lies in the window, valid until the next one is asked for. */
export interface FoundBatch {
  readonly buffer: Buffer
  /** Where it begins in the buffer. */
  readonly from: number
  readonly length: number
  readonly first: Position
  readonly count: number
  /** Bytes of the same write before it. */
  readonly before: number
}

/** Reads the batches of one file, through a window over it. */
export class BatchReader {
  readonly #files: FileLayer
  readonly #descriptor: number
  readonly #bytes: number
  #window: Buffer = Buffer.allocUnsafeSlow(0)
  #windowAt = 0
  #windowLength = 0

  /** @param bytes length of the file. */
  constructor(files: FileLayer, descriptor: number, bytes: number) {
    this.#files = files
    this.#descriptor = descriptor
    this.#bytes = bytes
  }

  /** The batch at this offset of the file, or undefined when there is no whole one. */
  async read(at: number, run: Run, positionMin: Position): Promise<FoundBatch | undefined> {
    if (at + BATCH_HEAD_BYTES > this.#bytes) return undefined
    const headFrom = await this.#show(at, BATCH_HEAD_BYTES)
    if (headFrom === undefined) return undefined
    const length = claimedLength(this.#window, headFrom)
    if (length < BATCH_HEAD_BYTES || at + length > this.#bytes) return undefined
    const from = await this.#show(at, length)
    const buffer = this.#window
    if (from === undefined || !isBatch(buffer, from, length, run)) return undefined
    const first = firstPosition(buffer, from)
    if (first < positionMin) return undefined
    return { buffer, from, length, first, count: recordCount(buffer, from), before: bytesBefore(buffer, from) }
  }

  /** Offset of the next whole batch of the run from here on, or undefined. */
  async find(from: number, run: Run, positionMin: Position): Promise<number | undefined> {
    const wanted = runBytes(run)
    let at = from
    while (at + BATCH_HEAD_BYTES <= this.#bytes) {
      const length = Math.min(WINDOW_BYTES, this.#bytes - at)
      const begin = await this.#show(at, length)
      if (begin === undefined) return undefined
      const index = this.#window.subarray(begin, begin + length).indexOf(wanted, RUN_AT)
      if (index === -1) {
        // The mark may lie across the edge of the window.
        at += Math.max(length - RUN_AT - wanted.length + 1, 1)
        continue
      }
      const candidate = at + index - RUN_AT
      if ((await this.read(candidate, run, positionMin)) !== undefined) return candidate
      at = candidate + 1
    }
    return undefined
  }

  /** Brings a piece of the file into the window; returns where it begins there, undefined if the file ends before. */
  async #show(at: number, length: number): Promise<number | undefined> {
    if (at < this.#windowAt || at + length > this.#windowAt + this.#windowLength) {
      const size = Math.max(length, Math.min(WINDOW_BYTES, this.#bytes - at))
      if (this.#window.length < size || this.#window.length > Math.max(size, WINDOW_BYTES)) {
        this.#window = Buffer.allocUnsafeSlow(size)
      }
      this.#windowAt = at
      this.#windowLength = 0
      this.#windowLength = await readFully(this.#files, this.#descriptor, this.#window.subarray(0, size), at)
      if (this.#windowLength < length) return undefined
    }
    return at - this.#windowAt
  }
}

/** Hands the records of a batch to the visitor. */
export function visitBatch(batch: FoundBatch, visitor: RecordVisitor): void {
  const { buffer, first, count } = batch
  let at = batch.from + BATCH_HEAD_BYTES
  for (let index = 0; index < count; index++) {
    const from = at + RECORD_HEAD_BYTES
    const to = from + readUint32(buffer, at)
    visitor.record(first + index, buffer[at + 4] as number, buffer, from, to)
    at = to
  }
}
