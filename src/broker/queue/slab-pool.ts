/** Smallest and largest piece of memory a slab takes; a record larger than that gets a piece of its own size. */
export const SLAB_BYTES_MIN = 1024
export const SLAB_BYTES_MAX = 1024 * 1024

/** Free memory a node keeps at most for its queues. */
export const POOL_BYTES_MAX = 16 * 1024 * 1024

/** A piece of memory seen as bytes and as 32-bit words in the machine's own byte order. */
export class SlabMemory {
  readonly bytes: Buffer
  readonly words: Int32Array
  readonly size: number

  /** @param size in bytes, a multiple of 4. */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.words = new Int32Array(this.bytes.buffer, 0, size >> 2)
    this.size = size
  }
}

/** What a slab has before its first record and after its last. */
export const NO_MEMORY = new SlabMemory(0)

/** The smallest standard size that holds the given bytes; beyond the largest, a size of its own. */
export function slabSize(bytes: number): number {
  if (bytes > SLAB_BYTES_MAX) return (bytes + 3) & ~3
  let size = SLAB_BYTES_MIN
  while (size < bytes) size *= 2
  return size
}

/**
 * A bounded free list of slab memory for each standard size. Left to the garbage collector, memory outside its heap
 * piles up: it does not hurry collections (measured by the store's trials: twice the resident memory).
 */
export class SlabPool {
  readonly #free = new Map<number, SlabMemory[]>()
  /** Bytes now kept. */
  bytes = 0

  /** @param size as `slabSize` gives it. */
  take(size: number): SlabMemory {
    const memory = this.#free.get(size)?.pop()
    if (memory === undefined) return new SlabMemory(size)
    this.bytes -= size
    return memory
  }

  /** Nobody may still look at the memory. */
  give(memory: SlabMemory): void {
    const { size } = memory
    if (size === 0 || size !== slabSize(size) || size > SLAB_BYTES_MAX || this.bytes + size > POOL_BYTES_MAX) return
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [memory])
    else free.push(memory)
    this.bytes += size
  }
}
