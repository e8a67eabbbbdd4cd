/** Unicasts that have left AMQP and wait for their answer, all exchanges together; bounded by the router's own limit. */
export class Departures {
  readonly #countMax: number
  #count = 0
  #bytes = 0

  /** @param countMax from which on the router refuses further ones. */
  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get count(): number {
    return this.#count
  }

  /**
   * @param bytes kept for it, beside the frame.
   * @returns how many wait before it: as many as there may be at most, when those have too many bytes.
   */
  enter(bytes: number): number {
    const before = this.#bytes > KEPT_BYTES_MAX ? this.#countMax : this.#count
    this.#count++
    this.#bytes += bytes
    return before
  }

  leave(bytes: number): void {
    this.#count--
    this.#bytes -= bytes
  }
}

/** Headers may be as large as a frame of AMQP: bytes of them beyond which no unicast is taken. */
const KEPT_BYTES_MAX = 67_108_864
