import { type FileLayer, writeFully } from './files.ts'
import { checksumBlocks, payloadAt, writeSegmentHead } from './segment-head.ts'

/** What is written in one call: a slab's checksums would hold the main thread up, and one long write a sync beside it. */
const PIECE_BYTES = 1024 * 1024

/** A segment file there is. */
export class SegmentFile {
  readonly id: number
  readonly path: string
  /** Length of the file. */
  readonly bytes: number
  /** It was there before this run, so that its owner may not know it. */
  readonly isFound: boolean
  isSynced = false
  isRemoved = false
  #reads = 0
  #quiet: (() => void) | undefined

  constructor(id: number, path: string, bytes: number, isFound: boolean) {
    this.id = id
    this.path = path
    this.bytes = bytes
    this.isFound = isFound
  }

  /** Runs a read; the file is not removed meanwhile. */
  async whileRead<T>(read: () => Promise<T>): Promise<T> {
    this.#reads++
    try {
      return await read()
    } finally {
      if (--this.#reads === 0) this.#quiet?.()
    }
  }

  /** Resolves when nobody reads it. */
  quiet(): Promise<void> {
    if (this.#reads === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#quiet = resolve))
  }
}

/** Writes a new segment file; the head last. @returns its descriptor. @throws and leaves nothing. */
export async function writeSegment(files: FileLayer, path: string, id: number, payload: Buffer): Promise<number> {
  const head = Buffer.alloc(payloadAt(payload.length))
  const descriptor = await files.open(path, 'wx+')
  try {
    for (let from = 0; from < payload.length; from += PIECE_BYTES) {
      const end = Math.min(from + PIECE_BYTES, payload.length)
      checksumBlocks(head, payload, from, end)
      await writeFully(files, descriptor, payload.subarray(from, end), head.length + from)
    }
    writeSegmentHead(head, id, payload.length, Date.now())
    await writeFully(files, descriptor, head, 0)
    return descriptor
  } catch (error) {
    await files.close(descriptor).catch(() => undefined)
    // What cannot be removed now is known to nobody, and goes at the next start.
    await files.unlink(path).catch(() => undefined)
    throw error
  }
}
