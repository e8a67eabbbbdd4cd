/**
 * A place in the journal's order: whole numbers from 1 upward, 0 for "nothing to wait for". Positions complete in order.
 */
export type Position = number

/** Something to be appended: it knows its size and writes itself at an offset, so nothing is built per record. */
export interface JournalRecord {
  /** Bytes that `write` will fill. */
  byteLength(): number
  write(target: Buffer, at: number): void
}

/** Who waits for the journal; told once each time that `completed` has grown. */
export interface JournalWaiter {
  journalCompleted(): void
}

/**
 * The one log that every queue of a node shares: the core appends and goes on, and what must not be said before the
 * record is safe (a confirm, a declare-ok) waits for its position.
 */
export interface Journal {
  /** Everything up to here is as safe as this journal makes it. */
  readonly completed: Position
  /** Position of the last record appended. */
  readonly appended: Position
  /**
   * Bytes appended and not yet completed. They are in memory: whoever lets others append has to hold them back when this
   * grows.
   */
  readonly pendingBytes: number
  /** @param type 0..255, for whoever reads the record back; default 0. */
  append(record: JournalRecord, type?: number): Position
  /**
   * What is appended until `endGroup` comes back whole or not at all, and completes together. Both are called in one turn,
   * with nothing but `append` in between.
   */
  beginGroup(): void
  endGroup(): void
  /** End of a turn: what was appended since the last call is one batch. */
  commit(): void
  /**
   * Resolves when everything appended so far would survive a power cut, which a position completed alone does not say where
   * not every batch is synced.
   * @throws JournalError when it will not: after a failed sync, or closed meanwhile.
   */
  flush(): Promise<void>
  /** Calls the waiter back each time `completed` grows, until it is removed. */
  addWaiter(waiter: JournalWaiter): void
  removeWaiter(waiter: JournalWaiter): void
  close(): Promise<void>
}

/** Keeps nothing and completes at once: for brokers whose queues live in memory. */
export class MemoryJournal implements Journal {
  completed: Position = 0
  readonly pendingBytes = 0

  get appended(): Position {
    return this.completed
  }

  append(_record: JournalRecord): Position {
    return ++this.completed
  }

  beginGroup(): void {}
  endGroup(): void {}
  commit(): void {}
  async flush(): Promise<void> {}
  addWaiter(_waiter: JournalWaiter): void {}
  removeWaiter(_waiter: JournalWaiter): void {}

  async close(): Promise<void> {}
}
