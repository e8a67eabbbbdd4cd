import type { Transport } from '../../src/amqp/index.ts'

/** A socket that records what the machine says, and can be one that nobody reads from. */
export class RecordingTransport implements Transport {
  backlog = 0
  paused = false
  ended = false
  destroyed = false
  /** Writes after the machine itself had ended the socket: always a defect. */
  lateWrites = 0
  /** While true nothing is taken: buffers pile up, and the machine must not reuse them. */
  stuck = false
  readonly #pieces: Buffer[] = []
  #held: Buffer[] = []

  write(bytes: Buffer, shared = false): boolean {
    if (this.ended || this.destroyed) {
      this.lateWrites++
      return true
    }
    if (this.stuck) {
      this.#held.push(bytes)
      this.backlog += bytes.length
      return false
    }
    // Spoilt after being copied: whoever says true to a write may reuse the buffer, so the machine must not need it.
    this.#pieces.push(Buffer.from(bytes))
    if (!shared) bytes.fill(0xdd)
    return true
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  end(): void {
    this.ended = true
  }

  destroy(): void {
    this.destroyed = true
  }

  /** The peer has read everything; the caller tells the machine with `writable`. */
  drain(): void {
    this.stuck = false
    for (const bytes of this.#held) this.#pieces.push(Buffer.from(bytes))
    this.#held = []
    this.backlog = 0
  }

  /** The memory that holds what has piled up. */
  get heldMemory(): Set<ArrayBufferLike> {
    return new Set(this.#held.map(({ buffer }) => buffer))
  }

  /** What was written and not taken yet. */
  take(): Buffer {
    return Buffer.concat(this.#pieces.splice(0))
  }
}
