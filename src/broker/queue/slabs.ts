import type { MemoryAccount } from '../host.ts'
import { MESSAGE_MARKS, Message } from '../message.ts'
import type { Storage, StoredSlab } from '../storage/index.ts'
import { BodyUse } from './body-use.ts'
import type { Line } from './line.ts'
import { Paging, type PagingQueue } from './paging.ts'
import { COPY_BODY_BYTES_MAX } from './record.ts'
import { Returns } from './returns.ts'
import type { WrittenSlab } from './segment-traffic.ts'
import { SettledStretches } from './settled-stretches.ts'
import { Slab } from './slab.ts'
import { NO_MEMORY, SLAB_BYTES_MAX, type SlabMemory, slabSize } from './slab-pool.ts'

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

/** Pieces of memory that wait until nobody looks at them; more than that is left to the garbage collector. */
const VIEWED_MAX = 8

/** What the slabs of a queue ask of it. */
export interface SlabsQueue extends PagingQueue {
  readonly consumers: { readonly count: number }
}

/** The slabs of one queue, found by number, and the memory they have from the node. */
export class Slabs {
  /** Bytes of slab memory and of large bodies held; a body that other queues hold too is counted whole. */
  bytes = 0
  /** What the journal has not heard of. */
  readonly settled: SettledStretches
  /** The same, of a quorum queue's messages that came back. */
  readonly returns: Returns
  readonly paging: Paging
  readonly #queue: SlabsQueue
  readonly #account: MemoryAccount
  readonly #storage: Storage
  readonly #byNumber = new Map<number, Slab>()
  readonly #sparse = new Set<Slab>()
  #sparseBytes = 0
  #recent: Slab | undefined
  #nextNumber = 0
  #viewed = false
  /** Memory given up while somebody looked at it, perhaps. */
  #viewedMemory: SlabMemory[] = []
  /** Lines of a stored queue whose last slab has nothing alive. */
  #emptied: Line[] = []

  constructor(queue: SlabsQueue) {
    const { memory, storage } = queue.host.context
    this.#queue = queue
    this.#account = memory
    this.#storage = storage
    this.settled = new SettledStretches(queue, storage)
    this.returns = new Returns(queue, storage)
    this.paging = new Paging(queue, this)
  }

  /** The journal knows some of what is in here. */
  get stored(): boolean {
    return this.#queue.stored
  }

  /** A view of some record is handed out, or may be. */
  get viewed(): boolean {
    return this.#viewed
  }

  /** Until `endView`, records are looked at by others: memory that is given up must not be used again yet. */
  beginView(): void {
    this.#viewed = true
  }

  endView(): void {
    this.#viewed = false
    if (this.#viewedMemory.length === 0) return
    for (const memory of this.#viewedMemory) this.#account.pool.give(memory)
    this.#viewedMemory.length = 0
  }

  /** Slabs that are about to be read are to be in memory. */
  get readsAhead(): boolean {
    return this.#queue.consumers.count > 0 && !this.#account.isShort
  }

  /** All that hold something, in no order. */
  *alive(): IterableIterator<Slab> {
    for (const slab of this.#byNumber.values()) if (slab.live > 0) yield slab
  }

  open(line: Line): Slab {
    const slab = new Slab(line, this.#nextNumber++)
    this.#byNumber.set(slab.number, slab)
    this.#recent = slab
    return slab
  }

  /** A slab that was there before a restart, with the number it had. */
  reopen(line: Line, number: number): Slab {
    if (this.#byNumber.has(number)) throw new Error(`slab ${number} is there twice`)
    const slab = new Slab(line, number)
    this.#byNumber.set(number, slab)
    return slab
  }

  /** The end of a slab, with whatever is in it: who still knows it, to write it to a file, finds nothing alive. */
  close(slab: Slab): void {
    this.release(slab)
    this.#byNumber.delete(slab.number)
    if (this.#recent === slab) this.#recent = undefined
    const { segment } = slab
    slab.live = 0
    slab.liveBytes = 0
    slab.journalled = 0
    slab.journalledBytes = 0
    slab.segment = undefined
    slab.paged = undefined
    if (segment !== undefined) this.#storage.dropSegment(segment)
    this.releaseBodies(slab)
  }

  /** What a slab's file refers to, as the journal has it. */
  restoreBodies({ bodies }: StoredSlab): BodyUse | undefined {
    return BodyUse.restored(bodies, (id) => this.#account.bodies.restored(id))
  }

  /** Nothing outside the slab's file is referred to any more. */
  releaseBodies(slab: Slab): void {
    const { bodies } = slab
    slab.bodies = undefined
    bodies?.release(this.#queue.host.context)
  }

  /** A large message of a slab in memory is settled, as the journal will be told. */
  settleBody(slab: Slab, offset: number): void {
    slab.bodies?.settle(offset, this.#queue.host.context)
  }

  /** The slab lies in this file now. */
  setSegment(slab: Slab, { file, bodies }: WrittenSlab): void {
    slab.segment = file
    slab.bodies = bodies
    // It may have given its memory back while a second file was written.
    if (slab.resident) bodies?.prune((offset) => slab.references?.has(offset) === true, this.#queue.host.context)
    else bodies?.pageOut()
  }

  /** New numbers come after this one; those given so far, to slabs without a record, are given anew. */
  numberFrom(number: number, unused: readonly Slab[]): void {
    this.#nextNumber = number
    for (const slab of unused) {
      this.#byNumber.delete(slab.number)
      slab.number = this.#nextNumber++
    }
    for (const slab of unused) this.#byNumber.set(slab.number, slab)
  }

  /**
   * Lets the numbers begin anew when this is the only slab and nothing is in it: small places stay small integers,
   * which the engine keeps without allocating. Not where the journal has the numbers.
   */
  renumber(slab: Slab): void {
    if (slab.number < RENUMBER_FROM || this.#byNumber.size > 1 || this.stored) return
    this.#byNumber.delete(slab.number)
    slab.number = 0
    this.#nextNumber = 1
    this.#byNumber.set(0, slab)
  }

  /** Whether nobody has had the message with this place. */
  isUnread(place: number): boolean {
    const slab = this.#byNumber.get(Math.floor(place / PLACE_SPAN))
    return slab !== undefined && slab.readAt <= place - slab.number * PLACE_SPAN
  }

  find(place: number): Slab {
    const number = Math.floor(place / PLACE_SPAN)
    const recent = this.#recent
    if (recent !== undefined && recent.number === number) return recent
    const slab = this.#byNumber.get(number)
    if (slab === undefined) throw new Error(`place ${place} is not in this queue`)
    this.#recent = slab
    return slab
  }

  /** The slab with this place, if there is one, wherever it lies. */
  peek(place: number): Slab | undefined {
    return this.#byNumber.get(Math.floor(place / PLACE_SPAN))
  }

  /**
   * The slab with this place; undefined when the file that had the message was damaged. It is in memory, unless it cannot
   * be read for now.
   */
  findLive(place: number): Slab | undefined {
    const slab = this.#byNumber.get(Math.floor(place / PLACE_SPAN))
    if (slab === undefined || !this.paging.loadNow(slab)) return slab
    return slab.live > 0 && slab.isLive(place - slab.number * PLACE_SPAN) ? slab : undefined
  }

  /** Gives the slab memory of this many bytes at least, 0 for none, with nothing in it; what it had goes back. */
  allot(slab: Slab, bytes: number): void {
    this.adopt(slab, bytes === 0 ? NO_MEMORY : this.#account.pool.take(slabSize(bytes)))
  }

  /** The slab goes on in more memory, with what is in it at the same offsets. */
  grow(slab: Slab, bytes: number): void {
    const memory = this.#account.pool.take(slabSize(bytes))
    slab.memory.bytes.copy(memory.bytes, 0, 0, slab.end)
    this.adopt(slab, memory)
  }

  /** The slab has this memory from now on; what it had goes back. */
  adopt(slab: Slab, memory: SlabMemory): void {
    const old = slab.memory
    slab.memory = memory
    this.#giveBack(old, memory)
  }

  /** Gives back what the slab has in memory. */
  release(slab: Slab): void {
    if (slab.sparse) this.#forgetSparse(slab)
    this.#account.sealed.delete(slab)
    this.allot(slab, 0)
    this.dropReferences(slab)
    slab.dropTable()
  }

  /** Nothing is written to the slab any more: it could be paged. */
  seal(slab: Slab): void {
    this.#account.sealed.add(slab)
  }

  /** The slab was read back. */
  settleIn(slab: Slab): void {
    this.seal(slab)
    if (this.isSparse(slab)) this.pack(slab)
  }

  /** Moves what is alive together. */
  pack(slab: Slab): void {
    if (slab.sparse) this.#forgetSparse(slab)
    const old = slab.memory
    slab.pack()
    this.#giveBack(old, slab.memory)
  }

  /** Little of its memory is alive. */
  isSparse(slab: Slab): boolean {
    const { size } = slab.memory
    return size >= SPARSE_BYTES_MIN && (slab.liveBytes - slab.referenceBytes) * 4 < size
  }

  /** Some record of a slab that is read to its end has gone, or its end has just been read. */
  noteSparse(slab: Slab): void {
    if (slab.sparse || !this.isSparse(slab)) return
    const { size } = slab.memory
    slab.sparse = true
    this.#sparse.add(slab)
    this.#sparseBytes += size
    if (this.#sparseBytes > size * SPARSE_SLABS_MAX) for (const sparse of this.#sparse) this.pack(sparse)
  }

  /** The line's last slab, in a stored queue, has nothing alive. */
  noteEmptied(line: Line): void {
    if (line.emptied) return
    line.emptied = true
    this.#emptied.push(line)
    this.#storage.settlements.mark(this.#queue)
  }

  /** Tells the journal what it has not heard of. */
  tell(): void {
    // Of a message that came back and is done with since, both.
    this.returns.append()
    this.settled.append()
  }

  /** Tells the journal everything; lines with nothing in them begin anew. */
  appendSettled(): void {
    this.tell()
    if (this.#emptied.length === 0) return
    for (const line of this.#emptied) line.restart()
    this.#emptied.length = 0
  }

  /** Whether the message rests in its own buffer instead of in the slab. */
  static isReferenced(message: Message): boolean {
    return message.owned && message.bodyLength > COPY_BODY_BYTES_MAX
  }

  /** @returns bytes of its buffer. */
  addReference(slab: Slab, offset: number, message: Message): number {
    // The view may be anybody's and used again; the bytes it shows stay.
    const kept = new Message()
    kept.assign(message)
    kept.marks &= MESSAGE_MARKS
    slab.references ??= new Map()
    slab.references.set(offset, kept)
    const bytes = kept.buffer.length
    slab.referenceBytes += bytes
    this.bytes += bytes
    this.#account.used += this.#account.bodies.hold(kept.buffer)
    return bytes
  }

  /** @returns bytes of its buffer. */
  removeReference(slab: Slab, offset: number): number {
    const kept = slab.references?.get(offset)
    if (kept === undefined) return 0
    slab.references?.delete(offset)
    this.#letGo(slab, kept)
    return kept.buffer.length
  }

  dropReferences(slab: Slab): void {
    if (slab.references === undefined) return
    for (const kept of slab.references.values()) this.#letGo(slab, kept)
    slab.references = undefined
  }

  /** Gives everything back. */
  clear(): void {
    this.returns.drop()
    this.settled.drop()
    for (const slab of [...this.#byNumber.values()]) this.close(slab)
    this.#emptied.length = 0
  }

  #letGo(slab: Slab, kept: Message): void {
    const bytes = kept.buffer.length
    slab.referenceBytes -= bytes
    this.bytes -= bytes
    this.#account.used -= this.#account.bodies.release(kept.buffer)
  }

  #forgetSparse(slab: Slab): void {
    this.#sparse.delete(slab)
    this.#sparseBytes -= slab.memory.size
    slab.sparse = false
  }

  #giveBack(old: SlabMemory, instead: SlabMemory): void {
    const growth = instead.size - old.size
    this.bytes += growth
    this.#account.used += growth
    if (!this.#viewed) this.#account.pool.give(old)
    else if (old.size > 0 && this.#viewedMemory.length < VIEWED_MAX) this.#viewedMemory.push(old)
  }
}
