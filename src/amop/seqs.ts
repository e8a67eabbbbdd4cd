import { randomBytes } from 'node:crypto'

const COUNTER_DIGITS = 12

/** Makes seqs that no SDK makes: 20 hex digits drawn once, and a number. */
export class Seqs {
  readonly #prefix = randomBytes(10).toString('hex')
  #count = 0

  next(): string {
    return this.#prefix + (++this.#count).toString(16).padStart(COUNTER_DIGITS, '0')
  }
}
