import type { Logger } from '../base/index.ts'
import type { FileLayer } from './files.ts'

/** A segment file: bytes on the disk that a journal record vouches for. */
export interface SegmentRef {
  /** Never given twice in a data directory, as long as the owner says what it knows: see {@link Segments.reserve}. */
  readonly id: number
  /** Length of the payload. */
  readonly bytes: number
}

/** Some bytes of a payload. */
export interface ByteRange {
  readonly from: number
  /** One behind the last byte. */
  readonly end: number
}

/** Bytes of a payload that are not what was written. */
export type DamagedRange = ByteRange

export interface SegmentBytes {
  /** All of the payload; what lies in a damaged range is of no use. */
  readonly payload: Buffer
  /** Ascending, without overlap; a block of 64 KiB each, or neighbours together. */
  readonly damaged: readonly DamagedRange[]
}

/** Reads segment files. */
export interface SegmentReader {
  /** Ids of the files there are, ascending. */
  readonly ids: readonly number[]
  /** Of all files, with their heads. */
  readonly bytes: number
  /**
   * Blocks whose checksum is wrong are listed, not hidden.
   * @param into where the payload goes, if it is long enough; a new buffer otherwise.
   * @param wanted what is to be read, ascending: the rest of the payload is of no use. Default: all of it.
   * @throws SegmentError; any other error says nothing about the file: too many are open, say, or the disk is away. Where
   * it refuses a block for half a minute, that counts as damage.
   */
  read(ref: SegmentRef, into?: Buffer, wanted?: readonly ByteRange[]): Promise<SegmentBytes>
  /** As `read`, while everything else waits. */
  readSync(ref: SegmentRef, into?: Buffer, wanted?: readonly ByteRange[]): SegmentBytes
  /** Resolves when nothing is under way any more. */
  close(): Promise<void>
}

/**
 * The segment files of a data directory. The journal is the only truth: a file counts only while a journal record names
 * it, and a record may name it only when it is synced.
 */
export interface Segments extends SegmentReader {
  /**
   * A new file with this payload: written, not synced. The payload must not change until this has resolved.
   * @throws the error of the file system, `ENOSPC` say; nothing of the file is left then. SyncError after a failed sync.
   */
  write(payload: Buffer): Promise<SegmentRef>
  /** Resolves when no file is being written. */
  written(): Promise<void>
  /**
   * Contents and names are durable when this resolves. Files synced before cost nothing; those given to `remove`
   * meanwhile are left out.
   * @throws SyncError when a sync failed: as fatal as for the journal, nothing is written or synced after it.
   * SegmentError `missing`. Any other error, too many open files say, has synced nothing and may be tried again.
   */
  sync(refs: readonly SegmentRef[]): Promise<void>
  /** Removes a file in the background, after the reads under way; a failure is a warning. */
  remove(ref: SegmentRef): void
  /**
   * Removes what was there at the start and nobody knows.
   * @param ids those that are known.
   * @returns how many.
   */
  removeOthers(ids: ReadonlySet<number>): Promise<number>
  /**
   * Keeps a damaged file under `damaged-…` for whoever wants to look: it is never read and never removed. It is durable.
   * @returns its path.
   */
  setAside(ref: SegmentRef): Promise<string>
  /**
   * Ids up to this one are not given any more. The owner calls it with the highest that the journal names, before the
   * first `write`: the file may be gone, and the record that names it not.
   */
  reserve(id: number): void
}

export interface SegmentsOptions {
  /** The data directory, which its journal has made and locked. */
  readonly directory: string
  /** What the store works on; default the files of this machine. */
  readonly files?: FileLayer
  readonly log?: Logger
  /** Milliseconds that only grow; default `performance.now`. */
  readonly now?: () => number
}

/**
 * Opens the segment files of a data directory. The next id lies above all that are there.
 * @throws JournalError `unreadable`; SegmentError `newer` or `byte-order`, as the latest file says.
 */
export async function openSegments(options: SegmentsOptions): Promise<Segments> {
  const { openSegmentFiles } = await import('./segment-files.ts')
  return openSegmentFiles(options)
}
