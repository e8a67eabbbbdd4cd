/** Below this mean a sync is so quick that waiting for more records gains nothing. */
const SLOW_MS = 0.3
/** Never collect longer than this. */
const PATIENCE_MAX_MS = 1
/** Part of a sync that may be spent on waiting for what it is worth to take along. */
const PATIENCE_SHARE = 1 / 2
/** Weight of the latest sync in the mean. */
const WEIGHT = 1 / 8
/** So much of what is expected is enough: those who were confirmed do not all come back at once. */
const ENOUGH_SHARE = 0.9

/**
 * Knows how long a sync takes here, and what to wait for. On a slow disk, writing as soon as the last sync ends splits
 * what publishers have in flight into two groups that take turns; waiting until those who were just confirmed have come
 * back makes them one. Whoever publishes one at a time is never waited for.
 */
export class SyncPace {
  #meanMs = 0
  #expectedBytes = 0

  /**
   * A batch has been synced.
   * @param batchBytes what it had.
   * @param pendingBytes what has come since it was closed.
   */
  note(ms: number, batchBytes: number, pendingBytes: number): void {
    this.#meanMs += (ms - this.#meanMs) * WEIGHT
    this.#expectedBytes = batchBytes + pendingBytes
  }

  /** How long the next batch may collect, in ms; 0 when it is to leave at once. @param pendingBytes what it has. */
  patienceMs(pendingBytes: number): number {
    if (this.#meanMs <= SLOW_MS || this.hasEnough(pendingBytes)) return 0
    return Math.min(this.#meanMs * PATIENCE_SHARE, PATIENCE_MAX_MS)
  }

  /** All that can be expected is there. */
  hasEnough(pendingBytes: number): boolean {
    return pendingBytes >= this.#expectedBytes * ENOUGH_SHARE
  }
}
