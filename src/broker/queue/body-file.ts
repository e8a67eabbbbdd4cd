import type { SegmentRef } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'
import type { Message } from '../message.ts'
import type { StoredBodyFile } from '../storage/index.ts'
import type { BodyUse } from './body-use.ts'
import { setAside } from './damaged-file.ts'
import { contentBytes } from './record.ts'
import { bytesIn, intersectionOf, unionOf } from './runs.ts'

/** Where a large message lies that slabs in files refer to. */
export interface BodyPlace {
  readonly file: BodyFile
  /** Where in the file as it was first written. */
  readonly at: number
  readonly bytes: number
}

/**
 * A segment file of large messages that more than one queue had when it was written: slabs' files refer to it. When most
 * of it is dead, what is alive moves to another file. Who refers to it need not know: places are those in the first file
 * for good, and the number of that one is its name.
 */
export class BodyFile {
  readonly id: number
  /** Slabs' files that refer to it, each with at least one message that is alive, as far as anybody knows. */
  readonly uses = new Set<BodyUse>()
  /** Messages of it that some slab holds in memory, by place. */
  readonly inMemory = new Map<number, Message>()
  /** A power cut does not take it, and the journal has a record of it. */
  isSynced = false
  /** Some of it is not what was written. */
  isDamaged = false
  /** Nobody refers to it any more. */
  isDropped = false
  #ref: SegmentRef
  /** Which stretches of the first file there are; undefined for all. */
  #runs: Int32Array | undefined
  /** Something was settled since `liveBytes` was counted. */
  #isTouched = true
  #liveBytes = 0

  constructor({ id, file, runs }: StoredBodyFile) {
    this.id = id
    this.#ref = file
    this.#runs = runs
  }

  /** The file that has what is left. */
  get ref(): SegmentRef {
    return this.#ref
  }

  /** What the journal is to know of it. */
  get stored(): StoredBodyFile {
    return { id: this.id, file: this.#ref, runs: this.#runs }
  }

  /** Something of it may be dead. */
  touch(): void {
    this.#isTouched = true
  }

  /** Where in the file of now these bytes are; -1 when it has not got them. */
  locate(at: number, bytes: number): number {
    const runs = this.#runs
    if (runs === undefined) return at + bytes <= this.#ref.bytes ? at : -1
    let start = 0
    for (let index = 0; index < runs.length; index += 2) {
      const from = runs[index] as number
      const end = runs[index + 1] as number
      if (at < from) return -1
      if (at + bytes <= end) return start + at - from
      start += end - from
    }
    return -1
  }

  /** Stretches that are alive, or held in memory by somebody who may write a file that refers to them. */
  liveRuns(): Int32Array {
    const lists: Int32Array[] = []
    for (const use of this.uses) lists.push(use.runsOf(this))
    for (const [at, message] of this.inMemory) lists.push(Int32Array.of(at, at + contentBytes(message)))
    const live = unionOf(lists)
    // After a crash somebody may seem to need what was settled since, and is here no more.
    return this.#runs === undefined ? live : intersectionOf(live, this.#runs)
  }

  /** Bytes that are alive; cheap when nothing was settled since it was asked last. */
  get liveBytes(): number {
    if (!this.#isTouched) return this.#liveBytes
    this.#isTouched = false
    this.#liveBytes = bytesIn(this.liveRuns())
    return this.#liveBytes
  }

  /** A new file would be half as large at most. */
  get isHalfDead(): boolean {
    return this.liveBytes * 2 < this.#ref.bytes && !this.isDamaged
  }

  /** From now on another file has it. @param runs the stretches that went there, one behind the other. */
  moveTo(ref: SegmentRef, runs: Int32Array): void {
    this.#ref = ref
    this.#runs = runs
  }

  /** Removes it if nobody refers to it, as soon as the journal has all that was said of those who did. */
  dropIfUnused(context: BrokerContext): void {
    if (this.uses.size > 0 || this.isDropped) return
    this.isDropped = true
    const { memory, storage } = context
    memory.bodies.forget(this)
    if (this.isDamaged && storage.segments !== undefined) setAside(context, storage.segments, this.#ref)
    else storage.dropSegment(this.#ref)
  }
}
