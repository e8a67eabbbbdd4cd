import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { type Logger, silentLogger } from '../base/index.ts'
import type { RecordVisitor } from './batch-reader.ts'
import { Checkpoint } from './checkpoint.ts'
import { Collector } from './collector.ts'
import { Committer } from './committer.ts'
import { JournalError, SyncError } from './errors.ts'
import { type FileLayer, type FileSystemSpace, isDiskFull, makeDirectory, systemFiles } from './files.ts'
import type { Journal, JournalRecord, JournalWaiter, Position } from './journal.ts'
import { DirectoryLock } from './lock.ts'
import { LogFiles } from './log-files.ts'
import { systemProcesses } from './processes.ts'
import { Recovery, type RecoveryReport } from './recovery.ts'
import { type FoundFile, scanFiles } from './scan.ts'
import type { FileJournalOptions } from './settings.ts'

const FILE_BYTES_MAX = 64 * 1024 * 1024
const BATCH_BYTES = 1024 * 1024
const PART_BYTES = 4096
const RETRY_MS = 500
const SYNC_INTERVAL_MS = 100
/** Where the journal's files lie, below the data directory. */
export const JOURNAL_DIRECTORY = 'journal'

/**
 * Locks a data directory and looks at its journal. Nothing is read or written yet: `recover` comes next.
 * @throws JournalError `locked`, `newer` or `unreadable`.
 */
export async function openJournalFiles(options: FileJournalOptions): Promise<FileJournal> {
  const { directory, files = systemFiles, processes = systemProcesses, log = silentLogger } = options
  const journal = join(directory, JOURNAL_DIRECTORY)
  try {
    await makeDirectory(files, directory)
    const lock = await withRoom(options, () => DirectoryLock.acquire(files, directory, processes, log))
    try {
      await makeDirectory(files, journal)
      return new FileJournal(options, lock, await scanFiles(files, journal))
    } catch (error) {
      await lock.release().catch(() => undefined)
      throw error
    }
  } catch (error) {
    if (error instanceof JournalError) throw error
    throw new JournalError('unreadable', `cannot open the journal: ${(error as Error).message}`, error)
  }
}

/**
 * The journal in files: records are gathered in memory, written as one batch and synced together. Use: `openJournalFiles`,
 * `recover`, then append and commit; `close` at the end. See docs/storage.md.
 */
export class FileJournal implements Journal {
  completed: Position = 0
  readonly #options: FileJournalOptions
  readonly #files: FileLayer
  readonly #log: Logger
  readonly #directory: string
  readonly #lock: DirectoryLock
  readonly #collector: Collector
  readonly #waiters = new Set<JournalWaiter>()
  #found: readonly FoundFile[] | undefined
  #foundBytes = 0
  #recovering: Promise<unknown> | undefined
  #logFiles: LogFiles | undefined
  #committer: Committer | undefined
  /** Records that came after a failed sync. */
  #dropped = 0
  /** Why nothing may be appended. */
  #refusal: JournalError | undefined = new JournalError('closed', 'the journal is not recovered yet')
  #closed: Promise<void> | undefined

  /** @internal Use {@link openJournalFiles}. */
  constructor(options: FileJournalOptions, lock: DirectoryLock, found: readonly FoundFile[]) {
    this.#options = options
    this.#files = options.files ?? systemFiles
    this.#log = options.log ?? silentLogger
    this.#directory = join(options.directory, JOURNAL_DIRECTORY)
    this.#lock = lock
    this.#found = found
    for (const { bytes } of found) this.#foundBytes += bytes
    this.#collector = new Collector(options.batchBytes ?? BATCH_BYTES)
  }

  /**
   * Hands out every record that is there, oldest first, and opens the journal for appending. Once, before anything else.
   * A journal whose last checkpoint was not ended begins at the one before, so that records appended for the unfinished
   * one come as well as those they stand for.
   * @throws JournalError `unreadable`; what the visitor throws.
   */
  async recover(visitor: RecordVisitor = { record: () => undefined }): Promise<RecoveryReport> {
    const found = this.#found
    if (found === undefined || this.#closed !== undefined) {
      throw new JournalError('closed', 'the journal is recovered already, or closed')
    }
    this.#found = undefined
    const recovering = this.#recover(found, visitor)
    this.#recovering = recovering
    try {
      return await recovering
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (!(error instanceof SyncError) && (code === undefined || error instanceof JournalError)) throw error
      throw new JournalError('unreadable', `cannot recover the journal: ${message}`, error)
    }
  }

  async #recover(found: readonly FoundFile[], visitor: RecordVisitor): Promise<RecoveryReport> {
    const recovery = new Recovery(this.#files, this.#log, this.#directory, visitor)
    const { report, state, epoch, firstPosition } = await recovery.run(found)
    const run = { mark: randomInt(0x1_0000_0000), epoch }
    const logFiles = new LogFiles(this.#files, this.#directory, this.#log, state)
    // A new file instead of the old one's end: what has been read is never written to again.
    const file = await withRoom(this.#options, () => logFiles.create(run, firstPosition))
    logFiles.removeOld()
    this.#collector.start(run, firstPosition)
    this.completed = firstPosition - 1
    this.#logFiles = logFiles
    this.#committer = new Committer(
      {
        files: this.#files,
        now: this.#options.now ?? (() => performance.now()),
        log: this.#log,
        sync: this.#options.sync ?? 'always',
        syncIntervalMs: this.#options.syncIntervalMs ?? SYNC_INTERVAL_MS,
        fileBytesMax: this.#options.fileBytesMax ?? FILE_BYTES_MAX,
        retryMs: this.#options.retryMs ?? RETRY_MS,
        makeRoom: this.#options.makeRoom,
      },
      this.#collector,
      logFiles,
      run,
      file,
      {
        completed: (position) => this.#complete(position),
        failed: (error) => this.#options.onFailed?.(error),
        restored: () => this.#options.onRestored?.(),
        fatal: (error) => this.#die(error),
      },
    )
    this.#refusal = undefined
    return report
  }

  /** Bytes of the files that `recover` is to read. */
  get foundBytes(): number {
    return this.#foundBytes
  }

  /** Position of the last record appended. */
  get appended(): Position {
    return this.#collector.appended + this.#dropped
  }

  /**
   * Bytes appended and not yet completed. They are in memory; whoever lets others append has to hold them back when this
   * grows, as it does while the disk is slow, full or broken.
   */
  get pendingBytes(): number {
    return this.#collector.pendingBytes
  }

  /** Why nothing completes at present: the disk refuses writes, or a sync failed. */
  get failure(): Error | undefined {
    return this.#committer?.failure
  }

  /** Journal files there are. */
  get fileCount(): number {
    return this.#logFiles === undefined ? 0 : this.#logFiles.oldCount + 1
  }

  /** Bytes in the journal's files. */
  get bytes(): number {
    return (this.#logFiles?.oldBytes ?? 0) + (this.#committer?.fileBytes ?? 0)
  }

  /** Batches written since it was opened. */
  get batches(): number {
    return this.#committer?.batches ?? 0
  }

  /** Syncs of records since it was opened. */
  get syncs(): number {
    return this.#committer?.syncs ?? 0
  }

  /**
   * Writes the record into the open batch; it leaves with the next commit, or before when the batch is full. After a
   * failed sync it is dropped, and its position never completes: whoever still has something to say says it to nobody,
   * while the process takes leave.
   * @param type 0..255, the caller's; comes back with the record.
   * @throws RangeError above 704 MiB; JournalError `closed`.
   */
  append(record: JournalRecord, type = 0): Position {
    if (this.#refusal === undefined) return this.#collector.append(record, type)
    if (this.#refusal.code !== 'fatal') throw this.#refusal
    this.#dropped++
    return this.appended
  }

  /**
   * What is appended until `endGroup` comes back whole or not at all. Both are called in one turn, with nothing but
   * `append` in between; up to 1 GiB.
   */
  beginGroup(): void {
    this.#collector.beginGroup()
  }

  endGroup(): void {
    this.#collector.endGroup()
  }

  /**
   * What is appended meanwhile, in one turn, lies in batches of 4 KiB, so that damage costs little of it: for what must not
   * go at once. It is written with one write nevertheless.
   */
  inParts(act: () => void): void {
    this.#collector.inParts(this.#options.partBytes ?? PART_BYTES, act)
  }

  commit(): void {
    this.#committer?.commit()
  }

  addWaiter(waiter: JournalWaiter): void {
    this.#waiters.add(waiter)
  }

  removeWaiter(waiter: JournalWaiter): void {
    this.#waiters.delete(waiter)
  }

  /**
   * Resolves when everything appended so far is written and synced, whatever the mode. Waits as long as the disk is full.
   * @throws JournalError `fatal`, `failed` when closed meanwhile.
   */
  async flush(): Promise<void> {
    await this.#opened().flush()
  }

  /**
   * Starts a checkpoint: from here on the caller appends, as ordinary records, everything that is still alive, in as many
   * turns as it likes and with new records in between. Then `endCheckpoint`. One that is never ended has no effect.
   */
  beginCheckpoint(): Checkpoint {
    this.#opened()
    const checkpoint = new Checkpoint()
    this.#collector.begin(checkpoint)
    return checkpoint
  }

  /**
   * Ends a checkpoint: once all that was appended is durable, the journal starts where it began, and what lies before is
   * removed. Resolves then.
   * @throws JournalError `fatal`, `failed` when closed meanwhile.
   */
  endCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const committer = this.#opened()
    return new Promise((resolve, reject) => {
      checkpoint.settle = (error) => (error === undefined ? resolve() : reject(error))
      this.#collector.end(checkpoint)
      committer.commit()
    })
  }

  /** Free and total bytes where the journal lies. */
  space(): Promise<FileSystemSpace> {
    return this.#files.statfs(this.#directory)
  }

  /**
   * Writes and syncs everything appended, and gives the directory free.
   * @throws JournalError `failed` when the disk refuses what is left, `fatal` after a failed sync; it is closed then too.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#recovering?.catch(() => undefined)
    this.#refusal ??= new JournalError('closed', 'the journal is closed')
    try {
      await this.#committer?.close()
    } finally {
      // Before the directory is anybody else's.
      await this.#logFiles?.settled()
      await this.#lock.release().catch((error) => this.#log.warn(`cannot remove the lock: ${(error as Error).message}`))
    }
  }

  #opened(): Committer {
    if (this.#refusal !== undefined) throw this.#refusal
    return this.#committer as Committer
  }

  #complete(position: Position): void {
    this.completed = position
    // A waiter may leave and come back while it is told; it has its turn the next time.
    let left = this.#waiters.size
    for (const waiter of this.#waiters) {
      waiter.journalCompleted()
      if (--left <= 0) break
    }
  }

  #die(error: Error): void {
    this.#refusal = new JournalError('fatal', error.message, error)
    this.#options.onFatal?.(error)
  }
}

/** Tries once more when the disk is full and room can be made. */
async function withRoom<T>({ makeRoom }: FileJournalOptions, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (!isDiskFull(error) || makeRoom === undefined || !(await makeRoom())) throw error
    return act()
  }
}
