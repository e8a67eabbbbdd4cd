/** Buffers kept, and the largest of them: a slab's file with all that is usually in it. */
const KEPT_MAX = 4
const KEPT_BYTES_MAX = 2.5 * 1024 * 1024

/** Buffers are made in multiples of this, so that the next one asked for is likely to fit. */
const STEP_BYTES = 256 * 1024

/**
 * Buffers through which segment files are read and written, used again: memory outside the collector's heap does not
 * hurry it, and a megabyte for each file would pile up.
 */
export class Staging {
  readonly #free: ArrayBuffer[] = []

  /** @returns a buffer of just this length, with anything in it. */
  take(bytes: number): Buffer {
    const index = this.#free.findIndex((free) => free.byteLength >= bytes)
    const [memory] = index < 0 ? [] : this.#free.splice(index, 1)
    return Buffer.from(memory ?? new ArrayBuffer(Math.ceil(bytes / STEP_BYTES) * STEP_BYTES), 0, bytes)
  }

  /** Gives back what `take` gave; nobody may look at it any more. */
  give({ buffer }: Buffer): void {
    if (buffer.byteLength > KEPT_BYTES_MAX || this.#free.length === KEPT_MAX) return
    this.#free.push(buffer as ArrayBuffer)
  }
}
