import type { FrameReader } from './input.ts'

const NOTHING = Buffer.alloc(0)

/** Of frame-max's default, and a little more. */
const SPARE_BYTES_MAX = 262144

/**
 * The buffer of the frame completed last, for the next one that is cut: a large body comes in frames of which every one
 * is, and a buffer each would cost as much memory again until it is collected. One for the node.
 */
export class SpareTail {
  #buffer: Buffer | undefined

  /** @returns a buffer of at least this size, if there is one. */
  take(bytes: number): Buffer | undefined {
    const buffer = this.#buffer
    if (buffer === undefined || buffer.length < bytes) return undefined
    this.#buffer = undefined
    return buffer
  }

  give(buffer: Buffer): void {
    if (buffer.length <= SPARE_BYTES_MAX && buffer.length > (this.#buffer?.length ?? 0)) this.#buffer = buffer
  }
}

/**
 * The beginning of a frame whose end has not arrived yet. Holds a copy, never a view of what was read, and nothing
 * while no frame is cut, so an idle connection costs no buffer.
 */
export class InputTail {
  buffer: Buffer = NOTHING
  length = 0
  readonly #spare: SpareTail

  constructor(spare: SpareTail) {
    this.#spare = spare
  }

  /** Keeps what begins at `from`. */
  keep(chunk: Buffer, from: number): void {
    this.length = 0
    this.fill(chunk, from, chunk.length - from)
  }

  /**
   * Takes bytes until `wanted` are there.
   * @returns how many were taken.
   */
  fill(chunk: Buffer, from: number, wanted: number): number {
    const bytes = Math.min(wanted - this.length, chunk.length - from)
    if (bytes <= 0) return 0
    if (this.length + bytes > this.buffer.length) {
      // Grown by what has really come, not by what a header promises.
      const room = Math.min(Math.max(64, 2 * (this.length + bytes)), Math.max(wanted, 64))
      const grown = this.#spare.take(room) ?? Buffer.allocUnsafe(room)
      this.buffer.copy(grown, 0, 0, this.length)
      this.buffer = grown
    }
    chunk.copy(this.buffer, this.length, from, from + bytes)
    this.length += bytes
    return bytes
  }

  /** Has the whole frame handled, and keeps it no longer than that. */
  handOver(reader: FrameReader): void {
    const { buffer, length } = this
    this.clear()
    reader.readFrames(buffer, 0, length)
    this.#spare.give(buffer)
  }

  clear(): void {
    this.buffer = NOTHING
    this.length = 0
  }
}
