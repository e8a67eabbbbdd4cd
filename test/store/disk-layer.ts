import { basename, dirname } from 'node:path'
import type { FileLayer, FileStatus, FileSystemSpace, OpenMode } from '../../src/store/index.ts'
import { DirectoryNode, type Disk, FileNode, failure } from './disk.ts'
import type { Random } from './random.ts'

/** What a test may do to one operation: refuse it, or let a write take fewer bytes. */
export type Fault =
  | {
      readonly error: Error
      /** The system lets go of what the file had and the disk has not: of a sync that fails. */
      readonly drops?: boolean
    }
  | { readonly takes: number }

export interface DiskLayerOptions {
  /** The operation, counted from 1, during which the power goes. */
  readonly cutAt?: number
  /** Asked before each operation that changes or syncs. */
  readonly fault?: (operation: string, path: string, length: number) => Fault | undefined
  /** Asked before each read. @param isSync everything else waits for it */
  readonly readFault?: (path: string, at: number, length: number, isSync: boolean) => Error | undefined
  /** Asked before a file that is there is opened. */
  readonly openFault?: (path: string, isSync: boolean) => Error | undefined
  /** Total bytes of the disk. */
  readonly capacityBytes?: number
  readonly random?: Random
}

/** What one process sees of a {@link Disk}, until the power goes: from then on nothing is answered. */
export class DiskLayer implements FileLayer {
  readonly disk: Disk
  /** Resolves at the power cut. */
  readonly cut: Promise<void>
  isCut = false
  /** Operations that change or sync something, so far. */
  operations = 0
  /** Descriptors that are open. */
  readonly opened = new Map<number, { readonly path: string; readonly file: FileNode }>()
  options: DiskLayerOptions
  #descriptors = 2
  #tellCut: () => void = () => undefined

  constructor(disk: Disk, options: DiskLayerOptions = {}) {
    this.disk = disk
    this.options = options
    this.cut = new Promise((resolve) => {
      this.#tellCut = resolve
    })
  }

  open(path: string, mode: OpenMode): Promise<number> {
    return this.#later(mode === 'wx+' ? 'open' : undefined, path, () => {
      if (mode === 'wx+') {
        if (this.disk.find(path) !== undefined) throw failure('EEXIST', path)
        this.disk.add(path, new FileNode())
        return this.#openNode(path)
      }
      return this.#openFound(path, false)
    })
  }

  #openFound(path: string, isSync: boolean): number {
    const fault = this.options.openFault?.(path, isSync)
    if (fault !== undefined) throw fault
    return this.#openNode(path)
  }

  #openNode(path: string): number {
    const descriptor = ++this.#descriptors
    this.opened.set(descriptor, { path, file: this.disk.file(path) })
    return descriptor
  }

  close(descriptor: number): Promise<void> {
    return this.#later(undefined, '', () => {
      if (!this.opened.delete(descriptor)) throw failure('EBADF', String(descriptor))
    })
  }

  writeSync(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number {
    const { path } = this.#file(descriptor)
    return this.#operate('writeSync', path, length, (taken) => this.#put(descriptor, buffer, from, taken, at))
  }

  write(
    descriptor: number,
    buffer: Buffer,
    from: number,
    length: number,
    at: number,
    done: (error: Error | null, written: number) => void,
  ): void {
    this.#defer(() => {
      try {
        const { path } = this.#file(descriptor)
        const written = this.#operate('write', path, length, (taken) => this.#put(descriptor, buffer, from, taken, at))
        return () => done(null, written)
      } catch (error) {
        return () => done(error as Error, 0)
      }
    })
  }

  fdatasync(descriptor: number, done: (error: Error | null) => void): void {
    this.#defer(() => {
      try {
        const { path, file } = this.#file(descriptor)
        this.#operate('fdatasync', path, 0, () => file.sync())
        return () => done(null)
      } catch (error) {
        return () => done(error as Error)
      }
    })
  }

  ftruncate(descriptor: number, length: number): Promise<void> {
    return this.#later('ftruncate', this.#file(descriptor).path, () =>
      this.#file(descriptor).file.change({ kind: 'truncate', length }),
    )
  }

  read(descriptor: number, buffer: Buffer, from: number, length: number, at: number): Promise<number> {
    return this.#later(undefined, '', () => this.#get(descriptor, buffer, from, length, at, false))
  }

  openSync(path: string): number {
    if (this.isCut) throw failure('EIO', path)
    return this.#openFound(path, true)
  }

  readSync(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number {
    if (this.isCut) throw failure('EIO', String(descriptor))
    return this.#get(descriptor, buffer, from, length, at, true)
  }

  closeSync(descriptor: number): void {
    this.opened.delete(descriptor)
  }

  syncDirectory(path: string): Promise<void> {
    return this.#later('syncDirectory', path, () => this.disk.directory(path).sync())
  }

  rename(from: string, to: string): Promise<void> {
    return this.#later('rename', from, () => {
      const node = this.disk.file(from)
      this.disk.directory(dirname(from)).change({ kind: 'move', from: basename(from), to: basename(to), node })
    })
  }

  unlink(path: string): Promise<void> {
    return this.#later('unlink', path, () => {
      this.disk.file(path)
      this.disk.directory(dirname(path)).change({ kind: 'remove', name: basename(path) })
    })
  }

  readdir(path: string): Promise<string[]> {
    return this.#later(undefined, path, () => [...this.disk.directory(path).names.keys()])
  }

  stat(path: string): Promise<FileStatus> {
    return this.#later(undefined, path, () => {
      const node = this.disk.find(path)
      if (node === undefined) throw failure('ENOENT', path)
      return { bytes: node instanceof FileNode ? node.content.length : 0, inode: node.inode }
    })
  }

  mkdir(path: string): Promise<void> {
    return this.#later('mkdir', path, () => this.disk.add(path, new DirectoryNode()))
  }

  statfs(path: string): Promise<FileSystemSpace> {
    const totalBytes = this.options.capacityBytes ?? 2 ** 40
    return this.#later(undefined, path, () => ({ totalBytes, freeBytes: totalBytes - this.disk.usedBytes }))
  }

  #file(descriptor: number): { readonly path: string; readonly file: FileNode } {
    const opened = this.opened.get(descriptor)
    if (opened === undefined) throw failure('EBADF', String(descriptor))
    return opened
  }

  #get(descriptor: number, buffer: Buffer, from: number, length: number, at: number, isSync: boolean): number {
    const { path, file } = this.#file(descriptor)
    const fault = this.options.readFault?.(path, at, length, isSync)
    if (fault !== undefined) throw fault
    return at >= file.content.length ? 0 : file.content.copy(buffer, from, at, at + length)
  }

  #put(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number {
    const { file, path } = this.#file(descriptor)
    const { capacityBytes } = this.options
    let taken = length
    if (capacityBytes !== undefined) {
      const grows = Math.max(0, at + length - file.content.length)
      taken = Math.max(0, length - Math.max(0, grows - (capacityBytes - this.disk.usedBytes)))
      if (taken === 0) throw failure('ENOSPC', path, 'write')
    }
    file.change({ kind: 'write', at, bytes: Buffer.from(buffer.subarray(from, from + taken)) })
    return taken
  }

  /** Does one operation that changes or syncs, unless the power has gone or a fault is due. */
  #operate<T>(operation: string, path: string, length: number, run: (length: number) => T): T {
    if (this.isCut) throw failure('EIO', path)
    this.operations++
    const fault = this.options.fault?.(operation, path, length)
    if (fault !== undefined && 'error' in fault) {
      if (fault.drops) this.disk.file(path).drop()
      throw fault.error
    }
    if (this.operations === this.options.cutAt) {
      // Whether it still reached the system's memory is open; its sync has not come back.
      if (operation !== 'fdatasync' && operation !== 'syncDirectory' && this.options.random?.chance(0.5)) run(length)
      this.isCut = true
      this.#tellCut()
      throw failure('EIO', path)
    }
    return run(fault === undefined ? length : Math.min(length, fault.takes))
  }

  #later<T>(operation: string | undefined, path: string, run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#defer(() => {
        try {
          const value = operation === undefined ? run() : this.#operate(operation, path, 0, run)
          return () => resolve(value)
        } catch (error) {
          return () => reject(error)
        }
      })
    })
  }

  /** The thread pool: does it a little later, and answers a little later again, if there is power. */
  #defer(run: () => () => void): void {
    const { random } = this.options
    const begin = (): void => {
      if (this.isCut) return
      const answer = run()
      const end = (): void => {
        if (!this.isCut) answer()
      }
      if (random?.chance(0.2)) setImmediate(end)
      else queueMicrotask(end)
    }
    if (random?.chance(0.2)) setImmediate(begin)
    else queueMicrotask(begin)
  }
}
