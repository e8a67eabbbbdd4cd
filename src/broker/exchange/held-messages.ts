import { integerOf, PropertyFlag, type PropertyView } from '../../codec/index.ts'
import { entity } from '../errors.ts'
import type { EntityHost } from '../host.ts'
import type { Message } from '../message.ts'
import { CrashTail } from '../queue/crash-tail.ts'
import { Line } from '../queue/line.ts'
import { reportLoss } from '../queue/losses.ts'
import { settlePaged } from '../queue/paged-slab.ts'
import type { Loss } from '../queue/paging.ts'
import { JOURNALLED, REDELIVERED, recordExpiry, recordState, SETTLED } from '../queue/record.ts'
import { type RestoredInto, restoreSlabs } from '../queue/restore-slabs.ts'
import type { RestoredQueue } from '../queue/restored.ts'
import type { Slab } from '../queue/slab.ts'
import { PLACE_SPAN, Slabs, type SlabsQueue } from '../queue/slabs.ts'
import { DueIndex } from './due-index.ts'
import type { ReadMessage } from './read-ahead.ts'

/** Delays of so many orders of magnitude: a delay has 32 bits. */
const LEVELS = 32

/** As an offset, which no record has: all of the slab, of which only the earliest time is known. */
const WHOLE_SLAB = 1

/** What holds messages back. */
export interface Holder {
  readonly name: string
  readonly host: EntityHost
  readonly durable: boolean
}

/**
 * Where messages rest that an exchange keeps back: in slabs as those of queues, which are paged, checkpointed and restored
 * by the same hands. What a queue's record has as its expiry is the time when the message is due; only that, its place
 * and its level stay in memory.
 *
 * Delays of one order of magnitude share a line: a slab is then over at about one time. Of two messages that are due
 * together the one with the longer delay came first.
 */
export class HeldMessages implements SlabsQueue, RestoredInto {
  readonly host: EntityHost
  /** Stands for it in the journal, where it is like a queue. */
  readonly uid: number
  /** Persistent messages come back after a restart. */
  readonly stored: boolean
  readonly consumers = { count: 0 }
  readonly count = LEVELS
  deleted = false
  drainMarked = false
  settledMarked = false
  /** How many messages wait. */
  size = 0
  crashTail: CrashTail | undefined
  readonly index = new DueIndex()
  readonly slabs: Slabs
  readonly #holder: Holder
  readonly #view: PropertyView
  readonly #goOn: () => void
  readonly #lines: (Line | undefined)[] = new Array<Line | undefined>(LEVELS).fill(undefined)
  /** Slabs in files that a restart has found, and that nobody has looked into. */
  readonly #unread = new Set<Slab>()
  #indexBytes = 0

  /** @param goOn called when something has been read that was waited for. */
  constructor(holder: Holder, uid: number | undefined, goOn: () => void) {
    const { storage, propertyView } = holder.host.context
    this.#holder = holder
    this.host = holder.host
    this.uid = uid ?? storage.uids.next()
    storage.uids.seen(this.uid)
    this.stored = holder.durable
    this.#view = propertyView
    this.#goOn = goOn
    this.slabs = new Slabs(this)
  }

  /** What they take in memory. */
  get bytes(): number {
    return this.slabs.bytes + this.#indexBytes
  }

  /** @param at when it is due, in ms since the epoch. @returns its place. */
  add(message: Message, delayMs: number, at: number, journalled: boolean): number {
    const level = levelOf(delayMs)
    const place = this.line(level).append(message, journalled ? JOURNALLED : 0, at)
    this.index.add(at, level, place)
    this.size++
    this.#account()
    return place
  }

  /**
   * The slab of the first message; undefined when there is none any more, since it was lost with a file, or has been told
   * of by something better: then the entry is gone, and the next may be looked at.
   */
  seek(): Slab | undefined {
    const place = this.index.firstPlace
    const slab = this.slabs.peek(place)
    const offset = place % PLACE_SPAN
    if (slab === undefined) {
      this.#forgetFirst()
      return undefined
    }
    if (offset === WHOLE_SLAB) {
      if (slab.paged !== undefined && this.#unread.has(slab)) return slab
      this.#forgetFirst()
      if (this.#unread.has(slab)) this.#indexResident(slab)
      return undefined
    }
    if (slab.resident && !slab.isLive(offset)) {
      this.#forgetFirst()
      return undefined
    }
    return slab
  }

  /** Shows the message in memory that `seek` has found. @returns its state. */
  show(slab: Slab, offset: number, view: Message): number {
    const at = slab.locate(offset)
    slab.show(offset, at, view)
    return recordState(slab.memory.words, at)
  }

  /** Whether somebody may have had it before a crash. @param at when it was due */
  mayBeRepeated(slab: Slab, state: number, at: number): boolean {
    const tail = this.crashTail
    if (tail === undefined || slab.number > tail.lastSlabNumber) return (state & REDELIVERED) !== 0
    return at <= tail.startedAt
  }

  /** The end of the first message. @param read what is known of it while its slab is paged. */
  settleFirst(slab: Slab, offset: number, read: ReadMessage | undefined): void {
    this.size--
    this.#forgetFirst()
    if (slab.resident) {
      slab.line.settle(slab, offset)
      if (slab.live > 0 && slab !== slab.line.tail) this.slabs.noteSparse(slab)
    } else if (read !== undefined) {
      settlePaged(slab, offset, read, this.host.context)
      if ((read.state & JOURNALLED) !== 0) {
        this.slabs.settled.add(slab.number, offset, read.reach, read.bodyBytes)
      }
      slab.line.release(slab)
    }
    if (this.size === 0 && !this.stored) this.#rest()
  }

  /** Whether only the earliest time of this slab is known. */
  isUnread(slab: Slab): boolean {
    return this.#unread.has(slab)
  }

  /** One message of a slab that was unread. */
  noteRead(slab: Slab, offset: number, at: number): void {
    this.index.add(at, slab.line.level, slab.number * PLACE_SPAN + offset)
  }

  /** All messages of a slab that was unread have been noted. */
  endRead(slab: Slab): void {
    this.#unread.delete(slab)
    this.#account()
  }

  /** What was there before a restart comes back; once, before anything else. */
  restore(restored: RestoredQueue): void {
    this.crashTail = CrashTail.of(restored, this.host.context.clock.now)
    this.size = restoreSlabs(this.slabs, this, this.#view, restored).messages
    for (const slab of this.slabs.alive()) {
      if (slab.paged === undefined) {
        this.#indexResident(slab)
      } else {
        this.#unread.add(slab)
        this.index.add(slab.paged.expiry, slab.line.level, slab.number * PLACE_SPAN + WHOLE_SLAB)
      }
    }
    this.#account()
  }

  clear(): void {
    this.deleted = true
    this.size = 0
    this.index.clear()
    this.#unread.clear()
    this.slabs.clear()
    this.#account()
  }

  drain(): void {
    if (!this.deleted) this.#goOn()
  }

  appendSettled(): void {
    this.slabs.appendSettled()
    if (this.size === 0) this.#rest()
  }

  slabLost(loss: Loss): void {
    const messages = loss.unread + loss.taken.length
    this.size -= messages
    if (loss.slab.live === 0) this.#unread.delete(loss.slab)
    const { log } = this.host.context
    reportLoss(log, entity('exchange', this.#holder.name, this.host.name), messages, loss)
  }

  line(level: number): Line {
    let line = this.#lines[level]
    if (line === undefined) {
      line = new Line(this.slabs, level)
      this.#lines[level] = line
    }
    return line
  }

  /** By the `x-delay` that a message has when it is held. */
  lineFor(message: Message, view: PropertyView): Line {
    const hasHeaders = (message.propertyFlags & PropertyFlag.HEADERS) !== 0
    const headers = hasHeaders ? message.properties(view).headers : undefined
    return this.line(levelOf(Math.abs(integerOf(headers?.get('x-delay')) ?? 1)))
  }

  numberFrom(number: number): void {
    this.slabs.numberFrom(number, [])
  }

  #indexResident(slab: Slab): void {
    const { words } = slab.memory
    slab.forEach((offset, at) => {
      if ((recordState(words, at) & SETTLED) === 0) this.noteRead(slab, offset, recordExpiry(words, at))
    })
    this.endRead(slab)
  }

  #forgetFirst(): void {
    this.index.removeFirst()
    this.#account()
  }

  /** Nothing is held: everything goes back. */
  #rest(): void {
    for (const line of this.#lines) {
      if (line === undefined || line.tail.live > 0) continue
      line.restart()
      this.slabs.allot(line.tail, 0)
    }
    this.index.clear()
    this.#account()
  }

  #account(): void {
    const { bytes } = this.index
    this.host.context.memory.used += bytes - this.#indexBytes
    this.#indexBytes = bytes
  }
}

/** The order of magnitude of a delay, in ms: from 0 to 31. */
function levelOf(delayMs: number): number {
  return 31 - Math.clz32(Math.max(delayMs, 1))
}
