import { BATCH_HEAD_BYTES, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, type Run, sealBatch, writeRecordHead } from './batch.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { JournalRecord, Position } from './journal.ts'

/** Buffers kept for the next batches: one on its way, one collecting, two for a flood. */
const SPARE_MAX = 4
/** Records that must not be parted; below what one write takes, 2 GiB. */
const GROUP_BYTES_MAX = 1024 * 1024 * 1024

/** Records that are written together, in one batch or several, from when nothing is added to them any more. */
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
  /** No record may reach beyond, without a look at what to do. */
  #limit: number
  /** Where the open batch begins, behind others that leave with it. */
  #from = 0
  /** Records of the open batch. */
  #count = 0
  #first: Position
  /** Records of the batches before it in the buffer, and the position of the first in the buffer. */
  #countBefore = 0
  #firstInBuffer: Position
  /** From this size on a batch gets no more records; 0 for as many as there is room for. */
  #partBytes = 0
  #begins: Checkpoint | undefined
  #grouping = false
  /** Where the group begins, and how many records of the open batch come before it. */
  #groupFrom = 0
  #countBeforeGroup = 0
  /** Batches that are full and wait, oldest first. */
  readonly #full: Batch[] = []
  /** Bytes taken and not yet released. */
  #heldBytes = 0
  readonly #spare: Buffer[] = []

  /** @param batchBytes size of a buffer; a record that does not fit into one gets its own. */
  constructor(batchBytes: number) {
    this.#batchBytes = batchBytes
    this.#open = Buffer.allocUnsafeSlow(batchBytes)
    this.#limit = batchBytes
    this.appended = 0
    this.#first = 1
    this.#firstInBuffer = 1
  }

  /** Says where the positions begin and what the batches are marked with. */
  start(run: Run, first: Position): void {
    this.#run = run
    this.#first = first
    this.#firstInBuffer = first
    this.appended = first - 1
  }

  /** Bytes taken and not yet written and synced. */
  get pendingBytes(): number {
    return this.#heldBytes + (this.#hasOpen ? this.#used : 0)
  }

  get isEmpty(): boolean {
    return !this.#hasOpen && this.#full.length === 0
  }

  get #hasOpen(): boolean {
    return this.#count > 0 || this.#countBefore > 0
  }

  /** True while a whole batch waits, so that waiting for more records gains nothing. */
  get hasFull(): boolean {
    return this.#full.length > 0
  }

  /** @throws RangeError when the record is larger than {@link RECORD_BYTES_MAX}. */
  append(record: JournalRecord, type: number): Position {
    const length = record.byteLength()
    const bytes = RECORD_HEAD_BYTES + length
    if (this.#used + bytes > this.#limit) this.#makeRoom(bytes)
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
    this.#groupFrom = this.#used
    this.#countBeforeGroup = this.#count
  }

  endGroup(): void {
    this.#grouping = false
    this.#setLimit()
  }

  /**
   * What is appended meanwhile is in batches of so many bytes, unless a record or a group is larger: damage to one takes not
   * the others. They leave in one write nevertheless.
   */
  inParts(bytes: number, act: () => void): void {
    this.#partBytes = bytes
    this.#setLimit()
    try {
      act()
    } finally {
      this.#partBytes = 0
      this.#setLimit()
    }
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

  #setLimit(): void {
    const { length } = this.#open
    this.#limit = this.#partBytes === 0 ? length : Math.min(length, this.#from + this.#partBytes)
  }

  /** Ends the open batch. */
  #sealOpen(): void {
    if (this.#count > 0) sealBatch(this.#open, this.#from, this.#used, this.#run, this.#first, this.#count)
    else this.#used = this.#from
  }

  /** Ends the open batch and begins another behind it. */
  #part(): void {
    this.#sealOpen()
    this.#countBefore += this.#count
    this.#from = this.#used
    this.#used += BATCH_HEAD_BYTES
    this.#count = 0
    this.#first = this.appended + 1
    this.#setLimit()
  }

  /** What is there leaves as one write. */
  #seal(): void {
    if (!this.#hasOpen) return
    this.#sealOpen()
    const count = this.#countBefore + this.#count
    this.#full.push(new Batch(this.#open, this.#used, this.#firstInBuffer, count, this.#begins, undefined))
    this.#heldBytes += this.#used
    this.#begins = undefined
    this.#open = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#batchBytes)
    this.#from = 0
    this.#used = BATCH_HEAD_BYTES
    this.#count = 0
    this.#countBefore = 0
    this.#first = this.appended + 1
    this.#firstInBuffer = this.#first
    this.#setLimit()
  }

  #makeRoom(bytes: number): void {
    if (bytes > RECORD_HEAD_BYTES + RECORD_BYTES_MAX) {
      throw new RangeError(`a record of ${bytes - RECORD_HEAD_BYTES} bytes is larger than ${RECORD_BYTES_MAX}`)
    }
    const isInGroup = this.#grouping && this.#count > this.#countBeforeGroup
    if (this.#used + bytes <= this.#open.length && (isInGroup || this.#count === 0)) {
      this.#limit = isInGroup ? this.#open.length : this.#used + bytes
      return
    }
    if (isInGroup) this.#growGroup(bytes)
    else if (this.#used + BATCH_HEAD_BYTES + bytes <= this.#open.length) this.#part()
    else {
      this.#seal()
      // The rest of a group is mostly small: with room for it a large record is not copied once more.
      this.#enlarge(bytes, this.#grouping ? this.#batchBytes : 0)
    }
    if (!isInGroup) {
      this.#groupFrom = this.#used
      this.#countBeforeGroup = this.#count
    }
    this.#limit = Math.max(this.#limit, this.#used + bytes)
  }

  /** A group stays in one batch: it moves to a buffer of its own, what comes before it stays where it is. */
  #growGroup(bytes: number): void {
    const { length } = this.#open
    const group = this.#open.subarray(this.#groupFrom, this.#used)
    const bytesMin = BATCH_HEAD_BYTES + group.length + bytes
    if (bytesMin > GROUP_BYTES_MAX) throw new RangeError(`a group of records is larger than ${GROUP_BYTES_MAX} bytes`)
    const count = this.#count - this.#countBeforeGroup
    const isAlone = this.#countBeforeGroup === 0 && this.#countBefore === 0
    if (isAlone) {
      this.#keep(this.#open)
      this.#open = Buffer.allocUnsafeSlow(Math.min(Math.max(bytesMin + this.#batchBytes, 2 * length), GROUP_BYTES_MAX))
    } else {
      this.appended -= count
      this.#count = this.#countBeforeGroup
      this.#used = this.#groupFrom
      this.#seal()
      this.appended += count
      this.#enlarge(group.length + bytes, Math.min(this.#batchBytes, GROUP_BYTES_MAX - bytesMin))
    }
    group.copy(this.#open, BATCH_HEAD_BYTES)
    this.#used = BATCH_HEAD_BYTES + group.length
    this.#count = count
    this.#groupFrom = BATCH_HEAD_BYTES
    this.#countBeforeGroup = 0
    this.#limit = this.#open.length
  }

  /** Sees to it that so many bytes of records fit into the empty buffer. @param more room for what is likely to follow. */
  #enlarge(bytes: number, more: number): void {
    if (BATCH_HEAD_BYTES + bytes <= this.#open.length) return
    this.#keep(this.#open)
    this.#open = Buffer.allocUnsafeSlow(BATCH_HEAD_BYTES + bytes + more)
    this.#limit = this.#open.length
  }

  #keep(buffer: Buffer): void {
    // A buffer of another size belonged to one large record or group.
    if (buffer.length === this.#batchBytes && this.#spare.length < SPARE_MAX) this.#spare.push(buffer)
  }
}
