import {
  FRAME_END,
  FRAME_HEADER_BYTES,
  FRAME_OVERHEAD_BYTES,
  FrameType,
  readUint16,
  readUint32,
} from '../../codec/index.ts'
import { ClientError } from './client-error.ts'

/** What a scanner hands its frames to. The payload is `from` to `to` (exclusive), good until the call returns. */
export interface FrameSink {
  frame(type: number, channel: number, buffer: Buffer, from: number, to: number): void
}

/**
 * Finds the frames in a stream and shows them in place: nothing is made or copied but the frame that two reads share.
 * The caller may reuse its read buffer as soon as `receive` returns.
 */
export class FrameScanner {
  /** Bytes a frame may have, overhead included. The broker's first frames come before this is agreed on. */
  frameMax = 131_072
  readonly #sink: FrameSink
  // The frame that the last read broke off in: its first #held bytes.
  #rest: Buffer = Buffer.alloc(0)
  #held = 0

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  /** @throws ClientError when the bytes are no frames. */
  receive(buffer: Buffer, length: number): void {
    let at = this.#held === 0 ? 0 : this.#completeRest(buffer, length)
    while (length - at >= FRAME_OVERHEAD_BYTES) {
      const end = at + this.#frameBytes(buffer, at)
      if (end > length) break
      this.#emit(buffer, at, end)
      at = end
    }
    if (at < length) this.#keep(buffer, at, length)
  }

  #emit(buffer: Buffer, at: number, end: number): void {
    if (buffer[end - 1] !== FRAME_END) throw new ClientError('the broker sent a frame that does not end with octet 206')
    this.#sink.frame(buffer[at] as number, readUint16(buffer, at + 1), buffer, at + FRAME_HEADER_BYTES, end - 1)
  }

  #frameBytes(buffer: Buffer, at: number): number {
    const bytes = readUint32(buffer, at + 3) + FRAME_OVERHEAD_BYTES
    if (bytes > this.frameMax) throw tooLarge(buffer[at] as number, bytes)
    return bytes
  }

  /** Returns how many of the new bytes belong to the frame begun before, which is handed out if they complete it. */
  #completeRest(buffer: Buffer, length: number): number {
    let taken = this.#fill(FRAME_HEADER_BYTES, buffer, 0, length)
    if (this.#held < FRAME_HEADER_BYTES) return taken
    const bytes = this.#frameBytes(this.#rest, 0)
    taken = this.#fill(bytes, buffer, taken, length)
    if (this.#held < bytes) return taken
    this.#held = 0
    this.#emit(this.#rest, 0, bytes)
    return taken
  }

  #keep(buffer: Buffer, at: number, length: number): void {
    this.#fill(this.#held + length - at, buffer, at, length)
  }

  /** Adds bytes until `wanted` are held or the new ones are used up; returns the offset behind those taken. */
  #fill(wanted: number, buffer: Buffer, from: number, length: number): number {
    const count = Math.min(wanted - this.#held, length - from)
    if (count <= 0) return from
    if (this.#rest.length < this.#held + count) this.#grow(Math.max(wanted, 4096))
    buffer.copy(this.#rest, this.#held, from, from + count)
    this.#held += count
    return from + count
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafe(bytes)
    this.#rest.copy(larger, 0, 0, this.#held)
    this.#rest = larger
  }
}

// A server of another protocol answers in text, whose letters read as an enormous size.
function tooLarge(type: number, bytes: number): ClientError {
  const known = type === FrameType.METHOD || type === FrameType.HEADER || type === FrameType.BODY
  return new ClientError(
    known
      ? `the broker sent a frame of ${bytes} bytes, above frame-max`
      : 'what listens there does not speak AMQP 0-9-1',
  )
}
