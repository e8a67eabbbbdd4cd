/**
 * - `locked`: another process uses the data directory;
 * - `newer`: written by a newer version;
 * - `unreadable`: the data directory cannot be read or made;
 * - `failed`: could not be written before the journal was closed;
 * - `fatal`: a sync failed, nothing can be promised any more;
 * - `closed`: asked after `close`, or before `recover`.
 */
export type JournalErrorCode = 'locked' | 'newer' | 'unreadable' | 'failed' | 'fatal' | 'closed'

/** What the store has to say, as one line for whoever runs the broker. */
export class JournalError extends Error {
  readonly code: JournalErrorCode

  constructor(code: JournalErrorCode, text: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause })
    this.name = 'JournalError'
    this.code = code
  }
}
