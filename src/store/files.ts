import * as fs from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/** `r`: read; `r+`: read and write; `wx+`: make it, and fail if it is there. */
export type OpenMode = 'r' | 'r+' | 'wx+'

/** Free and total bytes of a file system, for whoever is not root. */
export interface FileSystemSpace {
  readonly freeBytes: number
  readonly totalBytes: number
}

export interface FileStatus {
  readonly bytes: number
  readonly inode: number
}

/**
 * Everything the store asks of a file system, so that a test can put one under it that fails, tears and forgets. What is
 * called once a batch takes a callback or is synchronous; the rest are promises. Errors are those of `node:fs`.
 */
export interface FileLayer {
  open(path: string, mode: OpenMode): Promise<number>
  close(descriptor: number): Promise<void>
  /** Returns the bytes written, which may be fewer than asked without any error. */
  writeSync(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number
  /** As `writeSync`, in the thread pool. */
  write(
    descriptor: number,
    buffer: Buffer,
    from: number,
    length: number,
    at: number,
    done: (error: Error | null, written: number) => void,
  ): void
  /** Makes contents and length durable, but not the name: that takes `syncDirectory`. */
  fdatasync(descriptor: number, done: (error: Error | null) => void): void
  ftruncate(descriptor: number, length: number): Promise<void>
  /** Returns the bytes read, 0 at the end of the file. */
  read(descriptor: number, buffer: Buffer, from: number, length: number, at: number): Promise<number>
  /** Opens for reading at once: for the rare bytes that somebody cannot go on without. */
  openSync(path: string): number
  readSync(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number
  closeSync(descriptor: number): void
  /** Makes names made, moved and removed in a directory durable. */
  syncDirectory(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  readdir(path: string): Promise<string[]>
  /** Rejects with code `ENOENT` if there is nothing. */
  stat(path: string): Promise<FileStatus>
  /** Makes one directory; nothing happens if it is there. */
  mkdir(path: string): Promise<void>
  statfs(path: string): Promise<FileSystemSpace>
}

const openFile = promisify(fs.open)
const closeFile = promisify(fs.close)
const readFile = promisify(fs.read)
const truncate = promisify(fs.ftruncate)
const sync = promisify(fs.fsync)

/** The files of this machine. */
export const systemFiles: FileLayer = {
  open: (path, mode) => openFile(path, mode, 0o640),
  close: (descriptor) => closeFile(descriptor),
  writeSync: (descriptor, buffer, from, length, at) => fs.writeSync(descriptor, buffer, from, length, at),
  write: (descriptor, buffer, from, length, at, done) => fs.write(descriptor, buffer, from, length, at, done),
  fdatasync: (descriptor, done) => fs.fdatasync(descriptor, done),
  ftruncate: (descriptor, length) => truncate(descriptor, length),
  read: async (descriptor, buffer, from, length, at) =>
    (await readFile(descriptor, buffer, from, length, at)).bytesRead,
  openSync: (path) => fs.openSync(path, 'r'),
  readSync: (descriptor, buffer, from, length, at) => fs.readSync(descriptor, buffer, from, length, at),
  closeSync: (descriptor) => fs.closeSync(descriptor),
  syncDirectory,
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),
  readdir: (path) => fs.promises.readdir(path),
  stat: async (path) => {
    const { size, ino } = await fs.promises.stat(path)
    return { bytes: size, inode: ino }
  },
  mkdir: async (path) => {
    await fs.promises.mkdir(path, { recursive: true, mode: 0o750 })
  },
  statfs: async (path) => {
    const { bavail, blocks, bsize } = await fs.promises.statfs(path)
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
  },
}

async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories, and keeps names in order by itself.
  if (process.platform === 'win32') return
  const descriptor = await openFile(path, 'r')
  try {
    await sync(descriptor)
  } finally {
    await closeFile(descriptor)
  }
}

/** True when the error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT'
}

/** True when the error says that there is no room. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** Makes a directory whose parent is there, and its name durable. */
export async function makeDirectory(files: FileLayer, path: string): Promise<void> {
  try {
    await files.stat(path)
  } catch (error) {
    if (!isMissing(error)) throw error
    await files.mkdir(path)
  }
  // Also when it was there: it may have been made just before a crash. A parent may be closed to us; then it was
  // made by somebody else.
  await files.syncDirectory(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error
  })
}

/** `fdatasync` as a promise, for what is not done once a batch. */
export function syncFile(files: FileLayer, descriptor: number): Promise<void> {
  return new Promise((resolve, reject) => {
    files.fdatasync(descriptor, (error) => (error === null ? resolve() : reject(error)))
  })
}

/** Writes all of a buffer, whatever number of pieces that takes. */
export async function writeFully(files: FileLayer, descriptor: number, buffer: Buffer, at: number): Promise<void> {
  for (let from = 0; from < buffer.length; ) {
    const written = await writePiece(files, descriptor, buffer, from, at + from)
    if (written === 0) throw nothingWritten()
    from += written
  }
}

function writePiece(files: FileLayer, descriptor: number, buffer: Buffer, from: number, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    files.write(descriptor, buffer, from, buffer.length - from, at, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}

/** Reads until the buffer is full or the file ends; returns the bytes read. */
export async function readFully(files: FileLayer, descriptor: number, buffer: Buffer, at: number): Promise<number> {
  let length = 0
  while (length < buffer.length) {
    const read = await files.read(descriptor, buffer, length, buffer.length - length, at + length)
    if (read === 0) break
    length += read
  }
  return length
}

/** As `readFully`, at once. */
export function readFullySync(files: FileLayer, descriptor: number, buffer: Buffer, at: number): number {
  let length = 0
  while (length < buffer.length) {
    const read = files.readSync(descriptor, buffer, length, buffer.length - length, at + length)
    if (read === 0) break
    length += read
  }
  return length
}

/** A write that took nothing and did not say why: treated as a full disk. */
export function nothingWritten(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write took no bytes'), { code: 'ENOSPC' })
}
