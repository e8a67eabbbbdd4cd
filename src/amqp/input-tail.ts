const NOTHING = Buffer.alloc(0)

/**
 * The beginning of a frame whose end has not arrived yet. Holds a copy, never a view of what was read, and nothing
 * while no frame is cut, so an idle connection costs no buffer.
 */
export class InputTail {
  buffer: Buffer = NOTHING
  length = 0

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
      const grown = Buffer.allocUnsafe(Math.min(Math.max(64, 2 * (this.length + bytes)), Math.max(wanted, 64)))
      this.buffer.copy(grown, 0, 0, this.length)
      this.buffer = grown
    }
    chunk.copy(this.buffer, this.length, from, from + bytes)
    this.length += bytes
    return bytes
  }

  /** The whole frame; the tail is empty afterwards. */
  take(): Buffer {
    const frame = this.buffer.subarray(0, this.length)
    this.clear()
    return frame
  }

  clear(): void {
    this.buffer = NOTHING
    this.length = 0
  }
}
