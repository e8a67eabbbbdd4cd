import type { Drainable } from '../../base/index.ts'
import { type SegmentBytes, SegmentError, type SegmentRef, type Segments } from '../../store/index.ts'
import type { EntityHost } from '../host.ts'
import { MESSAGE_MARKS, Message } from '../message.ts'
import { KeptRecord, RecordType, SettledRecord, type Settler, SLAB_END } from '../storage/index.ts'
import type { BodyPlace } from './body-file.ts'
import type { BodyReading } from './body-reading.ts'
import { setAside } from './damaged-file.ts'
import { type PagedSlab, surveySlab, TAKEN_FIELDS } from './paged-slab.ts'
import {
  JOURNALLED,
  REDELIVERED,
  REFERENCE,
  recordBodyBytes,
  recordLength,
  recordState,
  SETTLED,
  setRecordState,
  showContent,
  withCount,
} from './record.ts'
import { RunCursor } from './runs.ts'
import type { Slab } from './slab.ts'
import { decodeSlab, forEachKept, type SlabContent } from './slab-file.ts'
import { NO_MEMORY } from './slab-pool.ts'
import type { Slabs } from './slabs.ts'

/** How long to leave a file alone that could not be opened although it is there, in ms. */
const RETRY_MS = 1000

/** A slab's file, and what that refers to elsewhere. */
interface LoadedSlab {
  readonly content: SlabContent
  readonly bodies: BodyReading | undefined
}

/** Messages that a damaged file has taken with it. */
export interface Loss {
  readonly slab: Slab
  readonly file: SegmentRef
  readonly reason: string
  /** Those that were never handed out; negative when there are more than anybody knew of. */
  readonly unread: number
  readonly unreadBodyBytes: number
  /** The others: by offset, with the bytes of their body. */
  readonly taken: readonly { readonly offset: number; readonly bodyBytes: number }[]
}

/** The queue that the slabs belong to. */
export interface PagingQueue extends Drainable, Settler {
  readonly host: EntityHost
  readonly uid: number
  readonly stored: boolean
  readonly deleted: boolean
  /** The file is damaged: these messages are not there any more. */
  slabLost(loss: Loss): void
}

/** Takes slabs of one queue out of memory, once they lie in files, and brings them back. */
export class Paging {
  readonly #queue: PagingQueue
  readonly #slabs: Slabs
  /** Some file could not be opened, and that is tried again. */
  #isRetrying = false

  constructor(queue: PagingQueue, slabs: Slabs) {
    this.#queue = queue
    this.#slabs = slabs
  }

  /**
   * Gives the memory of a slab back, whose records nobody looks at.
   * @returns false when it has no file, or is not in memory.
   */
  pageOut(slab: Slab): boolean {
    if (slab.segment === undefined || slab.paged !== undefined || slab.live === 0 || this.#slabs.viewed) return false
    slab.paged = surveySlab(slab)
    slab.bodies?.pageOut()
    this.#slabs.release(slab)
    return true
  }

  /** Reads a slab back when it is its turn. @returns false when nothing of it is there any more, or not for now. */
  load(slab: Slab): Promise<boolean> {
    if (slab.paged === undefined) return Promise.resolve(slab.live > 0)
    slab.loading ??= this.#load(slab)
    return slab.loading
  }

  /**
   * Reads a slab back at once; damage may have left nothing of it, or other records than before.
   * @returns false when that says nothing about the file: too many are open, say. It is as it was then.
   */
  loadNow(slab: Slab): boolean {
    const { memory, storage } = this.#queue.host.context
    const { segment, paged } = slab
    const { segments } = storage
    if (paged === undefined || segment === undefined || segments === undefined) return true
    let content: SlabContent | undefined
    try {
      content = memory.traffic.readSync(segment, segments, (bytes) => this.#decode(bytes, paged))
      return this.#take(slab, content && { content, bodies: this.#bodiesNow(slab, content, segments) })
    } catch (error) {
      if (content !== undefined && slab.paged !== undefined) memory.pool.give(content.memory)
      if (isDamage(error)) return this.#take(slab, undefined, error.message)
      this.#retryLater(error as Error)
      return false
    }
  }

  async #load(slab: Slab): Promise<boolean> {
    const { memory, storage } = this.#queue.host.context
    const { segment } = slab
    const { segments } = storage
    if (segment === undefined || segments === undefined) return false
    const isWanted = (): boolean => slab.paged !== undefined && slab.segment === segment
    const outcome = await this.#fetch(slab, segment, segments, isWanted).catch((error) => error as Error)
    slab.loading = undefined
    if (!isWanted()) {
      if (outcome !== undefined && !(outcome instanceof Error)) memory.pool.give(outcome.content.memory)
    } else if (!(outcome instanceof Error)) {
      if (!this.#take(slab, outcome)) return false
    } else if (isDamage(outcome)) {
      if (!this.#take(slab, undefined, outcome.message)) return false
    } else {
      this.#retryLater(outcome)
      return false
    }
    if (!this.#queue.deleted) this.#queue.host.context.turn.drain(this.#queue)
    return slab.paged === undefined && slab.live > 0
  }

  async #fetch(
    slab: Slab,
    segment: SegmentRef,
    segments: Segments,
    isWanted: () => boolean,
  ): Promise<LoadedSlab | undefined> {
    const { traffic, pool } = this.#queue.host.context.memory
    const use = (bytes: SegmentBytes) => this.#decode(bytes, slab.paged as PagedSlab)
    const content = await traffic.read(segment, segments, isWanted, use)
    if (content === undefined) return undefined
    if (content.outside.length === 0) return { content, bodies: undefined }
    try {
      return { content, bodies: await traffic.readBodies(content.outside, slab.bodies, segments, isWanted) }
    } catch (error) {
      pool.give(content.memory)
      throw error
    }
  }

  #bodiesNow(slab: Slab, { outside }: SlabContent, segments: Segments): BodyReading | undefined {
    if (outside.length === 0) return undefined
    return this.#queue.host.context.memory.traffic.readBodiesSync(outside, slab.bodies, segments)
  }

  #decode(bytes: SegmentBytes, paged: PagedSlab): SlabContent | undefined {
    return decodeSlab(bytes, this.#queue.host.context.memory.pool, paged.runs)
  }

  #retryLater(error: Error): void {
    const { clock, timers, turn, log } = this.#queue.host.context
    if (isClosed(error) || this.#isRetrying) return
    this.#isRetrying = true
    log.warn(`messages cannot be read from the disk, tried again in ${RETRY_MS / 1000} s: ${error.message}`)
    timers.schedule(clock.now + RETRY_MS, () => {
      this.#isRetrying = false
      if (!this.#queue.deleted) turn.drain(this.#queue)
    })
  }

  /**
   * Takes over what was read.
   * @returns false when it is damaged and the journal still has it all, since the file was never synced: whatever the
   * journal was told now would cost what a start brings back.
   */
  #take(slab: Slab, loaded: LoadedSlab | undefined, reason = 'some of it is not what was written'): boolean {
    const isWhole = loaded?.content.isDamaged === false && loaded.bodies?.damaged === undefined
    if (isWhole || slab.segmentSynced || slab.journalled === 0) {
      this.#install(slab, loaded, reason)
      return true
    }
    const { memory, storage } = this.#queue.host.context
    if (loaded !== undefined) memory.pool.give(loaded.content.memory)
    const text = `segment ${slab.segment?.id}, which was not synced yet, is not what was written: ${reason}`
    storage.onFatal?.(new SegmentError('damaged', `${text}; the journal has its messages, for the next start`))
    return false
  }

  /** The records are in memory again, as they were, or what the file still has of them. */
  #install(slab: Slab, loaded: LoadedSlab | undefined, reason: string): void {
    const content = loaded?.content
    const damaged = loaded?.bodies?.damaged
    const paged = slab.paged as PagedSlab
    slab.paged = undefined
    this.#slabs.adopt(slab, content?.memory ?? NO_MEMORY)
    if (content === undefined) slab.useTable(new Int32Array(0), new Int32Array(0))
    else if (content.table !== undefined) slab.useTable(content.table.offsets, content.table.places)
    for (const [offset, buffer] of content?.large ?? [])
      this.#slabs.addReference(slab, offset, ownMessage(slab, offset, buffer))
    this.#installBodies(slab, loaded)
    const { unread, unreadBodyBytes } = revive(slab, paged)
    const taken = lostOfTaken(slab, paged)
    const isLoss = unread !== paged.unread || taken.length > 0
    if (isLoss || content?.isDamaged !== false) {
      const own = slab.segment as SegmentRef
      const isOwn = content === undefined || content.isDamaged || damaged === undefined
      const file = isOwn ? own : damaged.ref
      this.#salvage(slab, own, isOwn)
      this.#queue.slabLost({
        slab,
        file,
        reason,
        unread: paged.unread - unread,
        unreadBodyBytes: paged.unreadBodyBytes - unreadBodyBytes,
        taken,
      })
    }
    if (slab.live === 0) slab.line.drop(slab)
    else this.#slabs.settleIn(slab)
  }

  /** Large messages that lie in body files: what is in memory already is there once. */
  #installBodies(slab: Slab, loaded: LoadedSlab | undefined): void {
    if (slab.bodies === undefined) return
    const { context } = this.#queue.host
    const { bodies } = context.memory
    const places = new Map<number, BodyPlace>()
    for (const { offset, id, at, bytes } of loaded?.content.outside ?? []) {
      const file = slab.bodies.fileOf(id)
      const found = file?.inMemory.get(at) ?? loaded?.bodies?.found.get(offset)
      if (file === undefined || found === undefined) continue
      const message = found instanceof Message ? sharedMessage(slab, offset, found) : ownMessage(slab, offset, found)
      const place = { file, at, bytes }
      this.#slabs.addReference(slab, offset, message)
      bodies.setPlace(message, place)
      places.set(offset, place)
    }
    slab.bodies.load(places, context)
  }

  /** The file is damaged: what is left of the slab is in memory only, and the journal has it now. */
  #salvage(slab: Slab, file: SegmentRef, isDamaged: boolean): void {
    const { storage, journal } = this.#queue.host.context
    slab.segment = undefined
    slab.segmentSynced = false
    if (this.#queue.stored) {
      const { uid } = this.#queue
      const kept = new KeptRecord()
      storage.group(() => {
        // What it knows of the slab is that all of it lies in the file.
        journal.append(new SettledRecord().of(uid, slab.number, 0, SLAB_END, 0, 0), RecordType.SETTLED)
        forEachKept(slab, (offset, state, expiry, message) => {
          journal.append(kept.of(uid, slab.number, offset, state, expiry, message), RecordType.KEPT)
        })
      })
    }
    // Body files that are damaged stay until nobody refers to them, and are set aside then.
    this.#slabs.releaseBodies(slab)
    if (!isDamaged) storage.dropSegment(file)
    else if (storage.segments !== undefined) setAside(this.#queue.host.context, storage.segments, file)
  }
}

/** Gives every record the state that it had, and counts them anew. */
function revive(slab: Slab, paged: PagedSlab): { unread: number; unreadBodyBytes: number } {
  const { words } = slab.memory
  const { readAt, end, handedTo } = slab
  const { taken } = paged
  const { counts } = paged
  const cursor = new RunCursor(paged.runs)
  let takenIndex = 0
  let countIndex = 0
  let unread = 0
  let unreadBodyBytes = 0
  let firstUnread = end
  let hasHoles = false
  slab.live = 0
  slab.liveBytes = slab.referenceBytes
  slab.journalled = 0
  slab.journalledBytes = 0
  slab.forEach((offset, at) => {
    let state = recordState(words, at)
    const isThere = (state & REFERENCE) === 0 || slab.references?.has(offset) === true
    if (!cursor.has(offset) || !isThere) {
      setRecordState(words, at, state | SETTLED)
      if (offset >= readAt) hasHoles = true
      return
    }
    if (offset < readAt) {
      while ((taken[takenIndex] as number) < offset) takenIndex += TAKEN_FIELDS
      state = taken[takenIndex + 2] as number
    } else {
      if (offset < handedTo) state |= REDELIVERED
      while ((counts[countIndex] as number) < offset) countIndex += 2
      if (counts[countIndex] === offset) state = withCount(state, counts[countIndex + 1] as number)
      if (unread === 0) firstUnread = offset
      unread++
      unreadBodyBytes += recordBodyBytes(words, at)
    }
    setRecordState(words, at, state)
    slab.live++
    slab.liveBytes += recordLength(words, at)
    if ((state & JOURNALLED) === 0) return
    slab.journalled++
    slab.journalledBytes += recordLength(words, at) + (slab.references?.get(offset)?.buffer.length ?? 0)
  })
  slab.readAt = firstUnread
  slab.plain = !slab.packed && !hasHoles
  return { unread, unreadBodyBytes }
}

/** Which of the messages that were handed out are not there. */
function lostOfTaken(slab: Slab, { taken }: PagedSlab): { offset: number; bodyBytes: number }[] {
  const lost: { offset: number; bodyBytes: number }[] = []
  for (let index = 0; index < taken.length; index += TAKEN_FIELDS) {
    const offset = taken[index] as number
    if (!slab.isLive(offset)) lost.push({ offset, bodyBytes: taken[index + 1] as number })
  }
  return lost
}

/** A large message that somebody else has in memory, as a record of this slab has it. */
function sharedMessage(slab: Slab, offset: number, shared: Message): Message {
  const message = shared.copyView()
  message.marks = recordState(slab.memory.words, slab.locate(offset)) & MESSAGE_MARKS
  return message
}

/** The large message that a record of the slab refers to. */
function ownMessage(slab: Slab, offset: number, buffer: Buffer): Message {
  const message = new Message()
  showContent(buffer, 0, slab.memory.words, slab.locate(offset), message)
  message.owned = true
  return message
}

/** The file has not got what it should have; anything else may be over in a moment. */
function isDamage(error: unknown): error is SegmentError {
  return error instanceof SegmentError && (error.code === 'missing' || error.code === 'damaged')
}

function isClosed(error: Error): boolean {
  return error instanceof SegmentError && error.code === 'closed'
}
