/** How long a file is tried again before what cannot be read of it counts as lost, in ms. */
const READ_PATIENCE_MS = 30_000
/** A refusal so long ago has nothing to do with one of now, in ms. */
const FORGOTTEN_MS = 600_000

/**
 * An I/O error may be a bad sector, which stays, or a disk that is away for a moment, with all its files: only time tells.
 * Whoever took the second for the first would give up one file after the other, all of them whole.
 */
export class ReadPatience {
  readonly #now: () => number
  readonly #refused = new Map<number, { readonly since: number; last: number }>()

  /** @param now milliseconds that only grow. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** What this file still refuses is lost. */
  isOver(id: number): boolean {
    const refused = this.#refused.get(id)
    const now = this.#now()
    return refused !== undefined && now - refused.last < FORGOTTEN_MS && now - refused.since >= READ_PATIENCE_MS
  }

  /** It has refused to be read. */
  refused(id: number): void {
    const now = this.#now()
    const refused = this.#refused.get(id)
    if (refused !== undefined && now - refused.last < FORGOTTEN_MS) refused.last = now
    else this.#refused.set(id, { since: now, last: now })
  }

  /** It could be read, or is not there any more. */
  forget(id: number): void {
    this.#refused.delete(id)
  }
}
