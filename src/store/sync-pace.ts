/** Below this mean a sync is so quick that waiting for more records gains nothing. */
const SLOW_MS = 0.3
/** Never collect longer than this. */
const PATIENCE_MAX_MS = 1
/** Weight of the latest sync in the mean. */
const WEIGHT = 1 / 8

/**
 * Knows how long a sync takes here. On a slow disk, writing as soon as the last sync ends splits what is in flight into
 * two groups that take turns; collecting a little longer makes them one.
 */
export class SyncPace {
  meanMs = 0

  note(ms: number): void {
    this.meanMs += (ms - this.meanMs) * WEIGHT
  }

  /** How long records may be collected before the next batch leaves, in ms; 0 on a quick disk. */
  get patienceMs(): number {
    return this.meanMs <= SLOW_MS ? 0 : Math.min(this.meanMs / 4, PATIENCE_MAX_MS)
  }
}
