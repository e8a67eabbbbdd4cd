import { join } from 'node:path'
import { type Logger, silentLogger } from '../base/index.ts'
import { JournalError, SegmentError } from './errors.ts'
import { type FileLayer, isMissing, makeDirectory, readFully, systemFiles } from './files.ts'
import { ReadPatience } from './read-patience.ts'
import { SegmentFile, writeSegment } from './segment-file.ts'
import {
  checkSegmentHead,
  damagedName,
  parseSegmentName,
  payloadAt,
  SEGMENT_HEAD_BYTES,
  segmentName,
} from './segment-head.ts'
import { isUnreadable, readSegment, readSegmentSync } from './segment-read.ts'
import { SegmentSyncs } from './segment-syncs.ts'
import type { ByteRange, SegmentBytes, SegmentReader, SegmentRef, Segments, SegmentsOptions } from './segments.ts'
import { Slots } from './slots.ts'

/** Below the data directory. */
const DIRECTORY = 'segments'
/** Of each kind at a time, so that the pool's four threads are not all taken when the journal wants one for a moment. */
const READS = 2
const WRITES = 1
const REMOVALS = 1
/** Files whose length is asked for at a time. */
const STATS = 32
/** Heads looked at, latest first, to find a whole one: a crash leaves files without. */
const HEADS = 8

/** What lies in a directory of segments. */
interface Found {
  readonly files: ReadonlyMap<number, SegmentFile>
  /** Highest id that any name has. */
  readonly highest: number
}

/** Opens the segment files of a data directory; see `openSegments`. */
export async function openSegmentFiles(options: SegmentsOptions): Promise<Segments> {
  const { directory, files = systemFiles, log = silentLogger, now = () => performance.now() } = options
  const path = join(directory, DIRECTORY)
  try {
    await makeDirectory(files, path)
    const found = await scan(files, path)
    await checkLatest(files, found)
    return new SegmentFiles(files, path, log, found, new ReadPatience(now))
  } catch (error) {
    if (error instanceof SegmentError) throw error
    throw new JournalError('unreadable', `cannot open the segments: ${(error as Error).message}`, error)
  }
}

/** Opens the segment files of a data directory for reading; where there are none, none are found. */
export async function openSegmentReader(files: FileLayer, directory: string): Promise<SegmentReader> {
  const path = join(directory, DIRECTORY)
  const none: Found = { files: new Map(), highest: 0 }
  const found = await scan(files, path).catch((error) => {
    if (isMissing(error)) return none
    throw error
  })
  return new SegmentFileReader(files, path, found)
}

async function scan(files: FileLayer, directory: string): Promise<Found> {
  const found: { readonly id: number; readonly path: string }[] = []
  let highest = 0
  for (const name of await files.readdir(directory)) {
    const parsed = parseSegmentName(name)
    if (parsed === undefined) continue
    highest = Math.max(highest, parsed.id)
    if (!parsed.isDamaged) found.push({ id: parsed.id, path: join(directory, name) })
  }
  found.sort((a, b) => a.id - b.id)
  const segments = new Map<number, SegmentFile>()
  for (let from = 0; from < found.length; from += STATS) {
    const some = found.slice(from, from + STATS)
    const lengths = await Promise.all(some.map(async ({ path }) => (await files.stat(path)).bytes))
    for (const [index, { id, path }] of some.entries()) {
      segments.set(id, new SegmentFile(id, path, lengths[index] as number, true))
    }
  }
  return { files: segments, highest }
}

/** @throws SegmentError when this program cannot read what is here. */
async function checkLatest(files: FileLayer, found: Found): Promise<void> {
  for (const { id, path } of [...found.files.values()].slice(-HEADS).reverse()) {
    const head = Buffer.alloc(SEGMENT_HEAD_BYTES)
    const descriptor = await files.open(path, 'r')
    try {
      checkSegmentHead(head.subarray(0, await readFully(files, descriptor, head, 0)), path, id)
      return
    } catch (error) {
      // A head that cannot be read is told of when somebody wants the segment.
      if (error instanceof SegmentError && error.code !== 'damaged') throw error
    } finally {
      await files.close(descriptor)
    }
  }
}

/** Reads the segment files of a directory. */
class SegmentFileReader implements SegmentReader {
  /** Of all files there are. */
  bytes = 0
  protected readonly files: FileLayer
  protected readonly directory: string
  protected readonly segments: Map<number, SegmentFile>
  protected isClosed = false
  /** Undefined for who reads once and tells what there is. */
  protected readonly patience: ReadPatience | undefined
  readonly #reads = new Slots(READS)

  constructor(files: FileLayer, directory: string, found: Found, patience?: ReadPatience) {
    this.patience = patience
    this.files = files
    this.directory = directory
    this.segments = new Map(found.files)
    for (const file of this.segments.values()) this.bytes += file.bytes
  }

  get ids(): readonly number[] {
    return [...this.segments.keys()].sort((a, b) => a - b)
  }

  async read(ref: SegmentRef, into?: Buffer, wanted?: readonly ByteRange[]): Promise<SegmentBytes> {
    this.checkOpen()
    const { id } = ref
    const read = () =>
      this.#reads.run(() => readSegment(this.files, this.pathOf(id), ref, into, wanted, this.#isFinal(id)))
    const file = this.segments.get(id)
    try {
      const bytes = await (file === undefined ? read() : file.whileRead(read))
      if (bytes.damaged.length === 0) this.patience?.forget(id)
      return bytes
    } catch (error) {
      this.#note(id, error)
      throw error
    }
  }

  readSync(ref: SegmentRef, into?: Buffer, wanted?: readonly ByteRange[]): SegmentBytes {
    this.checkOpen()
    const { id } = ref
    try {
      const bytes = readSegmentSync(this.files, this.pathOf(id), ref, into, wanted, this.#isFinal(id))
      if (bytes.damaged.length === 0) this.patience?.forget(id)
      return bytes
    } catch (error) {
      this.#note(id, error)
      throw error
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
    await this.#reads.idle()
  }

  protected pathOf(id: number): string {
    return join(this.directory, segmentName(id))
  }

  #isFinal(id: number): boolean {
    return this.patience?.isOver(id) ?? true
  }

  #note(id: number, error: unknown): void {
    if (isUnreadable(error)) this.patience?.refused(id)
  }

  protected checkOpen(): void {
    if (this.isClosed) throw new SegmentError('closed', 'the segments are closed')
  }
}

/** The segment files of a directory; see docs/storage.md. */
class SegmentFiles extends SegmentFileReader implements Segments {
  readonly #log: Logger
  readonly #syncs: SegmentSyncs
  readonly #writes = new Slots(WRITES)
  readonly #removals = new Slots(REMOVALS)
  #lastId: number

  constructor(files: FileLayer, directory: string, log: Logger, found: Found, patience: ReadPatience) {
    super(files, directory, found, patience)
    this.#log = log
    this.#syncs = new SegmentSyncs(files, directory, log)
    this.#lastId = found.highest
  }

  async write(payload: Buffer): Promise<SegmentRef> {
    this.checkOpen()
    const id = ++this.#lastId
    return this.#writes.run(async () => {
      if (this.#syncs.fatal !== undefined) throw this.#syncs.fatal
      const path = this.pathOf(id)
      const descriptor = await writeSegment(this.files, path, id, payload)
      const { length } = payload
      const file = new SegmentFile(id, path, payloadAt(length) + length, false)
      this.segments.set(id, file)
      this.bytes += file.bytes
      await this.#syncs.keep(file, descriptor)
      return { id, bytes: length }
    })
  }

  written(): Promise<void> {
    return this.#writes.idle()
  }

  async sync(refs: readonly SegmentRef[]): Promise<void> {
    this.checkOpen()
    await this.#syncs.sync(refs.map(({ id }) => this.#known(id)))
  }

  remove({ id }: SegmentRef): void {
    const file = this.segments.get(id)
    // What is left when it is closed is known to nobody, and goes at the next start.
    if (file === undefined || this.isClosed) return
    this.#remove(file).catch((error) => this.#log.warn(`cannot remove ${file.path}: ${(error as Error).message}`))
  }

  async removeOthers(ids: ReadonlySet<number>): Promise<number> {
    this.checkOpen()
    const others = [...this.segments.values()].filter(({ id, isFound }) => isFound && !ids.has(id))
    const outcomes = await Promise.allSettled(others.map((file) => this.#remove(file)))
    let removed = 0
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') removed++
      else this.#log.warn(`cannot remove ${others[index]?.path}: ${(outcome.reason as Error).message}`)
    }
    return removed
  }

  async setAside({ id }: SegmentRef): Promise<string> {
    this.checkOpen()
    const file = this.#known(id)
    const path = join(this.directory, damagedName(id))
    this.#forget(file)
    try {
      await file.quiet()
      await this.#syncs.drop(file)
      await this.files.rename(file.path, path)
    } catch (error) {
      file.isRemoved = false
      this.segments.set(id, file)
      throw error
    }
    this.bytes -= file.bytes
    // With its old name after a power cut it would be a file that nobody knows, and removed.
    await this.#syncs.syncDirectory()
    return path
  }

  reserve(id: number): void {
    this.#lastId = Math.max(this.#lastId, id)
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#writes.idle()
    await this.#syncs.close()
    await this.#removals.idle()
  }

  #known(id: number): SegmentFile {
    const file = this.segments.get(id)
    if (file === undefined) throw new SegmentError('missing', `${this.pathOf(id)} is missing`)
    return file
  }

  /** From here on nobody finds it, and it need not be durable. */
  #forget(file: SegmentFile): void {
    file.isRemoved = true
    this.segments.delete(file.id)
    this.patience?.forget(file.id)
  }

  async #remove(file: SegmentFile): Promise<void> {
    this.#forget(file)
    await this.#removals.run(async () => {
      await file.quiet()
      await this.#syncs.drop(file)
      await this.files.unlink(file.path).catch((error) => {
        if (!isMissing(error)) throw error
      })
      this.bytes -= file.bytes
    })
  }
}
