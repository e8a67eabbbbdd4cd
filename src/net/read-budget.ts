/** Who may read no more in this turn. */
export interface Held {
  nextTurn(): void
}

/**
 * Numbers the turns of the event loop for the connections of one listener and wakes at each turn's end those that have
 * used up their share, so that one flood does not hold up everybody's confirms.
 */
export class ReadBudget {
  /** Changes with every turn in which something was read. */
  turn = 0
  #open = false
  #held: Held[] = []
  readonly #end = (): void => {
    this.turn++
    this.#open = false
    const held = this.#held
    if (held.length === 0) return
    this.#held = []
    for (const reader of held) reader.nextTurn()
  }

  /** Called by every read: a turn that has read something ends. */
  enter(): number {
    if (!this.#open) {
      this.#open = true
      setImmediate(this.#end)
    }
    return this.turn
  }

  hold(reader: Held): void {
    this.#held.push(reader)
  }
}
