/** Who waits for an outcome. */
export interface OutcomeWaiter {
  /** Called once, when `state` has become another than `pending`; may come inside whatever settled it. */
  outcomeSettled(): void
}

/**
 * What becomes of one message that somebody outside the broker has been asked to take: known later than the publish
 * returns. A confirm waits for it beside the journal, and is a nack when it was rejected.
 */
export class PendingOutcome {
  /** Told when it is settled; set by the one who waits, while it is pending. */
  waiter: OutcomeWaiter | undefined = undefined
  #state: 'pending' | 'accepted' | 'rejected' = 'pending'

  get state(): 'pending' | 'accepted' | 'rejected' {
    return this.#state
  }

  /** Said once by whoever knows; what is said after that changes nothing. */
  settle(accepted: boolean): void {
    if (this.#state !== 'pending') return
    this.#state = accepted ? 'accepted' : 'rejected'
    const { waiter } = this
    this.waiter = undefined
    waiter?.outcomeSettled()
  }

  /** Accepted when all are; rejected as soon as one is. Takes the place of their waiters. */
  static all(outcomes: readonly PendingOutcome[]): PendingOutcome {
    const joined = new PendingOutcome()
    let left = outcomes.length
    for (const outcome of outcomes) {
      const waiter = {
        outcomeSettled(): void {
          left--
          if (outcome.state === 'rejected') joined.settle(false)
          else if (left === 0) joined.settle(true)
        },
      }
      if (outcome.state === 'pending') outcome.waiter = waiter
      else waiter.outcomeSettled()
    }
    return joined
  }
}
