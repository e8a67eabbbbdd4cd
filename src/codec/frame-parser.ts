import { badFrameEnd, frameTooLarge, unknownFrameType } from './error.ts'
import { FRAME_HEADER_BYTES, FRAME_OVERHEAD_BYTES } from './frame.ts'
import { FRAME_END, FrameType } from './generated/constants.ts'
import { readUint16, readUint32 } from './wire.ts'

/** One frame. The payload may be a view of a chunk that was pushed: it is good for as long as the chunk is not reused. */
export interface Frame {
  type: number
  channel: number
  payload: Buffer
}

/**
 * Finds the frames in a stream that arrives in chunks of any size. For clients, tests and tools; the broker reads in
 * place.
 *
 * ```ts
 * parser.push(chunk)
 * for (let frame = parser.next(); frame; frame = parser.next()) handle(frame)
 * ```
 */
export class FrameParser {
  readonly #payloadMax: number
  // Chunks with bytes not yet taken; only the first one may be partly taken, up to #offset.
  #chunks: Buffer[] = []
  #first = 0
  #offset = 0
  #available = 0
  // The frame whose header was read and whose payload is still to come; -1 before the header.
  #size = -1
  #type = 0
  #channel = 0

  /** @param frameMax bytes a frame may have, overhead included; 0 for no limit. Default 131072, as RabbitMQ tunes. */
  constructor(frameMax = 131_072) {
    this.#payloadMax = frameMax === 0 ? Number.POSITIVE_INFINITY : frameMax - FRAME_OVERHEAD_BYTES
  }

  /** How many bytes wait for the rest of their frame. */
  get pending(): number {
    return this.#available + (this.#size < 0 ? 0 : FRAME_HEADER_BYTES)
  }

  /** Adds the next bytes of the stream, which are not copied. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    // What was taken must not be kept alive by a stream that never ends on a frame's end.
    if (this.#first > 0) this.#chunks.splice(0, this.#first)
    this.#first = 0
    this.#chunks.push(chunk)
    this.#available += chunk.length
  }

  /**
   * The next whole frame, or undefined until more is pushed.
   * @throws CodecError 501 for an unknown type, a bad end octet, or a frame above the limit. The stream cannot be read on.
   */
  next(): Frame | undefined {
    if (this.#size < 0) {
      if (this.#available < FRAME_HEADER_BYTES) return undefined
      const chunk = this.#chunks[this.#first] as Buffer
      const from = this.#offset + FRAME_HEADER_BYTES
      if (from <= chunk.length) {
        this.#readHeader(chunk, this.#offset)
        this.#available -= FRAME_HEADER_BYTES
        this.#advance(chunk, from)
      } else {
        this.#readHeader(this.#take(FRAME_HEADER_BYTES), 0)
      }
    }
    const size = this.#size
    if (this.#available <= size) return undefined
    const bytes = this.#take(size + 1)
    const end = bytes[size] as number
    if (end !== FRAME_END) throw badFrameEnd(this.#type, bytes, 0, size, end)
    this.#size = -1
    return { type: this.#type, channel: this.#channel, payload: bytes.subarray(0, size) }
  }

  #readHeader(buffer: Buffer, at: number): void {
    const type = buffer[at] as number
    const size = readUint32(buffer, at + 3)
    if (!isFrameType(type)) throw unknownFrameType(type, buffer, at, at)
    if (size > this.#payloadMax) throw frameTooLarge(type, size, this.#payloadMax)
    this.#type = type
    this.#channel = readUint16(buffer, at + 1)
    this.#size = size
  }

  // Takes as many bytes as are known to be there: a view of the first chunk when it has them all, else a copy.
  #take(length: number): Buffer {
    this.#available -= length
    const chunk = this.#chunks[this.#first] as Buffer
    const to = this.#offset + length
    if (to <= chunk.length) {
      const bytes = chunk.subarray(this.#offset, to)
      this.#advance(chunk, to)
      return bytes
    }
    const bytes = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      const next = this.#chunks[this.#first] as Buffer
      const until = Math.min(next.length, this.#offset + length - filled)
      filled += next.copy(bytes, filled, this.#offset, until)
      this.#advance(next, until)
    }
    return bytes
  }

  #advance(chunk: Buffer, to: number): void {
    this.#offset = to
    if (to < chunk.length) return
    this.#offset = 0
    this.#first++
    if (this.#first === this.#chunks.length) {
      this.#chunks = []
      this.#first = 0
    }
  }
}

function isFrameType(type: number): boolean {
  return (
    type === FrameType.METHOD || type === FrameType.HEADER || type === FrameType.BODY || type === FrameType.HEARTBEAT
  )
}
