import { UsageError } from './errors.ts'

/** The argument that names a data directory. @throws UsageError for an empty one, as an unset variable leaves it. */
export function dataDirectory(text: string): string {
  if (text === '') throw new UsageError('the data directory is an empty text; is a variable not set?')
  return text
}
