import { type Alarm, Clock } from '../../src/base/index.ts'

/** Time in a test's hand: the clock, and the alarm for timers, which rings when the test lets time pass. */
export class ManualTime implements Alarm {
  /** ms since the epoch */
  now: number
  readonly clock: Clock
  #at = Number.POSITIVE_INFINITY
  #wake: () => void = () => undefined

  constructor(now: number) {
    this.now = now
    this.clock = new Clock(() => this.now)
  }

  set(at: number, wake: () => void): void {
    this.#at = at
    this.#wake = wake
  }

  clear(): void {
    this.#at = Number.POSITIVE_INFINITY
  }

  /** Stops at each moment for which a timer was set. @param rung called after each of them */
  advance(ms: number, rung: () => void = () => undefined): void {
    const end = this.now + ms
    while (this.#at <= end) {
      this.now = Math.max(this.#at, this.now)
      this.clear()
      this.#wake()
      rung()
    }
    this.now = end
    this.clock.refresh()
  }
}
