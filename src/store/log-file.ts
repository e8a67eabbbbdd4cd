import { join } from 'node:path'
import { SyncError } from './errors.ts'
import { encodeHeader, type FileHeader, fileName, HEADER_BYTES } from './file-header.ts'
import { type FileLayer, syncFile, writeFully } from './files.ts'

/** The journal file that is written to. */
export class LogFile {
  readonly number: number
  readonly path: string
  readonly descriptor: number
  /** Where the next batch goes. */
  bytes = HEADER_BYTES
  /** Written to since the last sync; only kept by journals that do not sync every batch. */
  dirty = false
  readonly #files: FileLayer
  #syncing: Promise<void> = Promise.resolve()

  private constructor(files: FileLayer, path: string, number: number, descriptor: number) {
    this.#files = files
    this.path = path
    this.number = number
    this.descriptor = descriptor
  }

  /**
   * Makes a file with its head, and returns when head and name are durable.
   * @throws SyncError; any other error leaves nothing behind that a reader would take for a file.
   */
  static async create(files: FileLayer, directory: string, header: FileHeader, createdMs: number): Promise<LogFile> {
    const path = join(directory, fileName(header.number))
    const descriptor = await files.open(path, 'wx+')
    try {
      await writeFully(files, descriptor, encodeHeader(header, createdMs), 0)
    } catch (error) {
      await files.close(descriptor).catch(() => undefined)
      await files.unlink(path).catch(() => undefined)
      throw error
    }
    try {
      await syncFile(files, descriptor)
      await files.syncDirectory(directory)
    } catch (error) {
      await files.close(descriptor).catch(() => undefined)
      // Too many open files, say: the directory was never synced, so that it may be tried again.
      const isOpen = (error as NodeJS.ErrnoException).syscall === 'open'
      if (!isOpen) throw new SyncError(path, error as Error)
      await files.unlink(path).catch(() => undefined)
      throw error
    }
    return new LogFile(files, path, header.number, descriptor)
  }

  /** True when nothing but its head is in it. */
  get isEmpty(): boolean {
    return this.bytes === HEADER_BYTES
  }

  /** Syncs what has been written so far. @throws SyncError */
  sync(): Promise<void> {
    // One after the other: a sync under way may have begun before the last write.
    this.#syncing = this.#syncing.then(async () => {
      if (!this.dirty) return
      this.dirty = false
      try {
        await syncFile(this.#files, this.descriptor)
      } catch (error) {
        throw new SyncError(this.path, error as Error)
      }
    })
    return this.#syncing
  }

  /** Closes once no sync is under way on it. */
  async close(): Promise<void> {
    await this.#syncing.catch(() => undefined)
    await this.#files.close(this.descriptor)
  }
}
