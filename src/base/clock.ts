/**
 * The system's time as it was when the process started, and what has passed since. Setting the system's clock back
 * must not stop all heartbeats until it has caught up, nor setting it forward time out whoever waits.
 * @returns whole ms since the Unix epoch.
 */
export function steadyNow(): number {
  return Math.floor(performance.timeOrigin + performance.now())
}

/**
 * The time that one turn of the event loop sees: a field, because asking the system once a message costs as much as
 * routing it. Whoever enters the broker from outside (a read, a timer) refreshes it first.
 */
export class Clock {
  /** Milliseconds since the Unix epoch. */
  now: number
  readonly #source: () => number

  constructor(source: () => number = steadyNow) {
    this.#source = source
    this.now = source()
  }

  refresh(): number {
    this.now = this.#source()
    return this.now
  }
}
