import type { FileJournal } from './file-journal.ts'
import type { FileJournalOptions } from './settings.ts'

/**
 * Opens the journal of a data directory. Its twenty modules are only loaded now: a broker in memory does without.
 * @throws JournalError `locked`, `newer` or `unreadable`.
 */
export async function openFileJournal(options: FileJournalOptions): Promise<FileJournal> {
  const { openJournalFiles } = await import('./file-journal.ts')
  return openJournalFiles(options)
}
