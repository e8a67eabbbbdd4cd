/**
 * Which of one channel's published messages are still unconfirmed, however a broker mixes single and cumulative acks in
 * whatever order. Bounded: at most as many in flight as it was made for.
 */
export class ConfirmWindow {
  /** Messages published and not yet settled. */
  pending = 0
  readonly #settled: Uint8Array
  readonly #mask: number
  // All tags up to this one are settled; the next to publish is #published + 1.
  #low = 0
  #published = 0

  constructor(inFlightMax: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, inFlightMax + 1)))
    this.#settled = new Uint8Array(size)
    this.#mask = size - 1
  }

  /** Messages that may be published until the ring is full: unsettled ones may lie far behind settled ones. */
  get room(): number {
    return this.#mask - (this.#published - this.#low)
  }

  /** The tag of the next message to publish. */
  get nextTag(): number {
    return this.#published + 1
  }

  publish(count: number): void {
    this.#published += count
    this.pending += count
  }

  /**
   * Takes an ack or nack, and returns how many messages it settled: none when they had been settled before.
   * @param each called with each tag it settled.
   */
  settle(tag: number, multiple: boolean, each?: (tag: number) => void): number {
    if (tag <= this.#low || tag > this.#published) return 0
    const settled = multiple ? this.#settleUpTo(tag, each) : this.#settleOne(tag, each)
    this.pending -= settled
    return settled
  }

  #settleUpTo(tag: number, each: ((tag: number) => void) | undefined): number {
    let count = 0
    for (let t = this.#low + 1; t <= tag; t++) {
      if (this.#settled[t & this.#mask] === 0) {
        count++
        each?.(t)
      }
      this.#settled[t & this.#mask] = 0
    }
    this.#low = tag
    this.#advance()
    return count
  }

  #settleOne(tag: number, each: ((tag: number) => void) | undefined): number {
    if (this.#settled[tag & this.#mask] !== 0) return 0
    this.#settled[tag & this.#mask] = 1
    each?.(tag)
    this.#advance()
    return 1
  }

  #advance(): void {
    while (this.#low < this.#published && this.#settled[(this.#low + 1) & this.#mask] !== 0) {
      this.#low++
      this.#settled[this.#low & this.#mask] = 0
    }
  }
}
