import type { Clock } from '../../base/index.ts'

/**
 * Multicasts seen lately, by who sent them and their seq: the Java SDKs send each over every connection they have, and
 * a subscriber shall get one.
 */
export class MulticastMemory {
  readonly #clock: Clock
  readonly #keptMs: number
  readonly #max: number
  /** Until when each is remembered, oldest first. */
  readonly #until = new Map<string, number>()

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
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size < this.#max) break
      this.#until.delete(oldest)
    }
    this.#until.set(seq + identity, now + this.#keptMs)
  }
}
