import { join } from 'node:path'
import type { Logger } from '../base/index.ts'
import { type FileLayer, isMissing, readFully, syncFile, writeFully } from './files.ts'

const PIECE_BYTES = 1024 * 1024

interface Stretch {
  /** Number of the journal file. */
  readonly file: number
  readonly from: number
  /** One behind the last damaged byte. */
  readonly to: number
}

/** Bytes of a journal file that are no batch, between or before bytes that are. */
export interface Damage extends Stretch {
  /** Where a copy lies, undefined when it could not be made. */
  readonly savedAs: string | undefined
}

/** Copies damaged bytes to a file beside the journal's, once. @returns its path, undefined when that was not possible. */
export async function saveDamaged(
  files: FileLayer,
  log: Logger,
  directory: string,
  descriptor: number,
  { file, from, to }: Stretch,
): Promise<string | undefined> {
  const path = join(directory, `damaged-${String(file).padStart(10, '0')}-${from}`)
  try {
    if (!(await isSaved(files, path, to - from))) await copy(files, directory, path, descriptor, from, to)
    return path
  } catch (error) {
    log.error(`cannot save damaged bytes to ${path}: ${(error as Error).message}`)
    return undefined
  }
}

/** Says loudly what is lost. */
export function tellDamage(log: Logger, { file, from, to, savedAs }: Damage): void {
  log.error(
    `journal file ${file} is damaged: ${to - from} bytes from ${from} on cannot be read, what they held is lost; everything else is kept`,
    { file, from, to, savedAs },
  )
}

async function isSaved(files: FileLayer, path: string, length: number): Promise<boolean> {
  try {
    const { bytes } = await files.stat(path)
    if (bytes === length) return true
    await files.unlink(path)
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return false
}

async function copy(
  files: FileLayer,
  directory: string,
  path: string,
  source: number,
  from: number,
  to: number,
): Promise<void> {
  const target = await files.open(path, 'wx+')
  try {
    for (let at = from; at < to; at += PIECE_BYTES) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, to - at))
      const length = await readFully(files, source, piece, at)
      await writeFully(files, target, piece.subarray(0, length), at - from)
    }
    await syncFile(files, target)
  } finally {
    await files.close(target)
  }
  await files.syncDirectory(directory)
}
