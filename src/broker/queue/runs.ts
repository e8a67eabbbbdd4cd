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

  /** The runs, whatever they cover. */
  bounds(): Int32Array {
    return Int32Array.from(this.#bounds)
  }
}

/** What is left of runs without a stretch that lies in one of them. @param slabEnd where everything ends */
export function withoutRun(runs: Int32Array | undefined, from: number, end: number, slabEnd: number): Int32Array {
  const before = runs ?? Int32Array.of(0, slabEnd)
  let low = 0
  let high = before.length / 2
  // The first run that ends behind the stretch's start.
  while (low < high) {
    const middle = (low + high) >> 1
    if ((before[2 * middle + 1] as number) <= from) low = middle + 1
    else high = middle
  }
  const at = 2 * low
  const runFrom = before[at]
  const runEnd = before[at + 1]
  if (runFrom === undefined || runEnd === undefined || runFrom > from) return before
  const left: number[] = []
  if (runFrom < from) left.push(runFrom, from)
  if (end < runEnd) left.push(end, runEnd)
  const after = new Int32Array(before.length - 2 + left.length)
  after.set(before.subarray(0, at))
  after.set(left, at)
  after.set(before.subarray(at + 2), at + left.length)
  return after
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

/** How many bytes lie in these runs. */
export function bytesIn(runs: Int32Array): number {
  let bytes = 0
  for (let index = 0; index < runs.length; index += 2) bytes += (runs[index + 1] as number) - (runs[index] as number)
  return bytes
}

/** All that lies in any of these lists of runs. */
export function unionOf(lists: readonly Int32Array[]): Int32Array {
  const all: [number, number][] = []
  for (const runs of lists) {
    for (let index = 0; index < runs.length; index += 2) all.push([runs[index] as number, runs[index + 1] as number])
  }
  all.sort((a, b) => a[0] - b[0])
  const bounds: number[] = []
  for (const [from, end] of all) {
    const last = bounds.length - 1
    if (last > 0 && (bounds[last] as number) >= from) bounds[last] = Math.max(bounds[last] as number, end)
    else bounds.push(from, end)
  }
  return Int32Array.from(bounds)
}

/** What lies in both of two lists of runs, ascending as these are. */
export function intersectionOf(a: Int32Array, b: Int32Array): Int32Array {
  const bounds: number[] = []
  let at = 0
  for (let index = 0; index < a.length; index += 2) {
    const from = a[index] as number
    const end = a[index + 1] as number
    while (at < b.length && (b[at + 1] as number) <= from) at += 2
    for (let next = at; next < b.length && (b[next] as number) < end; next += 2) {
      bounds.push(Math.max(from, b[next] as number), Math.min(end, b[next + 1] as number))
    }
  }
  return Int32Array.from(bounds)
}
