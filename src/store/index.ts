export type { RecordVisitor } from './batch-reader.ts'
export type { Checkpoint } from './checkpoint.ts'
export type { Damage } from './damage.ts'
export { JournalError, type JournalErrorCode, SegmentError, type SegmentErrorCode, SyncError } from './errors.ts'
export type { FileJournal } from './file-journal.ts'
export { type FileLayer, type FileStatus, type FileSystemSpace, type OpenMode, systemFiles } from './files.ts'
export type { Inspection, InspectionOptions } from './inspection.ts'
export { type Journal, type JournalRecord, type JournalWaiter, MemoryJournal, type Position } from './journal.ts'
export { inspectJournal, openFileJournal, openInspection, openReserve } from './open.ts'
export type { Processes, ProcessIdentity } from './processes.ts'
export type { RecoveryReport } from './recovery.ts'
export type { Reserve, ReserveOptions } from './reserve.ts'
export {
  type ByteRange,
  type DamagedRange,
  openSegments,
  type SegmentBytes,
  type SegmentReader,
  type SegmentRef,
  type Segments,
  type SegmentsOptions,
} from './segments.ts'
export type { FileJournalOptions, SyncMode } from './settings.ts'
