/** The time of this process, which a test may set forward: what a broker finds after it was down for a while. */
export class TestTime {
  readonly #now = performance.now
  #aheadMs = 0

  constructor() {
    performance.now = () => this.#now.call(performance) + this.#aheadMs
  }

  jump(ms: number): void {
    this.#aheadMs += ms
  }

  /** From here on it is as late as it is. */
  end(): void {
    performance.now = this.#now
  }
}
