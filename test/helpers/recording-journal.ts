import { type JournalRecord, MemoryJournal, type Position } from '../../src/store/index.ts'

/** One record as it was appended. */
export interface Recorded {
  readonly type: number
  readonly bytes: Buffer
  /** The same for all records of one group; 0 outside of groups. */
  readonly group: number
}

/** Keeps what was appended, so that a test can read it back; refuses what a journal in files would not take. */
export class RecordingJournal extends MemoryJournal {
  records: Recorded[] = []
  #groups = 0
  #grouping = false

  override append(record: JournalRecord, type = 0): Position {
    const length = record.byteLength()
    const bytes = Buffer.alloc(length + 2, 0xee)
    record.write(bytes, 1)
    if (bytes[0] !== 0xee || bytes.at(-1) !== 0xee) throw new Error('a record writes outside its length')
    this.records.push({ type, bytes: bytes.subarray(1, -1), group: this.#grouping ? this.#groups : 0 })
    return super.append(record)
  }

  override beginGroup(): void {
    if (this.#grouping) throw new Error('a group is open already')
    this.#grouping = true
    this.#groups++
  }

  override endGroup(): void {
    if (!this.#grouping) throw new Error('no group is open')
    this.#grouping = false
  }

  override commit(): void {
    if (this.#grouping) throw new Error('a group is still open')
  }

  /** Everywhere a crash may cut: how many records are left. Groups stay whole. */
  cuts(): number[] {
    const cuts: number[] = []
    for (let count = 0; count <= this.records.length; count++) {
      const before = this.records[count - 1]?.group ?? 0
      if (before === 0 || before !== this.records[count]?.group) cuts.push(count)
    }
    return cuts
  }
}
