/**
 * Gathers stretches of a slab, in the order of their offsets; neighbours become one. Such a list is kept as pairs of
 * offsets, from and end (exclusive), ascending; undefined stands for everything.
 */
export class Runs {
  readonly #bounds: number[] = []

  add(from: number, length: number): void {
    const bounds = this.#bounds
    const last = bounds.length - 1
    if (last > 0 && bounds[last] === from) bounds[last] = from + length
    else bounds.push(from, from + length)
  }

  /** @param end of the slab: one run from 0 to there is everything. */
  finish(end: number): Int32Array | undefined {
    const bounds = this.#bounds
    if (bounds.length === 2 && bounds[0] === 0 && bounds[1] === end) return undefined
    return Int32Array.from(bounds)
  }
}

/** Tells of ascending offsets whether they lie in a list of runs. */
export class RunCursor {
  readonly #runs: Int32Array | undefined
  #at = 0

  constructor(runs: Int32Array | undefined) {
    this.#runs = runs
  }

  has(offset: number): boolean {
    const runs = this.#runs
    if (runs === undefined) return true
    let at = this.#at
    while (at < runs.length && (runs[at + 1] as number) <= offset) at += 2
    this.#at = at
    return at < runs.length && (runs[at] as number) <= offset
  }
}
