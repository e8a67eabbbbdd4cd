/**
 * The time that one turn of the event loop sees: a field, because asking the system once a message costs as much as
 * routing it. Whoever enters the broker from outside (a read, a timer) refreshes it first.
 */
export class Clock {
  /** Milliseconds since the Unix epoch. */
  now: number
  readonly #source: () => number

  constructor(source: () => number = Date.now) {
    this.#source = source
    this.now = source()
  }

  refresh(): number {
    this.now = this.#source()
    return this.now
  }
}
