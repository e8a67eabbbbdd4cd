import type { Clock } from '../../base/index.ts'

/** The C++ node counts a message as a quarter of its frame, for the compression that it expects. */
const ASSUMED_COMPRESSION = 4

/**
 * What may go out, as a bucket that holds one second's worth. A message goes while the bucket is not empty, and may take
 * it below: so one that is larger than the bucket goes too, and is paid for afterwards. Source: the C++ node's
 * `flow_control.outgoing_bandwidth_limit`.
 */
export class Bandwidth {
  readonly #clock: Clock
  readonly #bytesPerMs: number
  readonly #capacity: number
  #left: number
  #filledAt: number

  /** @param mbits per second; 0 is no limit. */
  constructor(clock: Clock, mbits: number) {
    this.#clock = clock
    this.#bytesPerMs = (mbits * 1024 * 1024) / 8 / 1000
    this.#capacity = this.#bytesPerMs * 1000
    this.#left = this.#capacity
    this.#filledAt = clock.now
  }

  /**
   * @param targets how many nodes the message goes to.
   * @returns false when it is over the limit.
   */
  take(frameBytes: number, targets: number): boolean {
    if (this.#bytesPerMs === 0) return true
    const { now } = this.#clock
    this.#left = Math.min(this.#capacity, this.#left + (now - this.#filledAt) * this.#bytesPerMs)
    this.#filledAt = now
    if (this.#left <= 0) return false
    this.#left -= (frameBytes / ASSUMED_COMPRESSION) * targets
    return true
  }
}
