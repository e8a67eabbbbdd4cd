/** A queue that may have something to hand out. */
export interface Drainable {
  /** True while it stands in a turn's list; kept here so that marking twice costs one test. */
  drainMarked: boolean
  drain(): void
}

/** Whoever has something to say once the journal has been asked to commit: a channel with confirms. */
export interface Settling {
  settleMarked: boolean
  settle(): void
}

/** A connection with bytes to write. */
export interface Flushable {
  flushMarked: boolean
  flush(): void
}

/**
 * What one turn of the event loop has gathered, done once at its end, in this order: queues hand out, the journal
 * commits, channels confirm, connections write. So a thousand publishes cost one write, one sync and one ack.
 */
export class Turn {
  readonly #defer: (run: () => void) => void
  readonly #commit: () => void
  #scheduled = false
  #draining: Drainable[] = []
  #settling: Settling[] = []
  #flushing: Flushable[] = []
  readonly #run = (): void => this.run()

  /**
   * @param commit asks the journal to write what was appended.
   * @param defer runs its argument at the end of the current turn; `setImmediate` unless a test owns the time.
   */
  constructor(commit: () => void, defer: (run: () => void) => void = setImmediate) {
    this.#commit = commit
    this.#defer = defer
  }

  drain(queue: Drainable): void {
    if (queue.drainMarked) return
    queue.drainMarked = true
    this.#draining.push(queue)
    this.schedule()
  }

  settle(channel: Settling): void {
    if (channel.settleMarked) return
    channel.settleMarked = true
    this.#settling.push(channel)
    this.schedule()
  }

  flush(connection: Flushable): void {
    if (connection.flushMarked) return
    connection.flushMarked = true
    this.#flushing.push(connection)
    this.schedule()
  }

  /** Makes sure that this turn ends with a run. */
  schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#defer(this.#run)
  }

  run(): void {
    // What is marked before the writes is mostly done further down in this run, and needs no other.
    this.#scheduled = true
    try {
      const draining = this.#draining
      this.#draining = []
      for (const queue of draining) {
        queue.drainMarked = false
        queue.drain()
      }
      this.#commit()
      const settling = this.#settling
      this.#settling = []
      for (const channel of settling) {
        channel.settleMarked = false
        channel.settle()
      }
    } finally {
      this.#scheduled = false
    }
    if (this.#draining.length > 0 || this.#settling.length > 0) this.schedule()
    const flushing = this.#flushing
    this.#flushing = []
    for (const connection of flushing) {
      connection.flushMarked = false
      connection.flush()
    }
  }
}
