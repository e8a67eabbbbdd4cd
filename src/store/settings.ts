import type { Logger } from '../base/index.ts'
import type { FileLayer } from './files.ts'
import type { Processes } from './processes.ts'

/**
 * When a record counts as completed: `always` once it is synced, `interval` and `off` once it is written, which a killed
 * process survives but a power cut does not. `interval` syncs every so often, `off` leaves it to the system.
 */
export type SyncMode = 'always' | 'interval' | 'off'

export interface FileJournalOptions {
  /** The data directory; made if its parent is there. */
  readonly directory: string
  /** Default `always`. */
  readonly sync?: SyncMode
  /** Between two syncs of mode `interval`, in ms; default 100. */
  readonly syncIntervalMs?: number
  /** A file that would grow beyond this is followed by another; default 64 MiB. A larger batch has a file of its own. */
  readonly fileBytesMax?: number
  /** Size of a batch's buffer; default 1 MiB. */
  readonly batchBytes?: number
  /** Size of the batches of what is appended in parts; default 4 KiB. */
  readonly partBytes?: number
  /** Pause before a refused write is tried again, in ms; default 500. */
  readonly retryMs?: number
  readonly log?: Logger
  /**
   * Asked when a write was refused for want of room, also while the journal is opened and recovered.
   * @returns true when there may be room now, so that it is tried again at once. Must not reject.
   */
  readonly makeRoom?: () => Promise<boolean>
  /** A write was refused: nothing completes until `onRestored`. Called once for each such time. */
  readonly onFailed?: (error: Error) => void
  /** The refused write went through. */
  readonly onRestored?: () => void
  /** A sync failed: nothing completes any more, the process has to end. Called once. */
  readonly onFatal?: (error: Error) => void
  /** What the store works on; default the files of this machine. */
  readonly files?: FileLayer
  /** Milliseconds that only grow; default `performance.now`. */
  readonly now?: () => number
  /** Who may hold the lock; default the processes of this machine. */
  readonly processes?: Processes
}
