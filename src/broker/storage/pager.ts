import type { BrokerContext } from '../host.ts'
import type { Slab } from '../queue/slab.ts'
import type { SlabHolder } from '../queue/slab-holder.ts'

export interface PagerOptions {
  /** Bytes of messages that may stay in memory before those of long queues go to files. */
  readonly memoryBytes: number
  readonly queues: () => Iterable<SlabHolder>
}

/** Paging stops when this share of the bound is in use, so that it does not start anew with the next message. */
const ENOUGH = 0.9

/** A slab that is still written to is closed and paged only from this size on: below it, little is gained. */
const TAIL_BYTES_MIN = 16 * 1024

/** When nothing more could be paged, it is tried again once so much more is in use. */
const STEP_BYTES = 1024 * 1024

/** How long to leave a disk alone that has refused a file, in ms. */
const RETRY_MS = 5000

/**
 * Keeps what messages take in memory below a bound: slabs that nobody is about to read are written to files and give
 * their memory back. What is needed to make room is only ever the oldest thing to do, so it goes on in the background,
 * one file after the other, while the broker works.
 */
export class Pager {
  readonly #context: BrokerContext
  readonly #options: PagerOptions
  #running: Promise<void> | undefined
  #nextAt: number
  #notBefore = 0
  #stopped = false
  /** Slabs whose memory was given back since the start. */
  paged = 0

  constructor(context: BrokerContext, options: PagerOptions) {
    this.#context = context
    this.#options = options
    this.#nextAt = options.memoryBytes
    context.memory.pagedAbove = options.memoryBytes
  }

  /** Bytes above the bound that are being written to files now. */
  get unwritten(): number {
    return this.#running === undefined ? 0 : Math.max(0, this.#context.memory.used - this.#options.memoryBytes)
  }

  /** Starts when memory is short; cheap enough for once a turn. */
  check(): void {
    const { used } = this.#context.memory
    if (used <= this.#options.memoryBytes) this.#nextAt = this.#options.memoryBytes
    if (used <= this.#nextAt || this.#running !== undefined || this.#stopped) return
    if (this.#context.clock.now < this.#notBefore) return
    this.#running = this.#run()
      .catch((error) => this.#failed(error as Error))
      .finally(() => {
        this.#running = undefined
        // Whoever waits for memory is to look again.
        this.#context.turn.schedule()
      })
  }

  /** Starts nothing more; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    // The newest first: what came last is read last.
    const sealed = [...this.#context.memory.sealed].reverse()
    for (const slab of sealed) {
      if (this.#isEnough()) return
      await this.#pageOut(slab)
    }
    for (const slab of this.#tails()) {
      if (this.#isEnough()) return
      if (!slab.resident || slab.liveBytes < TAIL_BYTES_MIN) continue
      slab.line.seal(slab)
      await this.#pageOut(slab)
    }
    this.#nextAt = this.#context.memory.used + STEP_BYTES
  }

  #isEnough(): boolean {
    return this.#stopped || this.#context.memory.used <= this.#options.memoryBytes * ENOUGH
  }

  /** Slabs that are written to, the largest first. */
  #tails(): Slab[] {
    const tails: Slab[] = []
    for (const queue of this.#options.queues()) {
      for (const slab of queue.slabs()) {
        if (slab.resident && slab.liveBytes >= TAIL_BYTES_MIN) tails.push(slab)
      }
    }
    return tails.sort((a, b) => b.liveBytes - a.liveBytes)
  }

  async #pageOut(slab: Slab): Promise<void> {
    const { traffic } = this.#context.memory
    if (!slab.resident || slab.live === 0 || slab.line.isHot(slab)) return
    if (slab.segment === undefined) {
      // The room that is left is for what consumers have done with.
      if (this.#context.storage.isTight) return
      const written = await traffic.write(slab, this.#context)
      if (written === undefined) return
      if (!slab.resident || slab.live === 0 || slab.segment !== undefined) {
        traffic.discard(written, this.#context)
        return
      }
      slab.line.setSegment(slab, written, false)
    }
    if (!slab.line.isHot(slab) && slab.line.pageOut(slab)) this.paged++
  }

  #failed(error: Error): void {
    this.#notBefore = this.#context.clock.now + RETRY_MS
    this.#context.log.warn(
      `messages could not be moved from memory to the disk, tried again in ${RETRY_MS / 1000} s: ${error.message}`,
    )
  }
}
