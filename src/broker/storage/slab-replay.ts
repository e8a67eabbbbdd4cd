import type { Message } from '../message.ts'
import {
  REDELIVERED,
  recordBytes,
  recordLength,
  recordState,
  setRecordState,
  writeContent,
  writeHead,
} from '../queue/record.ts'
import type { RestoredSlab } from '../queue/restored.ts'
import { SlabMemory, slabSize } from '../queue/slab-pool.ts'

/** Where a record lay that is settled by now. */
const DEAD = -1

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
  /** Behind the last record that the slab ever had. */
  #slabEnd = 0

  /** @param bytes that its first message will take. */
  constructor(number: number, bytes: number) {
    this.number = number
    this.#memory = new SlabMemory(slabSize(bytes))
  }

  /** A message was written at this offset; one that was there before is gone. @param state flags and delivery count. */
  add(offset: number, state: number, expiry: number, message: Message): void {
    const length = recordBytes(message, expiry)
    const at = this.#makeRoom(length)
    writeHead(this.#memory.words, at, length, state, message, expiry)
    writeContent(this.#memory, at, message)
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

  /** Every record that starts in [from, end) is settled. */
  settle(from: number, end: number): void {
    for (let index = this.#indexOf(from); index < this.#offsets.length; index++) {
      if ((this.#offsets[index] as number) >= end) break
      if (this.#places[index] === DEAD) continue
      this.#places[index] = DEAD
      this.live--
    }
    if (this.live === 0) this.#clear()
  }

  /** The slab as it comes back, in memory of its own. @param crashed every message may have been delivered before. */
  finish(crashed: boolean): RestoredSlab {
    const { bytes, words } = this.#memory
    let size = 0
    for (const at of this.#places) if (at !== DEAD) size += recordLength(words, at)
    const memory = new SlabMemory(slabSize(size))
    const offsets = new Int32Array(this.live)
    const places = new Int32Array(this.live)
    let end = 0
    let count = 0
    for (let index = 0; index < this.#offsets.length; index++) {
      const at = this.#places[index] as number
      if (at === DEAD) continue
      const length = recordLength(words, at)
      bytes.copy(memory.bytes, end, at, at + length)
      if (crashed) setRecordState(memory.words, end, recordState(memory.words, end) | REDELIVERED)
      offsets[count] = this.#offsets[index] as number
      places[count] = end
      end += length
      count++
    }
    return { number: this.number, memory, end, offsets, at: places, slabEnd: this.#slabEnd }
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
      const larger = new SlabMemory(Math.max((needed + 3) & ~3, this.#memory.size * 2))
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
