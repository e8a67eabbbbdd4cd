import { Message } from '../message.ts'
import { Places } from './places.ts'
import {
  headBytes,
  JOURNALLED,
  REFERENCE,
  recordBodyBytes,
  recordBytes,
  recordLength,
  recordState,
  SETTLED,
  setRecordState,
  writeContent,
  writeHead,
} from './record.ts'
import type { WrittenSlab } from './segment-traffic.ts'
import type { Slab } from './slab.ts'
import { SLAB_BYTES_MAX } from './slab-pool.ts'
import { PLACE_SPAN, Slabs } from './slabs.ts'

/** A line that flows, with little in it at any time, goes through slabs of this size: they stay in the CPU's cache. */
const FLOW_BYTES = 64 * 1024

/** Memory that an empty line keeps for its next message, and the most it starts with after one busy stretch. */
const KEPT_BYTES_MAX = 4096
const FIRST_BYTES_MAX = 16 * 1024

/** A slab that refers to so many bytes of large messages is not written to any more: its file is to stay handy. */
const REFERENCE_BYTES_MAX = 1024 * 1024

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
  /** After `seek`: where the first ready record is, and whether it was handed out before. The slab may be paged. */
  slab: Slab
  offset = 0
  returned = false
  /** Listed as one whose last slab has nothing alive; kept here for the slabs. */
  emptied = false
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

  /** The slab that is written to. */
  get tail(): Slab {
    return this.#tail
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
    let bytes = length
    if (referenced) {
      writeHead(slab.memory.words, offset, length, flags | REFERENCE, message, expiry)
      bytes += this.#slabs.addReference(slab, offset, message)
    } else {
      writeHead(slab.memory.words, offset, length, flags, message, expiry)
      writeContent(slab.memory, offset, message)
    }
    slab.end = offset + length
    slab.live++
    slab.liveBytes += bytes
    if ((flags & JOURNALLED) !== 0) {
      slab.journalled++
      slab.journalledBytes += bytes
    }
    this.ready++
    if (referenced && slab.referenceBytes >= REFERENCE_BYTES_MAX) this.seal(slab)
    return slab.number * PLACE_SPAN + offset
  }

  /** Finds the first ready record, for `slab` and `offset`. Only when there is one. */
  seek(): void {
    if (this.requeued.size > 0) {
      const place = this.requeued.first
      this.slab = this.#slabs.find(place)
      this.offset = place - this.slab.number * PLACE_SPAN
      this.returned = true
      return
    }
    const reading = this.#reading
    const slab = reading.readAt === reading.end ? this.#readOn(reading) : reading
    this.slab = slab
    this.offset = slab.readAt
    this.returned = false
  }

  /** Asks for the slab behind the one being read, so that it is there when its turn comes. */
  readAhead(): void {
    const { next } = this.#reading
    if (next !== undefined && next.paged !== undefined && this.#slabs.readsAhead) void this.#slabs.paging.load(next)
  }

  /** Takes the record that `seek` has just found out of the ready ones; it stays until it is settled. */
  take(): void {
    this.ready--
    const { slab } = this
    if (this.returned) this.requeued.removeFirst()
    else if (slab.plain) slab.readAt += recordLength(slab.memory.words, this.offset)
    else slab.readAt = slab.following(this.offset)
  }

  /** Puts a place that was taken back to where it was. */
  putBack(place: number): void {
    this.requeued.add(place)
    this.ready++
  }

  /** Shows a record of this line in the view. */
  show(slab: Slab, offset: number, view: Message): void {
    slab.show(offset, slab.locate(offset), view)
  }

  /** The end of a record that was taken. */
  settle(slab: Slab, offset: number): void {
    const at = slab.locate(offset)
    const { words } = slab.memory
    const state = recordState(words, at)
    if ((state & SETTLED) !== 0) throw new Error('a message was settled twice')
    setRecordState(words, at, state | SETTLED)
    const length = recordLength(words, at)
    const bytes = (state & REFERENCE) === 0 ? length : length + this.#slabs.removeReference(slab, offset)
    slab.liveBytes -= bytes
    if ((state & JOURNALLED) !== 0) {
      slab.journalled--
      slab.journalledBytes -= bytes
      this.#slabs.settled.add(slab.number, offset, slab.reach(at), recordBodyBytes(words, at))
    }
    if ((state & REFERENCE) !== 0) this.#slabs.settleBody(slab, offset)
    this.release(slab)
  }

  /** One live record, or one view that counted as such, less. */
  release(slab: Slab): void {
    if (--slab.live === 0) this.#emptied(slab)
    else if (slab !== this.#tail && slab.readAt === slab.end) this.#slabs.noteSparse(slab)
  }

  /**
   * Drops all that is ready; what is taken stays, and what would have to be looked at and cannot be read for now.
   * @returns bytes of the bodies of what is still ready.
   */
  purge(): number {
    this.ready = 0
    let bytesLeft = 0
    const places = this.requeued.sorted()
    this.requeued.clear()
    for (const place of places) {
      const slab = this.#slabs.findLive(place)
      if (slab === undefined) continue
      const offset = place - slab.number * PLACE_SPAN
      if (slab.paged === undefined) {
        this.settle(slab, offset)
        continue
      }
      this.putBack(place)
      bytesLeft += slab.bodyBytesOf(offset)
    }
    const tail = this.#tail
    for (let slab: Slab | undefined = this.#reading; slab !== undefined; slab = slab.next) {
      if (slab.readAt === slab.end) continue
      if (slab === tail || slab.readAt > slab.startAt) {
        this.#purgeRecords(slab)
        this.ready += slab.paged?.unread ?? 0
        bytesLeft += slab.paged?.unreadBodyBytes ?? 0
        continue
      }
      // Nothing of it was handed out, so no record of it needs to be looked at.
      if (slab.journalled > 0) this.#slabs.settled.addSlab(slab.number, slab.journalled)
      this.drop(slab)
    }
    return bytesLeft
  }

  /** Adds copies of the first ready messages, at most as many as the list may still take. */
  peek(limit: number, into: Message[]): void {
    for (const place of this.requeued.sorted()) {
      if (into.length >= limit) return
      const slab = this.#slabs.findLive(place)
      if (slab !== undefined && slab.paged === undefined) into.push(copyOf(slab, place - slab.number * PLACE_SPAN))
    }
    for (let slab: Slab | undefined = this.#reading; slab !== undefined; slab = slab.next) {
      if (into.length >= limit) return
      if (slab.readAt < slab.end && !this.#slabs.paging.loadNow(slab)) continue
      for (let offset = slab.readAt; offset < slab.end; offset = slab.following(offset)) {
        if (into.length >= limit) return
        into.push(copyOf(slab, offset))
      }
    }
  }

  /** Takes over the slabs of a restart, which come in the order of their numbers and before any message. */
  restore(slabs: readonly Slab[]): void {
    let previous: Slab | undefined
    for (const slab of [...slabs, this.#tail]) {
      slab.previous = previous
      if (previous !== undefined) previous.next = slab
      previous = slab
    }
    this.#reading = slabs[0] ?? this.#tail
  }

  /** Nothing more is written to this slab. */
  seal(slab: Slab): void {
    if (slab !== this.#tail || slab.end === 0) return
    this.#firstBytes = FIRST_BYTES_MAX
    this.#openTail()
  }

  /** It is written to, or read by somebody, or about to be. */
  isHot(slab: Slab): boolean {
    if (slab === this.#tail || this.#slabs.viewed) return true
    if (!this.#slabs.readsAhead) return false
    let next: Slab | undefined = this.#reading
    while (next !== undefined && next.readAt === next.end) next = next.next
    // Of the one before, somebody may still have messages.
    if (slab === next || slab === next?.next || slab === next?.previous) return true
    return this.requeued.size > 0 && Math.floor(this.requeued.first / PLACE_SPAN) === slab.number
  }

  /** The slab, as it was at some time since it was sealed, lies in this file. @param synced a power cut does not take it. */
  setSegment(slab: Slab, written: WrittenSlab, synced: boolean): void {
    if (slab === this.#tail) throw new Error('a slab that is written to cannot be a file')
    this.#slabs.setSegment(slab, written)
    slab.segmentSynced = synced
  }

  /** Moves what is alive in the slab together. */
  pack(slab: Slab): void {
    if (slab !== this.#tail && slab.resident && slab.live > 0) this.#slabs.pack(slab)
  }

  /** Reads the slab back, when it is its turn. @returns false when nothing of it is there any more, or not for now. */
  load(slab: Slab): Promise<boolean> {
    return this.#slabs.paging.load(slab)
  }

  /**
   * Gives back the memory of a slab that has a file.
   * @returns false when it is needed where it is.
   */
  pageOut(slab: Slab): boolean {
    return slab !== this.#tail && this.#slabs.paging.pageOut(slab)
  }

  /** Some of what the slab had is not there any more. @returns the places of `places` that had been put back. */
  lose(unread: number, places: ReadonlySet<number>): number[] {
    const returned = this.requeued.removeAll(places)
    this.ready -= unread + returned.length
    return returned
  }

  /** Takes a slab that is not written to out of the line, with whatever is in it. */
  drop(slab: Slab): void {
    const { previous, next } = slab
    if (previous !== undefined) previous.next = next
    if (next !== undefined) next.previous = previous
    if (this.#reading === slab) this.#reading = next as Slab
    this.#slabs.close(slab)
  }

  /**
   * Places may be used again: when nothing of the last slab is alive it begins anew at its start, so that a short queue
   * stays in the CPU's cache, and memory goes back.
   */
  restart(): void {
    this.emptied = false
    const tail = this.#tail
    if (tail.live > 0) return
    this.#firstBytes = Math.min(tail.end, FIRST_BYTES_MAX)
    tail.end = 0
    tail.readAt = 0
    if (tail.memory.size > KEPT_BYTES_MAX) this.#slabs.allot(tail, 0)
    this.#slabs.renumber(tail)
  }

  /** Goes on to the first slab that is not read. */
  #readOn(slab: Slab): Slab {
    while (slab.readAt === slab.end) {
      this.#slabs.noteSparse(slab)
      slab = slab.next as Slab
    }
    this.#reading = slab
    this.readAhead()
    return slab
  }

  /** The slab in which a record of this length can now be written. */
  #makeRoom(length: number): Slab {
    const tail = this.#tail
    const { size } = tail.memory
    if (tail.live === 0) {
      // Places are used again: before that, the journal has to know that nothing is there any more.
      if (tail.end > 0) this.#slabs.tell()
      const usual = tail.end === 0 ? this.#firstBytes : Math.min(tail.end * 2, FIRST_BYTES_MAX)
      tail.end = 0
      tail.readAt = 0
      if (size < length || size < usual) this.#slabs.allot(tail, Math.max(length, usual))
      return tail
    }
    const needed = tail.end + length
    const backlog = (tail.liveBytes - tail.referenceBytes) * 2 > tail.end
    if (backlog && needed <= SLAB_BYTES_MAX) {
      this.#slabs.grow(tail, needed)
      return tail
    }
    const slab = this.#openTail()
    const usual = size > SLAB_BYTES_MAX ? 0 : backlog ? SLAB_BYTES_MAX : Math.min(size * 2, FLOW_BYTES)
    this.#slabs.allot(slab, Math.max(length, usual))
    return slab
  }

  #openTail(): Slab {
    const tail = this.#tail
    const slab = this.#slabs.open(this)
    slab.previous = tail
    tail.next = slab
    this.#tail = slab
    if (tail.live === 0) {
      this.drop(tail)
    } else {
      this.#slabs.seal(tail)
      if (tail.readAt === tail.end) this.#slabs.noteSparse(tail)
    }
    return slab
  }

  #emptied(slab: Slab): void {
    if (slab !== this.#tail) this.drop(slab)
    else if (this.#slabs.stored) this.#slabs.noteEmptied(this)
    else this.restart()
  }

  #purgeRecords(slab: Slab): void {
    if (!this.#slabs.paging.loadNow(slab) || slab.readAt === slab.end) return
    slab.live++
    while (slab.readAt < slab.end) {
      const offset = slab.readAt
      slab.readAt = slab.following(offset)
      this.settle(slab, offset)
    }
    this.release(slab)
  }
}

function copyOf(slab: Slab, offset: number): Message {
  const view = new Message()
  slab.show(offset, slab.locate(offset), view)
  return view.owned ? view : view.copy()
}
