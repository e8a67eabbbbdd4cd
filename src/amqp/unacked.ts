import type { Queue } from '../broker/index.ts'
import type { AmqpConsumer } from './consumer.ts'

const FIRST_CAPACITY = 16

/** A ring larger than this is given up when it becomes empty: one busy stretch should not cost a channel its memory. */
const KEPT_CAPACITY = 4096

/**
 * The deliveries of one channel that wait for their settlement, in the order of their tags: rings of numbers and
 * references instead of an object a delivery (measured: an object in a Map by tag costs more than routing it).
 * Entries settled out of order leave holes, which are squeezed out before the ring grows, so its size is bounded by
 * twice what is outstanding.
 */
export class Unacked {
  /** Deliveries that wait. */
  count = 0
  #tags = new Float64Array(0)
  #places = new Float64Array(0)
  #queues: (Queue | undefined)[] = []
  #consumers: (AmqpConsumer | undefined)[] = []
  #mask = -1
  /** First and one past the last entry, as ever-growing numbers; the slot is `& mask`. */
  #head = 0
  #tail = 0

  /** Entries there is room for. */
  get capacity(): number {
    return this.#mask + 1
  }

  /** @param tag larger than every tag before it. */
  push(tag: number, queue: Queue, place: number, consumer: AmqpConsumer | undefined): void {
    if (this.#tail - this.#head > this.#mask) this.#makeRoom()
    const slot = this.#tail++ & this.#mask
    this.#tags[slot] = tag
    this.#places[slot] = place
    this.#queues[slot] = queue
    this.#consumers[slot] = consumer
    this.count++
  }

  /** @returns the slot of a delivery that waits, -1 for an unknown or settled tag. */
  find(tag: number): number {
    const head = this.#head
    const tail = this.#tail
    if (head === tail) return -1
    const mask = this.#mask
    const first = this.#tags[head & mask] as number
    if (tag < first) return -1
    // Without holes, the tag is as far from the head as it is larger; with holes it lies before that.
    const guess = head + (tag - first)
    if (guess < tail && this.#tags[guess & mask] === tag) return this.#outstanding(guess & mask)
    let low = head
    let high = Math.min(guess, tail) - 1
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const found = this.#tags[middle & mask] as number
      if (found === tag) return this.#outstanding(middle & mask)
      if (found < tag) low = middle + 1
      else high = middle - 1
    }
    return -1
  }

  /** @returns the slot of the oldest delivery that waits, -1 when none does. */
  oldest(): number {
    return this.count === 0 ? -1 : this.#head & this.#mask
  }

  tagAt(slot: number): number {
    return this.#tags[slot] as number
  }

  placeAt(slot: number): number {
    return this.#places[slot] as number
  }

  queueAt(slot: number): Queue {
    return this.#queues[slot] as Queue
  }

  consumerAt(slot: number): AmqpConsumer | undefined {
    return this.#consumers[slot]
  }

  remove(slot: number): void {
    this.#queues[slot] = undefined
    this.#consumers[slot] = undefined
    this.count--
    if (this.count === 0) {
      this.#head = this.#tail
      if (this.#mask >= KEPT_CAPACITY) this.#giveUp()
      return
    }
    while (this.#queues[this.#head & this.#mask] === undefined) this.#head++
  }

  /** Puts settled deliveries back among those that wait, each at its place by tag. */
  restore(
    entries: readonly { deliveryTag: number; queue: Queue; place: number; consumer: AmqpConsumer | undefined }[],
  ): void {
    if (entries.length === 0) return
    const all = [...entries]
    for (let slot = this.oldest(); slot >= 0; slot = this.oldest()) {
      const deliveryTag = this.tagAt(slot)
      all.push({ deliveryTag, queue: this.queueAt(slot), place: this.placeAt(slot), consumer: this.consumerAt(slot) })
      this.remove(slot)
    }
    all.sort((a, b) => a.deliveryTag - b.deliveryTag)
    for (const { deliveryTag, queue, place, consumer } of all) this.push(deliveryTag, queue, place, consumer)
  }

  #outstanding(slot: number): number {
    return this.#queues[slot] === undefined ? -1 : slot
  }

  #giveUp(): void {
    this.#tags = new Float64Array(0)
    this.#places = new Float64Array(0)
    this.#queues = []
    this.#consumers = []
    this.#mask = -1
  }

  /** Squeezes out the holes; doubles when that would free less than half. */
  #makeRoom(): void {
    const oldMask = this.#mask
    const capacity = oldMask < 0 ? FIRST_CAPACITY : this.count * 2 > oldMask + 1 ? (oldMask + 1) * 2 : oldMask + 1
    const tags = new Float64Array(capacity)
    const places = new Float64Array(capacity)
    const queues = new Array<Queue | undefined>(capacity).fill(undefined)
    const consumers = new Array<AmqpConsumer | undefined>(capacity).fill(undefined)
    let to = 0
    for (let index = this.#head; index < this.#tail; index++) {
      const from = index & oldMask
      if (this.#queues[from] === undefined) continue
      tags[to] = this.#tags[from] as number
      places[to] = this.#places[from] as number
      queues[to] = this.#queues[from]
      consumers[to] = this.#consumers[from]
      to++
    }
    this.#tags = tags
    this.#places = places
    this.#queues = queues
    this.#consumers = consumers
    this.#mask = capacity - 1
    this.#head = 0
    this.#tail = to
  }
}
