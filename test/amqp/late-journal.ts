import type { Journal, JournalRecord, JournalWaiter, Position } from '../../src/store/index.ts'

/** Completes when the test says so, in order. */
export class LateJournal implements Journal {
  completed: Position = 0
  appended: Position = 0
  pendingBytes = 0
  /** Of each record that has not completed, oldest first. */
  readonly #pending: number[] = []
  readonly #waiters = new Set<JournalWaiter>()

  append(record: JournalRecord): Position {
    const bytes = record.byteLength()
    this.#pending.push(bytes)
    this.pendingBytes += bytes
    return ++this.appended
  }

  beginGroup(): void {}
  endGroup(): void {}
  commit(): void {}

  async flush(): Promise<void> {
    throw new Error('nobody waits for this journal')
  }

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
    for (; this.completed < position; this.completed++) this.pendingBytes -= this.#pending.shift() as number
    for (const waiter of [...this.#waiters]) waiter.journalCompleted()
  }

  async close(): Promise<void> {}
}
