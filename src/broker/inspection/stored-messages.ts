import { type SegmentBytes, SegmentError, type SegmentReader, type SegmentRef } from '../../store/index.ts'
import { Message } from '../message.ts'
import {
  deliveryCount,
  REDELIVERED,
  REFERENCE,
  recordExpiry,
  recordLength,
  recordState,
  showContent,
  showRecord,
} from '../queue/record.ts'
import type { RestoredQueue, RestoredSlab } from '../queue/restored.ts'
import { RunCursor } from '../queue/runs.ts'
import { decodeSlab, type SlabContent } from '../queue/slab-file.ts'
import { SlabPool } from '../queue/slab-pool.ts'
import type { StoredSlab } from '../storage/index.ts'

/** A message as a data directory has it. */
export interface StoredMessage {
  /** Good until the next message is asked for. */
  readonly message: Message
  /** It was handed out before, or may have been. */
  readonly redelivered: boolean
  /** How often it was handed out and came back. */
  readonly deliveryCount: number
  /** When its time is over, in ms since the epoch; 0 for never. */
  readonly expiry: number
}

/** A segment file of which not everything can be read. */
export interface UnreadableFile {
  readonly file: SegmentRef
  readonly reason: string
  /** Messages that the journal vouches for and the file has not got; 0 when only dead bytes are hit. */
  readonly messages: number
}

/**
 * Reads the messages of one queue back, a slab at a time: in the order in which they arrived, for each level of
 * priority. Nothing is changed, and no more than one slab's file is in memory.
 */
export class StoredMessages {
  readonly #segments: SegmentReader
  readonly #unreadable: (file: UnreadableFile) => void
  readonly #pool = new SlabPool()
  readonly #view = new Message()
  #into = Buffer.alloc(0)

  /** @param unreadable told of each file of which not everything can be read. */
  constructor(segments: SegmentReader, unreadable: (file: UnreadableFile) => void) {
    this.#segments = segments
    this.#unreadable = unreadable
  }

  /**
   * @returns one iterable for each slab, to be gone through before the next is asked for.
   * @throws SegmentError `newer`, `byte-order`; what says nothing about a file: too many are open, say.
   */
  async *slabs({ segments, slabs }: RestoredQueue): AsyncGenerator<Iterable<StoredMessage>> {
    const all = [...segments, ...slabs].sort((a, b) => a.number - b.number)
    for (const slab of all) {
      if ('file' in slab) yield* this.#segment(slab)
      else yield this.#journalled(slab)
    }
  }

  async *#segment(slab: StoredSlab): AsyncGenerator<Iterable<StoredMessage>> {
    const { file, live } = slab
    const cursor = new RunCursor(slab.runs)
    let content: SlabContent | undefined
    let reason = 'some of it is not what was written'
    try {
      content = decodeSlab(await this.#read(file), this.#pool, (offset) => cursor.has(offset))
    } catch (error) {
      if (!isDamage(error)) throw error
      reason = error.message
    }
    let found = 0
    if (content !== undefined) {
      for (const place of placesOf(slab, content)) if (this.#isThere(slab, content, place)) found++
      yield this.#filed(slab, content)
      this.#pool.give(content.memory)
    }
    if (content?.isDamaged !== false || found !== live) this.#unreadable({ file, reason, messages: live - found })
  }

  async #read(file: SegmentRef): Promise<SegmentBytes> {
    if (this.#into.length < file.bytes) this.#into = Buffer.allocUnsafeSlow(file.bytes)
    return this.#segments.read(file, this.#into)
  }

  *#filed(slab: StoredSlab, content: SlabContent): Generator<StoredMessage> {
    const { memory, large } = content
    const { counts } = slab
    let next = 0
    for (const place of placesOf(slab, content)) {
      if (!this.#isThere(slab, content, place)) continue
      const { offset, at } = place
      while (counts !== undefined && (counts[next] as number) < offset) next += 2
      const body = large.get(offset)
      if (body === undefined) showRecord(memory.bytes, memory.words, at, this.#view)
      else showContent(body, 0, memory.words, at, this.#view)
      const count = counts?.[next] === offset ? counts[next + 1] : undefined
      yield this.#stored(memory.words, at, offset < slab.takenTo, count)
    }
  }

  #isThere({ end }: StoredSlab, { memory, large }: SlabContent, { offset, at, isLive }: Place): boolean {
    if (!isLive || offset >= end) return false
    return (recordState(memory.words, at) & REFERENCE) === 0 || large.has(offset)
  }

  *#journalled({ memory, at: places }: RestoredSlab): Generator<StoredMessage> {
    for (const at of places) {
      showRecord(memory.bytes, memory.words, at, this.#view)
      yield this.#stored(memory.words, at, false)
    }
  }

  /** @param count of returns, when it is another than the record's */
  #stored(words: Int32Array, at: number, taken: boolean, count?: number): StoredMessage {
    const state = recordState(words, at)
    return {
      message: this.#view,
      redelivered: taken || (state & REDELIVERED) !== 0,
      deliveryCount: count ?? deliveryCount(state),
      expiry: recordExpiry(words, at),
    }
  }
}

/** A record of a slab's file. */
interface Place {
  /** Where it was in the slab. */
  readonly offset: number
  /** Where it is in memory now. */
  readonly at: number
  /** The journal says that it is not settled. */
  readonly isLive: boolean
}

function* placesOf({ end, runs }: StoredSlab, { memory, table }: SlabContent): Generator<Place> {
  const cursor = new RunCursor(runs)
  if (table === undefined) {
    let length: number
    for (let at = 0; at < end; at += length) {
      length = recordLength(memory.words, at)
      // No record is that short: the file is not one that the journal speaks of.
      if (!(length > 0)) return
      yield { offset: at, at, isLive: cursor.has(at) }
    }
    return
  }
  for (const [index, offset] of table.offsets.entries()) {
    yield { offset, at: table.places[index] as number, isLive: cursor.has(offset) }
  }
}

function isDamage(error: unknown): error is SegmentError {
  return error instanceof SegmentError && (error.code === 'missing' || error.code === 'damaged')
}
