import type { Journal, JournalRecord, JournalWaiter, Position } from '../../src/store/index.ts'

/** Completes when the test says so, in order. */
export class LateJournal implements Journal {
  completed: Position = 0
  appended: Position = 0
  readonly pendingBytes = 0
  readonly #waiters = new Set<JournalWaiter>()

  append(_record: JournalRecord): Position {
    return ++this.appended
  }

  beginGroup(): void {}
  endGroup(): void {}
  commit(): void {}

  addWaiter(waiter: JournalWaiter): void {
    this.#waiters.add(waiter)
  }

  removeWaiter(waiter: JournalWaiter): void {
    this.#waiters.delete(waiter)
  }

  get waiterCount(): number {
    return this.#waiters.size
  }

  /** Everything up to this position is safe from now on. */
  complete(position: Position = this.appended): void {
    this.completed = position
    for (const waiter of [...this.#waiters]) waiter.journalCompleted()
  }

  async close(): Promise<void> {}
}
