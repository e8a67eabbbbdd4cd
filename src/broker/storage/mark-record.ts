import type { JournalRecord } from '../../store/index.ts'

/** A record that says all by its type. */
export class MarkRecord implements JournalRecord {
  byteLength(): number {
    return 0
  }

  write(): void {}
}
