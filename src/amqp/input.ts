import { InputTail, type SpareTail } from './input-tail.ts'

/** What makes sense of the bytes. */
export interface FrameReader {
  /** What comes means nothing any more. */
  readonly deaf: boolean
  /** An answer has to leave before anything else is handled. */
  readonly answering: boolean
  /** Bytes that are needed to know how long the next frame is. */
  readonly frameHeadBytes: number
  /** @returns bytes of the whole frame, -1 when it is refused. */
  frameBytes(head: Buffer): number
  /**
   * Handles the whole frames.
   * @returns offset of the first byte that was not handled.
   */
  readFrames(buffer: Buffer, at: number, end: number): number
}

/**
 * What has been read and not handled. Whole frames are handled where they lie; kept are the beginning of a frame whose
 * end has not come, and what came behind a question whose answer has to leave first.
 */
export class Input {
  readonly #reader: FrameReader
  readonly #tail: InputTail
  #held: Buffer | undefined

  constructor(reader: FrameReader, spare: SpareTail) {
    this.#reader = reader
    this.#tail = new InputTail(spare)
  }

  /** Takes bytes as they come; keeps no view of them. */
  receive(chunk: Buffer): void {
    if (this.#held === undefined) this.#handle(chunk)
    else this.#held = Buffer.concat([this.#held, chunk])
  }

  /** Handles what was held back. */
  goOn(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#handle(held)
  }

  /** Nothing that has come means anything any more. */
  clear(): void {
    this.#tail.clear()
    this.#held = undefined
  }

  #handle(chunk: Buffer): void {
    const reader = this.#reader
    let at = 0
    // A frame cut by the end of a read is completed on its own, so the rest of the chunk is still handled in place.
    while (this.#tail.length > 0 && this.#listening) {
      const taken = this.#completeTail(chunk, at)
      if (taken < 0) return
      at = taken
    }
    if (this.#listening) at = reader.readFrames(chunk, at, chunk.length)
    if (reader.deaf || at === chunk.length) return
    if (reader.answering) this.#held = Buffer.from(chunk.subarray(at))
    else this.#tail.keep(chunk, at)
  }

  get #listening(): boolean {
    return !this.#reader.deaf && !this.#reader.answering
  }

  /** @returns offset in the chunk behind the completed frame, -1 when it is still not whole. */
  #completeTail(chunk: Buffer, at: number): number {
    const tail = this.#tail
    const { frameHeadBytes } = this.#reader
    const taken = tail.fill(chunk, at, frameHeadBytes)
    if (tail.length < frameHeadBytes) return -1
    const bytes = this.#reader.frameBytes(tail.buffer)
    if (bytes < 0) return -1
    const next = at + taken + tail.fill(chunk, at + taken, bytes)
    if (tail.length < bytes) return -1
    tail.handOver(this.#reader)
    return next
  }
}
