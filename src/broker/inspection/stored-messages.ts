import { type SegmentBytes, SegmentError, type SegmentReader, type SegmentRef } from '../../store/index.ts'
import { Message } from '../message.ts'
import { BodyFile } from '../queue/body-file.ts'
import { BodyReading } from '../queue/body-reading.ts'
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
import type { StoredBodyFile, StoredSlab } from '../storage/index.ts'

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

  readonly #bodyFiles: ReadonlyMap<number, StoredBodyFile>

  /**
   * @param bodyFiles those that the journal knows, by number.
   * @param unreadable told of each file of which not everything can be read.
   */
  constructor(
    segments: SegmentReader,
    bodyFiles: ReadonlyMap<number, StoredBodyFile>,
    unreadable: (file: UnreadableFile) => void,
  ) {
    this.#segments = segments
    this.#bodyFiles = bodyFiles
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
    let content: SlabContent | undefined
    let bodies: BodyReading | undefined
    let reason = 'some of it is not what was written'
    try {
      content = decodeSlab(await this.#read(file), this.#pool, slab.runs)
      if (content !== undefined) bodies = await this.#readBodies(content)
    } catch (error) {
      if (!isDamage(error)) throw error
      reason = error.message
    }
    const found = bodies?.found
    let count = 0
    if (content !== undefined) {
      for (const place of placesOf(slab, content)) if (this.#isThere(slab, content, found, place)) count++
      yield this.#filed(slab, content, found)
      this.#pool.give(content.memory)
    }
    const damaged = bodies?.damaged
    if (content?.isDamaged !== false || damaged !== undefined || count !== live) {
      const which = content?.isDamaged === false && damaged !== undefined ? damaged.ref : file
      this.#unreadable({ file: which, reason, messages: live - count })
    }
  }

  /** Those that lie in body files. */
  async #readBodies({ outside }: SlabContent): Promise<BodyReading> {
    const files = new Map<number, BodyFile>()
    const reading = new BodyReading(outside, (id) => {
      const stored = this.#bodyFiles.get(id) ?? { id, file: { id, bytes: 0 }, runs: undefined }
      const file = files.get(id) ?? new BodyFile(stored)
      files.set(id, file)
      return file
    })
    for (const file of reading.files) {
      const ranges = reading.locate(file)
      if (ranges.length === 0) continue
      try {
        reading.take(file, await this.#segments.read(file.ref, undefined, ranges))
      } catch (error) {
        reading.miss(file, error)
      }
    }
    return reading
  }

  async #read(file: SegmentRef): Promise<SegmentBytes> {
    if (this.#into.length < file.bytes) this.#into = Buffer.allocUnsafeSlow(file.bytes)
    return this.#segments.read(file, this.#into)
  }

  *#filed(slab: StoredSlab, content: SlabContent, outside: BodyReading['found'] | undefined): Generator<StoredMessage> {
    const { memory, large } = content
    const { counts } = slab
    let next = 0
    for (const place of placesOf(slab, content)) {
      if (!this.#isThere(slab, content, outside, place)) continue
      const { offset, at } = place
      while (counts !== undefined && (counts[next] as number) < offset) next += 2
      const body = large.get(offset) ?? (outside?.get(offset) as Buffer | undefined)
      if (body === undefined) showRecord(memory.bytes, memory.words, at, this.#view)
      else showContent(body, 0, memory.words, at, this.#view)
      const count = counts?.[next] === offset ? counts[next + 1] : undefined
      yield this.#stored(memory.words, at, offset < slab.takenTo, count)
    }
  }

  #isThere(
    { end }: StoredSlab,
    { memory, large }: SlabContent,
    outside: BodyReading['found'] | undefined,
    { offset, at, isLive }: Place,
  ): boolean {
    if (!isLive || offset >= end) return false
    return (recordState(memory.words, at) & REFERENCE) === 0 || large.has(offset) || outside?.has(offset) === true
  }

  *#journalled({ memory, at: places, offsets, references }: RestoredSlab): Generator<StoredMessage> {
    for (const [index, at] of places.entries()) {
      const reference = references.get(offsets[index] as number)
      if (reference !== undefined) this.#view.assign(reference)
      else showRecord(memory.bytes, memory.words, at, this.#view)
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
