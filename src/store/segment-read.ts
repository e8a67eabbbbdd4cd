import { SegmentError } from './errors.ts'
import { type FileLayer, isMissing, readFully, readFullySync } from './files.ts'
import { BLOCK_BYTES, checkSegmentHead, isBlock, payloadAt } from './segment-head.ts'
import type { ByteRange, SegmentBytes, SegmentRef } from './segments.ts'

/** What is read, and has its checksums looked at, in one go: some 0.2 ms of the main thread. */
const PIECE_BYTES = 1024 * 1024

/**
 * Reads a segment piece by piece in the thread pool.
 * @param isFinal what the disk refuses is lost; otherwise its error is thrown, since it may be over in a moment.
 */
export async function readSegment(
  files: FileLayer,
  path: string,
  ref: SegmentRef,
  into: Buffer | undefined,
  wanted: readonly ByteRange[] | undefined,
  isFinal: boolean,
): Promise<SegmentBytes> {
  const reading = new SegmentReading(path, ref, into, wanted, isFinal)
  const refuse = (error: unknown): never => reading.refuse(error)
  const descriptor = await files.open(path, 'r').catch(refuse)
  try {
    reading.takeHead(await readFully(files, descriptor, reading.head, 0).catch(refuse))
    for (let piece = reading.next(); piece !== undefined; piece = reading.next()) {
      try {
        reading.take(piece, await readFully(files, descriptor, reading.room(piece), reading.fileAt(piece)))
      } catch (error) {
        reading.miss(piece, error)
      }
    }
  } finally {
    await files.close(descriptor)
  }
  return reading.result()
}

/** Reads a segment at once. @param isFinal as of `readSegment` */
export function readSegmentSync(
  files: FileLayer,
  path: string,
  ref: SegmentRef,
  into: Buffer | undefined,
  wanted: readonly ByteRange[] | undefined,
  isFinal: boolean,
): SegmentBytes {
  const reading = new SegmentReading(path, ref, into, wanted, isFinal)
  const descriptor = reading.orRefuse(() => files.openSync(path))
  try {
    reading.takeHead(reading.orRefuse(() => readFullySync(files, descriptor, reading.head, 0)))
    for (let piece = reading.next(); piece !== undefined; piece = reading.next()) {
      try {
        reading.take(piece, readFullySync(files, descriptor, reading.room(piece), reading.fileAt(piece)))
      } catch (error) {
        reading.miss(piece, error)
      }
    }
  } finally {
    files.closeSync(descriptor)
  }
  return reading.result()
}

/** One reading of a segment file: what to read next, and what came of it. */
class SegmentReading {
  /** Where head and table go. */
  readonly head: Buffer
  readonly #path: string
  readonly #ref: SegmentRef
  readonly #payload: Buffer
  readonly #wanted: readonly ByteRange[]
  readonly #isFinal: boolean
  readonly #damaged: { from: number; end: number }[] = []
  #next = 0
  /** The first wanted range that is not wholly read. */
  #range = 0
  /** Up to here block by block, because the disk refused the piece. */
  #singlyTo = 0

  constructor(
    path: string,
    ref: SegmentRef,
    into: Buffer | undefined,
    wanted: readonly ByteRange[] | undefined,
    isFinal: boolean,
  ) {
    this.#path = path
    this.#ref = ref
    this.#isFinal = isFinal
    this.#wanted = wanted ?? [{ from: 0, end: ref.bytes }]
    this.head = Buffer.allocUnsafe(payloadAt(ref.bytes))
    const hasRoom = into !== undefined && into.length >= ref.bytes
    this.#payload = hasRoom ? into.subarray(0, ref.bytes) : Buffer.allocUnsafeSlow(ref.bytes)
  }

  /** @throws SegmentError */
  takeHead(length: number): void {
    checkSegmentHead(this.head.subarray(0, length), this.#path, this.#ref.id, this.#ref.bytes)
    // What a table that ends early lacks must not look like a checksum.
    this.head.fill(0, length)
  }

  /** Whole blocks, since checksums are of these. */
  next(): ByteRange | undefined {
    while ((this.#wanted[this.#range]?.end ?? Number.POSITIVE_INFINITY) <= this.#next) this.#range++
    const range = this.#wanted[this.#range]
    if (range === undefined) return undefined
    const from = Math.max(this.#next, range.from - (range.from % BLOCK_BYTES))
    const end = Math.min(Math.ceil(range.end / BLOCK_BYTES) * BLOCK_BYTES, this.#ref.bytes)
    if (from >= end) return undefined
    const bytes = from < this.#singlyTo ? BLOCK_BYTES : PIECE_BYTES
    this.#next = Math.min(from + bytes, end)
    return { from, end: this.#next }
  }

  room({ from, end }: ByteRange): Buffer {
    return this.#payload.subarray(from, end)
  }

  fileAt({ from }: ByteRange): number {
    return this.head.length + from
  }

  /** A piece was read, up to the end of the file. */
  take({ from, end }: ByteRange, length: number): void {
    // Nobody may find in it what the memory held before.
    this.#payload.fill(0, from + length, end)
    for (let at = from; at < end; at += BLOCK_BYTES) {
      const blockEnd = Math.min(at + BLOCK_BYTES, end)
      if (blockEnd > from + length || !isBlock(this.head, this.#payload, at, blockEnd)) this.#lose(at, blockEnd)
    }
  }

  /** A piece could not be read: a bad sector costs its block and no more. @throws what is no such thing. */
  miss({ from, end }: ByteRange, error: unknown): void {
    if (!this.#isFinal || !isUnreadable(error)) throw error
    if (end - from > BLOCK_BYTES) {
      this.#next = from
      this.#singlyTo = end
      return
    }
    this.#payload.fill(0, from, end)
    this.#lose(from, end)
  }

  /** Neither opened nor its head read. @throws SegmentError, or the error when it says nothing about the file. */
  refuse(error: unknown): never {
    const path = this.#path
    if (isMissing(error)) throw new SegmentError('missing', `${path} is missing`, error)
    if (this.#isFinal && isUnreadable(error)) {
      throw new SegmentError('damaged', `the head of ${path} cannot be read`, error)
    }
    throw error
  }

  orRefuse<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      return this.refuse(error)
    }
  }

  result(): SegmentBytes {
    return { payload: this.#payload, damaged: this.#damaged }
  }

  #lose(from: number, end: number): void {
    const last = this.#damaged.at(-1)
    if (last?.end === from) last.end = end
    else this.#damaged.push({ from, end })
  }
}

/** The disk has refused to read it: a bad sector, or one that is away for a moment. */
export function isUnreadable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'EIO'
}
