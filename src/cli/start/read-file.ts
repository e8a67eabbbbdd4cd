import { readFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'

/** Reads the file that a setting names. @throws UsageError that names the setting, the file and the reason. */
export function readFileOf(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : message
    throw new UsageError(`${flagOf(key)}: cannot read ${path}: ${reason}`)
  }
}
