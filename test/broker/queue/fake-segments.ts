import { type SegmentBytes, SegmentError, type SegmentRef, type Segments } from '../../../src/store/index.ts'

const BLOCK_BYTES = 65536

/** Segment files in memory, which can be held back, damaged and refused. */
export class FakeSegments implements Segments {
  readonly files = new Map<number, Buffer>()
  /** Ids of files set aside. */
  readonly aside: number[] = []
  /** How many were read, ahead of time and at once. */
  reads = 0
  readsNow = 0
  /** Reads wait until `release`. */
  held = false
  /** What the next reads throw instead. */
  failure: Error | undefined
  readonly #damaged = new Map<number, Set<number>>()
  readonly #waiting: (() => void)[] = []
  #lastId = 0

  get ids(): readonly number[] {
    return [...this.files.keys()]
  }

  get bytes(): number {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** Reads that are under way. */
  get waiting(): number {
    return this.#waiting.length
  }

  release(): void {
    this.held = false
    for (const go of this.#waiting.splice(0)) go()
  }

  /** A block of a file is not what was written. */
  damage(id: number, block: number): void {
    const blocks = this.#damaged.get(id) ?? new Set<number>()
    this.#damaged.set(id, blocks.add(block))
    this.files
      .get(id)
      ?.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES)
      .fill(0xa5)
  }

  async write(payload: Buffer): Promise<SegmentRef> {
    const copy = Buffer.from(payload)
    await Promise.resolve()
    const id = ++this.#lastId
    this.files.set(id, copy)
    return { id, bytes: copy.length }
  }

  async written(): Promise<void> {}

  async sync(): Promise<void> {}

  async read(ref: SegmentRef, into?: Buffer): Promise<SegmentBytes> {
    this.reads++
    if (this.held) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return this.#read(ref, into)
  }

  readSync(ref: SegmentRef, into?: Buffer): SegmentBytes {
    this.readsNow++
    return this.#read(ref, into)
  }

  remove({ id }: SegmentRef): void {
    if (!this.files.delete(id)) throw new Error(`file ${id} is removed twice`)
  }

  async removeOthers(ids: ReadonlySet<number>): Promise<number> {
    const others = this.ids.filter((id) => !ids.has(id))
    for (const id of others) this.files.delete(id)
    return others.length
  }

  async setAside({ id }: SegmentRef): Promise<string> {
    this.files.delete(id)
    this.aside.push(id)
    return `damaged-${id}`
  }

  reserve(): void {}

  async close(): Promise<void> {}

  #read({ id, bytes }: SegmentRef, into: Buffer | undefined): SegmentBytes {
    if (this.failure !== undefined) throw this.failure
    const file = this.files.get(id)
    if (file === undefined) throw new SegmentError('missing', `file ${id} is missing`)
    if (file.length !== bytes) throw new Error(`file ${id} has ${file.length} bytes, not ${bytes}`)
    const payload = into?.subarray(0, bytes) ?? Buffer.alloc(bytes)
    file.copy(payload)
    const damaged = [...(this.#damaged.get(id) ?? [])].sort((a, b) => a - b)
    return {
      payload,
      damaged: damaged.map((block) => ({
        from: block * BLOCK_BYTES,
        end: Math.min((block + 1) * BLOCK_BYTES, bytes),
      })),
    }
  }
}
