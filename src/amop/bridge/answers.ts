import { Fifo, type Settling, type Turn } from '../../base/index.ts'
import type { BrokerContext } from '../../broker/index.ts'

/** Something to be said at the end of a turn. */
export interface Due {
  say(): void
}

interface Waiting {
  readonly position: number
  readonly due: Due
}

/**
 * What is to be said when a turn ends, or when the journal has got so far: whoever hears it may send messages, which must
 * not happen in the midst of a publish.
 */
export class Answers implements Settling {
  settleMarked = false
  readonly #turn: Turn
  readonly #journal: BrokerContext['journal']
  #ready: Due[] = []
  /** In the order of their positions. */
  readonly #waiting = new Fifo<Waiting>()

  constructor({ turn, journal }: BrokerContext) {
    this.#turn = turn
    this.#journal = journal
  }

  /** @param position of the journal that has to be complete; 0 for none. */
  add(due: Due, position = 0): void {
    if (position <= this.#journal.completed) {
      this.#ready.push(due)
      this.#turn.settle(this)
      return
    }
    if (this.#waiting.size === 0) this.#journal.addWaiter(this)
    this.#waiting.push({ position, due })
  }

  journalCompleted(): void {
    this.#turn.settle(this)
  }

  settle(): void {
    this.#advance(this.#journal.completed)
    const ready = this.#ready
    this.#ready = []
    for (const due of ready) due.say()
  }

  close(): void {
    this.#ready = []
    this.#waiting.clear()
    this.#journal.removeWaiter(this)
  }

  #advance(completed: number): void {
    const waiting = this.#waiting
    const { size } = waiting
    for (let next = waiting.first; next !== undefined && next.position <= completed; next = waiting.first) {
      waiting.shift()
      this.#ready.push(next.due)
    }
    if (size > 0 && waiting.size === 0) this.#journal.removeWaiter(this)
  }
}
