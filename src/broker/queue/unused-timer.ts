import type { Clock, Timer, Timers } from '../../base/index.ts'

/**
 * Tells when something has not been used for a while. A use only notes the time: the timer, when it fires, looks how
 * long ago the last one was, so that a thousand uses a second cost no timer each.
 */
export class UnusedTimer {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #afterMs: number
  readonly #expired: () => void
  readonly #check = (): void => this.#look()
  #usedAt = 0
  #timer: Timer | undefined

  constructor(clock: Clock, timers: Timers, afterMs: number, expired: () => void) {
    this.#clock = clock
    this.#timers = timers
    this.#afterMs = afterMs
    this.#expired = expired
  }

  /** One that is started; none where the time is infinite. */
  static of(clock: Clock, timers: Timers, afterMs: number, expired: () => void): UnusedTimer | undefined {
    if (afterMs === Number.POSITIVE_INFINITY) return undefined
    const timer = new UnusedTimer(clock, timers, afterMs, expired)
    timer.start()
    return timer
  }

  start(): void {
    this.touch()
    if (this.#timer === undefined) this.#schedule()
  }

  touch(): void {
    this.#usedAt = this.#clock.now
  }

  stop(): void {
    this.#timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    this.#timer = this.#timers.schedule(this.#usedAt + this.#afterMs, this.#check)
  }

  #look(): void {
    this.#timer = undefined
    if (this.#clock.now - this.#usedAt < this.#afterMs) this.#schedule()
    else this.#expired()
  }
}
