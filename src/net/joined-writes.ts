import type { Socket } from 'node:net'

/** A write has at most so many bytes of frames that were joined, which is a TLS record; larger frames go by themselves. */
const JOINED_BYTES_MAX = 16_384

/** Joins what is written to a socket in one turn of the event loop: a write of its own for each frame costs 8 µs. */
export class JoinedWrites {
  readonly #socket: Socket
  /** Bytes that wait for the end of the turn. */
  #bytes = 0
  readonly #endTurn = (): void => {
    if (this.#bytes === 0) return
    this.#bytes = 0
    this.#socket.uncork()
  }

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** @param taken is called when the system has the frame. */
  write(frame: Buffer, taken: () => void): void {
    if (this.#bytes + frame.length > JOINED_BYTES_MAX) this.#endTurn()
    if (frame.length <= JOINED_BYTES_MAX) {
      if (this.#bytes === 0) {
        this.#socket.cork()
        setImmediate(this.#endTurn)
      }
      this.#bytes += frame.length
    }
    this.#socket.write(frame, taken)
  }
}
