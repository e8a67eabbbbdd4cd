/** A queue that has settled messages and not told the journal yet. */
export interface Settler {
  /** True while it is listed; kept here so that marking twice costs one test. */
  settledMarked: boolean
  /** Appends what it has settled. */
  appendSettled(): void
}

/**
 * The queues with settlements that the journal has not heard of. They are told late, at the turn's end, so that a
 * thousand acks of neighbours are one record; but before anything whose order to them matters.
 */
export class Settlements {
  readonly #open: Settler[] = []

  mark(settler: Settler): void {
    if (settler.settledMarked) return
    settler.settledMarked = true
    this.#open.push(settler)
  }

  /** Tells the journal everything. */
  flush(): void {
    const open = this.#open
    // Asked before every message that is journalled, and setting a length is a call into the runtime.
    if (open.length === 0) return
    for (let index = 0; index < open.length; index++) {
      const settler = open[index] as Settler
      settler.settledMarked = false
      settler.appendSettled()
    }
    open.length = 0
  }
}
