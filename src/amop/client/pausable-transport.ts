import type { AmopTransport } from '../transport.ts'

/** A transport that is read while neither its output nor its client wants it to stop. */
export class PausableTransport implements AmopTransport {
  readonly #transport: AmopTransport
  #pausedByOutput = false
  #held = false

  constructor(transport: AmopTransport) {
    this.#transport = transport
  }

  get pendingBytes(): number {
    return this.#transport.pendingBytes
  }

  get paused(): boolean {
    return this.#pausedByOutput || this.#held
  }

  write(frame: Buffer): void {
    this.#transport.write(frame)
  }

  pause(): void {
    this.#pausedByOutput = true
    this.#transport.pause()
  }

  resume(): void {
    this.#pausedByOutput = false
    if (!this.paused) this.#transport.resume()
  }

  hold(): void {
    this.#held = true
    this.#transport.pause()
  }

  release(): void {
    this.#held = false
    if (!this.paused) this.#transport.resume()
  }

  close(reason: string): void {
    this.#transport.close(reason)
  }
}
