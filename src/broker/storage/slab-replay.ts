import { copyBytes } from '../../codec/index.ts'
import type { Message } from '../message.ts'
import {
  headBytes,
  REDELIVERED,
  REFERENCE,
  recordBytes,
  recordLength,
  recordState,
  setRecordState,
  withCount,
  writeContent,
  writeHead,
} from '../queue/record.ts'
import type { RestoredSlab } from '../queue/restored.ts'
import { SLAB_BYTES_MAX, SlabMemory, slabSize } from '../queue/slab-pool.ts'

/** Where a record lay that is settled by now. */
const DEAD = -1

/** When memory is short, so many times as much is taken: what has been laid out is copied each time. */
const GROWTH = 4
/** Memory of which at least this share is in use goes over to the queue as it is. */
const DENSE = 0.75

/** Bytes of the record as it is laid out. A message with a buffer of its own is one that several queues have. */
export function replayedBytes(message: Message, expiry: number): number {
  return message.owned ? headBytes(expiry) : recordBytes(message, expiry)
}

/**
 * What the journal says of one slab of one queue that has no file: its messages, already laid out as the slab will have
 * them. Nearly always they come in the order of their offsets, and leave from the front.
 */
export class SlabReplay {
  /** Messages that are not settled. */
  live = 0
  readonly number: number
  #memory: SlabMemory
  #used = 0
  /** Original offsets, ascending. */
  #offsets: number[] = []
  /** Where the record of each lies in memory, or DEAD. */
  #places: number[] = []
  /** Messages that are not here but in a buffer that other queues have, too. */
  readonly #references = new Map<number, Message>()
  /** Behind the last record that the slab ever had. */
  #slabEnd = 0

  /** @param bytes that its first message will take. */
  constructor(number: number, bytes: number) {
    this.number = number
    this.#memory = new SlabMemory(slabSize(bytes))
  }

  /** A message was written at this offset; one that was there before is gone. @param state flags and delivery count. */
  add(offset: number, state: number, expiry: number, message: Message): void {
    const length = replayedBytes(message, expiry)
    const at = this.#makeRoom(length)
    this.#references.delete(offset)
    if (message.owned) {
      writeHead(this.#memory.words, at, length, state | REFERENCE, message, expiry)
      this.#references.set(offset, message)
    } else {
      writeHead(this.#memory.words, at, length, state, message, expiry)
      writeContent(this.#memory, at, message)
    }
    this.#used = at + length
    this.#slabEnd = Math.max(this.#slabEnd, offset + length)
    this.live++
    const index = this.#indexOf(offset)
    if (this.#offsets[index] === offset) {
      if (this.#places[index] !== DEAD) this.live--
      this.#places[index] = at
    } else if (index === this.#offsets.length) {
      this.#offsets.push(offset)
      this.#places.push(at)
    } else {
      this.#offsets.splice(index, 0, offset)
      this.#places.splice(index, 0, at)
    }
  }

  /** A message came back. @param count how often by now */
  count(offset: number, count: number): void {
    const index = this.#indexOf(offset)
    const at = this.#places[index]
    if (this.#offsets[index] !== offset || at === undefined || at === DEAD) return
    const { words } = this.#memory
    setRecordState(words, at, withCount(recordState(words, at), count) | REDELIVERED)
  }

  /** Every record that starts in [from, end) is settled. */
  settle(from: number, end: number): void {
    for (let index = this.#indexOf(from); index < this.#offsets.length; index++) {
      if ((this.#offsets[index] as number) >= end) break
      if (this.#places[index] === DEAD) continue
      this.#places[index] = DEAD
      this.#references.delete(this.#offsets[index] as number)
      this.live--
    }
    if (this.live === 0) this.#clear()
  }

  /** The slab as it comes back. Nothing more is added. @param crashed every message may have been delivered before. */
  finish(crashed: boolean): RestoredSlab {
    const { bytes, words } = this.#memory
    let size = 0
    for (const at of this.#places) if (at !== DEAD) size += recordLength(words, at)
    const asIs = size >= this.#used * DENSE && this.#memory.size === slabSize(this.#used)
    const memory = asIs ? this.#memory : new SlabMemory(slabSize(size))
    const offsets = new Int32Array(this.live)
    const places = new Int32Array(this.live)
    let end = 0
    let count = 0
    for (let index = 0; index < this.#offsets.length; index++) {
      const at = this.#places[index] as number
      if (at === DEAD) continue
      let place = at
      if (!asIs) {
        place = end
        end += recordLength(words, at)
        copyBytes(bytes, at, at + end - place, memory.bytes, place)
      }
      if (crashed) setRecordState(memory.words, place, recordState(memory.words, place) | REDELIVERED)
      offsets[count] = this.#offsets[index] as number
      places[count] = place
      count++
    }
    return {
      number: this.number,
      memory,
      end: asIs ? this.#used : end,
      offsets,
      at: places,
      references: this.#references,
      slabEnd: this.#slabEnd,
    }
  }

  /** Index of the first offset that is not smaller. */
  #indexOf(offset: number): number {
    const offsets = this.#offsets
    let high = offsets.length
    if (high === 0 || (offsets[high - 1] as number) < offset) return high
    let low = 0
    while (low < high) {
      const middle = (low + high) >> 1
      if ((offsets[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  #makeRoom(length: number): number {
    const needed = this.#used + length
    if (needed > this.#memory.size) {
      const { size } = this.#memory
      // Slabs are rarely larger, and may have been written more than once.
      const wanted = size < SLAB_BYTES_MAX ? Math.min(size * GROWTH, SLAB_BYTES_MAX) : size * 2
      const larger = new SlabMemory(Math.max(slabSize(needed), wanted))
      this.#memory.bytes.copy(larger.bytes, 0, 0, this.#used)
      this.#memory = larger
    }
    return this.#used
  }

  #clear(): void {
    this.#used = 0
    this.#offsets.length = 0
    this.#places.length = 0
  }
}
