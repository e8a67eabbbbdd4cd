import { join } from 'node:path'
import { type Logger, silentLogger } from '../base/index.ts'
import type { RecordVisitor } from './batch-reader.ts'
import { JournalError } from './errors.ts'
import { JOURNAL_DIRECTORY } from './file-journal.ts'
import { type FileLayer, isMissing, systemFiles } from './files.ts'
import { DirectoryLock } from './lock.ts'
import { type Processes, systemProcesses } from './processes.ts'
import { Recovery, type RecoveryReport } from './recovery.ts'
import { scanFiles } from './scan.ts'
import { openSegmentReader } from './segment-files.ts'
import type { SegmentReader } from './segments.ts'

export interface InspectionOptions {
  /** The data directory. */
  readonly directory: string
  /** What the store works on; default the files of this machine. */
  readonly files?: FileLayer
  readonly log?: Logger
  /** Who may hold the lock; default the processes of this machine. */
  readonly processes?: Processes
}

/** Locks a data directory, if that is possible, to look at what is in it; see `openInspection`. */
export async function inspectDirectory(options: InspectionOptions): Promise<Inspection> {
  const { directory, files = systemFiles, log = silentLogger, processes = systemProcesses } = options
  return withCode(async () => {
    try {
      await files.stat(join(directory, JOURNAL_DIRECTORY))
    } catch (error) {
      if (!isMissing(error)) throw error
      const isThere = await files.stat(directory).then(
        () => true,
        () => false,
      )
      throw new JournalError('unreadable', isThere ? 'there is no journal in it' : 'there is no such directory')
    }
    const lock = await tryLock(files, directory, processes, log)
    return new Inspection(files, directory, log, lock)
  })
}

/** Reads a data directory and leaves everything in it as it is. */
export class Inspection {
  readonly #files: FileLayer
  readonly #directory: string
  readonly #log: Logger
  readonly #lock: DirectoryLock | undefined

  /** @internal Use {@link inspectDirectory}. */
  constructor(files: FileLayer, directory: string, log: Logger, lock: DirectoryLock | undefined) {
    this.#files = files
    this.#directory = directory
    this.#log = log
    this.#lock = lock
  }

  /** False when the directory could not be locked, so that a broker may come and change what is being read. */
  get isLocked(): boolean {
    return this.#lock !== undefined
  }

  /**
   * Hands out every record that a start would, oldest first. What a start would cut off or set aside is in the report.
   * @throws JournalError `newer` or `unreadable`; what the visitor throws.
   */
  journal(visitor: RecordVisitor): Promise<RecoveryReport> {
    const directory = join(this.#directory, JOURNAL_DIRECTORY)
    return withCode(async () => {
      const found = await scanFiles(this.#files, directory)
      const { report } = await new Recovery(this.#files, this.#log, directory, visitor, true).run(found)
      return report
    })
  }

  /** The segment files; close it before the inspection. @throws JournalError `unreadable`. */
  segments(): Promise<SegmentReader> {
    return withCode(() => openSegmentReader(this.#files, this.#directory))
  }

  /** Gives the directory free. */
  async close(): Promise<void> {
    await this.#lock?.release().catch((error) => this.#log.warn(`cannot release the lock: ${(error as Error).message}`))
  }
}

/** Undefined where the directory does not let itself be locked: it is read-only, somebody else's, or the disk is full. */
async function tryLock(
  files: FileLayer,
  directory: string,
  processes: Processes,
  log: Logger,
): Promise<DirectoryLock | undefined> {
  try {
    return await DirectoryLock.acquire(files, directory, processes, log)
  } catch (error) {
    if (error instanceof JournalError) throw error
    log.warn(`cannot lock the data directory ${directory}, no broker may use it meanwhile: ${(error as Error).message}`)
    return undefined
  }
}

async function withCode<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof JournalError || (error as NodeJS.ErrnoException).code === undefined) throw error
    throw new JournalError('unreadable', `cannot read it: ${(error as Error).message}`, error)
  }
}
