import type { Message } from '../message.ts'
import type { CrashTail } from '../queue/crash-tail.ts'
import type { RestoredQueue } from '../queue/restored.ts'
import type { FoundCounts } from './counts-record.ts'
import type { StoredSlab } from './segment-record.ts'
import { SegmentReplay } from './segment-replay.ts'
import type { SettledRecord } from './settled-record.ts'
import { replayedBytes, SlabReplay } from './slab-replay.ts'

/** What the journal says of one queue's messages. Settlements of what it does not know are nothing to it. */
export class QueueReplay {
  readonly uid: number
  readonly #slabs = new Map<number, SlabReplay>()
  readonly #segments = new Map<number, SegmentReplay>()
  crashTail: CrashTail | undefined
  #lastSlabNumber = -1
  #recent: SlabReplay | undefined

  constructor(uid: number) {
    this.uid = uid
  }

  /** Messages that are not settled. */
  get live(): number {
    let live = 0
    for (const slab of this.#slabs.values()) live += slab.live
    for (const segment of this.#segments.values()) live += segment.live
    return live
  }

  add(slabNumber: number, offset: number, state: number, expiry: number, message: Message): void {
    // A copy of what lies in a file already, made before that was known.
    if (this.#segments.get(slabNumber)?.has(offset)) return
    let slab = this.#recent
    if (slab === undefined || slab.number !== slabNumber) {
      slab = this.#slabs.get(slabNumber)
      if (slab === undefined) {
        slab = new SlabReplay(slabNumber, replayedBytes(message, expiry))
        this.#slabs.set(slabNumber, slab)
        if (slabNumber > this.#lastSlabNumber) this.#lastSlabNumber = slabNumber
      }
      this.#recent = slab
    }
    slab.add(offset, state, expiry, message)
  }

  count({ slabNumber, counts }: FoundCounts): void {
    const slab = this.#slabs.get(slabNumber) ?? this.#segments.get(slabNumber)
    for (let index = 0; index < counts.length; index += 2) {
      slab?.count(counts[index] as number, counts[index + 1] as number)
    }
  }

  settle({ slabNumber, from, end, count, bodyBytes }: SettledRecord): void {
    const slab = this.#slabs.get(slabNumber)
    if (slab !== undefined) {
      slab.settle(from, end)
      // The slab being written to empties again and again; an older one is done with.
      if (slab.live === 0 && slabNumber !== this.#lastSlabNumber) this.#forget(slabNumber)
    }
    const segment = this.#segments.get(slabNumber)
    if (segment === undefined) return
    segment.settle(from, end, count, bodyBytes)
    if (segment.live <= 0) this.#segments.delete(slabNumber)
  }

  /** The slab lies in a file, with all there is of it. */
  place(slab: StoredSlab): void {
    this.#forget(slab.number)
    if (slab.number > this.#lastSlabNumber) this.#lastSlabNumber = slab.number
    if (slab.live > 0) this.#segments.set(slab.number, new SegmentReplay(slab))
    else this.#segments.delete(slab.number)
  }

  /** @param crashed every message may have been delivered before. */
  finish(crashed: boolean): RestoredQueue {
    const segments = [...this.#segments.values()].sort((a, b) => a.number - b.number)
    const slabs = [...this.#slabs.values()].filter(({ live }) => live > 0).sort((a, b) => a.number - b.number)
    return {
      uid: this.uid,
      segments: segments.map((segment) => segment.finish(crashed)),
      slabs: slabs.map((slab) => slab.finish(crashed)),
      crashed,
      crashTail: this.crashTail,
      lastSlabNumber: this.#lastSlabNumber,
    }
  }

  #forget(slabNumber: number): void {
    this.#slabs.delete(slabNumber)
    if (this.#recent?.number === slabNumber) this.#recent = undefined
  }
}
