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

/**
 * - `missing`: there is no such file;
 * - `damaged`: its head is not whole, or is that of another segment;
 * - `newer`: written by a newer version;
 * - `byte-order`: written by a machine that stores numbers the other way round;
 * - `closed`: asked after `close`.
 */
export type SegmentErrorCode = 'missing' | 'damaged' | 'newer' | 'byte-order' | 'closed'

/** Why a segment file gives nothing back, as one line for whoever runs the broker. */
export class SegmentError extends Error {
  readonly code: SegmentErrorCode

  constructor(code: SegmentErrorCode, text: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause })
    this.name = 'SegmentError'
    this.code = code
  }
}

/** A sync that failed: the kernel may have dropped the pages, so that trying again would say yes and mean no. */
export class SyncError extends Error {
  constructor(path: string, cause: Error) {
    super(`cannot sync ${path}: ${cause.message}`, { cause })
    this.name = 'SyncError'
  }
}
