import { accessSync, constants, mkdirSync } from 'node:fs'

/** Why a data directory cannot be used, in one line. */
export class DataDirectoryError extends Error {
  readonly code: string

  constructor(path: string, cause: NodeJS.ErrnoException) {
    super(`cannot use the data directory ${path}: ${reason(cause)}`, { cause })
    this.name = 'DataDirectoryError'
    this.code = cause.code ?? 'UNKNOWN'
  }
}

/**
 * Makes the directory if it is missing, and its parents.
 * @throws DataDirectoryError when it cannot be made, read or written.
 */
export function openDataDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o750 })
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new DataDirectoryError(path, error as NodeJS.ErrnoException)
  }
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return 'something on its path is not a directory'
    case 'EACCES':
    case 'EPERM':
      return 'this user may not write there'
    case 'EROFS':
      return 'the file system is read-only'
    case 'ENOSPC':
      return 'the disk is full'
    default:
      return error.message
  }
}
