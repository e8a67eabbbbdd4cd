import { ConfirmWindow } from './confirm-window.ts'
import type { Histogram } from './histogram.ts'

/** A window of unconfirmed messages that also measures how long each one waited for its confirm. */
export class ConfirmTimes {
  /** Only messages sent from this time on are measured, in ms of `performance.now()`. */
  measureFromMs = Number.POSITIVE_INFINITY
  readonly window: ConfirmWindow
  readonly #histogram: Histogram
  readonly #sentAt: Float64Array
  readonly #mask: number
  readonly #settled: (tag: number) => void
  #nowMs = 0

  constructor(inFlightMax: number, histogram: Histogram) {
    this.window = new ConfirmWindow(inFlightMax)
    this.#histogram = histogram
    // As large as the window's own ring, whose room bounds what is in flight.
    this.#mask = this.window.room
    this.#sentAt = new Float64Array(this.#mask + 1)
    this.#settled = (tag) => {
      const sentMs = this.#sentAt[tag & this.#mask] as number
      if (sentMs >= this.measureFromMs) this.#histogram.record(this.#nowMs - sentMs)
    }
  }

  /** The next `count` messages are about to be written. */
  publish(count: number, nowMs: number): void {
    for (let i = 0; i < count; i++) this.#sentAt[(this.window.nextTag + i) & this.#mask] = nowMs
    this.window.publish(count)
  }

  /** Takes an ack or nack, and returns how many messages it settled. */
  settle(tag: number, multiple: boolean, nowMs: number): number {
    this.#nowMs = nowMs
    return this.window.settle(tag, multiple, this.#settled)
  }
}
