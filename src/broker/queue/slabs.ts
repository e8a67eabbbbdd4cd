import type { MemoryAccount } from '../host.ts'
import { Message } from '../message.ts'
import type { Line } from './line.ts'
import { SETTLED } from './record.ts'
import { Slab } from './slab.ts'
import { NO_MEMORY, SLAB_BYTES_MAX, SlabMemory, slabSize } from './slab-pool.ts'

/** A place is the slab's number times this, plus the record's offset: a slab with a record larger than this has no other. */
export const PLACE_SPAN = SLAB_BYTES_MAX

/**
 * A slab that is read to its end is sparse when it has at least this size and less than a quarter of it is alive. Most
 * of these are soon gone, so they are packed only when there are more of them than this many of the size that comes
 * next. So an old unacked message does not hold its neighbours' memory: a line's memory is at most four times its live
 * bytes, plus the smallest size for each slab it went through while small, plus four of the largest slabs (one being
 * read, one being written, two sparse ones).
 */
const SPARSE_BYTES_MIN = 4096
const SPARSE_SLABS_MAX = 2

const RENUMBER_FROM = 1024

/** Bodies larger than this are kept by reference where their buffer is their own. */
const COPY_BODY_BYTES_MAX = 4096

/** The slabs of one queue, found by number, and the memory they have from the node. */
export class Slabs {
  /** Bytes of slab memory and of large bodies held; a body that other queues hold too is counted whole. */
  bytes = 0
  /**
   * While a view of some record is handed out, memory that is given up must not be written by others: it is left to
   * the garbage collector instead of the pool.
   */
  viewed = false
  readonly #account: MemoryAccount
  readonly #byNumber = new Map<number, Slab>()
  readonly #sparse = new Set<Slab>()
  #sparseBytes = 0
  #recent: Slab | undefined
  #nextNumber = 0

  constructor(account: MemoryAccount) {
    this.#account = account
  }

  /** How many slabs there are, those without memory included. */
  get size(): number {
    return this.#byNumber.size
  }

  open(line: Line): Slab {
    const slab = new Slab(line, this.#nextNumber++)
    this.#byNumber.set(slab.number, slab)
    this.#recent = slab
    return slab
  }

  close(slab: Slab): void {
    if (slab.sparse) this.#forgetSparse(slab)
    this.allot(slab, 0)
    this.dropReferences(slab)
    this.#byNumber.delete(slab.number)
    if (this.#recent === slab) this.#recent = undefined
  }

  /**
   * Lets the numbers begin anew when this is the only slab and nothing is in it: small places stay small integers,
   * which the engine keeps without allocating.
   */
  renumber(slab: Slab): void {
    if (slab.number < RENUMBER_FROM || this.#byNumber.size > 1) return
    this.#byNumber.delete(slab.number)
    slab.number = 0
    this.#nextNumber = 1
    this.#byNumber.set(0, slab)
  }

  find(place: number): Slab {
    const number = (place / PLACE_SPAN) | 0
    const recent = this.#recent
    if (recent !== undefined && recent.number === number) return recent
    const slab = this.#byNumber.get(number)
    if (slab === undefined) throw new Error(`place ${place} is not in this queue`)
    this.#recent = slab
    return slab
  }

  /** Gives the slab memory of this many bytes at least, 0 for none, with nothing in it; what it had goes back. */
  allot(slab: Slab, bytes: number): void {
    this.#exchange(slab, bytes === 0 ? NO_MEMORY : this.#account.pool.take(slabSize(bytes)))
  }

  /** The slab goes on in more memory, with what is in it at the same offsets. */
  grow(slab: Slab, bytes: number): void {
    const memory = this.#account.pool.take(slabSize(bytes))
    slab.memory.bytes.copy(memory.bytes, 0, 0, slab.end)
    this.#exchange(slab, memory)
  }

  /** Some record of a slab that is read to its end has gone, or its end has just been read. */
  noteSparse(slab: Slab): void {
    const { size } = slab.memory
    if (slab.sparse || size < SPARSE_BYTES_MIN || slab.liveBytes * 4 >= size) return
    slab.sparse = true
    this.#sparse.add(slab)
    this.#sparseBytes += size
    if (this.#sparseBytes > size * SPARSE_SLABS_MAX) this.#packSparse()
  }

  /** Whether the message rests in its own buffer instead of in the slab. */
  static isReferenced(message: Message): boolean {
    return message.owned && message.bodyLength > COPY_BODY_BYTES_MAX
  }

  addReference(slab: Slab, offset: number, message: Message): void {
    // The view may be anybody's and used again; the bytes it shows stay.
    const kept = new Message()
    kept.assign(message)
    slab.references ??= new Map()
    slab.references.set(offset, kept)
    this.bytes += kept.buffer.length
    this.#account.used += this.#account.bodies.hold(kept.buffer)
  }

  removeReference(slab: Slab, offset: number): void {
    const kept = slab.references?.get(offset)
    if (kept === undefined) return
    slab.references?.delete(offset)
    this.#release(kept)
  }

  dropReferences(slab: Slab): void {
    if (slab.references === undefined) return
    for (const kept of slab.references.values()) this.#release(kept)
    slab.references = undefined
  }

  /** Gives everything back. */
  clear(): void {
    for (const slab of this.#byNumber.values()) {
      this.allot(slab, 0)
      this.dropReferences(slab)
    }
    this.#byNumber.clear()
    this.#sparse.clear()
    this.#sparseBytes = 0
    this.#recent = undefined
  }

  #release(kept: Message): void {
    this.bytes -= kept.buffer.length
    this.#account.used -= this.#account.bodies.release(kept.buffer)
  }

  #packSparse(): void {
    for (const slab of this.#sparse) {
      const old = slab.memory
      slab.pack(new SlabMemory(slab.liveBytes), isLive)
      slab.sparse = false
      this.#giveBack(old, slab.memory)
    }
    this.#sparse.clear()
    this.#sparseBytes = 0
  }

  #forgetSparse(slab: Slab): void {
    this.#sparse.delete(slab)
    this.#sparseBytes -= slab.memory.size
    slab.sparse = false
  }

  #exchange(slab: Slab, memory: SlabMemory): void {
    const old = slab.memory
    slab.memory = memory
    this.#giveBack(old, memory)
  }

  #giveBack(old: SlabMemory, instead: SlabMemory): void {
    const growth = instead.size - old.size
    this.bytes += growth
    this.#account.used += growth
    if (!this.viewed) this.#account.pool.give(old)
  }
}

function isLive(state: number): boolean {
  return (state & SETTLED) === 0
}
