import { BATCH_HEAD_BYTES, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, type Run, sealBatch, writeRecordHead } from './batch.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { JournalRecord, Position } from './journal.ts'

/** Buffers kept for the next batches: one on its way, one collecting, two for a flood. */
const SPARE_MAX = 4
/** Records that must not be parted; below what one write takes, 2 GiB. */
const GROUP_BYTES_MAX = 1024 * 1024 * 1024

/** Records that are written together, from when nothing is added to them any more. */
export class Batch {
  readonly buffer: Buffer
  readonly length: number
  readonly first: Position
  readonly count: number
  /** Its records are the first of a checkpoint, so it opens a file. */
  readonly begins: Checkpoint | undefined
  /** It has no records: the checkpoint is whole once a new file says so. */
  readonly ends: Checkpoint | undefined

  constructor(
    buffer: Buffer,
    length: number,
    first: Position,
    count: number,
    begins: Checkpoint | undefined,
    ends: Checkpoint | undefined,
  ) {
    this.buffer = buffer
    this.length = length
    this.first = first
    this.count = count
    this.begins = begins
    this.ends = ends
  }

  get last(): Position {
    return this.first + this.count - 1
  }
}

const NOTHING = Buffer.alloc(0)

/**
 * Takes records into the open batch, each written straight to where it leaves from. A batch that is full waits behind
 * those before it while the next collects in another buffer.
 */
export class Collector {
  /** Position of the last record taken. */
  appended: Position
  readonly #batchBytes: number
  #run: Run = { mark: 0, epoch: 0 }
  #open: Buffer
  #used = BATCH_HEAD_BYTES
  #count = 0
  #first: Position
  #begins: Checkpoint | undefined
  #grouping = false
  /** Batches that are full and wait, oldest first. */
  readonly #full: Batch[] = []
  /** Bytes taken and not yet released. */
  #heldBytes = 0
  readonly #spare: Buffer[] = []

  /** @param batchBytes size of a buffer; a record that does not fit into one gets its own. */
  constructor(batchBytes: number) {
    this.#batchBytes = batchBytes
    this.#open = Buffer.allocUnsafeSlow(batchBytes)
    this.appended = 0
    this.#first = 1
  }

  /** Says where the positions begin and what the batches are marked with. */
  start(run: Run, first: Position): void {
    this.#run = run
    this.#first = first
    this.appended = first - 1
  }

  /** Bytes taken and not yet written and synced. */
  get pendingBytes(): number {
    return this.#heldBytes + (this.#count === 0 ? 0 : this.#used)
  }

  get isEmpty(): boolean {
    return this.#count === 0 && this.#full.length === 0
  }

  /** True while a whole batch waits, so that waiting for more records gains nothing. */
  get hasFull(): boolean {
    return this.#full.length > 0
  }

  /** @throws RangeError when the record is larger than {@link RECORD_BYTES_MAX}. */
  append(record: JournalRecord, type: number): Position {
    const length = record.byteLength()
    const bytes = RECORD_HEAD_BYTES + length
    if (this.#used + bytes > this.#open.length) this.#makeRoom(bytes)
    const at = this.#used
    writeRecordHead(this.#open, at, length, type)
    record.write(this.#open, at + RECORD_HEAD_BYTES)
    this.#used = at + bytes
    this.#count++
    return ++this.appended
  }

  /** From here to `endGroup` the batch is not parted. Nothing but `append` may be called in between. */
  beginGroup(): void {
    this.#grouping = true
  }

  endGroup(): void {
    this.#grouping = false
  }

  /** The oldest batch, for writing; undefined when there is nothing. */
  take(): Batch | undefined {
    if (this.#full.length === 0) this.#seal()
    return this.#full.shift()
  }

  /** Gives the memory of a batch back. */
  release(batch: Batch): void {
    this.#heldBytes -= batch.length
    this.#keep(batch.buffer)
  }

  /** Tells those who wait for the end of a checkpoint that it will not come. */
  abandon(error: Error): void {
    for (const batch of this.#full) batch.ends?.settle?.(error)
  }

  /** What is taken from here on is written to a new file. */
  begin(checkpoint: Checkpoint): void {
    this.#seal()
    this.#begins = checkpoint
  }

  /** Puts the end of a checkpoint behind everything taken so far. */
  end(checkpoint: Checkpoint): void {
    this.#seal()
    this.#begins = undefined
    this.#full.push(new Batch(NOTHING, 0, this.#first, 0, undefined, checkpoint))
  }

  #seal(): void {
    if (this.#count === 0) return
    sealBatch(this.#open, this.#used, this.#run, this.#first, this.#count)
    this.#full.push(new Batch(this.#open, this.#used, this.#first, this.#count, this.#begins, undefined))
    this.#heldBytes += this.#used
    this.#open = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#batchBytes)
    this.#begins = undefined
    this.#used = BATCH_HEAD_BYTES
    this.#count = 0
    this.#first = this.appended + 1
  }

  #makeRoom(bytes: number): void {
    if (bytes > RECORD_HEAD_BYTES + RECORD_BYTES_MAX) {
      throw new RangeError(`a record of ${bytes - RECORD_HEAD_BYTES} bytes is larger than ${RECORD_BYTES_MAX}`)
    }
    if (this.#grouping && this.#count > 0) {
      this.#grow(this.#used + bytes)
      return
    }
    this.#seal()
    const bytesMin = BATCH_HEAD_BYTES + bytes
    if (bytesMin > this.#open.length) {
      this.#keep(this.#open)
      // The rest of a group is mostly small: with room for it a large record is not copied once more.
      this.#open = Buffer.allocUnsafeSlow(this.#grouping ? bytesMin + this.#batchBytes : bytesMin)
    }
  }

  /** A group stays in one batch. */
  #grow(bytesMin: number): void {
    if (bytesMin > GROUP_BYTES_MAX) throw new RangeError(`a group of records is larger than ${GROUP_BYTES_MAX} bytes`)
    const wanted = Math.max(bytesMin + this.#batchBytes, 2 * this.#open.length)
    const larger = Buffer.allocUnsafeSlow(Math.min(wanted, GROUP_BYTES_MAX))
    this.#open.copy(larger, 0, 0, this.#used)
    this.#keep(this.#open)
    this.#open = larger
  }

  #keep(buffer: Buffer): void {
    // A buffer of another size belonged to one large record or group.
    if (buffer.length === this.#batchBytes && this.#spare.length < SPARE_MAX) this.#spare.push(buffer)
  }
}
