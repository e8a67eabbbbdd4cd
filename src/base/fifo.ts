/**
 * First in, first out. What has left stays in the array for a while: shifting one by one would move the rest each time,
 * and half empty is when moving pays.
 */
export class Fifo<T> {
  readonly #items: T[] = []
  #head = 0

  get size(): number {
    return this.#items.length - this.#head
  }

  /** The one that came first; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[this.#head]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Drops the one that came first; only when there is one. */
  shift(): void {
    this.#head++
    if (this.#head * 2 < this.#items.length) return
    this.#items.splice(0, this.#head)
    this.#head = 0
  }

  clear(): void {
    this.#items.length = 0
    this.#head = 0
  }
}
