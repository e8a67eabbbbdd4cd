import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'

/** Reads the file that a setting names. @throws UsageError that names the setting, the file and the reason. */
export function readFileOf(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(`${flagOf(key)}: cannot read ${path}: ${reasonOf(error as NodeJS.ErrnoException)}`)
  }
}

/** Why a file could not be read. */
export function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
      return 'there is no such file'
    case 'EACCES':
      return 'this user may not read it'
    case 'EISDIR':
      return 'it is a directory'
    default:
      return message
  }
}
