import type { Exchange } from './exchange/index.ts'
import type { DeathReason } from './host.ts'
import type { Message } from './message.ts'
import type { Storage } from './storage/index.ts'

/** A message on its way from a queue where it died to a dead-letter exchange. */
export interface Letter {
  readonly exchange: Exchange
  readonly message: Message
  readonly keys: readonly string[]
  readonly reason: DeathReason
}

/** A group of the journal may have 1 GiB; a chain of queues with large letters, each overflowing the next, stops before. */
const GROUP_BYTES_MAX = 256 * 1024 * 1024

/**
 * Dead letters, delivered in turn. A letter may overflow a queue whose own letter follows: taken one after the other
 * instead of one inside the other, a chain of thousands of queues needs no stack, and letters keep their order.
 *
 * A letter comes before its queue is done with the message, so the journal mostly has it first. One that has to wait is
 * in one group with all that the journal hears until then: a crash between the two would lose it.
 */
export class Letters {
  readonly #storage: Storage
  readonly #deliver: (letter: Letter) => void
  readonly #waiting: Letter[] = []
  #held = false
  #grouped = false

  constructor(storage: Storage, deliver: (letter: Letter) => void) {
    this.#storage = storage
    this.#deliver = deliver
  }

  /** Delivers the letter, at once or when those before it are delivered. */
  add(letter: Letter): void {
    this.#waiting.push(letter)
    if (this.#held) {
      this.#openGroup()
      return
    }
    this.#held = true
    this.release()
  }

  /** Lets letters wait until `release`. @returns false when they do already: then it is not the caller's to release them. */
  hold(): boolean {
    if (this.#held) return false
    this.#held = true
    return true
  }

  release(): void {
    if (this.#waiting.length === 0 && !this.#grouped) {
      this.#held = false
      return
    }
    let bytes = 0
    try {
      for (let letter = this.#waiting.shift(); letter !== undefined; letter = this.#waiting.shift()) {
        bytes += letter.message.bodyLength
        if (bytes > GROUP_BYTES_MAX) {
          this.#closeGroup()
          bytes = 0
        }
        this.#deliver(letter)
      }
    } finally {
      this.#held = false
      this.#closeGroup()
    }
  }

  #openGroup(): void {
    if (this.#grouped) return
    this.#grouped = true
    this.#storage.beginGroup()
  }

  #closeGroup(): void {
    if (!this.#grouped) return
    this.#grouped = false
    this.#storage.endGroup()
  }
}
