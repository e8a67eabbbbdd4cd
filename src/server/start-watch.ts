import type { Logger } from '../base/index.ts'

/** A start that takes longer than this says what it is doing, in ms. */
const SLOW_MS = 2000

/** Says once what a start is doing that takes long: it may wait for a disk, or have much to read. */
export class StartWatch {
  #doing: () => string = () => 'opening the data directory'
  readonly #timer: NodeJS.Timeout

  constructor(log: Logger, slowMs = SLOW_MS) {
    this.#timer = setTimeout(() => log.warn(`the start takes long: ${this.#doing()}`), slowMs)
  }

  /** @param doing what is done from now on, in words. */
  enters(doing: () => string): void {
    this.#doing = doing
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
