import type { Logger } from '../base/index.ts'
import { SegmentError, SyncError } from './errors.ts'
import { type FileLayer, isMissing, syncFile } from './files.ts'
import type { SegmentFile } from './segment-file.ts'

/** Files that were written and stay open until they are synced; beyond that the oldest are closed and opened anew. */
const OPEN_MAX = 16

/**
 * Makes segment files durable, one after the other: two at a time take a quarter less, but a confirm beside them takes
 * several times as long.
 */
export class SegmentSyncs {
  /** Why nothing is synced any more. */
  fatal: SyncError | undefined
  readonly #files: FileLayer
  readonly #directory: string
  readonly #log: Logger
  readonly #open = new Map<SegmentFile, number>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(files: FileLayer, directory: string, log: Logger) {
    this.#files = files
    this.#directory = directory
    this.#log = log
  }

  /** Takes over the descriptor of a file that was written. */
  async keep(file: SegmentFile, descriptor: number): Promise<void> {
    this.#open.set(file, descriptor)
    if (this.#open.size <= OPEN_MAX) return
    const [oldest] = this.#open.keys()
    await this.drop(oldest as SegmentFile)
  }

  /** Closes a file, if it is open. */
  async drop(file: SegmentFile): Promise<void> {
    const descriptor = this.#open.get(file)
    if (descriptor === undefined) return
    this.#open.delete(file)
    await this.#close(file, descriptor)
  }

  /** @throws as {@link Segments.sync} does. */
  sync(wanted: readonly SegmentFile[]): Promise<void> {
    // One after the other: what two want is synced once, and nobody is told before it is.
    const done = this.#last.then(() => this.#sync(wanted))
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Makes the names durable. @throws as {@link Segments.sync} does. */
  async syncDirectory(): Promise<void> {
    if (this.fatal !== undefined) throw this.fatal
    try {
      await this.#files.syncDirectory(this.#directory)
    } catch (error) {
      // Too many open files, say: the directory was never synced, so that it may be tried again.
      if ((error as NodeJS.ErrnoException).syscall === 'open') throw error
      throw this.#die(this.#directory, error as Error)
    }
  }

  /** Resolves when no sync is under way and no file open. */
  async close(): Promise<void> {
    await this.#last
    for (const file of [...this.#open.keys()]) await this.drop(file)
  }

  async #sync(wanted: readonly SegmentFile[]): Promise<void> {
    const left = wanted.filter(({ isSynced }) => !isSynced)
    if (left.length === 0) return
    for (const file of left) await this.#syncFile(file)
    await this.syncDirectory()
    for (const file of left) file.isSynced = true
  }

  async #syncFile(file: SegmentFile): Promise<void> {
    if (this.fatal !== undefined) throw this.fatal
    if (file.isRemoved) return
    const kept = this.#open.get(file)
    this.#open.delete(file)
    const descriptor = kept ?? (await this.#reopen(file))
    if (descriptor === undefined) return
    try {
      await syncFile(this.#files, descriptor)
    } catch (error) {
      throw this.#die(file.path, error as Error)
    } finally {
      await this.#close(file, descriptor)
    }
  }

  /** A sync reaches what was written through another descriptor, and tells of its errors if nobody was told before. */
  async #reopen(file: SegmentFile): Promise<number | undefined> {
    try {
      return await this.#files.open(file.path, 'r+')
    } catch (error) {
      if (!isMissing(error)) throw error
      if (file.isRemoved) return undefined
      throw new SegmentError('missing', `${file.path} is missing`, error)
    }
  }

  #die(path: string, error: Error): SyncError {
    this.fatal = new SyncError(path, error)
    return this.fatal
  }

  async #close(file: SegmentFile, descriptor: number): Promise<void> {
    try {
      await this.#files.close(descriptor)
    } catch (error) {
      this.#log.warn(`cannot close ${file.path}: ${(error as Error).message}`)
    }
  }
}
