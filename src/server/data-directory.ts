import { accessSync, constants, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { JournalError, SegmentError } from '../store/index.ts'

/** Why a data directory cannot be used and what to do about it, in one line. */
export class DataDirectoryError extends Error {
  /** The system's, such as `EACCES`; or `locked`, `newer`, `unreadable` for what is in the directory. */
  readonly code: string

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`cannot use the data directory ${path}: ${reason(path, cause)}`, { cause })
    this.name = 'DataDirectoryError'
    this.code = cause.code ?? 'UNKNOWN'
  }
}

/** What the store says of a directory, for whoever starts a broker on it; any other error as it is. */
export function explainStoreError(path: string | undefined, error: unknown): unknown {
  const isOfStore = error instanceof JournalError || error instanceof SegmentError
  return isOfStore && path !== undefined ? new DataDirectoryError(path, error) : error
}

/**
 * Makes the directory if it is missing, and its parents.
 * @throws DataDirectoryError when it cannot be made, read or written.
 */
export function openDataDirectory(path: string): void {
  try {
    makeDirectory(path)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new DataDirectoryError(path, error as NodeJS.ErrnoException)
  }
}

/** With those above it. Not mkdir's own `recursive`: Node loops for ever where the parent is there and yet nothing can be made, as in /proc. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o750 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const parent = dirname(path)
    if (code === 'ENOENT' && parent !== path) {
      makeDirectory(parent)
      mkdirSync(path, { mode: 0o750 })
    } else if (!isDirectory(path)) {
      throw error
    }
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

/** What is wrong and what to do, without the directory's own path. */
function reason(directory: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'locked':
      return `${error.message}; stop that broker first, or use another directory`
    case 'newer':
      return `${error.message}; start that version again, or use another directory`
    default: {
      const system = systemError(error)
      return system === undefined ? error.message : systemReason(directory, system)
    }
  }
}

/** What the system has said at the bottom of an error, however often that was wrapped. */
function systemError(error: Error): NodeJS.ErrnoException | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('errno' in cause) return cause as NodeJS.ErrnoException
  }
  return undefined
}

function systemReason(directory: string, { code, path, syscall, message }: NodeJS.ErrnoException): string {
  const name = path === undefined ? undefined : nameIn(directory, path)
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return `${nameIn(directory, lowestThere(path ?? directory))} is not a directory; move it away, or use another directory`
    case 'EISDIR':
      return `${name ?? 'something in it'} is a directory where a file should be; move it away`
    case 'EACCES':
    case 'EPERM':
      return `this user may not ${VERBS[syscall ?? ''] ?? 'open'} ${name ?? 'it'}; give the right to, or use another directory`
    case 'ENOENT':
      return syscall === 'mkdir'
        ? 'no directory can be made there; use another'
        : `${name ?? 'something in it'} is missing`
    case 'ENAMETOOLONG':
      return 'its name is too long; use a shorter one'
    case 'ELOOP':
      return 'the links on its path lead in a circle; use another directory'
    case 'EROFS':
      return 'the file system is read-only; mount it for writing, or use another directory'
    case 'ENOSPC':
      return 'the disk is full; make room on it and start again'
    case 'EDQUOT':
      return "this user's quota of the disk is used up; make room and start again"
    case 'EIO':
      return `the disk fails (${message}); check it`
    default:
      return message
  }
}

const VERBS: Readonly<Record<string, string>> = { mkdir: 'make', access: 'read and write' }

function nameIn(directory: string, path: string): string {
  const below = relative(directory, path)
  if (below === '') return 'it'
  return below.startsWith('..') ? path : below
}

/** What is in the way of a path: of those above it the lowest that exists, or itself. */
function lowestThere(path: string): string {
  const above = dirname(path)
  return above === path || isThere(path) ? path : lowestThere(above)
}

function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}
