/**
 * Places that came back, smallest first: a binary heap of plain numbers. A heap and not a sorted array, because one
 * message put back among a hundred thousand others must not move them all.
 */
export class Places {
  #heap: number[] = []

  get size(): number {
    return this.#heap.length
  }

  /** The smallest; only when there is one. */
  get first(): number {
    return this.#heap[0] as number
  }

  add(place: number): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(place)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as number
      if (parent <= place) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = place
  }

  removeFirst(): void {
    const heap = this.#heap
    const place = heap.pop() as number
    const size = heap.length
    if (size === 0) return
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= size) break
      if (childIndex + 1 < size && (heap[childIndex + 1] as number) < (heap[childIndex] as number)) childIndex++
      const child = heap[childIndex] as number
      if (place <= child) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = place
  }

  /** Removes those of the given places that are here. @returns them. */
  removeAll(places: ReadonlySet<number>): number[] {
    const removed = this.#heap.filter((place) => places.has(place))
    // What is sorted is a heap.
    if (removed.length > 0) this.#heap = this.sorted().filter((place) => !places.has(place))
    return removed
  }

  clear(): void {
    this.#heap = []
  }

  /** All places in order. */
  sorted(): number[] {
    return this.#heap.toSorted((a, b) => a - b)
  }
}
