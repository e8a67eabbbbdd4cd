import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import { type Logger, silentLogger } from '../base/index.ts'
import { type FileLayer, isDiskFull, isMissing, systemFiles, writeFully } from './files.ts'

/** Below the data directory. */
const NAME = 'reserve'
/** Room for what waits in memory when the disk is full, and for what frees the rest of it. */
const BYTES_MAX = 16 * 1024 * 1024
/** Of a small disk it is this share. */
const SHARE = 1 / 8
const PAGE_BYTES = 4096
const PIECE_BYTES = 1024 * 1024

export interface ReserveOptions {
  /** The data directory, which need not be locked yet. */
  readonly directory: string
  /** Default an eighth of the disk, 16 MiB at most. */
  readonly bytes?: number
  /** What the store works on; default the files of this machine. */
  readonly files?: FileLayer
  readonly log?: Logger
}

/**
 * A file that only takes room. When the disk is full it is given up, so that the journal can be told what consumers have
 * done with, which is what frees the rest; it is made anew when there is room.
 *
 * It holds random bytes: of zeros, a file system that compresses would keep nothing. It is never read, and not synced: the
 * file system has counted its room when the write returns.
 */
export class Reserve {
  /** What it takes while it is held. */
  readonly bytes: number
  readonly #files: FileLayer
  readonly #path: string
  readonly #log: Logger
  #isHeld = false
  #making: Promise<boolean> | undefined
  #isAbandoned = false

  private constructor(files: FileLayer, directory: string, bytes: number, log: Logger) {
    this.#files = files
    this.#path = join(directory, NAME)
    this.bytes = bytes
    this.#log = log
  }

  static async of({ directory, bytes, files = systemFiles, log = silentLogger }: ReserveOptions): Promise<Reserve> {
    return new Reserve(files, directory, bytes ?? (await defaultBytes(files, directory)), log)
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** Takes over what an earlier process has left, if it is whole. */
  async find(): Promise<boolean> {
    try {
      const { bytes } = await this.#files.stat(this.#path)
      this.#isHeld = bytes >= this.bytes && bytes <= 2 * this.bytes
      if (!this.#isHeld) await this.#files.unlink(this.#path)
    } catch (error) {
      if (!isMissing(error)) this.#tell('look at', error)
    }
    return this.#isHeld
  }

  /**
   * Makes it. What else than a full disk keeps it from being made is told of: there is none then, and nobody has to wait.
   * @returns false when there is no room for it, or it was given up meanwhile. Never rejects.
   */
  make(): Promise<boolean> {
    if (this.#isHeld) return Promise.resolve(true)
    this.#making ??= this.#make().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  /** Gives its room back. @returns false when there was none to give. Never rejects. */
  async giveUp(): Promise<boolean> {
    const isMaking = this.#making !== undefined
    const wasHeld = this.#isHeld
    this.#isHeld = false
    await this.abandon()
    return (await this.#remove()) || wasHeld || isMaking
  }

  /** Stops making it; resolves when nothing is under way. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true
    await this.#making
    this.#isAbandoned = false
  }

  async #make(): Promise<boolean> {
    try {
      await this.#write()
      this.#isHeld = !this.#isAbandoned
      if (!this.#isHeld) await this.#remove()
      return this.#isHeld
    } catch (error) {
      await this.#remove()
      if (isDiskFull(error)) return false
      this.#tell('make', error)
      return !this.#isAbandoned
    }
  }

  async #write(): Promise<void> {
    const descriptor = await this.#files.open(this.#path, 'wx+')
    try {
      const piece = randomFillSync(Buffer.allocUnsafe(Math.min(this.bytes, PIECE_BYTES)))
      for (let at = 0; at < this.bytes && !this.#isAbandoned; at += piece.length) {
        await writeFully(this.#files, descriptor, piece.subarray(0, this.bytes - at), at)
      }
    } finally {
      await this.#files.close(descriptor)
    }
  }

  async #remove(): Promise<boolean> {
    try {
      await this.#files.unlink(this.#path)
      return true
    } catch (error) {
      if (!isMissing(error)) this.#tell('remove', error)
      return false
    }
  }

  #tell(what: string, error: unknown): void {
    this.#log.warn(`cannot ${what} the reserve ${this.#path}: ${(error as Error).message}`)
  }
}

async function defaultBytes(files: FileLayer, directory: string): Promise<number> {
  try {
    const { totalBytes } = await files.statfs(directory)
    const share = Math.floor((totalBytes * SHARE) / PAGE_BYTES) * PAGE_BYTES
    return share === 0 ? BYTES_MAX : Math.min(share, BYTES_MAX)
  } catch {
    return BYTES_MAX
  }
}
