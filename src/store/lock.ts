import { join } from 'node:path'
import type { Logger } from '../base/index.ts'
import { JournalError } from './errors.ts'
import { type FileLayer, isMissing, readFully, writeFully } from './files.ts'
import type { Processes, ProcessIdentity } from './processes.ts'

const FILE = 'lock'
/** How often, and how long between, a lock without contents is looked at: its owner may be about to write it. */
const EMPTY_TRIES = 10
const EMPTY_PAUSE_MS = 20
const TRIES = 100

interface Holder extends ProcessIdentity {
  /** The lock file's own; a copy of the directory has another. */
  readonly inode: number
}

/**
 * Keeps a second broker out of a data directory. Node has no file locks, so it is a file that names the process; it is
 * taken over when that process is gone, when the machine has started anew, and when the directory is a copy.
 */
export class DirectoryLock {
  readonly #files: FileLayer
  readonly #path: string
  readonly #text: string

  private constructor(files: FileLayer, path: string, text: string) {
    this.#files = files
    this.#path = path
    this.#text = text
  }

  /** @throws JournalError `locked` when another process has it. */
  static async acquire(files: FileLayer, directory: string, processes: Processes, log: Logger): Promise<DirectoryLock> {
    const path = join(directory, FILE)
    let emptyTries = 0
    for (let tries = 0; tries < TRIES; tries++) {
      const text = await create(files, path, processes.self)
      if (text !== undefined) return new DirectoryLock(files, path, text)
      const seen = await read(files, path)
      if (seen === undefined) continue
      const holder = parse(seen)
      if (holder === undefined && ++emptyTries < EMPTY_TRIES) {
        await new Promise((resolve) => setTimeout(resolve, EMPTY_PAUSE_MS))
        continue
      }
      if (holder !== undefined && (await isHeld(files, path, holder, processes))) {
        throw new JournalError('locked', `the data directory ${directory} is in use by process ${holder.pid}`)
      }
      await remove(files, path, seen, processes.self.pid)
      log.info(`took over the data directory from process ${holder?.pid ?? 'unknown'}, which did not close it`)
    }
    throw new JournalError('locked', `the data directory ${directory} is fought over: ${path} does not stay`)
  }

  /** Lets others in. Nothing happens when the lock is not ours any more. */
  async release(): Promise<void> {
    if ((await read(this.#files, this.#path)) === this.#text) await this.#files.unlink(this.#path)
  }
}

/** Returns what was written, or undefined when there is a lock. */
async function create(files: FileLayer, path: string, self: ProcessIdentity): Promise<string | undefined> {
  let descriptor: number
  try {
    descriptor = await files.open(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
    throw error
  }
  try {
    const { inode } = await files.stat(path)
    const holder: Holder = { ...self, inode }
    const text = `${JSON.stringify(holder)}\n`
    await writeFully(files, descriptor, Buffer.from(text), 0)
    return text
  } catch (error) {
    await files.unlink(path).catch(() => undefined)
    throw error
  } finally {
    await files.close(descriptor)
  }
}

async function read(files: FileLayer, path: string): Promise<string | undefined> {
  try {
    const descriptor = await files.open(path, 'r')
    try {
      const bytes = Buffer.alloc(4096)
      return bytes.toString('utf8', 0, await readFully(files, descriptor, bytes, 0))
    } finally {
      await files.close(descriptor)
    }
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, started, boot, namespace, inode } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof inode !== 'number') return undefined
    return { pid, inode, started: String(started ?? ''), boot: String(boot ?? ''), namespace: String(namespace ?? '') }
  } catch {
    return undefined
  }
}

async function isHeld(files: FileLayer, path: string, holder: Holder, processes: Processes): Promise<boolean> {
  if (!processes.isRunning(holder)) return false
  try {
    return (await files.stat(path)).inode === holder.inode
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Takes a stale lock away, but not one that somebody else has put there meanwhile. */
async function remove(files: FileLayer, path: string, seen: string, pid: number): Promise<void> {
  const aside = `${path}.${pid}`
  try {
    await files.rename(path, aside)
    if ((await read(files, aside)) === seen) await files.unlink(aside)
    else await files.rename(aside, path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
}
