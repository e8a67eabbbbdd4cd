import { CountsRecord, RecordType, type Settler, type Storage } from '../storage/index.ts'

/** The journal is told of so many returns in one go, and in one record. */
const RETURNS_MAX = 8192

/** What has come back into a quorum queue, how often by now, and the journal has not heard of. */
export class Returns {
  readonly #queue: Settler & { readonly uid: number }
  readonly #storage: Storage
  readonly #record = new CountsRecord()
  /** Offset and count, by the number of the slab. */
  readonly #open = new Map<number, number[]>()
  #size = 0

  constructor(queue: Settler & { readonly uid: number }, storage: Storage) {
    this.#queue = queue
    this.#storage = storage
  }

  /** A message that the journal knows has come back. @param count how often by now */
  add(slabNumber: number, offset: number, count: number): void {
    if (this.#size === 0) this.#storage.settlements.mark(this.#queue)
    else if (this.#size === RETURNS_MAX) this.append()
    const counts = this.#open.get(slabNumber)
    if (counts === undefined) this.#open.set(slabNumber, [offset, count])
    else counts.push(offset, count)
    this.#size++
  }

  /** Tells the journal. */
  append(): void {
    if (this.#size === 0) return
    const { journal } = this.#storage
    for (const [slabNumber, counts] of this.#open) {
      journal.append(this.#record.of(this.#queue.uid, slabNumber, counts), RecordType.COUNTS)
    }
    this.drop()
  }

  drop(): void {
    this.#open.clear()
    this.#size = 0
  }
}
