import { type Clock, Fifo } from '../../base/index.ts'

/**
 * Multicasts seen lately, by who sent them and their seq: the Java SDKs send each over every connection they have, and
 * a subscriber shall get one.
 */
export class MulticastMemory {
  readonly #clock: Clock
  readonly #keptMs: number
  readonly #max: number
  /** Until when each is remembered. */
  readonly #until = new Map<string, number>()
  /** The same keys, oldest first: to find the first of a map, all that were deleted are passed over. */
  readonly #order = new Fifo<string>()

  constructor(clock: Clock, keptMs: number, max: number) {
    this.#clock = clock
    this.#keptMs = keptMs
    this.#max = max
  }

  get size(): number {
    return this.#until.size
  }

  /** True when the same publisher has sent the same seq already. */
  knows(identity: string, seq: string): boolean {
    const until = this.#until.get(seq + identity)
    return until !== undefined && until > this.#clock.now
  }

  remember(identity: string, seq: string): void {
    const { now } = this.#clock
    const order = this.#order
    for (let oldest = order.first; oldest !== undefined; oldest = order.first) {
      if ((this.#until.get(oldest) as number) > now && this.#until.size < this.#max) break
      this.#until.delete(oldest)
      order.shift()
    }
    const key = seq + identity
    this.#until.set(key, now + this.#keptMs)
    order.push(key)
  }
}
