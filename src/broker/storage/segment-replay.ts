import type { StoredSlab } from './segment-record.ts'

/** What the journal says of one slab that lies in a file: what of it was alive, and what was settled since. */
export class SegmentReplay {
  /** Messages that are not settled. */
  live: number
  readonly #slab: StoredSlab
  #liveBytes: number
  #bodyBytes: number
  /** Pairs of offsets, from and end (exclusive), in the order in which they were settled. */
  readonly #settled: number[] = []
  /** How often messages came back, by offset. */
  #counts: Map<number, number> | undefined

  constructor(slab: StoredSlab) {
    this.#slab = slab
    this.live = slab.live
    this.#liveBytes = slab.liveBytes
    this.#bodyBytes = slab.bodyBytes
  }

  get number(): number {
    return this.#slab.number
  }

  /** Whether the slab has, or had, a record at this offset. */
  has(offset: number): boolean {
    return offset < this.#slab.end
  }

  settle(from: number, end: number, count: number, bodyBytes: number): void {
    if (end >= this.#slab.end && from === 0) {
      this.live = 0
      return
    }
    this.live -= count
    // A large message lies beside its record, and all that a record of it takes is its head.
    this.#liveBytes -= Math.max(end - from, bodyBytes)
    this.#bodyBytes -= bodyBytes
    const { length } = this.#settled
    // Neighbours settled one after the other are one stretch.
    if (length > 0 && this.#settled[length - 1] === from) this.#settled[length - 1] = end
    else this.#settled.push(from, end)
  }

  /** A message came back. @param count how often by now */
  count(offset: number, count: number): void {
    this.#counts ??= new Map()
    this.#counts.set(offset, count)
  }

  /** @param crashed every message may have been delivered before. */
  finish(crashed: boolean): StoredSlab {
    const { end, takenTo, runs } = this.#slab
    return {
      ...this.#slab,
      ...(this.#counts === undefined ? {} : { counts: inOrder(this.#counts) }),
      takenTo: crashed ? end : takenTo,
      live: this.live,
      liveBytes: this.#liveBytes,
      bodyBytes: this.#bodyBytes,
      runs: this.#settled.length === 0 ? runs : subtract(runs ?? Int32Array.of(0, end), this.#settled),
    }
  }
}

function inOrder(counts: ReadonlyMap<number, number>): Int32Array {
  return Int32Array.from([...counts].sort((a, b) => a[0] - b[0]).flat())
}

/** What is left of the runs without the settled stretches; both are pairs of from and end, the runs ascending. */
function subtract(runs: Int32Array, settled: readonly number[]): Int32Array {
  const gaps: [number, number][] = []
  for (let index = 0; index < settled.length; index += 2) {
    gaps.push([settled[index] as number, settled[index + 1] as number])
  }
  gaps.sort((a, b) => a[0] - b[0])
  const left: number[] = []
  let next = 0
  for (let index = 0; index < runs.length; index += 2) {
    let from = runs[index] as number
    const end = runs[index + 1] as number
    while (next < gaps.length && (gaps[next] as [number, number])[1] <= from) next++
    for (let at = next; at < gaps.length; at++) {
      const [gapFrom, gapEnd] = gaps[at] as [number, number]
      if (gapFrom >= end) break
      if (gapFrom > from) left.push(from, gapFrom)
      from = Math.max(from, gapEnd)
      if (from >= end) break
    }
    if (from < end) left.push(from, end)
  }
  return Int32Array.from(left)
}
