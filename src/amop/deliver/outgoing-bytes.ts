import type { Turn } from '../../base/index.ts'
import type { Queue } from '../../broker/index.ts'

/**
 * Bytes that all queues together have handed to their deliverers and that no session has yet: thousands of queues that
 * begin in one turn must not have a copy of their first messages each.
 */
export class OutgoingBytes {
  readonly #turn: Turn
  readonly #max: number
  #bytes = 0
  readonly #waiting = new Set<Queue>()

  constructor(turn: Turn, max: number) {
    this.#turn = turn
    this.#max = max
  }

  /** @returns false while there are too many; then the queue is drained when there are fewer. */
  hasRoom(queue: Queue): boolean {
    if (this.#bytes < this.#max) return true
    this.#waiting.add(queue)
    return false
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  remove(bytes: number): void {
    this.#bytes -= bytes
    if (this.#bytes >= this.#max) return
    for (const queue of this.#waiting) this.#turn.drain(queue)
    this.#waiting.clear()
  }
}
