import type { Clock } from '../../base/index.ts'

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
  /** The same keys, oldest first from `#head` on: to find the first of a map, all that were deleted are passed over. */
  readonly #order: string[] = []
  #head = 0

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
    for (; this.#head < order.length; this.#head++) {
      const oldest = order[this.#head] as string
      if ((this.#until.get(oldest) as number) > now && this.#until.size < this.#max) break
      this.#until.delete(oldest)
    }
    // Shifting one by one would move the rest each time; half empty is when moving pays.
    if (this.#head * 2 > order.length) {
      order.splice(0, this.#head)
      this.#head = 0
    }
    const key = seq + identity
    this.#until.set(key, now + this.#keptMs)
    order.push(key)
  }
}
