import type { Logger } from '../base/index.ts'
import { BATCH_HEAD_BYTES, type Run, readRun } from './batch.ts'
import { BatchReader, type RecordVisitor, visitBatch } from './batch-reader.ts'
import { type Damage, saveDamaged, tellDamage } from './damage.ts'
import { SyncError } from './errors.ts'
import { type FileHeader, HEADER_BYTES } from './file-header.ts'
import { type FileLayer, readFully, syncFile } from './files.ts'
import type { Position } from './journal.ts'
import type { LogFilesState } from './log-files.ts'
import { type FoundFile, startOf } from './scan.ts'

/**
 * Positions left out at each start. What a crash took was written and may have been seen, as the id of a message in a
 * file of its own; its positions must not be given again, and nobody knows how many they were. Larger than what can be
 * unsynced at once, small enough for 33 million starts below 2^53.
 */
export const POSITION_GAP = 2 ** 28

/** What was found in the journal. */
export interface RecoveryReport {
  readonly files: number
  readonly bytes: number
  readonly batches: number
  readonly records: number
  /** Length of a torn tail, the mark of a crash, that was cut off, or will be at the next start. */
  readonly cutBytes: number
  readonly damage: readonly Damage[]
  /** Numbers of files that should be there. */
  readonly missing: readonly number[]
}

/** What the journal goes on with. */
export interface Recovered {
  readonly report: RecoveryReport
  readonly state: LogFilesState
  readonly epoch: number
  readonly firstPosition: Position
}

/** Reads a journal back, in order: hands out what is whole, cuts a torn tail, sets damage aside. */
export class Recovery {
  readonly #files: FileLayer
  readonly #log: Logger
  readonly #directory: string
  readonly #visitor: RecordVisitor
  readonly #readOnly: boolean
  #batches = 0
  #records = 0
  #bytes = 0
  #cutBytes = 0
  #epoch = 0
  readonly #damage: Damage[] = []
  readonly #missing: number[] = []
  /** Position that the next batch should begin with. */
  #next: Position = 1
  /** Files with records, or with damage where records were. */
  readonly #filled: number[] = []
  /** The file read last. */
  #last: FoundFile | undefined

  /** @param readOnly true to leave the files as they are: nothing is cut off or set aside. */
  constructor(files: FileLayer, log: Logger, directory: string, visitor: RecordVisitor, readOnly = false) {
    this.#files = files
    this.#log = log
    this.#directory = directory
    this.#visitor = visitor
    this.#readOnly = readOnly
  }

  async run(found: readonly FoundFile[]): Promise<Recovered> {
    const start = startOf(found)
    const needed = found.filter(({ number }) => number >= start)
    for (const { header } of found) {
      if (header === undefined) continue
      this.#epoch = Math.max(this.#epoch, header.epoch)
    }
    for (const [index, file] of needed.entries()) {
      // A head is synced before anything is written behind it. So what has no head and no more is a file that was
      // being made when the power went, and nothing was lost with it.
      if (file.header === undefined && file.bytes <= HEADER_BYTES) continue
      const isLast = !needed.slice(index + 1).some(({ header, bytes }) => header !== undefined || bytes > HEADER_BYTES)
      await this.#readFile(file, isLast, needed)
    }
    const filled = new Set(this.#filled)
    const next = (found.at(-1)?.number ?? 0) + 1
    return {
      report: {
        files: needed.length,
        bytes: this.#bytes,
        batches: this.#batches,
        records: this.#records,
        cutBytes: this.#cutBytes,
        damage: this.#damage,
        missing: this.#missing,
      },
      state: {
        next,
        start: this.#filled[0] ?? next,
        previous: this.#filled.at(-1) ?? 0,
        old: found.map(({ number, bytes }) => ({ number, bytes })),
        empty: found.filter(({ number }) => !filled.has(number)).map(({ number }) => number),
      },
      epoch: this.#epoch + 1,
      firstPosition: found.length === 0 ? 1 : this.#next + POSITION_GAP,
    }
  }

  async #readFile(file: FoundFile, isLast: boolean, all: readonly FoundFile[]): Promise<void> {
    const { header, bytes, number, path } = file
    this.#checkOrder(file, all)
    const descriptor = await this.#files.open(path, this.#readOnly ? 'r' : 'r+')
    try {
      const reader = new BatchReader(this.#files, descriptor, bytes)
      const run = header ?? (await this.#guessRun(reader, descriptor, file, all))
      this.#epoch = Math.max(this.#epoch, run?.epoch ?? 0)
      const batchesBefore = this.#batches
      const damageBefore = this.#damage.length
      const end = await this.#readBatches(reader, descriptor, file, run, isLast)
      if (this.#batches > batchesBefore || this.#damage.length > damageBefore) this.#filled.push(number)
      this.#last = file
      if (end < bytes) await this.#cut(descriptor, file, end)
      if (!this.#readOnly) await this.#sync(descriptor, path)
    } finally {
      await this.#files.close(descriptor)
    }
  }

  /** Says what the head tells is missing before this file. */
  #checkOrder(file: FoundFile, all: readonly FoundFile[]): void {
    const { header, number } = file
    if (header === undefined) return
    const { previous, start, firstPosition } = header
    const missing = previous >= start && previous >= startOf(all) && this.#filled.at(-1) !== previous
    if (missing) {
      this.#missing.push(previous)
      this.#tellMissing(previous, number, all)
    }
    this.#checkEnd(file, missing)
    this.#next = Math.max(this.#next, firstPosition)
  }

  #tellMissing(previous: number, number: number, all: readonly FoundFile[]): void {
    const headless = all.find((file) => file.number > number && file.header === undefined)
    // The oldest file there is, and what a checkpoint says comes in the head of one behind it.
    if (this.#last === undefined && headless !== undefined) {
      this.#log.warn(
        `journal file ${previous} is missing: a checkpoint has removed it, or what it held is lost; the head of journal file ${headless.number}, which is damaged, would tell`,
      )
      return
    }
    this.#log.error(`journal file ${previous} is missing, what it held is lost; everything else is kept`, {
      before: number,
    })
  }

  /** A file of the same run says where it goes on: what came before must reach up to there. */
  #checkEnd({ header }: FoundFile, isMissing: boolean): void {
    const { firstPosition, epoch } = header as FileHeader
    const before = this.#last
    if (before?.header?.epoch !== epoch || isMissing || firstPosition <= this.#next) return
    // What cannot be read at its end has been told of.
    if (this.#damage.some((damage) => damage.file === before.number && damage.to === before.bytes)) return
    this.#damage.push({ file: before.number, from: before.bytes, to: before.bytes, savedAs: undefined })
    this.#log.error(
      `journal file ${before.number} ends too early: positions ${this.#next} to ${firstPosition - 1} are lost; everything else is kept`,
    )
  }

  /** Returns where the last batch ends; what lies behind it is a torn tail. */
  async #readBatches(
    reader: BatchReader,
    descriptor: number,
    { number, bytes }: FoundFile,
    run: Run | undefined,
    isLast: boolean,
  ): Promise<number> {
    let at = HEADER_BYTES
    while (at < bytes) {
      const batch = run && (await reader.read(at, run, this.#next))
      if (batch !== undefined) {
        visitBatch(batch, this.#visitor)
        this.#batches++
        this.#records += batch.count
        this.#bytes += batch.length
        this.#next = batch.first + batch.count
        at += batch.length
        continue
      }
      const next = run && (await reader.find(at + 1, run, this.#next))
      // Without a run there is no telling what this is, so nothing of it is thrown away.
      if (isLast && run !== undefined && (next === undefined || (await this.#isTorn(reader, run, at, next)))) return at
      const to = next ?? bytes
      await this.#setAside(descriptor, number, at, to)
      at = to
    }
    return bytes
  }

  /**
   * True when all whole batches from here on came with the write that was begun before `at`: a power cut may leave any part
   * of the last write. A later one would say that it was whole.
   */
  async #isTorn(reader: BatchReader, run: Run, at: number, next: number): Promise<boolean> {
    let positionMin = this.#next
    for (let from: number | undefined = next; from !== undefined; ) {
      const batch = await reader.read(from, run, positionMin)
      if (batch === undefined) {
        from = await reader.find(from + 1, run, positionMin)
        continue
      }
      if (from - batch.before > at) return false
      positionMin = batch.first + batch.count
      from += batch.length
    }
    return true
  }

  async #setAside(descriptor: number, file: number, from: number, to: number): Promise<void> {
    const stretch = { file, from, to }
    const savedAs = this.#readOnly
      ? undefined
      : await saveDamaged(this.#files, this.#log, this.#directory, descriptor, stretch)
    const damage = { ...stretch, savedAs }
    tellDamage(this.#log, damage)
    this.#damage.push(damage)
  }

  async #cut(descriptor: number, { number, bytes }: FoundFile, end: number): Promise<void> {
    this.#cutBytes = bytes - end
    if (this.#readOnly) {
      this.#log.warn(
        `the last write to the journal was not finished: the next start will cut ${this.#cutBytes} bytes`,
        {
          file: number,
          at: end,
        },
      )
      return
    }
    this.#log.warn(`the last write to the journal was not finished: cut ${this.#cutBytes} bytes`, {
      file: number,
      at: end,
    })
    await this.#files.ftruncate(descriptor, end)
  }

  /**
   * What a killed process had written and not synced is read back like all else, and acted on: it must not go any more. Nor
   * must a tail come back that was cut off: with a file behind it, it is damage.
   */
  async #sync(descriptor: number, path: string): Promise<void> {
    try {
      await syncFile(this.#files, descriptor)
    } catch (error) {
      throw new SyncError(path, error as Error)
    }
  }

  /** The run that a file without a head belongs to, by its batches. */
  async #guessRun(
    reader: BatchReader,
    descriptor: number,
    { number }: FoundFile,
    all: readonly FoundFile[],
  ): Promise<Run | undefined> {
    this.#log.error(`the head of journal file ${number} is damaged; its records are looked for`)
    const first = Buffer.alloc(BATCH_HEAD_BYTES)
    await readFully(this.#files, descriptor, first, HEADER_BYTES)
    const claimed = readRun(first, 0)
    if ((await reader.read(HEADER_BYTES, claimed, this.#next)) !== undefined) return claimed
    for (const { header } of all) {
      if (header !== undefined && (await reader.find(HEADER_BYTES, header, this.#next)) !== undefined) return header
    }
    return undefined
  }
}
