import { join } from 'node:path'
import { JournalError } from './errors.ts'
import { decodeHeader, type FileHeader, FORMAT_VERSION, fileNumber, HEADER_BYTES } from './file-header.ts'
import { type FileLayer, readFully } from './files.ts'

/** A file of the journal as it was found. */
export interface FoundFile {
  readonly number: number
  readonly path: string
  readonly bytes: number
  /** Undefined when it is not whole, or says another number than the name. */
  readonly header: FileHeader | undefined
}

/**
 * Reads the heads of all journal files, in the order of their numbers.
 * @throws JournalError `newer` when one was written by a newer version.
 */
export async function scanFiles(files: FileLayer, directory: string): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const name of (await files.readdir(directory)).sort()) {
    const number = fileNumber(name)
    if (number !== undefined) found.push(await scanFile(files, join(directory, name), number))
  }
  return found
}

async function scanFile(files: FileLayer, path: string, number: number): Promise<FoundFile> {
  const { bytes } = await files.stat(path)
  const descriptor = await files.open(path, 'r')
  const head = Buffer.alloc(HEADER_BYTES)
  try {
    const length = await readFully(files, descriptor, head, 0)
    const reading = decodeHeader(head.subarray(0, length))
    if (reading !== undefined && 'newer' in reading) {
      throw new JournalError(
        'newer',
        `journal file ${number} was written by a newer version (format ${reading.newer}, this one reads up to ${FORMAT_VERSION})`,
      )
    }
    const header = reading?.header.number === number ? reading.header : undefined
    return { number, path, bytes, header }
  } finally {
    await files.close(descriptor)
  }
}

/** Number of the first file that is needed, as the latest file says. */
export function startOf(found: readonly FoundFile[]): number {
  return found.reduce((start, { header }) => Math.max(start, header?.start ?? 0), 0)
}
