import type { SegmentBytes, SegmentRef, Segments } from '../../store/index.ts'
import type { Slab } from './slab.ts'
import { encodeSlab } from './slab-file.ts'
import { Staging } from './staging.ts'

/** Files read at a time; more only makes each of them later. */
const READS_MAX = 2

/** Carries slabs between memory and segment files for all queues of a node. */
export class SegmentTraffic {
  readonly #staging = new Staging()
  readonly #waiting: (() => void)[] = []
  #reading = 0

  /** Writes the slab's records as they are now to a new file, without a sync. @throws what `Segments.write` does. */
  async write(slab: Slab, segments: Segments): Promise<SegmentRef> {
    const payload = encodeSlab(slab, this.#staging)
    try {
      return await segments.write(payload)
    } finally {
      this.#staging.give(payload)
    }
  }

  /**
   * Reads a file when it is its turn.
   * @param isWanted asked when the turn has come.
   * @param use gets the bytes, which are only good during the call.
   * @returns what `use` does; undefined when the file was not wanted any more.
   * @throws what `Segments.read` does.
   */
  async read<T>(
    ref: SegmentRef,
    segments: Segments,
    isWanted: () => boolean,
    use: (bytes: SegmentBytes) => T,
  ): Promise<T | undefined> {
    if (this.#reading === READS_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#reading++
    try {
      if (!isWanted()) return undefined
      const into = this.#staging.take(ref.bytes)
      try {
        const bytes = await segments.read(ref, into)
        return isWanted() ? use(bytes) : undefined
      } finally {
        this.#staging.give(into)
      }
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reading--
      else next()
    }
  }

  /** Reads a file at once. @throws what `Segments.readSync` does. */
  readSync<T>(ref: SegmentRef, segments: Segments, use: (bytes: SegmentBytes) => T): T {
    const into = this.#staging.take(ref.bytes)
    try {
      return use(segments.readSync(ref, into))
    } finally {
      this.#staging.give(into)
    }
  }
}
