import type { Clock, Timer, Timers } from '../../base/index.ts'
import type { Levels } from './levels.ts'
import type { Line } from './line.ts'
import { recordExpiry } from './record.ts'

/**
 * Watches the first message of each line of a queue for its expiry, by one timer. Messages expire at the head only:
 * what lies behind one that lives longer waits, so nothing else needs to be known. Source: RabbitMQ.
 */
export class HeadExpiry {
  /** False when certainly no ready message has an expiry: the common case, which costs one test. */
  possible = false
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #levels: Levels
  readonly #due: () => void
  #timer: Timer | undefined

  /** @param due called when a head may have expired; it drops what has, and calls `arm`. */
  constructor(clock: Clock, timers: Timers, levels: Levels, due: () => void) {
    this.#clock = clock
    this.#timers = timers
    this.#levels = levels
    this.#due = due
  }

  /** Whether the message that the line's `seek` has found has expired; or may have, when its slab is paged. */
  isExpired(line: Line): boolean {
    const expiry = headExpiry(line)
    return expiry !== 0 && expiry <= this.#clock.now
  }

  /** Heads have changed: sees to it that the next one to expire is noticed. */
  arm(): void {
    let earliest = Number.POSITIVE_INFINITY
    let ready = 0
    for (const line of this.#levels.descending()) {
      if (line.ready === 0) continue
      ready += line.ready
      line.seek()
      const expiry = headExpiry(line)
      // A paged head that may be due is being read, and its queue drained when it has come.
      if (line.slab.paged !== undefined && expiry <= this.#clock.now) continue
      if (expiry !== 0 && expiry < earliest) earliest = expiry
    }
    if (ready === 0) this.possible = false
    else if (earliest !== Number.POSITIVE_INFINITY) this.#wakeAt(earliest)
  }

  stop(): void {
    this.#timers.cancel(this.#timer)
    this.#timer = undefined
  }

  #wakeAt(expiry: number): void {
    // What is due and still there was left over from one turn for the next.
    const at = Math.max(expiry, this.#clock.now + 1)
    const timer = this.#timer
    if (timer !== undefined && timer.index >= 0) {
      if (timer.at <= at) return
      this.#timers.cancel(timer)
    }
    this.#timer = this.#timers.schedule(at, this.#due)
  }
}

/** Not before this, when the slab is paged. */
function headExpiry(line: Line): number {
  const { slab } = line
  return slab.paged?.expiry ?? recordExpiry(slab.memory.words, slab.locate(line.offset))
}
