import { join } from 'node:path'
import type { Logger } from '../base/index.ts'
import type { Run } from './batch.ts'
import type { Checkpoint } from './checkpoint.ts'
import { fileName } from './file-header.ts'
import { type FileLayer, isMissing } from './files.ts'
import type { Position } from './journal.ts'
import { LogFile } from './log-file.ts'

/** A journal file that is not written to any more. */
export interface OldFile {
  readonly number: number
  readonly bytes: number
}

/** What recovery found: where the numbers stand, and the files that are there. */
export interface LogFilesState {
  /** Number of the next file. */
  readonly next: number
  /** Files with a smaller number are not needed. */
  readonly start: number
  /** Last file with records, 0 for none. */
  readonly previous: number
  readonly old: readonly OldFile[]
  /** Files among them that have no records. */
  readonly empty: readonly number[]
}

/** The files of the journal: makes the next, knows where the journal starts, removes what is not needed. */
export class LogFiles {
  readonly #files: FileLayer
  readonly #directory: string
  readonly #log: Logger
  #next: number
  #start: number
  #previous: number
  #old: OldFile[]
  readonly #empty: ReadonlySet<number>
  #removing: Promise<void> = Promise.resolve()

  constructor(files: FileLayer, directory: string, log: Logger, state: LogFilesState) {
    this.#files = files
    this.#directory = directory
    this.#log = log
    this.#next = state.next
    this.#start = state.start
    this.#previous = state.previous
    this.#old = [...state.old]
    this.#empty = new Set(state.empty)
  }

  get oldCount(): number {
    return this.#old.length
  }

  get oldBytes(): number {
    return this.#old.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /**
   * Makes the next file, durable when it returns. A number is never tried twice: what a failed attempt leaves behind has
   * no records, and no later file names it as the one before.
   * @param ends the checkpoint that this file completes: the journal starts with what the checkpoint began.
   * @throws SyncError, or what the file system says.
   */
  async create(run: Run, firstPosition: Position, current?: LogFile, ends?: Checkpoint): Promise<LogFile> {
    const number = this.#next++
    const start = ends === undefined ? this.#start : Math.max(this.#start, ends.file === 0 ? number : ends.file)
    const previous = current === undefined || current.isEmpty ? this.#previous : current.number
    const header = { mark: run.mark, epoch: run.epoch, number, start, previous, firstPosition }
    const file = await LogFile.create(this.#files, this.#directory, header, Date.now())
    if (current !== undefined) this.#old.push({ number: current.number, bytes: current.bytes })
    this.#previous = previous
    this.#start = start
    return file
  }

  /** Removes what is not needed any more, in the background, and tells the checkpoint that made it so. */
  removeOld(ended?: Checkpoint): void {
    this.#removing = this.#removing.then(() => this.#remove()).then(() => ended?.settle?.(undefined))
  }

  /** Resolves when nothing is being removed. */
  settled(): Promise<void> {
    return this.#removing
  }

  async #remove(): Promise<void> {
    const start = this.#start
    // Oldest first: what a power cut leaves is then the end of a log, without holes. The reader does not depend on it.
    for (const { number } of this.#old.filter((file) => file.number < start || this.#empty.has(file.number))) {
      try {
        await this.#files.unlink(join(this.#directory, fileName(number)))
      } catch (error) {
        if (!isMissing(error)) {
          this.#log.warn(`cannot remove ${fileName(number)}: ${(error as Error).message}`)
          continue
        }
      }
      this.#old = this.#old.filter((file) => file.number !== number)
    }
  }
}
