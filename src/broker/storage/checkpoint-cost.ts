import type { JournalRecord } from '../../store/index.ts'
import { countsOf, surveySlab } from '../queue/paged-slab.ts'
import type { Slab } from '../queue/slab.ts'
import { storedSlab } from '../queue/slab-file.ts'
import type { SlabHolder } from '../queue/slab-holder.ts'
import { CountsRecord } from './counts-record.ts'
import { SegmentRecord } from './segment-record.ts'

/** A slab that a checkpoint has to do with. */
export interface Part {
  readonly queue: SlabHolder
  readonly slab: Slab
}

/** What is to become of the slabs at a checkpoint. */
export interface Sorted {
  /** They have a file that a power cut does not take: the journal has to say so again. */
  readonly filed: readonly Part[]
  /** Their messages are appended once more. */
  readonly small: readonly Part[]
  /** Theirs as well, for which they are read back: they lie in files that a power cut takes. */
  readonly paged: readonly Part[]
  /** They need a file, or theirs has to be synced. */
  readonly large: readonly Part[]
}

export type Append = (record: JournalRecord, type: number) => void

/** Head of a record, and what a message takes in the journal beyond what it takes in a slab. */
const RECORD_BYTES = 5
const KEPT_BYTES = 64
/** Head, guide and table of a segment file, roughly, and the rest of its last block on the disk. */
const FILE_BYTES = 8192
const FILE_SHARE = 1.02

/** Bytes that a checkpoint would write, roughly and rather too many: what it appends, and what goes to new files. */
export function checkpointCost(
  { filed, small, paged, large }: Sorted,
  writeRest: (append: Append) => void,
): { readonly appended: number; readonly files: number } {
  let appended = 0
  let files = 0
  writeRest((record) => {
    appended += RECORD_BYTES + record.byteLength()
  })
  const record = new SegmentRecord()
  const countsRecord = new CountsRecord()
  for (const { queue, slab } of filed) {
    const survey = slab.paged ?? surveySlab(slab)
    const counts = countsOf(survey)
    appended += RECORD_BYTES + record.of(queue.uid, storedSlab(slab, survey)).byteLength()
    if (counts.length > 0) appended += RECORD_BYTES + countsRecord.of(queue.uid, slab.number, counts).byteLength()
  }
  for (const { slab } of [...small, ...paged]) appended += slab.journalledBytes + slab.journalled * KEPT_BYTES
  for (const { slab } of large) {
    appended += KEPT_BYTES
    if (slab.segment === undefined) files += slab.liveBytes * FILE_SHARE + FILE_BYTES
  }
  return { appended, files }
}
