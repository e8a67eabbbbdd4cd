import { FRAME_BYTES_MAX, frameLength, HEADER_BYTES } from './packet.ts'

const LENGTH_BYTES = 4
const ROOM_BYTES_MIN = 1024
/** Frames up to this size get all of their memory as soon as this part of it has come. */
const AT_ONCE_BYTES_MAX = 2 * 1024 * 1024
const AT_ONCE_FROM_BYTES = 4096

/** The stream cannot be read any further. */
export class FrameError extends Error {}

/**
 * Cuts a stream, in any split, into frames. Each frame is copied once, into memory of its own size unless small ones may
 * share it. Half a frame of over 2 MiB has at most twice the memory of what has come of it, whatever length it claims; it
 * is copied again each time that has doubled.
 */
export class FrameReader {
  readonly #frameBytesMax: number
  readonly #take: (frame: Buffer) => void
  readonly #allocate: (bytes: number) => Buffer
  #tail: Buffer | undefined
  #tailLength = 0
  #stopped = false

  /**
   * @param take is handed each whole frame, which is its own from then on.
   * @param frameBytesMax bytes of a frame at most.
   * @param shared small frames come from Node's pool: quicker, but one that is kept keeps up to 64 KiB of others.
   */
  constructor(take: (frame: Buffer) => void, frameBytesMax = FRAME_BYTES_MAX, shared = false) {
    this.#take = take
    this.#frameBytesMax = frameBytesMax
    this.#allocate = shared ? Buffer.allocUnsafe : Buffer.allocUnsafeSlow
  }

  /** Bytes kept of a frame whose end has not come. */
  get pending(): number {
    return this.#tailLength
  }

  /** Nothing that comes means anything any more; also while a frame is being handled. */
  stop(): void {
    this.#stopped = true
    this.#tail = undefined
    this.#tailLength = 0
  }

  /**
   * Keeps no view of the chunk.
   * @throws FrameError when a length is under 42 or over the limit; frames before it have been handed over.
   */
  push(chunk: Buffer): void {
    let at = 0
    if (this.#tailLength > 0) at = this.#completeTail(chunk)
    while (!this.#stopped && chunk.length - at >= LENGTH_BYTES) {
      const length = this.#checked(chunk, at)
      if (chunk.length - at < length) break
      const frame = this.#allocate(length)
      chunk.copy(frame, 0, at, at + length)
      at += length
      this.#take(frame)
    }
    if (!this.#stopped && at < chunk.length) this.#fill(chunk, at, this.#wanted(chunk, at))
  }

  /** @returns offset in the chunk behind the frame that was begun before. */
  #completeTail(chunk: Buffer): number {
    let at = 0
    if (this.#tailLength < LENGTH_BYTES) at = this.#fill(chunk, 0, LENGTH_BYTES)
    if (this.#tailLength < LENGTH_BYTES) return at
    const length = this.#checked(this.#tail as Buffer, 0)
    at += this.#fill(chunk, at, length)
    if (this.#tailLength < length) return at
    const tail = this.#tail as Buffer
    this.#tail = undefined
    this.#tailLength = 0
    this.#take(tail)
    return at
  }

  #wanted(chunk: Buffer, at: number): number {
    return chunk.length - at < LENGTH_BYTES ? HEADER_BYTES : frameLength(chunk, at)
  }

  #checked(buffer: Buffer, at: number): number {
    const length = frameLength(buffer, at)
    if (length < HEADER_BYTES) throw new FrameError(`a frame says that it has ${length} bytes, under ${HEADER_BYTES}`)
    if (length > this.#frameBytesMax) {
      throw new FrameError(`a frame says that it has ${length} bytes, over ${this.#frameBytesMax}`)
    }
    return length
  }

  /** @returns bytes taken. */
  #fill(chunk: Buffer, at: number, wanted: number): number {
    const bytes = Math.min(wanted - this.#tailLength, chunk.length - at)
    const length = this.#tailLength + bytes
    const tail = this.#tail
    if (tail === undefined || length > tail.length) {
      const atOnce = length >= AT_ONCE_FROM_BYTES && wanted <= AT_ONCE_BYTES_MAX
      // Grown by what has really come; the last growth makes it exactly as long as the frame.
      const room = atOnce ? wanted : Math.min(Math.max(ROOM_BYTES_MIN, 2 * length), Math.max(wanted, HEADER_BYTES))
      const grown = Buffer.allocUnsafeSlow(room)
      tail?.copy(grown, 0, 0, this.#tailLength)
      this.#tail = grown
    }
    chunk.copy(this.#tail as Buffer, this.#tailLength, at, at + bytes)
    this.#tailLength = length
    return bytes
  }
}
