import type { Clock, Logger, Timer, Timers } from '../base/index.ts'
import type { Journal, JournalWaiter } from '../store/index.ts'
import { type DiskOptions, DiskWatch } from './disk-watch.ts'
import type { MemoryAccount } from './host.ts'
import { binarySize } from './sizes.ts'

/** Who is told when publishers must stop and when they may go on. */
export interface AlarmListener {
  /** `reason` or `flow` of the alarms is another. */
  alarmsChanged(): void
}

export interface AlarmOptions {
  readonly memory: MemoryAccount
  /** Bytes of messages above which publishers are blocked. */
  readonly memoryLimit: number
  readonly journal: Journal
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  /** The disk of the data directory; without one nobody asks. */
  readonly disk?: DiskOptions
  /**
   * Room that is kept back for the day the disk is full. What waits for the journal is held below it, so that it can be
   * written then.
   */
  readonly reserveBytes?: number
  /** Bytes on their way to the disk beside those of the journal. */
  readonly unwritten?: () => number
}

/** Why the journal cannot be written. */
type JournalFailure = 'full' | 'faulty'

/** Bytes appended and not written above which publishers wait for the disk: what a disk of 100 MB/s takes in 0.7 s. */
const FLOW_BYTES_MAX = 64 * 1024 * 1024

/** And the share of the reserve above which what waits for the journal is too much: a checkpoint may bring twice that. */
const RESERVE_SHARE = 0.25

/** While publishers wait for the disk, nobody may be there whose turn would look whether it has caught up. */
const FLOW_LOOK_MS = 10

/**
 * What holds publishers back: memory that fills, a disk that fills or refuses writes, and a disk that is behind. The
 * first three are alarms, which clients are told of; the last comes and goes in moments and is only felt.
 *
 * Alarms of memory and disk are cleared a tenth away from where they are raised, so that they do not flap with every
 * message. Source: RabbitMQ's alarms and flow control.
 */
export class Alarms implements JournalWaiter {
  /** True while publishers are to be held back for any reason: all that is looked at for each publish. */
  raised = false
  /** What `connection.blocked` says, such as `low on memory & disk`; undefined while there is no alarm. */
  reason: string | undefined
  /** The disk is behind. */
  flow = false
  readonly #memory: MemoryAccount
  readonly #memoryLimit: number
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #unwritten: () => number
  readonly #pendingMax: number
  readonly #reserveBytes: number
  readonly #log: Logger
  readonly #disk: DiskWatch | undefined
  readonly #listeners = new Set<AlarmListener>()
  #memoryLow = false
  #flowTimer: Timer | undefined
  #journalFailure: JournalFailure | undefined
  #reserveGone = false

  constructor(options: AlarmOptions) {
    const { memory, memoryLimit, journal, clock, timers, log, disk, reserveBytes = 0, unwritten = () => 0 } = options
    this.#memory = memory
    this.#memoryLimit = memoryLimit
    this.#journal = journal
    this.#clock = clock
    this.#timers = timers
    this.#unwritten = unwritten
    this.#reserveBytes = reserveBytes
    this.#pendingMax = reserveBytes === 0 ? FLOW_BYTES_MAX : Math.min(reserveBytes * RESERVE_SHARE, FLOW_BYTES_MAX)
    this.#log = log
    if (disk !== undefined) {
      this.#disk = new DiskWatch(disk, clock, timers, log, () => this.#changed())
      this.#disk.start()
    }
  }

  addListener(listener: AlarmListener): void {
    this.#listeners.add(listener)
  }

  removeListener(listener: AlarmListener): void {
    this.#listeners.delete(listener)
  }

  /** Compares; cheap enough for once a turn. */
  check(): void {
    const { used } = this.#memory
    const limit = this.#memoryLimit
    if (this.#memoryLow ? used <= limit * 0.9 : used > limit) this.#memoryCrossed(used)
    const { pendingBytes } = this.#journal
    const behind = pendingBytes + this.#unwritten()
    const share = this.flow ? 0.5 : 1
    const isBehind = behind > FLOW_BYTES_MAX * share || pendingBytes > this.#pendingMax * share
    if (isBehind !== this.flow) this.#flowCrossed(behind)
  }

  /** What waited for the disk has become less, also when nobody publishes and no turn comes. */
  journalCompleted(): void {
    this.check()
  }

  /** The disk refuses what the journal has to write; nothing is confirmed until `journalRestored`. */
  journalFailed(error: NodeJS.ErrnoException): void {
    const full = error.code === 'ENOSPC' || error.code === 'EDQUOT'
    this.#journalFailure = full ? 'full' : 'faulty'
    this.#log.warn(
      full
        ? 'disk alarm: the disk is full; publishers are blocked and nothing is confirmed until there is room'
        : `disk alarm: the disk refuses writes (${error.message}); publishers are blocked and nothing is confirmed until it takes them`,
    )
    this.#changed()
  }

  journalRestored(): void {
    if (this.#journalFailure === undefined) return
    this.#journalFailure = undefined
    this.#log.info('disk alarm cleared: the disk takes writes again')
    this.#changed()
  }

  /** The disk is full, or as good as that: there is no reserve any more, or it could not be made. */
  reserveChanged(isGone: boolean): void {
    if (isGone === this.#reserveGone) return
    this.#reserveGone = isGone
    const size = binarySize(this.#reserveBytes)
    if (isGone) {
      this.#log.warn(
        `disk alarm: the disk is full; the reserve of ${size} is given up, so that consumers can empty queues; publishers are blocked until there is room for it again`,
      )
    } else this.#log.info(`disk alarm cleared: there is room again for the reserve of ${size}`)
    this.#changed()
  }

  /** Asks the disk no more. */
  close(): void {
    this.#disk?.stop()
    this.#journal.removeWaiter(this)
    this.#timers.cancel(this.#flowTimer)
  }

  #memoryCrossed(used: number): void {
    this.#memoryLow = !this.#memoryLow
    const sizes = `messages take ${binarySize(used)} of the ${binarySize(this.#memoryLimit)} allowed`
    if (this.#memoryLow) {
      this.#log.warn(`memory alarm: ${sizes}; publishers are blocked until consumers have made room`)
    } else {
      this.#log.info(`memory alarm cleared: ${sizes}`)
    }
    this.#changed()
  }

  #flowCrossed(behind: number): void {
    this.flow = !this.flow
    if (this.flow) {
      this.#journal.addWaiter(this)
      this.#lookAgain()
    } else {
      this.#journal.removeWaiter(this)
      this.#timers.cancel(this.#flowTimer)
    }
    if (this.#log.debugEnabled) {
      const state = this.flow ? 'publishers wait for the disk' : 'publishers go on'
      this.#log.debug(`${state}: ${binarySize(behind)} are to be written`)
    }
    this.#changed()
  }

  #lookAgain(): void {
    this.#flowTimer = this.#timers.schedule(this.#clock.now + FLOW_LOOK_MS, () => {
      this.#lookAgain()
      this.check()
    })
  }

  #changed(): void {
    this.reason = this.#blockedReason()
    this.raised = this.flow || this.reason !== undefined
    for (const listener of [...this.#listeners]) listener.alarmsChanged()
  }

  #blockedReason(): string | undefined {
    const low: string[] = []
    if (this.#memoryLow) low.push('memory')
    if (this.#disk?.low || this.#reserveGone || this.#journalFailure === 'full') low.push('disk')
    const reasons = low.length === 0 ? [] : [`low on ${low.join(' & ')}`]
    if (this.#journalFailure === 'faulty') reasons.push('the disk refuses writes')
    return reasons.length === 0 ? undefined : reasons.join(', ')
  }
}
