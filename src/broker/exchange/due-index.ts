const CAPACITY_MIN = 64
const ENTRY_BYTES = 8 + 8 + 1

/**
 * Places in the order in which their messages are due: a binary heap of numbers, 17 bytes a message. Of two that are
 * due at the same time the one of the higher level comes first, and then the smaller place.
 */
export class DueIndex {
  size = 0
  #ats = new Float64Array(0)
  #places = new Float64Array(0)
  #levels = new Uint8Array(0)

  /** What it takes in memory. */
  get bytes(): number {
    return this.#ats.length * ENTRY_BYTES
  }

  /** When the first is due, in ms since the epoch; never when there is none. */
  get firstAt(): number {
    return this.size === 0 ? Number.POSITIVE_INFINITY : (this.#ats[0] as number)
  }

  /** Only when there is one. */
  get firstPlace(): number {
    return this.#places[0] as number
  }

  add(at: number, level: number, place: number): void {
    if (this.size === this.#ats.length) this.#resize(Math.max(CAPACITY_MIN, this.size * 2))
    let index = this.size++
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!this.#isBefore(at, level, place, parent)) break
      this.#move(parent, index)
      index = parent
    }
    this.#set(index, at, level, place)
  }

  removeFirst(): void {
    this.#dropFirst()
    const { size } = this
    if (size * 4 < this.#ats.length && this.#ats.length > CAPACITY_MIN) this.#resize(this.#ats.length / 2)
  }

  /** The first places in their order: at most so many, and none that is due later. */
  first(limit: number, until: number): number[] {
    const taken: number[] = []
    const found: number[] = []
    while (found.length < limit && this.firstAt <= until) {
      taken.push(this.firstAt, this.#levels[0] as number, this.firstPlace)
      found.push(this.firstPlace)
      this.#dropFirst()
    }
    for (let index = 0; index < taken.length; index += 3) {
      this.add(taken[index] as number, taken[index + 1] as number, taken[index + 2] as number)
    }
    return found
  }

  clear(): void {
    this.size = 0
    this.#resize(0)
  }

  /** The last takes the place of the first, and goes from there to where it belongs. */
  #dropFirst(): void {
    const size = --this.size
    if (size > 0) this.#sink(this.#ats[size] as number, this.#levels[size] as number, this.#places[size] as number)
  }

  /** Puts an entry where the first was. */
  #sink(at: number, level: number, place: number): void {
    const { size } = this
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && this.#isFirstOf(child + 1, child)) child++
      if (this.#isBefore(at, level, place, child)) break
      this.#move(child, index)
      index = child
    }
    this.#set(index, at, level, place)
  }

  #isFirstOf(a: number, b: number): boolean {
    return this.#isBefore(this.#ats[a] as number, this.#levels[a] as number, this.#places[a] as number, b)
  }

  #isBefore(at: number, level: number, place: number, index: number): boolean {
    const other = this.#ats[index] as number
    if (at !== other) return at < other
    const otherLevel = this.#levels[index] as number
    return level === otherLevel ? place < (this.#places[index] as number) : level > otherLevel
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#ats[from] as number, this.#levels[from] as number, this.#places[from] as number)
  }

  #set(index: number, at: number, level: number, place: number): void {
    this.#ats[index] = at
    this.#levels[index] = level
    this.#places[index] = place
  }

  #resize(capacity: number): void {
    const { size } = this
    const ats = new Float64Array(capacity)
    const places = new Float64Array(capacity)
    const levels = new Uint8Array(capacity)
    ats.set(this.#ats.subarray(0, size))
    places.set(this.#places.subarray(0, size))
    levels.set(this.#levels.subarray(0, size))
    this.#ats = ats
    this.#places = places
    this.#levels = levels
  }
}
