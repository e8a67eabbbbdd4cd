import type { Clock, Timer, Timers } from '../../base/index.ts'

export interface Due {
  /** When its time is over, in ms since the epoch; set by `Deadlines`. */
  dueAt: number
}

/**
 * Waits that all last equally long, in the order in which they began, behind one timer: a timer each would cost more
 * than routing the message does.
 */
export class Deadlines<T extends Due> {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #durationMs: number
  readonly #expire: (entry: T) => void
  readonly #waiting = new Set<T>()
  #timer: Timer | undefined
  #running = false
  readonly #wake = (): void => this.#run()

  constructor(clock: Clock, timers: Timers, durationMs: number, expire: (entry: T) => void) {
    this.#clock = clock
    this.#timers = timers
    this.#durationMs = durationMs
    this.#expire = expire
  }

  start(entry: T): void {
    entry.dueAt = this.#clock.now + this.#durationMs
    this.#waiting.add(entry)
    if (!this.#running) this.#timer ??= this.#timers.schedule(entry.dueAt, this.#wake)
  }

  cancel(entry: T): void {
    // Otherwise the timer stays armed: it may turn out to be too early, looks once, and goes on with the next.
    if (!this.#waiting.delete(entry) || this.#waiting.size > 0) return
    this.#timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #run(): void {
    this.#timer = undefined
    this.#running = true
    try {
      for (const entry of this.#waiting) {
        if (entry.dueAt > this.#clock.now) break
        this.#waiting.delete(entry)
        this.#expire(entry)
      }
    } finally {
      this.#running = false
      for (const { dueAt } of this.#waiting) {
        this.#timer = this.#timers.schedule(dueAt, this.#wake)
        break
      }
    }
  }
}
