import type { Clock, Logger, Timer, Timers } from '../base/index.ts'
import type { FileSystemSpace } from '../store/index.ts'
import { binarySize } from './sizes.ts'

/** The disk that the data directory lies on. */
export interface DiskOptions {
  /** Free bytes below which publishers are blocked; 0 for never. */
  readonly freeLimit: number
  space(): Promise<FileSystemSpace>
  /** Called at each look while there is too little room: what is kept without need can go. */
  relieve?(freeBytes: number): void
}

const INTERVAL_MS_MIN = 100
const INTERVAL_MS_MAX = 10_000

/** While publishers wait for room, it is looked for this often. */
const LOW_INTERVAL_MS = 1000

/** The alarm is over with so much more room than the limit, so that it does not flap. */
const CLEAR_SHARE = 0.1

/** Of a disk that is hardly larger than the limit, with so much of what it has beyond that: it may never have more. */
const CLEAR_SHARE_BEYOND = 0.05

/** Bytes that the quickest writer fills in one millisecond. Source: RabbitMQ's disk monitor. */
const FILL_RATE = 250_000

/** Asks from time to time how much room the disk has; the less, the more often. */
export class DiskWatch {
  /** There is less room than there should be. */
  low = false
  readonly #options: DiskOptions
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #log: Logger
  readonly #changed: () => void
  #timer: Timer | undefined
  #stopped = false
  #silent = false

  /** @param changed called when `low` is another. */
  constructor(options: DiskOptions, clock: Clock, timers: Timers, log: Logger, changed: () => void) {
    this.#options = options
    this.#clock = clock
    this.#timers = timers
    this.#log = log
    this.#changed = changed
  }

  /** Asks now, and then again and again. */
  start(): void {
    if (this.#options.freeLimit > 0) void this.#ask()
  }

  stop(): void {
    this.#stopped = true
    this.#timers.cancel(this.#timer)
  }

  /** Never rejects. The next question is asked when this one is answered, however long that takes. */
  async #ask(): Promise<void> {
    let intervalMs = INTERVAL_MS_MAX
    try {
      const space = await this.#options.space()
      if (this.#stopped) return
      intervalMs = this.#look(space)
      this.#silent = false
    } catch (error) {
      if (this.#stopped) return
      // What was known last still holds: not being answered says nothing about the room there is.
      if (!this.#silent) this.#log.warn(`cannot find out how much room the disk has: ${(error as Error).message}`)
      this.#silent = true
    }
    this.#timer = this.#timers.schedule(this.#clock.refresh() + intervalMs, () => void this.#ask())
  }

  /** @returns when to look again, in ms. */
  #look({ freeBytes, totalBytes }: FileSystemSpace): number {
    const { freeLimit } = this.#options
    // Some network and user-space file systems know nothing of their size.
    if (totalBytes === 0) throw new Error('its file system does not say')
    const more = Math.min(freeLimit * CLEAR_SHARE, Math.max(0, totalBytes - freeLimit) * CLEAR_SHARE_BEYOND)
    if (this.low ? freeBytes >= freeLimit + more : freeBytes < freeLimit) {
      this.low = !this.low
      const sizes = `${binarySize(freeBytes)} of ${binarySize(totalBytes)} are free`
      if (this.low) {
        this.#log.warn(
          `disk alarm: ${sizes}, the limit is ${binarySize(freeLimit)}; publishers are blocked until there is room: remove other files, or let consumers empty queues`,
        )
      } else {
        this.#log.info(`disk alarm cleared: ${sizes}`)
      }
      this.#changed()
    }
    if (this.low) {
      this.#options.relieve?.(freeBytes)
      return LOW_INTERVAL_MS
    }
    const idealMs = Math.floor((2 * (freeBytes - freeLimit)) / FILL_RATE)
    return Math.min(Math.max(idealMs, INTERVAL_MS_MIN), INTERVAL_MS_MAX)
  }
}
