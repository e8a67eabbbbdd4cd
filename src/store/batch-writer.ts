import { type FileLayer, nothingWritten } from './files.ts'

/** Up to here a batch is written on the main thread: some 50 µs, less than a trip through the thread pool costs. */
const INLINE_BYTES_MAX = 256 * 1024
/** A mean above this says that the volume makes writers wait: a network disk, throttled dirty pages. */
const INLINE_SLOW_MS = 1
const WEIGHT = 1 / 8
/** Writes through the pool after which the main thread is tried again. */
const POOL_TRIES = 1000
const NOTHING = Buffer.alloc(0)

/** Writes one batch at a time, all of it, on the main thread or in the thread pool, whichever holds up less. */
export class BatchWriter {
  readonly #files: FileLayer
  readonly #now: () => number
  #inlineMeanMs = 0
  /** Writes left to do in the pool before the main thread is tried again. */
  #poolLeft = 0
  #descriptor = -1
  #buffer: Buffer = NOTHING
  #from = 0
  #length = 0
  #at = 0
  #done: (error: Error | null) => void = () => undefined
  readonly #wrote = (error: Error | null, written: number): void => this.#continue(error, written)

  /** @param now milliseconds that only grow. */
  constructor(files: FileLayer, now: () => number) {
    this.#files = files
    this.#now = now
  }

  /** @param done called once, before `write` returns when the main thread did it. */
  write(descriptor: number, buffer: Buffer, length: number, at: number, done: (error: Error | null) => void): void {
    this.#descriptor = descriptor
    this.#buffer = buffer
    this.#from = 0
    this.#length = length
    this.#at = at
    this.#done = done
    if (length > INLINE_BYTES_MAX) this.#writeInPool()
    else if (this.#poolLeft > 0) {
      this.#poolLeft--
      this.#writeInPool()
    } else this.#finish(this.#writeInline())
  }

  #writeInline(): Error | null {
    const start = this.#now()
    try {
      while (this.#from < this.#length) {
        const left = this.#length - this.#from
        const written = this.#files.writeSync(this.#descriptor, this.#buffer, this.#from, left, this.#at + this.#from)
        // Nearly full disks take a part without an error; only the next call says why.
        if (written === 0) return nothingWritten()
        this.#from += written
      }
    } catch (error) {
      return error as Error
    }
    this.#inlineMeanMs += (this.#now() - start - this.#inlineMeanMs) * WEIGHT
    if (this.#inlineMeanMs > INLINE_SLOW_MS) {
      this.#poolLeft = POOL_TRIES
      this.#inlineMeanMs = 0
    }
    return null
  }

  #writeInPool(): void {
    const left = this.#length - this.#from
    this.#files.write(this.#descriptor, this.#buffer, this.#from, left, this.#at + this.#from, this.#wrote)
  }

  #continue(error: Error | null, written: number): void {
    if (error !== null) this.#finish(error)
    else if (written === 0) this.#finish(nothingWritten())
    else {
      this.#from += written
      if (this.#from < this.#length) this.#writeInPool()
      else this.#finish(null)
    }
  }

  #finish(error: Error | null): void {
    // The batch belongs to whoever is told.
    this.#buffer = NOTHING
    this.#done(error)
  }
}
