import { Message } from '../message.ts'
import { Places } from './places.ts'
import {
  headBytes,
  REFERENCE,
  recordBytes,
  recordLength,
  recordState,
  SETTLED,
  setRecordState,
  showRecord,
  writeContent,
  writeHead,
} from './record.ts'
import type { Slab } from './slab.ts'
import { SLAB_BYTES_MAX } from './slab-pool.ts'
import { PLACE_SPAN, Slabs } from './slabs.ts'

/** A line that flows, with little in it at any time, goes through slabs of this size: they stay in the CPU's cache. */
const FLOW_BYTES = 64 * 1024

/** Memory that an empty line keeps for its next message, and the most it starts with after one busy stretch. */
const KEPT_BYTES_MAX = 4096
const FIRST_BYTES_MAX = 16 * 1024

/**
 * Messages in the order of their arrival, in a chain of slabs: written at the last slab's end, read forward from the
 * first that is not read; what comes back is read before all that, in the order of its places.
 */
export class Line {
  /** Messages that wait, those that came back included. */
  ready = 0
  /** The level in the queue, higher is served first. */
  readonly level: number
  /** Places handed out and given back. */
  readonly requeued = new Places()
  /** After `seek`: where the first ready record is. */
  slab: Slab
  offset = 0
  readonly #slabs: Slabs
  #reading: Slab
  #tail: Slab
  #firstBytes = 0

  constructor(slabs: Slabs, level: number) {
    this.level = level
    this.#slabs = slabs
    this.#tail = slabs.open(this)
    this.#reading = this.#tail
    this.slab = this.#tail
  }

  /**
   * Writes the message behind all others.
   * @param flags of the record
   * @param expiry ms since the epoch, 0 for never
   * @returns its place
   */
  append(message: Message, flags: number, expiry: number): number {
    const referenced = Slabs.isReferenced(message)
    const length = referenced ? headBytes(expiry) : recordBytes(message, expiry)
    let slab = this.#tail
    if (slab.memory.size - slab.end < length) slab = this.#makeRoom(length)
    const offset = slab.end
    if (referenced) {
      writeHead(slab.memory.words, offset, length, flags | REFERENCE, message, expiry)
      this.#slabs.addReference(slab, offset, message)
    } else {
      writeHead(slab.memory.words, offset, length, flags, message, expiry)
      writeContent(slab.memory, offset, message)
    }
    slab.end = offset + length
    slab.live++
    slab.liveBytes += length
    this.ready++
    return slab.number * PLACE_SPAN + offset
  }

  /** Finds the first ready record, for `slab` and `offset`. Only when there is one. */
  seek(): void {
    if (this.requeued.size > 0) {
      const place = this.requeued.first
      this.slab = this.#slabs.find(place)
      this.offset = place - this.slab.number * PLACE_SPAN
      return
    }
    let slab = this.#reading
    while (slab.readAt === slab.end) {
      this.#slabs.noteSparse(slab)
      slab = slab.next as Slab
    }
    this.#reading = slab
    this.slab = slab
    this.offset = slab.readAt
  }

  /** Takes the record that `seek` has just found out of the ready ones; it stays until it is settled. */
  take(): void {
    this.ready--
    if (this.requeued.size > 0) this.requeued.removeFirst()
    else this.slab.readAt += recordLength(this.slab.memory.words, this.offset)
  }

  /** Puts a place that was taken back to where it was. */
  putBack(place: number): void {
    this.requeued.add(place)
    this.ready++
  }

  /** Shows a record of this line in the view. */
  show(slab: Slab, offset: number, view: Message): void {
    const at = slab.locate(offset)
    const { bytes, words } = slab.memory
    if ((recordState(words, at) & REFERENCE) === 0) showRecord(bytes, words, at, view)
    else view.assign(slab.references?.get(offset) as Message)
  }

  /**
   * The end of a record that was taken.
   * @returns its state before
   */
  settle(slab: Slab, offset: number): number {
    const at = slab.locate(offset)
    const { words } = slab.memory
    const state = recordState(words, at)
    if ((state & SETTLED) !== 0) throw new Error('a message was settled twice')
    setRecordState(words, at, state | SETTLED)
    slab.liveBytes -= recordLength(words, at)
    if ((state & REFERENCE) !== 0) this.#slabs.removeReference(slab, offset)
    this.release(slab)
    return state
  }

  /** One live record, or one view that counted as such, less. */
  release(slab: Slab): void {
    if (--slab.live === 0) this.#emptied(slab)
    else if (slab.next !== undefined && slab.readAt === slab.end) this.#slabs.noteSparse(slab)
  }

  /** Drops all that is ready; what is taken stays. */
  purge(): void {
    const reading = this.#reading
    reading.live++
    for (const place of this.requeued.sorted()) {
      const slab = this.#slabs.find(place)
      this.settle(slab, place - slab.number * PLACE_SPAN)
    }
    this.requeued.clear()
    while (reading.readAt < reading.end) {
      const offset = reading.readAt
      reading.readAt += recordLength(reading.memory.words, offset)
      this.settle(reading, offset)
    }
    // Everything behind the slab being read is ready: no record of it needs to be looked at.
    for (let slab = reading.next; slab !== undefined; slab = reading.next) {
      this.#slabs.dropReferences(slab)
      slab.live = 0
      slab.liveBytes = 0
      if (slab === this.#tail) break
      this.#remove(slab)
    }
    if (this.#tail !== reading) this.#emptied(this.#tail)
    this.ready = 0
    this.release(reading)
  }

  /** Adds copies of the first ready messages, at most as many as the list may still take. */
  peek(limit: number, into: Message[]): void {
    for (const place of this.requeued.sorted()) {
      if (into.length >= limit) return
      const slab = this.#slabs.find(place)
      into.push(this.#copy(slab, place - slab.number * PLACE_SPAN))
    }
    for (let slab: Slab | undefined = this.#reading; slab !== undefined; slab = slab.next) {
      for (let offset = slab.readAt; offset < slab.end; offset += recordLength(slab.memory.words, offset)) {
        if (into.length >= limit) return
        into.push(this.#copy(slab, offset))
      }
    }
  }

  #copy(slab: Slab, offset: number): Message {
    const view = new Message()
    this.show(slab, offset, view)
    return view.owned ? view : view.copy()
  }

  /** The slab in which a record of this length can now be written. */
  #makeRoom(length: number): Slab {
    const tail = this.#tail
    const { size } = tail.memory
    if (tail.live === 0) {
      this.#slabs.allot(tail, Math.max(length, this.#firstBytes))
      return tail
    }
    const needed = tail.end + length
    const backlog = tail.liveBytes * 2 > tail.end
    if (backlog && needed <= SLAB_BYTES_MAX) {
      this.#slabs.grow(tail, needed)
      return tail
    }
    const slab = this.#slabs.open(this)
    const usual = size > SLAB_BYTES_MAX ? 0 : backlog ? SLAB_BYTES_MAX : Math.min(size * 2, FLOW_BYTES)
    this.#slabs.allot(slab, Math.max(length, usual))
    slab.previous = tail
    tail.next = slab
    this.#tail = slab
    if (tail.readAt === tail.end) this.#slabs.noteSparse(tail)
    return slab
  }

  #emptied(slab: Slab): void {
    if (slab !== this.#tail) {
      this.#remove(slab)
      return
    }
    // The tail begins again at its start, so that a short queue stays in the CPU's cache.
    this.#firstBytes = Math.min(slab.end, FIRST_BYTES_MAX)
    slab.end = 0
    slab.readAt = 0
    if (slab.memory.size > KEPT_BYTES_MAX) this.#slabs.allot(slab, 0)
    this.#slabs.renumber(slab)
  }

  #remove(slab: Slab): void {
    const { previous, next } = slab
    if (previous !== undefined) previous.next = next
    if (next !== undefined) next.previous = previous
    if (this.#reading === slab) this.#reading = next as Slab
    this.#slabs.close(slab)
  }
}
