/**
 * Counts the holders of large bodies that queues keep by reference, so that one body in a hundred queues counts as
 * memory once.
 */
export class SharedBodies {
  readonly #holders = new Map<Buffer, number>()

  /** How many bodies are held. */
  get size(): number {
    return this.#holders.size
  }

  /** One more holder. @returns the bytes by which memory in use has grown: none when somebody held it already. */
  hold(body: Buffer): number {
    const holders = this.#holders.get(body) ?? 0
    this.#holders.set(body, holders + 1)
    return holders === 0 ? body.length : 0
  }

  /** One holder less. @returns the bytes by which memory in use has shrunk. */
  release(body: Buffer): number {
    const holders = this.#holders.get(body) ?? 0
    if (holders > 1) {
      this.#holders.set(body, holders - 1)
      return 0
    }
    this.#holders.delete(body)
    return holders === 1 ? body.length : 0
  }
}
