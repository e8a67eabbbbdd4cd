import type { Timer } from '../../base/index.ts'
import type { FileSystemSpace, Reserve } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'
import type { Checkpointer } from './checkpointer.ts'

/** A directory with less than that has no reserve yet: those of tests come by the dozen. */
const WORTH_BYTES = 1024 * 1024

export interface ReliefOptions {
  readonly reserve: Pick<Reserve, 'bytes' | 'isHeld' | 'find' | 'make' | 'giveUp' | 'abandon'>
  readonly checkpointer: Pick<Checkpointer, 'isRunning' | 'relieve'>
  /** Why the journal cannot be written, if it cannot. */
  readonly failure: () => Error | undefined
  readonly space: () => Promise<FileSystemSpace>
  /** Bytes in all files. */
  readonly storedBytes: () => number
  /** Publishers are to be blocked, or may go on, as `isTight` says. Called when that is another. */
  readonly changed: () => void
}

/** How often it is looked whether there is room again. */
const LOOK_MS = 250

/** Finding out what could be freed takes time with thousands of queues: so many times as long it is left alone after that. */
const REST = 20

/** The share of the reserve that a checkpoint on a full disk has to free at least. */
const FULL_GAIN = 0.25

/** And bytes on one that has little room: publishers may be blocked for want of no more. */
const LOW_GAIN_BYTES = 64 * 1024

/** Looks left out after each in vain that had to write to find out, and at most. */
const PAUSE_LOOKS = 4
const PAUSE_LOOKS_MAX = 120

/**
 * Gets a broker off a full disk: gives the reserve up, so that what waits is written and consumers can empty queues; has
 * what they emptied removed; and makes the reserve anew when there is room. Until then publishers are blocked.
 *
 * Settlements are gathered for a moment meanwhile: a record of each that comes alone could take more than it frees.
 */
export class Relief {
  readonly #context: BrokerContext
  readonly #options: ReliefOptions
  #timer: Timer | undefined
  #making: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #isStopped = false
  #pauseLooks = 0
  #skip = 0
  /** There is none yet, and nothing that is worth one. */
  #isWanted = false
  #relieveAt = 0

  constructor(context: BrokerContext, options: ReliefOptions) {
    this.#context = context
    this.#options = options
  }

  /** Sees to it that there will be a reserve. Resolves when it is known whether there is room for it. */
  async start(): Promise<void> {
    const { reserve, space } = this.#options
    if (this.#context.storage.isTight || (await reserve.find())) return
    const { freeBytes, totalBytes } = await space().catch(() => ({ freeBytes: 0, totalBytes: 0 }))
    if (totalBytes > 0 && freeBytes < 2 * reserve.bytes) this.tighten()
    else this.#isWanted = true
  }

  /** Makes the reserve, in the background, once there is something that it could save. Cheap enough for once a turn. */
  check(): void {
    if (!this.#isWanted || this.#isStopped) return
    const { reserve, storedBytes } = this.#options
    if (storedBytes() < Math.min(WORTH_BYTES, reserve.bytes / 4)) return
    this.#isWanted = false
    if (this.#context.storage.isTight) return
    this.#making = reserve.make().then((hasRoom) => {
      if (!hasRoom && !this.#isStopped) this.tighten()
    })
  }

  /** The disk is not full, but has less room than there should be: removes what would wait for the next checkpoint. */
  low(freeBytes: number): void {
    if (this.#isStopped || this.#context.storage.isTight || this.#options.failure() !== undefined) return
    this.#relieve(freeBytes, LOW_GAIN_BYTES)
  }

  /** There is no room and no reserve any more. */
  tighten(): void {
    const { storage } = this.#context
    if (storage.isTight) return
    storage.isTight = true
    this.#options.changed()
    this.#lookLater()
  }

  /** Looks no more; resolves when the reserve is not being made, and no look is under way that could begin with it. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#context.timers.cancel(this.#timer)
    await this.#options.reserve.abandon()
    await this.#making
    await this.#looking
  }

  #lookLater(): void {
    const { timers, clock } = this.#context
    timers.cancel(this.#timer)
    if (this.#isStopped) return
    this.#timer = timers.schedule(clock.refresh() + LOOK_MS, () => {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined
        if (this.#context.storage.isTight) this.#lookLater()
      })
    })
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { storage, journal } = this.#context
    storage.settlements.flush()
    journal.commit()
    storage.sweep()
    try {
      await this.#makeRoom()
    } catch (error) {
      this.#context.log.warn(`cannot find out how much room the disk has: ${(error as Error).message}`)
    }
  }

  async #makeRoom(): Promise<void> {
    const { reserve, checkpointer, failure, space } = this.#options
    // What waits to be written needs the room more.
    if (failure() !== undefined || this.#context.journal.pendingBytes > 0 || checkpointer.isRunning) return
    const { freeBytes, totalBytes } = await space()
    if (this.#isStopped) return
    const gainMin = reserve.bytes * FULL_GAIN
    const hasRoom = totalBytes === 0 || freeBytes >= 2 * reserve.bytes
    if (!hasRoom) this.#relieve(freeBytes, gainMin)
    else if (this.#skip > 0) this.#skip--
    else if (await reserve.make()) this.#relax()
    else if (!this.#isStopped) {
      this.#pauseLooks = Math.min(2 * this.#pauseLooks + PAUSE_LOOKS, PAUSE_LOOKS_MAX)
      this.#skip = this.#pauseLooks
      // A quota is met that the disk does not tell of.
      this.#relieve(reserve.bytes / 2, gainMin)
    }
  }

  #relieve(freeBytes: number, gainMin: number): void {
    const { checkpointer } = this.#options
    const { clock } = this.#context
    const from = clock.refresh()
    if (from < this.#relieveAt) return
    checkpointer.relieve(freeBytes, gainMin)
    const to = clock.refresh()
    this.#relieveAt = to + REST * (to - from)
  }

  #relax(): void {
    if (this.#isStopped) return
    this.#pauseLooks = 0
    this.#context.storage.isTight = false
    this.#options.changed()
    this.#context.turn.schedule()
  }
}
