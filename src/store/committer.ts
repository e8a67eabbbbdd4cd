import type { Logger } from '../base/index.ts'
import type { Run } from './batch.ts'
import { BatchWriter } from './batch-writer.ts'
import type { Batch, Collector } from './collector.ts'
import { JournalError, SyncError } from './errors.ts'
import { type FileLayer, isDiskFull } from './files.ts'
import type { Position } from './journal.ts'
import type { LogFile } from './log-file.ts'
import type { LogFiles } from './log-files.ts'
import type { SyncMode } from './settings.ts'
import { SyncPace } from './sync-pace.ts'

/** What the commit loop tells. */
export interface CommitEvents {
  /** Everything up to here is as safe as the mode makes it. */
  completed(position: Position): void
  failed(error: Error): void
  restored(): void
  fatal(error: Error): void
}

export interface CommitterOptions {
  readonly files: FileLayer
  readonly now: () => number
  readonly log: Logger
  readonly sync: SyncMode
  readonly syncIntervalMs: number
  readonly fileBytesMax: number
  readonly retryMs: number
  readonly makeRoom: (() => Promise<boolean>) | undefined
}

/** Somebody who waits until everything up to a position is written. */
interface Waiting {
  readonly position: Position
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * The commit loop: one batch is on its way to the disk while the next collects. A batch is written, synced and told of
 * before the one behind it is written, so that after a power cut only the last one can be torn.
 */
export class Committer {
  failure: Error | undefined
  isFatal = false
  batches = 0
  syncs = 0
  readonly #options: CommitterOptions
  readonly #collector: Collector
  readonly #logFiles: LogFiles
  readonly #run: Run
  readonly #events: CommitEvents
  readonly #writer: BatchWriter
  readonly #pace = new SyncPace()
  #file: LogFile
  /** On its way; stays so while the disk refuses it. */
  #batch: Batch | undefined
  #busy = false
  /** An operation on the file has not come back yet. */
  #working = false
  #rested: (() => void) | undefined
  #stepping = false
  #again = false
  #collecting = false
  #deadline = 0
  #syncedFrom = 0
  #written: Position
  #waiting: Waiting[] = []
  /** Files that are full and not yet closed. */
  readonly #retiring = new Set<Promise<void>>()
  #retryTimer: NodeJS.Timeout | undefined
  #intervalTimer: NodeJS.Timeout | undefined
  #closing = false
  readonly #look = (): void => this.#lookAgain()
  readonly #onWritten = (error: Error | null): void => this.#afterWrite(error)
  readonly #onRefused = (error: Error): void => this.#afterRefusal(error)
  readonly #onSynced = (error: Error | null): void => this.#afterSync(error)

  constructor(
    options: CommitterOptions,
    collector: Collector,
    logFiles: LogFiles,
    run: Run,
    file: LogFile,
    events: CommitEvents,
  ) {
    this.#options = options
    this.#collector = collector
    this.#logFiles = logFiles
    this.#run = run
    this.#file = file
    this.#events = events
    this.#writer = new BatchWriter(options.files, options.now)
    this.#written = collector.appended
  }

  /** Bytes in the file that is written to. */
  get fileBytes(): number {
    return this.#file.bytes
  }

  commit(): void {
    if (!this.#busy && !this.#collecting && !this.#collector.isEmpty) this.#next()
  }

  /** Resolves when everything appended so far is written and synced, in every mode. */
  async flush(): Promise<void> {
    this.commit()
    await this.#drained()
    if (this.#options.sync !== 'always') await this.#syncAll()
  }

  /** Writes and syncs what is left, and closes the file. @throws JournalError when that was not possible. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#retryTimer !== undefined) {
      this.#clearRetry()
      this.#attempt()
    }
    try {
      // The end of a checkpoint has no position to wait for.
      do await this.flush()
      while (this.#busy || !this.#collector.isEmpty)
    } finally {
      clearTimeout(this.#intervalTimer)
      // A descriptor that is closed under an operation may by then be another file's.
      if (this.#working) await new Promise<void>((resolve) => (this.#rested = resolve))
      await Promise.allSettled(this.#retiring)
      // What had completed without a sync is to be safe, whatever was refused after it.
      if (!this.isFatal) await this.#file.sync().catch((error) => this.#die(error as Error))
      await this.#file.close()
    }
  }

  // A loop instead of a call from each batch to the next: where nothing is waited for, they would nest.
  #next(): void {
    this.#again = true
    if (this.#stepping) return
    this.#stepping = true
    while (this.#again) {
      this.#again = false
      this.#step()
    }
    this.#stepping = false
  }

  #step(): void {
    if (this.#busy || this.#collecting || this.#collector.isEmpty) return
    const { hasFull, pendingBytes } = this.#collector
    const patienceMs = this.#closing || hasFull ? 0 : this.#pace.patienceMs(pendingBytes)
    if (patienceMs === 0) this.#start()
    else {
      this.#collecting = true
      this.#deadline = this.#options.now() + patienceMs
      setImmediate(this.#look)
    }
  }

  #lookAgain(): void {
    const { hasFull, pendingBytes } = this.#collector
    const enough = hasFull || this.#closing || this.#pace.hasEnough(pendingBytes)
    if (!enough && this.#options.now() < this.#deadline) setImmediate(this.#look)
    else {
      this.#collecting = false
      this.#start()
    }
  }

  #start(): void {
    this.#busy = true
    this.#batch = this.#collector.take()
    this.#attempt()
  }

  #attempt(): void {
    const batch = this.#batch as Batch
    this.#working = true
    if (this.#needsFile(batch)) this.#rotate(batch).then(() => this.#write(batch), this.#onRefused)
    else this.#write(batch)
  }

  #needsFile(batch: Batch): boolean {
    if (batch.ends !== undefined) return true
    if (this.#file.isEmpty) return false
    if (batch.begins !== undefined) return batch.begins.file !== this.#file.number
    return this.#file.bytes + batch.length > this.#options.fileBytesMax
  }

  async #rotate(batch: Batch): Promise<void> {
    // A file that says where the journal starts must not be there before what it starts with.
    if (batch.ends !== undefined && this.#options.sync !== 'always') await this.#syncAll()
    const old = this.#file
    this.#file = await this.#logFiles.create(this.#run, batch.first, old, batch.ends)
    this.#retire(old)
  }

  #write(batch: Batch): void {
    if (this.#rest()) return
    this.#working = true
    if (batch.begins !== undefined) batch.begins.file = this.#file.number
    if (batch.count > 0) {
      this.#writer.write(this.#file.descriptor, batch.buffer, batch.length, this.#file.bytes, this.#onWritten)
      return
    }
    this.#working = false
    this.#restore()
    this.#complete()
  }

  /** An operation has come back. True when a sync failed meanwhile, and nothing goes on. */
  #rest(): boolean {
    this.#working = false
    if (this.isFatal) this.#rested?.()
    return this.isFatal
  }

  #afterWrite(error: Error | null): void {
    const file = this.#file
    if (error !== null) {
      // What was written of it is cut off, also because that gives the room back. If this fails, so be it: the next
      // attempt writes over it.
      this.#options.files
        .ftruncate(file.descriptor, file.bytes)
        .catch(() => undefined)
        .then(() => this.#onRefused(error))
      return
    }
    if (this.#rest()) return
    file.bytes += (this.#batch as Batch).length
    this.batches++
    this.#restore()
    if (this.#options.sync === 'always') {
      this.#working = true
      this.#syncedFrom = this.#options.now()
      this.#options.files.fdatasync(file.descriptor, this.#onSynced)
    } else {
      file.dirty = true
      if (this.#options.sync === 'interval') this.#syncLater()
      this.#complete()
    }
  }

  #afterSync(error: Error | null): void {
    if (this.#rest()) return
    if (error !== null) {
      this.#die(new SyncError(this.#file.path, error))
      return
    }
    this.syncs++
    const { length } = this.#batch as Batch
    this.#pace.note(this.#options.now() - this.#syncedFrom, length, this.#collector.pendingBytes - length)
    this.#complete()
  }

  #complete(): void {
    const batch = this.#batch as Batch
    this.#batch = undefined
    this.#collector.release(batch)
    this.#written = batch.last
    if (this.#waiting.length > 0) this.#wake()
    if (batch.count > 0) this.#events.completed(batch.last)
    if (this.isFatal) return
    if (batch.ends !== undefined) this.#logFiles.removeOld(batch.ends)
    this.#busy = false
    this.#next()
  }

  #afterRefusal(error: Error): void {
    if (this.#rest()) return
    if (error instanceof SyncError) {
      this.#die(error)
      return
    }
    const { makeRoom } = this.#options
    if (makeRoom === undefined || !isDiskFull(error)) {
      this.#refused(error)
      return
    }
    this.#working = true
    makeRoom().then((isMade) => {
      if (this.#rest()) return
      if (isMade) this.#attempt()
      else this.#refused(error)
    })
  }

  #refused(error: Error): void {
    const isNew = this.failure === undefined
    this.failure = error
    if (isNew) {
      this.#options.log.error(`the journal cannot be written, nothing is confirmed until it can: ${error.message}`)
      this.#events.failed(error)
    }
    if (this.#closing) {
      this.#giveUp(new JournalError('failed', `the journal could not be written: ${error.message}`, error))
    } else this.#retryTimer = setTimeout(() => this.#retry(), this.#options.retryMs)
  }

  #retry(): void {
    this.#clearRetry()
    this.#attempt()
  }

  #clearRetry(): void {
    clearTimeout(this.#retryTimer)
    this.#retryTimer = undefined
  }

  #restore(): void {
    if (this.failure === undefined) return
    this.failure = undefined
    this.#options.log.info('the journal can be written again')
    this.#events.restored()
  }

  #die(error: Error): void {
    if (this.isFatal) return
    this.isFatal = true
    this.#busy = true
    this.failure = error
    this.#options.log.error(`${error.message}; what is not yet confirmed may be lost, the journal stops here`)
    this.#giveUp(new JournalError('fatal', error.message, error))
    this.#events.fatal(error)
  }

  #giveUp(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
    this.#batch?.ends?.settle?.(error)
    this.#collector.abandon(error)
  }

  #drained(): Promise<void> {
    const position = this.#collector.appended
    if (this.isFatal) return Promise.reject(new JournalError('fatal', (this.failure as Error).message, this.failure))
    if (!this.#busy && this.#collector.isEmpty && this.#written >= position) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ position, resolve, reject }))
  }

  #wake(): void {
    const written = this.#written
    this.#waiting = this.#waiting.filter(({ position, resolve }) => {
      if (position > written) return true
      resolve()
      return false
    })
  }

  #retire(file: LogFile): void {
    const closed = file
      .sync()
      .then(
        () => file.close(),
        (error) => this.#die(error as Error),
      )
      .catch((error) => this.#options.log.warn(`cannot close ${file.path}: ${(error as Error).message}`))
      .finally(() => this.#retiring.delete(closed))
    this.#retiring.add(closed)
  }

  /** Syncs all that is written. @throws SyncError */
  async #syncAll(): Promise<void> {
    try {
      await Promise.all([this.#file.sync(), ...this.#retiring])
    } catch (error) {
      this.#die(error as Error)
    }
    this.syncs++
    if (this.isFatal) throw this.failure as Error
  }

  #syncLater(): void {
    if (this.#intervalTimer !== undefined) return
    this.#intervalTimer = setTimeout(() => {
      this.#syncAll()
        .catch(() => undefined)
        .finally(() => {
          this.#intervalTimer = undefined
          if (this.#file.dirty && !this.#closing && !this.isFatal) this.#syncLater()
        })
    }, this.#options.syncIntervalMs)
  }
}
