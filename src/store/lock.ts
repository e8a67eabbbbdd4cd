import { join } from 'node:path'
import type { Logger } from '../base/index.ts'
import { JournalError } from './errors.ts'
import { type FileLayer, isMissing, readFully, writeFully } from './files.ts'
import type { Processes, ProcessIdentity } from './processes.ts'

/** How often, and how long between, a lock without contents is looked at: its owner may be about to write it. */
const EMPTY_TRIES = 10
const EMPTY_PAUSE_MS = 20
const TRIES = 1000
const RELEASED = '{"released":true}\n'

interface Holder extends ProcessIdentity {
  /** The lock file's own; a copy of the directory has another. */
  readonly inode: number
}

/** What a lock file says. */
type Reading = Holder | 'released' | 'unfinished' | 'missing'

/**
 * Keeps a second broker out of a data directory. Node has no file locks, so it is a file that names the process. It
 * counts for nothing when that process is gone, when the machine has started anew, and when the directory is a copy.
 *
 * The files are `lock.1`, `lock.2` and so on; who holds the highest holds the directory. A lock is taken by making the
 * next one, which only one process can do, and the highest is never removed, not even when it is released. Removing a
 * stale lock and making it anew would let two in: the second remover may meet the first one's new lock.
 */
export class DirectoryLock {
  readonly #files: FileLayer
  readonly #path: string

  private constructor(files: FileLayer, path: string) {
    this.#files = files
    this.#path = path
  }

  /** @throws JournalError `locked` when another process has it. */
  static async acquire(files: FileLayer, directory: string, processes: Processes, log: Logger): Promise<DirectoryLock> {
    let unfinished = 0
    for (let tries = 0; tries < TRIES; tries++) {
      const highest = (await lockNumbers(files, directory)).at(-1) ?? 0
      const path = lockPath(directory, highest)
      const reading = highest === 0 ? 'released' : await read(files, path)
      if (reading === 'missing') continue
      if (reading === 'unfinished' && ++unfinished < EMPTY_TRIES) {
        await new Promise((resolve) => setTimeout(resolve, EMPTY_PAUSE_MS))
        continue
      }
      if (typeof reading === 'object' && (await isHeld(files, path, reading, processes))) {
        throw new JournalError('locked', `in use by process ${reading.pid}`)
      }
      if (!(await take(files, directory, highest + 1, processes.self))) continue
      if (typeof reading === 'object') {
        log.info(`took over the data directory from process ${reading.pid}, which did not close it`)
      }
      return new DirectoryLock(files, lockPath(directory, highest + 1))
    }
    throw new JournalError('locked', 'it cannot be locked: others keep taking it')
  }

  /** Lets others in. */
  async release(): Promise<void> {
    try {
      const descriptor = await this.#files.open(this.#path, 'r+')
      try {
        await this.#files.ftruncate(descriptor, 0)
        await writeFully(this.#files, descriptor, Buffer.from(RELEASED), 0)
      } finally {
        await this.#files.close(descriptor)
      }
    } catch (error) {
      // Somebody has taken it over, or the directory is gone.
      if (!isMissing(error)) throw error
    }
  }
}

function lockPath(directory: string, number: number): string {
  return join(directory, `lock.${number}`)
}

/** Ascending. */
async function lockNumbers(files: FileLayer, directory: string): Promise<number[]> {
  const names = await files.readdir(directory)
  const numbers = names.map((name) => Number(/^lock\.([1-9]\d{0,14})$/.exec(name)?.[1] ?? 0))
  return numbers.filter((number) => number > 0).sort((a, b) => a - b)
}

/** Makes a lock of this number; false when another process was quicker. */
async function take(files: FileLayer, directory: string, number: number, self: ProcessIdentity): Promise<boolean> {
  const path = lockPath(directory, number)
  if (!(await create(files, path, self))) return false
  // Whoever was slow between looking and making finds a higher number: the highest never goes away.
  const numbers = await lockNumbers(files, directory)
  const isHighest = numbers.at(-1) === number
  for (const needless of isHighest ? numbers.slice(0, -1) : [number]) {
    await files.unlink(lockPath(directory, needless)).catch((error) => {
      if (!isMissing(error)) throw error
    })
  }
  return isHighest
}

async function create(files: FileLayer, path: string, self: ProcessIdentity): Promise<boolean> {
  let descriptor: number
  try {
    descriptor = await files.open(path, 'wx+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
  try {
    const { inode } = await files.stat(path)
    const holder: Holder = { ...self, inode }
    await writeFully(files, descriptor, Buffer.from(`${JSON.stringify(holder)}\n`), 0)
    return true
  } catch (error) {
    // Taken over because it stayed empty for so long.
    if (isMissing(error)) return false
    // An empty one, as a full disk leaves it, would make the next start wait for whoever fills it in.
    await files.unlink(path).catch(() => undefined)
    throw error
  } finally {
    await files.close(descriptor)
  }
}

async function read(files: FileLayer, path: string): Promise<Reading> {
  try {
    const descriptor = await files.open(path, 'r')
    try {
      const bytes = Buffer.alloc(4096)
      return parse(bytes.toString('utf8', 0, await readFully(files, descriptor, bytes, 0)))
    } finally {
      await files.close(descriptor)
    }
  } catch (error) {
    if (isMissing(error)) return 'missing'
    throw error
  }
}

function parse(text: string): Reading {
  if (text === RELEASED) return 'released'
  try {
    const { pid, started, boot, namespace, inode } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof inode !== 'number') return 'unfinished'
    return { pid, inode, started: String(started ?? ''), boot: String(boot ?? ''), namespace: String(namespace ?? '') }
  } catch {
    return 'unfinished'
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
