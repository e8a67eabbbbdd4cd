import { accessSync, constants, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { JournalError, SegmentError } from '../store/index.ts'

/** Why a data directory cannot be used and what to do about it, in one line. */
export class DataDirectoryError extends Error {
  /** The system's, such as `EACCES`; or `locked`, `newer`, `unreadable` for what is in the directory. */
  readonly code: string

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`cannot use the data directory ${path}: ${reason(cause)}`, { cause })
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

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'something on its path is not a directory'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there'
    case 'ENOENT':
      return 'no directory can be made there'
    case 'ENAMETOOLONG':
      return 'the name is too long'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
      return 'the disk is full'
    case 'locked':
      return `${error.message}; stop that broker first, or use another directory`
    case 'newer':
      return `${error.message}; start that version again, or use another directory`
    default:
      return error.message
  }
}
