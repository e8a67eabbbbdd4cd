import type { Transport } from './transport.ts'

/** Why nothing is read from a connection for a while. */
export const ReadStop = {
  /** An alarm is on, and it publishes. */
  ALARM: 1,
  /** The peer has not read what it was sent. */
  BACKLOG: 2,
  /** It has asked for more than can be said in one go. */
  ANSWERS: 4,
  /** The disk is behind, and it publishes. */
  FLOW: 8,
  /** Much of what it is to be told waits for the journal. */
  HELD: 16,
} as const
export type ReadStop = (typeof ReadStop)[keyof typeof ReadStop]

/** Lets input through while nobody has a reason against it. */
export class ReadGate {
  readonly #transport: Transport
  #reasons = 0

  constructor(transport: Transport) {
    this.#transport = transport
  }

  isStopped(reason: ReadStop): boolean {
    return (this.#reasons & reason) !== 0
  }

  stop(reason: ReadStop): void {
    if (this.#reasons === 0) this.#transport.pause()
    this.#reasons |= reason
  }

  go(reason: ReadStop): void {
    if ((this.#reasons & reason) === 0) return
    this.#reasons &= ~reason
    if (this.#reasons === 0) this.#transport.resume()
  }
}
