import { copyBytes } from '../../codec/index.ts'
import type { Message } from '../message.ts'
import type { Line } from './line.ts'
import { NO_MEMORY, type SlabMemory } from './slab-pool.ts'

/**
 * A stretch of a line: records one behind the other in one piece of memory.
 *
 *     | settled | unacked | settled | unacked | ready | ready | room … |
 *     0                                       ^readAt         ^end     ^memory.size
 *
 * A slab that is read to its end and has few live records left is packed: these move together into less memory, and
 * a small table leads from their old offsets, which are in other people's places, to the new ones.
 */
export class Slab {
  readonly line: Line
  number: number
  memory: SlabMemory = NO_MEMORY
  /** Where the next record goes. */
  end = 0
  /** The first record not handed out yet; `end` when all are. */
  readAt = 0
  /** Records not settled, and one more while a view shows a record of this slab. */
  live = 0
  /** Bytes of the records not settled. */
  liveBytes = 0
  previous: Slab | undefined = undefined
  next: Slab | undefined = undefined
  /** Listed as one to be packed if it stays. */
  sparse = false
  /** Large messages kept by reference, by the offset of their record. */
  references: Map<number, Message> | undefined = undefined
  #oldOffsets: Int32Array | undefined = undefined
  #newOffsets: Int32Array | undefined = undefined

  constructor(line: Line, number: number) {
    this.line = line
    this.number = number
  }

  /** Where in memory the record with this offset is. */
  locate(offset: number): number {
    const olds = this.#oldOffsets
    if (olds === undefined) return offset
    let low = 0
    let high = olds.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((olds[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return (this.#newOffsets as Int32Array)[low] as number
  }

  /** Moves the live records, which `isLive` tells by their state, together into the given memory. */
  pack(into: SlabMemory, isLive: (state: number) => boolean): void {
    const { bytes, words } = this.memory
    const olds = this.#oldOffsets
    const end = olds === undefined ? this.end : this.#packedEnd()
    const oldOffsets: number[] = []
    const newOffsets: number[] = []
    let to = 0
    let index = 0
    for (let at = 0; at < end; index++) {
      const length = words[at >> 2] as number
      if (isLive(words[(at >> 2) + 1] as number)) {
        oldOffsets.push(olds === undefined ? at : (olds[index] as number))
        newOffsets.push(to)
        copyBytes(bytes, at, at + length, into.bytes, to)
        to += length
      }
      at += length
    }
    this.#oldOffsets = Int32Array.from(oldOffsets)
    this.#newOffsets = Int32Array.from(newOffsets)
    this.memory = into
  }

  #packedEnd(): number {
    const last = (this.#newOffsets as Int32Array).at(-1) as number
    return last + (this.memory.words[last >> 2] as number)
  }
}
