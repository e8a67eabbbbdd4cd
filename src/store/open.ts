import type { RecordVisitor } from './batch-reader.ts'
import type { FileJournal } from './file-journal.ts'
import type { Inspection, InspectionOptions } from './inspection.ts'
import type { RecoveryReport } from './recovery.ts'
import type { Reserve, ReserveOptions } from './reserve.ts'
import type { FileJournalOptions } from './settings.ts'

// The modules behind these functions are only loaded when one is called: a broker in memory does without.

/**
 * Opens the journal of a data directory.
 * @throws JournalError `locked`, `newer` or `unreadable`.
 */
export async function openFileJournal(options: FileJournalOptions): Promise<FileJournal> {
  const { openJournalFiles } = await import('./file-journal.ts')
  return openJournalFiles(options)
}

/** The reserve of a data directory; nothing is made or looked for yet. */
export async function openReserve(options: ReserveOptions): Promise<Reserve> {
  const { Reserve } = await import('./reserve.ts')
  return Reserve.of(options)
}

/**
 * Opens a data directory to read journal and segments without changing them. It is locked until `close`; where it cannot
 * be, read-only or somebody else's, a warning says so.
 * @throws JournalError `locked` when a process uses it, `unreadable`.
 */
export async function openInspection(options: InspectionOptions): Promise<Inspection> {
  const { inspectDirectory } = await import('./inspection.ts')
  return inspectDirectory(options)
}

/**
 * Walks the records of a data directory without changing it; see {@link openInspection} for more than that.
 * @throws JournalError `locked`, `newer` or `unreadable`; what the visitor throws.
 */
export async function inspectJournal(options: InspectionOptions, visitor: RecordVisitor): Promise<RecoveryReport> {
  const inspection = await openInspection(options)
  try {
    return await inspection.journal(visitor)
  } finally {
    await inspection.close()
  }
}
