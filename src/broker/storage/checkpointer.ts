import type { Checkpoint, Position, SegmentRef } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'
import type { BodyFile } from '../queue/body-file.ts'
import { countsOf, surveySlab } from '../queue/paged-slab.ts'
import type { WrittenSlab } from '../queue/segment-traffic.ts'
import type { Slab } from '../queue/slab.ts'
import { forEachKept, storedSlab } from '../queue/slab-file.ts'
import type { SlabHolder } from '../queue/slab-holder.ts'
import { binarySize } from '../sizes.ts'
import { BodyFileRecord } from './body-file-record.ts'
import { type Append, checkpointCost, type Part, type Sorted } from './checkpoint-cost.ts'
import { CountsRecord } from './counts-record.ts'
import { KeptRecord } from './kept-record.ts'
import { RecordType } from './record-type.ts'
import { SegmentRecord } from './segment-record.ts'

/** What the checkpoint needs of a journal that lies in files. */
export interface CheckpointJournal {
  /** Bytes of its files. */
  readonly bytes: number
  /** Bytes appended and not written yet. */
  readonly pendingBytes: number
  readonly failure: Error | undefined
  /** What is appended meanwhile is in small batches. */
  inParts(act: () => void): void
  beginCheckpoint(): Checkpoint
  endCheckpoint(checkpoint: Checkpoint): Promise<void>
}

export interface CheckpointerOptions {
  readonly journal: CheckpointJournal
  /** Bytes that the journal may grow by before the next checkpoint. */
  readonly journalBytes: number
  /** Bytes that the journal has from the last checkpoint, where that was the last thing before an orderly stop; default 0. */
  readonly baseBytes?: number
  /** All queues that come back after a restart, and exchanges that keep messages back. */
  readonly queues: () => Iterable<SlabHolder>
  /** Appends everything alive that is not a message in a queue. Called at once when a checkpoint begins. */
  readonly writeRest: (append: Append) => void
  /** A sync has failed: the broker has to end. */
  readonly onFatal: (error: Error) => void
}

/** A slab with no more than this goes into the journal once more; with more it gets a file. */
const KEPT_BYTES_MAX = 64 * 1024

/** All that goes into the journal once more is at most this share of what the journal may grow by. */
const KEPT_SHARE = 0.25

/**
 * The share at the last checkpoint before a stop, for which somebody waits: a thousand files to sync take seconds, and
 * the next start reads so much in a moment.
 */
const LAST_KEPT_SHARE = 2

/** Of what is read back for that, so many bytes wait in memory for the journal. */
const KEPT_STEP_BYTES = 1024 * 1024

/**
 * One message in many queues is one record, but a start lays it out for each of them. So what is laid out is bounded, too,
 * by so many times what the journal may grow by.
 */
const PLACED_SHARE = 2

/** On a disk with little room: the share of the room there is that may be taken to free more. */
const RELIEF_SHARE = 0.5

/** Files synced in one go. */
const SYNC_FILES_MAX = 32

/** How long to leave a disk alone that has refused a file, in ms. */
const RETRY_MS = 5000

/** A file smaller than this is not worth another look for being half dead. */
const COMPACT_BYTES_MIN = 4096

/** Dead bytes in half-dead files: the share of all files that is too much, from which size, and how often to look (ms). */
const WASTE_SHARE = 0.25
const WASTE_BYTES_MIN = 32 * 1024 * 1024
const WASTE_LOOK_MS = 1000

/**
 * Moves what is alive out of the journal's older files, so that these can go: small remainders are appended anew, large
 * ones are written to segment files. See docs/storage.md.
 *
 * The checkpoint is the state at one moment, when everything small is appended in one go. What happens later is in
 * newer files anyway. Slabs that get a file are closed at that moment and written in the turns after it.
 */
export class Checkpointer {
  readonly #context: BrokerContext
  readonly #options: CheckpointerOptions
  readonly #kept = new KeptRecord()
  readonly #segmentRecord = new SegmentRecord()
  readonly #countsRecord = new CountsRecord()
  readonly #bodyFileRecord = new BodyFileRecord()
  #running: Promise<void> | undefined
  /** What the journal had when the last checkpoint had ended. */
  #baseBytes = 0
  /** What the last checkpoint has appended once more. */
  #repeatedBytes = 0
  /** What `placedBytes` was when it was last of no concern. */
  #placedBytes = 0
  #notBefore = 0
  /**
   * The last attempt did not come to its end. The next begins with the files that it needs: until the disk takes these,
   * each would append everything small once more for nothing.
   */
  #isUnfinished = false
  #isStopping = false
  /** From here on queues go without the journal being told. */
  #isAbandoned = false
  /** Files of slabs whose new ones could not be synced: the journal needs them until a checkpoint has come to its end. */
  readonly #replaced: WrittenSlab[] = []
  #wasteLookAt = 0
  /** What it writes frees more, so that it may go on when the disk is full. */
  #isRelieving = false
  /** Where the journal was, and what room there was, when nothing could be freed. */
  #hopelessAt: Position = -1
  #hopelessBytes = 0
  /** Checkpoints that have come to their end. */
  count = 0

  constructor(context: BrokerContext, options: CheckpointerOptions) {
    this.#context = context
    this.#options = options
    this.#baseBytes = options.baseBytes ?? 0
  }

  /** Starts a checkpoint when one is due; cheap enough for once a turn. */
  check(): void {
    if (this.#running !== undefined || this.#isStopping || this.#context.storage.isTight) return
    const { journal, journalBytes } = this.#options
    // What a checkpoint appends once more must not be more than what has come since.
    const due = Math.max(journalBytes, this.#repeatedBytes)
    if (journal.bytes - this.#baseBytes < due && !this.#isWidespread() && !this.#isWasteful()) return
    if (journal.failure !== undefined || this.#context.clock.now < this.#notBefore) return
    this.run().catch((error) => this.#failed(error as Error))
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /**
   * On a disk with little room, looks whether something can be freed for less than half of that, and starts with it: a
   * checkpoint that cuts the journal by more than it writes, or new files for what is alive in files that are mostly dead.
   * @param gainMin bytes that a checkpoint has to free at least.
   */
  relieve(freeBytes: number, gainMin: number): void {
    const { journal } = this.#context
    if (this.#running !== undefined || this.#isStopping || this.#context.clock.now < this.#notBefore) return
    if (this.#hopelessAt === journal.appended && this.#hopelessBytes === freeBytes) return
    const room = freeBytes * RELIEF_SHARE
    const { appended, files } = checkpointCost(this.#sort(false), this.#options.writeRest)
    const gain = this.#options.journal.bytes - appended
    if (appended + files <= room && gain >= Math.max(appended + files, gainMin)) {
      this.#relieveBy(() => this.#shrink())
      return
    }
    const parts = this.#worthwhile(room)
    if (parts.length > 0) this.#relieveBy(() => this.#compact(parts, 1))
    else {
      this.#hopelessAt = journal.appended
      this.#hopelessBytes = freeBytes
    }
  }

  /** True when there is room enough for a checkpoint. */
  isAffordable(freeBytes: number): boolean {
    const { appended, files } = checkpointCost(this.#sort(true), this.#options.writeRest)
    return appended + files <= freeBytes * RELIEF_SHARE
  }

  /**
   * Does a checkpoint, after the one that is under way.
   * @throws what a file or the journal throws; nothing is lost then, the older files stay.
   */
  async run(): Promise<void> {
    await this.#next(false)
  }

  /** @param isLast nothing is read any more, and the next is a start. */
  async #next(isLast: boolean): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined)
    this.#running = this.#run(isLast).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Does a last checkpoint. @throws as `run` */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#next(true)
  }

  /** What is under way takes no further step, so that the journal keeps what it has: it ends with an error. */
  abandon(): void {
    this.#isStopping = true
    this.#isAbandoned = true
  }

  async #run(isLast: boolean): Promise<void> {
    const { storage } = this.#context
    const { journal } = this.#options
    this.#checkGoesOn()
    if (this.#isUnfinished) await this.#write(this.#seal(this.#sort(isLast).large))
    this.#isUnfinished = true
    storage.settlements.flush()
    const checkpoint = journal.beginCheckpoint()
    const before = journal.bytes + journal.pendingBytes
    this.#placedBytes = storage.placedBytes
    const { filed, small, paged, large } = this.#sort(isLast)
    journal.inParts(() => {
      this.#appendInventory(filed)
      for (const part of small) this.#appendKept(part)
    })
    this.#repeatedBytes = journal.bytes + journal.pendingBytes - before
    this.#seal(large)
    const left = await this.#keepPaged(paged)
    await this.#write([...large, ...left])
    this.#checkGoesOn()
    storage.settlements.flush()
    // A bit that flips before the next start may cost messages, but not a queue, or the name of a file full of them.
    if (isLast && !storage.isTight) journal.inParts(() => this.#appendInventory(this.#sort(isLast).filed))
    await journal.endCheckpoint(checkpoint)
    this.#drop(this.#replaced.splice(0))
    if (isLast) this.#dropKept(small, paged)
    this.#baseBytes = journal.bytes
    this.#isUnfinished = false
    this.count++
    if (this.#isStopping || this.#context.storage.isTight) return
    await this.#compact(filed.filter(({ slab }) => isHalfDead(slab) && !slab.line.isHot(slab)))
    await this.#compactBodies()
  }

  /** All there is, but for messages: definitions, users, files and what lies in them. */
  #appendInventory(filed: readonly Part[]): void {
    const { journal, memory } = this.#context
    this.#options.writeRest((record, type) => journal.append(record, type))
    for (const file of memory.bodies.files) if (file.isSynced) this.#appendBodyFile(file)
    for (const part of filed) this.#appendSegment(part)
  }

  #relieveBy(act: () => Promise<void>): void {
    this.#isRelieving = true
    this.#running = act().finally(() => {
      this.#isRelieving = false
      this.#running = undefined
    })
    this.#running.catch((error) => this.#failed(error as Error))
  }

  async #shrink(): Promise<void> {
    const { journal } = this.#options
    const why = this.#context.storage.isTight ? 'the disk is full' : 'the disk has little room'
    const before = journal.bytes
    await this.#run(false)
    this.#context.log.info(
      `${why}: a checkpoint has cut the journal from ${binarySize(before)} to ${binarySize(journal.bytes)}`,
    )
  }

  /** Files of which most is dead, the emptiest first, as many as there is room for anew. */
  #worthwhile(room: number): Part[] {
    const parts = [...this.#halfDead()]
    parts.sort((a, b) => a.slab.liveBytes - b.slab.liveBytes)
    let left = room
    return parts.filter(({ slab }) => {
      left -= slab.liveBytes + COMPACT_BYTES_MIN
      return left >= 0
    })
  }

  /** Files that could be rewritten, and be half as large at most. */
  *#halfDead(): Iterable<Part> {
    for (const queue of this.#options.queues()) {
      for (const slab of queue.slabs()) {
        if (slab.journalled > 0 && isHalfDead(slab) && !slab.line.isHot(slab)) yield { queue, slab }
      }
    }
  }

  /** Looked at after each wait: whoever was alive before it may be gone. @throws Error when abandoned. */
  #checkGoesOn(): void {
    if (this.#isAbandoned) throw new Error('the broker closes')
  }

  /** @throws Error when the room that is left is for something else. */
  #checkRoom(): void {
    this.#checkGoesOn()
    if (!this.#context.storage.isTight || this.#isRelieving || this.#isStopping) return
    throw new Error('the disk is full')
  }

  /** What is to become of each slab. */
  #sort(isLast: boolean): Sorted {
    const filed: Part[] = []
    const small: Part[] = []
    const paged: Part[] = []
    const large: Part[] = []
    for (const queue of this.#options.queues()) {
      for (const slab of queue.slabs()) {
        if (slab.journalled === 0) continue
        const part = { queue, slab }
        if (slab.segment !== undefined && slab.segmentSynced) filed.push(part)
        else if (slab.journalledBytes > KEPT_BYTES_MAX) large.push(part)
        // What it has is there once for several queues, and would be there once for each.
        else if (slab.bodies !== undefined) large.push(part)
        else (slab.resident ? small : paged).push(part)
      }
    }
    const bytesMax = this.#options.journalBytes * (isLast ? LAST_KEPT_SHARE : KEPT_SHARE)
    const kept = takeSmall(small, bytesMax, large)
    return { filed, small: kept, paged: takeSmall(paged, bytesMax - bytesOf(kept), large), large }
  }

  /** Nothing more is written to these slabs. */
  #seal(parts: readonly Part[]): readonly Part[] {
    for (const { slab } of parts) slab.line.seal(slab)
    return parts
  }

  #appendKept({ queue, slab }: Part): void {
    const { journal } = this.#context
    forEachKept(slab, (offset, state, expiry, message) => {
      journal.append(this.#kept.of(queue.uid, slab.number, offset, state, expiry, message), RecordType.KEPT)
    })
  }

  /** Reads slabs back, one at a time, to append what they have. @returns those that cannot be read for now. */
  async #keepPaged(parts: readonly Part[]): Promise<readonly Part[]> {
    const { journal, storage } = this.#context
    const left: Part[] = []
    let bytes = 0
    for (const part of parts) {
      const { slab, queue } = part
      const { line } = slab
      if (slab.journalled > 0) await line.load(slab)
      this.#checkGoesOn()
      // It may have been consumed meanwhile, or be gone from memory again.
      if (slab.journalled === 0 || queue.deleted) continue
      if (!slab.resident) {
        left.push(part)
        continue
      }
      storage.settlements.flush()
      this.#appendKept(part)
      bytes += slab.journalledBytes
      this.#repeatedBytes += slab.journalledBytes
      if (!line.isHot(slab)) line.pageOut(slab)
      if (bytes < KEPT_STEP_BYTES) continue
      bytes = 0
      await journal.flush()
    }
    return left
  }

  /** Removes the files of what the journal has: nothing is read any more before the next start. */
  #dropKept(...lists: readonly (readonly Part[])[]): void {
    const { segments } = this.#context.storage
    for (const { slab } of lists.flat()) {
      if (slab.segment !== undefined && !slab.segmentSynced) segments?.remove(slab.segment)
    }
  }

  #appendSegment({ queue, slab }: Part): void {
    const { journal } = this.#context
    const paged = slab.paged ?? surveySlab(slab)
    const record = this.#segmentRecord.of(queue.uid, storedSlab(slab, paged))
    journal.append(record, record.type)
    const counts = countsOf(paged)
    if (counts.length > 0) journal.append(this.#countsRecord.of(queue.uid, slab.number, counts), RecordType.COUNTS)
  }

  #appendBodyFile(file: BodyFile): void {
    this.#context.journal.append(this.#bodyFileRecord.of(file.stored), RecordType.BODY_FILE)
  }

  /** Sees to it that each slab has a durable file, and the journal knows. */
  async #write(parts: readonly Part[]): Promise<void> {
    for (let index = 0; index < parts.length; index += SYNC_FILES_MAX) {
      const group = parts.slice(index, index + SYNC_FILES_MAX)
      for (const { slab } of group) await this.#writeFile(slab)
      await this.#sync(group)
    }
  }

  async #writeFile(slab: Slab): Promise<void> {
    const { segments } = this.#context.storage
    if (segments === undefined || slab.journalled === 0 || slab.segment !== undefined || !slab.resident) return
    this.#checkRoom()
    const { traffic } = this.#context.memory
    const written = await traffic.write(slab, this.#context)
    if (written === undefined) return
    // It may have been consumed meanwhile, or written because memory was short.
    if (slab.journalled > 0 && slab.segment === undefined) slab.line.setSegment(slab, written, false)
    else traffic.discard(written, this.#context)
  }

  async #sync(parts: readonly Part[]): Promise<void> {
    const { segments, settlements } = this.#context.storage
    const written = parts.filter(({ slab }) => slab.segment !== undefined && slab.journalled > 0)
    if (segments === undefined || written.length === 0) return
    const refs = written.map(({ slab }) => slab.segment as SegmentRef)
    const bodies = new Set<BodyFile>()
    for (const { slab } of written) for (const file of slab.bodies?.files ?? []) if (!file.isSynced) bodies.add(file)
    await segments.sync([...[...bodies].map(({ ref }) => ref), ...refs])
    this.#checkGoesOn()
    settlements.flush()
    this.#options.journal.inParts(() => {
      for (const file of bodies) {
        if (file.isDropped) continue
        file.isSynced = true
        this.#appendBodyFile(file)
      }
      for (const [index, part] of written.entries()) {
        const { slab, queue } = part
        if (slab.segment !== refs[index] || slab.journalled === 0 || queue.deleted) continue
        slab.segmentSynced = true
        this.#appendSegment(part)
      }
    })
  }

  /** Rewrites files of which most is dead: the survivors get a new one. */
  async #compact(parts: readonly Part[], filesMax = SYNC_FILES_MAX): Promise<void> {
    for (let index = 0; index < parts.length; index += filesMax) {
      const rewritten: Part[] = []
      const old: WrittenSlab[] = []
      try {
        for (const part of parts.slice(index, index + filesMax)) {
          const before = await this.#rewrite(part)
          if (before === undefined) continue
          rewritten.push(part)
          old.push(before)
        }
      } finally {
        // Also of a disk that has become full meanwhile: two files of one slab are one too many.
        await this.#replace(rewritten, old)
      }
    }
  }

  /** The old files go, not before the journal knows of the new ones. */
  async #replace(rewritten: readonly Part[], old: readonly WrittenSlab[]): Promise<void> {
    try {
      await this.#sync(rewritten)
      this.#checkGoesOn()
    } catch (error) {
      this.#replaced.push(...old)
      throw error
    }
    this.#drop(old)
  }

  /** The journal does without these files. */
  #drop(old: readonly WrittenSlab[]): void {
    for (const { file, bodies } of old) {
      this.#context.storage.dropSegment(file)
      bodies?.release(this.#context)
    }
  }

  /** Moves what is alive of half-dead body files to new ones. */
  async #compactBodies(): Promise<void> {
    const { memory, storage } = this.#context
    const { segments } = storage
    if (segments === undefined) return
    for (const file of [...memory.bodies.files]) {
      if (file.isDropped || !file.isSynced || !file.isHalfDead) continue
      this.#checkRoom()
      const runs = file.liveRuns()
      const ref = await memory.traffic.copyBodies(file, runs, segments)
      if (ref === undefined) continue
      try {
        await segments.sync([ref])
        this.#checkGoesOn()
      } catch (error) {
        segments.remove(ref)
        throw error
      }
      if (file.isDropped) {
        segments.remove(ref)
        continue
      }
      const old = file.ref
      file.moveTo(ref, runs)
      this.#appendBodyFile(file)
      storage.dropSegment(old)
    }
  }

  /** @returns the file that it had before; undefined when that stays. */
  async #rewrite({ queue, slab }: Part): Promise<WrittenSlab | undefined> {
    const { segments } = this.#context.storage
    const old = slab.segment
    if (segments === undefined || old === undefined || !(await slab.line.load(slab))) return undefined
    const stays = (): boolean => queue.deleted || slab.segment !== old || slab.journalled === 0 || slab.line.isHot(slab)
    // It may be gone from memory again by the time that this goes on.
    if (stays() || !slab.resident) return undefined
    this.#checkRoom()
    slab.line.pack(slab)
    const { traffic } = this.#context.memory
    const written = await traffic.write(slab, this.#context)
    if (written === undefined) return undefined
    if (stays()) {
      traffic.discard(written, this.#context)
      return undefined
    }
    const { bodies } = slab
    slab.line.setSegment(slab, written, false)
    return { file: old, bodies }
  }

  /** A start would lay out too much. */
  #isWidespread(): boolean {
    const { placedBytes } = this.#context.storage
    const bytesMax = this.#options.journalBytes * PLACED_SHARE
    if (placedBytes - this.#placedBytes < bytesMax) return false
    // Mostly it has been consumed meanwhile.
    let bytes = 0
    for (const queue of this.#options.queues()) {
      for (const slab of queue.slabs()) {
        // What it refers to may be there once for all queues.
        if (!slab.segmentSynced) bytes += Math.max(0, slab.journalledBytes - slab.referenceBytes)
      }
    }
    if (bytes > bytesMax / 2) return true
    this.#placedBytes = placedBytes
    return false
  }

  /** Much of what lies in segment files is dead, in files that could be rewritten. Looked at now and then. */
  #isWasteful(): boolean {
    const { clock, storage } = this.#context
    const bytes = storage.segments?.bytes ?? 0
    if (bytes < WASTE_BYTES_MIN || clock.now < this.#wasteLookAt) return false
    this.#wasteLookAt = clock.now + WASTE_LOOK_MS
    let waste = 0
    for (const { slab } of this.#halfDead()) waste += (slab.segment?.bytes ?? 0) - ownBytes(slab)
    for (const file of this.#context.memory.bodies.files) {
      if (file.isSynced && file.isHalfDead) waste += file.ref.bytes - file.liveBytes
    }
    return waste > bytes * WASTE_SHARE
  }

  #failed(error: Error): void {
    if (this.#isAbandoned) return
    if (error.name === 'SyncError') {
      this.#notBefore = Number.POSITIVE_INFINITY
      this.#options.onFatal(error)
      return
    }
    this.#notBefore = this.#context.clock.now + RETRY_MS
    this.#context.log.warn(
      `a checkpoint could not be finished and is tried again in ${RETRY_MS / 1000} s; until then the data directory goes on growing: ${error.message}`,
    )
  }
}

/** The smallest stay small; what is more than so many bytes joins the large ones. */
function takeSmall(small: Part[], bytesMax: number, large: Part[]): Part[] {
  if (bytesOf(small) <= bytesMax) return small
  small.sort((a, b) => a.slab.journalledBytes - b.slab.journalledBytes)
  let count = 0
  for (let left = bytesMax; count < small.length; count++) {
    left -= (small[count] as Part).slab.journalledBytes
    if (left < 0) break
  }
  large.push(...small.slice(count))
  return small.slice(0, count)
}

function bytesOf(parts: readonly Part[]): number {
  let bytes = 0
  for (const { slab } of parts) bytes += slab.journalledBytes
  return bytes
}

/** A new file would be half as large at most: what is alive goes into it, whether the journal knows it or not. */
function isHalfDead(slab: Slab): boolean {
  const bytes = slab.segment?.bytes ?? 0
  return bytes >= COMPACT_BYTES_MIN && ownBytes(slab) * 2 < bytes
}

/** What is alive of a slab and lies in its own file. */
function ownBytes({ liveBytes, bodies }: Slab): number {
  return bodies === undefined ? liveBytes : Math.max(0, liveBytes - bodies.bytes)
}
