import type { SegmentRef, Segments } from '../../store/index.ts'
import { MESSAGE_MARKS, Message } from '../message.ts'
import type { BodyReading } from '../queue/body-reading.ts'
import type { PagedRecord } from '../queue/paged-slab.ts'
import {
  COPY_BODY_BYTES_MAX,
  HEAD_BYTES,
  REFERENCE,
  recordBodyBytes,
  recordExpiry,
  recordLength,
  recordState,
  showContent,
  showRecord,
} from '../queue/record.ts'
import { RunCursor, Runs } from '../queue/runs.ts'
import type { Slab } from '../queue/slab.ts'
import { decodeSlab, forEachDecoded, type OutsideBody, type SlabContent } from '../queue/slab-file.ts'
import { PLACE_SPAN } from '../queue/slabs.ts'
import type { HeldMessages } from './held-messages.ts'

/** Messages in files are read so long before they are due, in ms. */
const AHEAD_MS = 10_000
/** How many of them at most, and how many bytes. */
const AHEAD_MAX = 8192
const AHEAD_BYTES_MAX = 8 * 1024 * 1024
/** Files asked for at a time. */
const READS_MAX = 2
/** How long a file is left alone at least that cannot be opened, in ms. */
const PAUSE_MS = 500
/** What each costs besides its bytes. */
const ENTRY_BYTES = 256

/** A message of a slab that is paged. */
export interface ReadMessage extends PagedRecord {
  readonly message: Message
}

/** What was read of a slab. */
interface ReadSlab {
  readonly content: SlabContent
  /** Large messages that lie in body files. */
  readonly bodies: BodyReading | undefined
}

/**
 * Reads messages in files shortly before they are due. A whole slab would have to be in memory for each of them where
 * delays differ much; so those that are due next are copied out of each file, and its slab stays as it is.
 */
export class ReadAhead {
  readonly #held: HeldMessages
  readonly #messages = new Map<number, ReadMessage>()
  #bytes = 0
  #isReading = false
  /** When it is time to look again, if there is no other reason; and with how many left in any case. */
  #lookAt = 0
  #enough = -1
  #notBefore = 0

  constructor(held: HeldMessages) {
    this.#held = held
  }

  /** When to look at what is due then, in ms since the epoch. @param isHere it is in memory now */
  timeFor(at: number, isHere: boolean): number {
    const { clock, storage } = this.#held.host.context
    const ahead = at - AHEAD_MS
    if (!isHere) return Math.max(ahead, this.#notBefore)
    // It may lie in a file by then.
    return storage.segments !== undefined && ahead > clock.now ? ahead : at
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Something is being read: `drain` of whoever holds the messages is called when it is there. */
  get isReading(): boolean {
    return this.#isReading
  }

  find(place: number): ReadMessage | undefined {
    return this.#messages.get(place)
  }

  forget(place: number): void {
    const read = this.#messages.get(place)
    if (read === undefined) return
    this.#messages.delete(place)
    this.#account(-read.message.buffer.length - ENTRY_BYTES)
  }

  clear(): void {
    this.#messages.clear()
    this.#account(-this.#bytes)
  }

  /** Reads what is due next, when it is time. @param isStuck the first message is waited for. */
  look(now: number, isStuck: boolean): void {
    const { index, slabs } = this.#held
    if (this.#isReading || now < this.#notBefore || index.firstAt > now + AHEAD_MS) return
    if (!isStuck && now < this.#lookAt && this.#messages.size > this.#enough) return
    const places = index.first(AHEAD_MAX, now + AHEAD_MS)
    const wanted = new Map<Slab, Set<number>>()
    for (const place of places) {
      const slab = slabs.peek(place)
      if (slab === undefined || slab.resident || this.#messages.has(place)) continue
      const offsets = wanted.get(slab)
      if (offsets === undefined) wanted.set(slab, new Set([place % PLACE_SPAN]))
      else offsets.add(place % PLACE_SPAN)
    }
    this.#lookAt = now + AHEAD_MS / 2
    this.#enough = -1
    if (wanted.size === 0) return
    this.#isReading = true
    const files = wanted.entries()
    const readers = Array.from({ length: READS_MAX }, () => this.#readAll(files))
    void Promise.all(readers).finally(() => {
      this.#isReading = false
      if (places.length === AHEAD_MAX || this.#bytes >= AHEAD_BYTES_MAX) this.#enough = this.#messages.size >> 1
      this.#tell()
    })
  }

  /** Reads one file after the other, beside others that do the same: those first whose messages are due first. */
  async #readAll(files: Iterator<[Slab, ReadonlySet<number>]>): Promise<void> {
    for (let next = files.next(); next.done !== true; next = files.next()) {
      await this.#read(...next.value)
      this.#tell()
      if (this.#bytes >= AHEAD_BYTES_MAX) return
    }
  }

  async #read(slab: Slab, offsets: ReadonlySet<number>): Promise<void> {
    const held = this.#held
    const { segments } = held.host.context.storage
    const { segment } = slab
    const isWanted = (): boolean => !held.deleted && slab.paged !== undefined && slab.segment === segment
    if (segments === undefined || segment === undefined || !isWanted()) return
    const isThere = await this.#fetch(slab, offsets, segment, segments, isWanted).catch(() => false)
    // Who knows what to do with damage, or a file that cannot be opened for now, brings all of the slab back.
    if (isThere || !isWanted() || (await held.slabs.paging.load(slab))) return
    // It tells when it is to be tried again.
    if (isWanted()) this.#notBefore = held.host.context.clock.now + PAUSE_MS
  }

  /** @returns false when not everything is there that should be. @throws what `Segments.read` does. */
  async #fetch(
    slab: Slab,
    offsets: ReadonlySet<number>,
    segment: SegmentRef,
    segments: Segments,
    isWanted: () => boolean,
  ): Promise<boolean> {
    const { traffic, pool } = this.#held.host.context.memory
    const runs = runsOf(offsets)
    const content = await traffic.read(segment, segments, isWanted, (bytes) => decodeSlab(bytes, pool, runs))
    if (content === undefined) return false
    try {
      const { outside } = content
      const bodies =
        outside.length === 0 ? undefined : await traffic.readBodies(outside, slab.bodies, segments, isWanted)
      if (content.isDamaged || bodies?.damaged !== undefined) return false
      return !isWanted() || this.#take(slab, offsets, { content, bodies })
    } finally {
      pool.give(content.memory)
    }
  }

  /** @returns false when not everything is there that should be. */
  #take(slab: Slab, offsets: ReadonlySet<number>, read: ReadSlab): boolean {
    const held = this.#held
    const { content } = read
    const { words } = content.memory
    const cursor = new RunCursor(slab.paged?.runs)
    const isUnread = held.isUnread(slab)
    let count = 0
    forEachDecoded(content, slab.end, (offset, at) => {
      if (!cursor.has(offset)) return
      if (isUnread) held.noteRead(slab, offset, recordExpiry(words, at))
      const isFirst = slab.number * PLACE_SPAN + offset === held.index.firstPlace
      const isWanted = offsets.has(offset) && (isFirst || this.#bytes < AHEAD_BYTES_MAX)
      if (!isWanted || this.#keep(slab, offset, at, read)) count++
    })
    if (isUnread) {
      held.endRead(slab)
      // What is due next is not what was thought.
      this.#lookAt = 0
    }
    return count === slab.live
  }

  /** @returns false when its message is not there. */
  #keep(slab: Slab, offset: number, at: number, { content, bodies }: ReadSlab): boolean {
    const place = slab.number * PLACE_SPAN + offset
    const { bytes, words } = content.memory
    const state = recordState(words, at)
    const bodyBytes = recordBodyBytes(words, at)
    let message = new Message()
    let recordBytes = recordLength(words, at)
    let outside: OutsideBody | undefined
    if ((state & REFERENCE) === 0) {
      showRecord(bytes, words, at, message)
      message = message.copy()
    } else {
      const large = content.large.get(offset) ?? bodies?.found.get(offset)
      if (large === undefined) return false
      if (large instanceof Message) {
        message.assign(large)
        message.marks = state & MESSAGE_MARKS
      } else {
        showContent(large, 0, words, at, message)
        message.owned = true
      }
      recordBytes += message.buffer.length
      if (!content.large.has(offset)) outside = content.outside.find((body) => body.offset === offset)
    }
    const isPacked = content.table !== undefined && bodyBytes > COPY_BODY_BYTES_MAX
    const reach = isPacked ? HEAD_BYTES : recordLength(words, at)
    this.forget(place)
    this.#messages.set(place, { message, state, bodyBytes, recordBytes, reach, outside })
    this.#account(message.buffer.length + ENTRY_BYTES)
    return true
  }

  #tell(): void {
    if (!this.#held.deleted) this.#held.host.context.turn.drain(this.#held)
  }

  #account(bytes: number): void {
    this.#bytes += bytes
    this.#held.host.context.memory.used += bytes
  }
}

/** Where the records at these offsets begin, as runs. */
function runsOf(offsets: ReadonlySet<number>): Int32Array {
  const runs = new Runs()
  for (const offset of [...offsets].sort((a, b) => a - b)) runs.add(offset, 1)
  return runs.bounds()
}
