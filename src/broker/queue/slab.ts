import { copyBytes } from '../../codec/index.ts'
import type { SegmentRef } from '../../store/index.ts'
import type { Message } from '../message.ts'
import type { BodyUse } from './body-use.ts'
import type { Line } from './line.ts'
import { findTaken, type PagedSlab } from './paged-slab.ts'
import {
  COPY_BODY_BYTES_MAX,
  HEAD_BYTES,
  REFERENCE,
  recordBodyBytes,
  recordExpiry,
  recordLength,
  recordState,
  SETTLED,
  setRecordState,
  showRecord,
} from './record.ts'
import { NO_MEMORY, SlabMemory } from './slab-pool.ts'

/**
 * A stretch of a line: records one behind the other in one piece of memory.
 *
 *     | settled | unacked | settled | unacked | ready | ready | room … |
 *     0                                       ^readAt         ^end     ^memory.size
 *
 * A record's offset is its name, part of its place, and never changes. Nearly always it is also where the record lies;
 * but a slab with few live records is packed: these move together into less memory, and a table leads from their
 * offsets to where they are. What a restart brings back is packed as well.
 *
 * A slab that lies in a file can give its memory back: it is *paged*, and not a single record of it can be looked at
 * until it is loaded.
 */
export class Slab {
  readonly line: Line
  number: number
  memory: SlabMemory = NO_MEMORY
  /** Where the next record goes: behind all offsets. */
  end = 0
  /** The first record not handed out yet; `end` when all are. */
  readAt = 0
  /** What `readAt` was before anything was handed out. */
  startAt = 0
  /** Records not settled, and one more while a view shows a record of this slab. */
  live = 0
  /** Bytes of the records not settled, and of the large messages they refer to. */
  liveBytes = 0
  /** Of those, the ones that the journal knows. */
  journalled = 0
  journalledBytes = 0
  previous: Slab | undefined = undefined
  next: Slab | undefined = undefined
  /** Listed as one to be packed if it stays. */
  sparse = false
  /** Each record begins where the one before ends, and none behind `readAt` is settled. */
  plain = true
  /** Records before this offset had been handed out when the broker stopped; 0 when it never has. */
  handedTo = 0
  /** Large messages kept by reference, by the offset of their record, and their bytes. */
  references: Map<number, Message> | undefined = undefined
  referenceBytes = 0
  /** The file with its records, if there is one. */
  segment: SegmentRef | undefined = undefined
  /** Large messages in other files that this one refers to. */
  bodies: BodyUse | undefined = undefined
  /** A power cut does not take the file, nor those that it refers to. */
  segmentSynced = false
  /** What is known of its records while they are not in memory. */
  paged: PagedSlab | undefined = undefined
  /** It is being read back. */
  loading: Promise<boolean> | undefined = undefined
  /** Of a packed slab: the records' offsets, ascending, and where each lies. */
  #offsets: Int32Array | undefined = undefined
  #places: Int32Array | undefined = undefined
  /** Index of the offset that was asked for last. */
  #cursor = 0

  constructor(line: Line, number: number) {
    this.line = line
    this.number = number
  }

  /** Its records are in memory. */
  get resident(): boolean {
    return this.paged === undefined
  }

  /** Its records are not all where their offsets say. */
  get packed(): boolean {
    return this.#offsets !== undefined
  }

  /** Where in memory the record with this offset is. */
  locate(offset: number): number {
    return this.#offsets === undefined ? offset : ((this.#places as Int32Array)[this.#indexOf(offset)] as number)
  }

  /**
   * How far the offsets of the record that lies here reach, for stretches that must not touch its neighbours. A large
   * message that a restart brought back lies in its record, where before it may only have been referred to.
   */
  reach(at: number): number {
    const { words } = this.memory
    return this.packed && recordBodyBytes(words, at) > COPY_BODY_BYTES_MAX ? HEAD_BYTES : recordLength(words, at)
  }

  /** Shows the record that lies here. */
  show(offset: number, at: number, view: Message): void {
    const { bytes, words } = this.memory
    if ((recordState(words, at) & REFERENCE) === 0) showRecord(bytes, words, at, view)
    else view.assign(this.references?.get(offset) as Message)
  }

  /** State of a record that was handed out, which need not be in memory. */
  stateOf(offset: number): number {
    const { paged } = this
    if (paged !== undefined) return paged.taken[findTaken(paged, offset) + 2] as number
    return recordState(this.memory.words, this.locate(offset))
  }

  /** Gives a record that was handed out, and need not be in memory, another state. */
  setStateOf(offset: number, state: number): void {
    const { paged } = this
    if (paged !== undefined) paged.taken[findTaken(paged, offset) + 2] = state
    else setRecordState(this.memory.words, this.locate(offset), state)
  }

  /** Bytes of the body of a record that was handed out, which need not be in memory. */
  bodyBytesOf(offset: number): number {
    const { paged } = this
    if (paged !== undefined) return paged.taken[findTaken(paged, offset) + 1] as number
    return recordBodyBytes(this.memory.words, this.locate(offset))
  }

  /** Whether the record has an expiry; whether any has when the slab is paged. */
  mayExpire(offset: number): boolean {
    const { paged } = this
    return (paged === undefined ? recordExpiry(this.memory.words, this.locate(offset)) : paged.expiry) !== 0
  }

  /** Whether the record that was at this offset is still there and not settled. */
  isLive(offset: number): boolean {
    if (this.#offsets !== undefined && this.#offsets[this.#indexOf(offset)] !== offset) return false
    return !isSettled(this.memory.words, this.locate(offset))
  }

  /** Offset of the first record behind this one that is not settled; `end` when there is none. */
  following(offset: number): number {
    const { words } = this.memory
    const offsets = this.#offsets
    if (offsets === undefined) {
      let next = offset + (words[offset >> 2] as number)
      while (next < this.end && isSettled(words, next)) next += words[next >> 2] as number
      return next
    }
    const places = this.#places as Int32Array
    let index = this.#indexOf(offset) + 1
    while (index < offsets.length && isSettled(words, places[index] as number)) index++
    this.#cursor = index
    return index < offsets.length ? (offsets[index] as number) : this.end
  }

  /** Shows every record in memory, the settled ones that are still there included, by offset and where it lies. */
  forEach(visit: (offset: number, at: number) => void): void {
    const { words } = this.memory
    const offsets = this.#offsets
    if (offsets === undefined) {
      for (let at = 0; at < this.end; at += words[at >> 2] as number) visit(at, at)
      return
    }
    const places = this.#places as Int32Array
    for (let index = 0; index < offsets.length; index++) visit(offsets[index] as number, places[index] as number)
  }

  /** The records lie where the table says: offsets ascending, and a place in memory for each. */
  useTable(offsets: Int32Array, places: Int32Array): void {
    this.#offsets = offsets
    this.#places = places
    this.#cursor = 0
    this.plain = false
  }

  /** Every record lies where its offset says. */
  dropTable(): void {
    this.#offsets = undefined
    this.#places = undefined
  }

  /** Copies the live records, one behind the other. @returns where each has gone. */
  copyLive(target: Buffer, to: number): { offsets: Int32Array; places: Int32Array; bytes: number } {
    const { bytes, words } = this.memory
    const offsets: number[] = []
    const places: number[] = []
    const start = to
    this.forEach((offset, at) => {
      if (isSettled(words, at)) return
      const length = words[at >> 2] as number
      offsets.push(offset)
      places.push(to - start)
      copyBytes(bytes, at, at + length, target, to)
      to += length
    })
    return { offsets: Int32Array.from(offsets), places: Int32Array.from(places), bytes: to - start }
  }

  /** Moves the live records together into memory of just their size. */
  pack(): void {
    const memory = new SlabMemory(this.liveBytes - this.referenceBytes)
    const { offsets, places } = this.copyLive(memory.bytes, 0)
    this.useTable(offsets, places)
    this.memory = memory
  }

  /** Index of the offset in the table; of some other one when it is not there. */
  #indexOf(offset: number): number {
    const offsets = this.#offsets as Int32Array
    if (offsets[this.#cursor] === offset) return this.#cursor
    let low = 0
    let high = offsets.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((offsets[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    this.#cursor = low
    return low
  }
}

function isSettled(words: Int32Array, at: number): boolean {
  return ((words[(at >> 2) + 1] as number) & SETTLED) !== 0
}
