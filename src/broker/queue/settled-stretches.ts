import { RecordType, SettledRecord, type Settler, SLAB_END, type Storage } from '../storage/index.ts'

/** A stretch of a slab that is settled. */
interface Stretch {
  readonly slabNumber: number
  readonly from: number
  end: number
  count: number
  bodyBytes: number
}

/**
 * What a queue has settled and the journal has not heard of: neighbours are told of together, also when they were
 * settled in another order, as two consumers do between them.
 */
export class SettledStretches {
  readonly #queue: Settler & { readonly uid: number }
  readonly #storage: Storage
  /** The stretch that grows; its count is 0 when there is none. */
  readonly #record = new SettledRecord()
  #others: Stretch[] = []

  constructor(queue: Settler & { readonly uid: number }, storage: Storage) {
    this.#queue = queue
    this.#storage = storage
  }

  /** One record more. @param length of the record, in bytes. */
  add(slabNumber: number, from: number, length: number, bodyBytes: number): void {
    const record = this.#record
    if (record.end === from && record.slabNumber === slabNumber && record.count > 0) {
      record.end += length
      record.count++
      record.bodyBytes += bodyBytes
      return
    }
    this.#open(slabNumber, from, from + length, 1, bodyBytes)
  }

  /** All of a slab that nothing is appended to any more. */
  addSlab(slabNumber: number, count: number): void {
    this.#open(slabNumber, 0, SLAB_END, count, 0)
  }

  /** Tells the journal. */
  append(): void {
    const record = this.#record
    if (record.count === 0) return
    if (this.#others.length > 0) this.#appendMany()
    else this.#storage.journal.append(record, RecordType.SETTLED)
    record.count = 0
  }

  drop(): void {
    this.#record.count = 0
    this.#others = []
  }

  #open(slabNumber: number, from: number, end: number, count: number, bodyBytes: number): void {
    const record = this.#record
    if (record.count > 0) this.#others.push(copyOf(record))
    else this.#storage.settlements.mark(this.#queue)
    record.of(this.#queue.uid, slabNumber, from, end, count, bodyBytes)
  }

  #appendMany(): void {
    const stretches = this.#others
    this.#others = []
    stretches.push(copyOf(this.#record))
    stretches.sort((a, b) => a.slabNumber - b.slabNumber || a.from - b.from)
    let last: Stretch | undefined
    for (const stretch of stretches) {
      if (last?.slabNumber === stretch.slabNumber && last.end === stretch.from) {
        last.end = stretch.end
        last.count += stretch.count
        last.bodyBytes += stretch.bodyBytes
        continue
      }
      if (last !== undefined) this.#appendOne(last)
      last = stretch
    }
    if (last !== undefined) this.#appendOne(last)
  }

  #appendOne({ slabNumber, from, end, count, bodyBytes }: Stretch): void {
    const record = this.#record.of(this.#queue.uid, slabNumber, from, end, count, bodyBytes)
    this.#storage.journal.append(record, RecordType.SETTLED)
  }
}

function copyOf({ slabNumber, from, end, count, bodyBytes }: SettledRecord): Stretch {
  return { slabNumber, from, end, count, bodyBytes }
}
