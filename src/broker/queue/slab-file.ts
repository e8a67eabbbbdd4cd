import { readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import { type DamagedRange, type SegmentBytes, SegmentError, type SegmentRef } from '../../store/index.ts'
import { Message } from '../message.ts'
import type { StoredSlab } from '../storage/index.ts'
import type { BodyPlace } from './body-file.ts'
import { surveySlab } from './paged-slab.ts'
import {
  contentBytes,
  copyContent,
  HEAD_BYTES,
  JOURNALLED,
  REFERENCE,
  recordExpiry,
  recordLength,
  recordState,
  SETTLED,
} from './record.ts'
import { RunCursor } from './runs.ts'
import type { Slab } from './slab.ts'
import { type SlabMemory, type SlabPool, slabSize } from './slab-pool.ts'
import type { Staging } from './staging.ts'

/*
 * The payload of a segment file: one slab. Numbers are big-endian, those inside records as the machine has them, which
 * the file's head tells of.
 *
 *     guide | records | large messages | guide once more | length of the guide:4
 *
 * Guide:
 *
 *      0  4  version of this layout
 *      4  4  length of the guide
 *      8  4  length of all records
 *     12  4  where the slab ends: behind all offsets
 *     16  4  how many entries the table of a packed slab has; 2^32 - 1 when each record lies where its offset says
 *     20  4  number of large messages
 *     24  4  number of marks
 *     28     marks, 4 each: for the second and every further 64 KiB of the payload, where the first record is that
 *            begins there or later (counted from the payload's start). So reading goes on behind a damaged block.
 *            table: the records' offsets, 4 each, then where they lie among the records, 4 each
 *            large messages, 12 each: offset of the record, where the bytes lie in the payload, how many
 *
 * Version 2 is written for a slab with large messages that lie in body files, and has beside these of version 1
 *
 *     28  4  number of such messages; marks and tables begin behind it
 *            for each, 24, behind all tables: offset of the record, number of the body file:8, where in that file as it
 *            was first written, how many bytes, 0
 *
 * A large message is exchange shortstr | routing-key shortstr | properties | body; its record is the head alone.
 */
const VERSION = 1
const SHARING_VERSION = 2
const GUIDE_HEAD_BYTES = 28
const SHARING_HEAD_BYTES = 32
const BLOCK_BYTES = 65536
const NOT_PACKED = 0xffff_ffff
const LARGE_BYTES = 12
const OUTSIDE_BYTES = 24

/** Records of which less than this share is alive are written packed. */
const PACKED_BELOW = 0.75

/** A large message of a slab that lies in a body file. */
export interface OutsideBody {
  /** Of its record. */
  readonly offset: number
  /** Number of the body file. */
  readonly id: number
  /** Where in that file as it was first written. */
  readonly at: number
  readonly bytes: number
}

/** What can be read of a segment file. */
export interface SlabContent {
  readonly memory: SlabMemory
  /** The records' offsets and where they lie in memory; undefined when each lies where its offset says. */
  readonly table: { readonly offsets: Int32Array; readonly places: Int32Array } | undefined
  /** Content of the large messages, by the offset of their record. */
  readonly large: ReadonlyMap<number, Buffer>
  /** Those that lie elsewhere, in the order of their records. */
  readonly outside: readonly OutsideBody[]
  /** Some of the file could not be read. */
  readonly isDamaged: boolean
}

/**
 * The payload of the slab's file: its records as they are now. A copy, so that the slab may be used meanwhile. Nothing
 * may be appended to the slab any more, and no view of it be open.
 * @param staging where the copy is made, to be given back there.
 * @param outside large messages that lie in body files, by the offset of their record.
 */
export function encodeSlab(slab: Slab, staging?: Staging, outside?: ReadonlyMap<number, BodyPlace>): Buffer {
  const { memory, end } = slab
  const liveBytes = slab.liveBytes - slab.referenceBytes
  const packed = slab.packed || liveBytes < end * PACKED_BELOW
  const recordsBytes = packed ? liveBytes : end
  const packedCount = packed ? slab.live : 0
  const references = slab.references === undefined ? [] : [...slab.references].sort((a, b) => a[0] - b[0])
  const large = outside === undefined ? references : references.filter(([offset]) => !outside.has(offset))
  const outsideCount = outside?.size ?? 0
  const headBytes = outsideCount === 0 ? GUIDE_HEAD_BYTES : SHARING_HEAD_BYTES
  const fixedBytes = headBytes + 8 * packedCount + LARGE_BYTES * large.length + OUTSIDE_BYTES * outsideCount
  const markCount = countMarks(fixedBytes, recordsBytes)
  const guideBytes = fixedBytes + 4 * markCount
  let largeBytes = 0
  for (const [, message] of large) largeBytes += contentBytes(message)
  const bytes = guideBytes + recordsBytes + largeBytes + guideBytes + 4
  const payload = staging?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes)
  writeUint32(payload, 0, outsideCount === 0 ? VERSION : SHARING_VERSION)
  writeUint32(payload, 4, guideBytes)
  writeUint32(payload, 8, recordsBytes)
  writeUint32(payload, 12, end)
  writeUint32(payload, 16, packed ? packedCount : NOT_PACKED)
  writeUint32(payload, 20, large.length)
  writeUint32(payload, 24, markCount)
  if (outsideCount > 0) writeUint32(payload, GUIDE_HEAD_BYTES, outsideCount)
  const marks = new Marks(payload, headBytes, guideBytes)
  let at = headBytes + 4 * markCount
  if (packed) {
    const { offsets, places } = slab.copyLive(payload, guideBytes)
    for (const place of places) marks.record(place)
    for (const list of [offsets, places]) {
      for (const number of list) {
        writeUint32(payload, at, number)
        at += 4
      }
    }
  } else {
    memory.bytes.copy(payload, guideBytes, 0, end)
    for (let place = 0; place < end; place += recordLength(memory.words, place)) marks.record(place)
  }
  marks.finish(markCount, recordsBytes)
  let to = guideBytes + recordsBytes
  for (const [offset, message] of large) {
    const length = contentBytes(message)
    writeUint32(payload, at, offset)
    writeUint32(payload, at + 4, to)
    writeUint32(payload, at + 8, length)
    at += LARGE_BYTES
    copyContent(message, payload, to)
    to += length
  }
  for (const [offset, place] of outside === undefined ? [] : [...outside].sort((a, b) => a[0] - b[0])) {
    writeUint32(payload, at, offset)
    writeUint64(payload, at + 4, place.file.id)
    writeUint32(payload, at + 12, place.at)
    writeUint32(payload, at + 16, place.bytes)
    writeUint32(payload, at + 20, 0)
    at += OUTSIDE_BYTES
  }
  payload.copy(payload, to, 0, guideBytes)
  writeUint32(payload, to + guideBytes, guideBytes)
  return payload
}

/**
 * Takes out of a segment file what can be read.
 * @param runs where the records are whose large messages are wanted; undefined for all.
 * @returns undefined when nothing can be.
 * @throws SegmentError `newer`
 */
export function decodeSlab(
  { payload, damaged }: SegmentBytes,
  pool: SlabPool,
  runs: Int32Array | undefined,
): SlabContent | undefined {
  const guide = findGuide(payload, damaged)
  if (guide === undefined) return undefined
  const { recordsAt, recordsBytes, largeAt, largeCount, outsideAt, outsideCount } = guide
  const memory = pool.take(slabSize(recordsBytes))
  payload.copy(memory.bytes, 0, recordsAt, recordsAt + recordsBytes)
  const large = new Map<number, Buffer>()
  const wanted = new RunCursor(runs)
  for (let index = 0; index < largeCount; index++) {
    const at = largeAt + LARGE_BYTES * index
    const offset = readUint32(payload, at)
    const from = readUint32(payload, at + 4)
    const end = from + readUint32(payload, at + 8)
    if (!wanted.has(offset) || overlaps(damaged, from, end)) continue
    const content = Buffer.allocUnsafeSlow(end - from)
    payload.copy(content, 0, from, end)
    large.set(offset, content)
  }
  const outside: OutsideBody[] = []
  const wantedOutside = new RunCursor(runs)
  for (let index = 0; index < outsideCount; index++) {
    const at = outsideAt + OUTSIDE_BYTES * index
    const offset = readUint32(payload, at)
    if (!wantedOutside.has(offset)) continue
    const id = readUint64(payload, at + 4)
    outside.push({ offset, id, at: readUint32(payload, at + 12), bytes: readUint32(payload, at + 16) })
  }
  const table = readTable(payload, damaged, guide, memory.words)
  return { memory, table, large, outside, isDamaged: damaged.length > 0 }
}

/** The payload of a body file: the messages, one behind the other. @param bytes of them all. */
export function encodeBodies(messages: Iterable<Message>, bytes: number, staging: Staging): Buffer {
  const payload = staging.take(bytes)
  let at = 0
  for (const message of messages) {
    copyContent(message, payload, at)
    at += contentBytes(message)
  }
  return payload
}

/** Shows every record that was read, by offset and where it lies in memory. @param end of the slab */
export function forEachDecoded(
  { memory, table }: SlabContent,
  end: number,
  visit: (offset: number, at: number) => void,
): void {
  if (table !== undefined) {
    for (const [index, offset] of table.offsets.entries()) visit(offset, table.places[index] as number)
    return
  }
  for (let at = 0; at < end; at += recordLength(memory.words, at)) visit(at, at)
}

/**
 * What the journal is to know of a slab that has a file: where the messages are that it knows and that are alive now.
 * Only for a slab with a segment; its records need not be in memory.
 */
export function storedSlab(slab: Slab, paged = slab.paged ?? surveySlab(slab)): StoredSlab {
  const { journalledRuns, journalledBodyBytes, expiry } = paged
  return {
    level: slab.line.level,
    number: slab.number,
    file: slab.segment as SegmentRef,
    end: slab.end,
    takenTo: Math.max(slab.readAt, slab.handedTo),
    live: slab.journalled,
    liveBytes: slab.journalledBytes,
    bodyBytes: journalledBodyBytes,
    expiry,
    runs: journalledRuns,
    bodies: slab.bodies?.stored ?? [],
  }
}

/**
 * Shows the messages of a slab in memory that the journal knows and that are alive, in the order of their offsets.
 * @param visit gets a view that is used again.
 */
export function forEachKept(
  slab: Slab,
  visit: (offset: number, state: number, expiry: number, message: Message) => void,
): void {
  const { words } = slab.memory
  const view = new Message()
  slab.forEach((offset, at) => {
    const state = recordState(words, at)
    if ((state & (JOURNALLED | SETTLED)) !== JOURNALLED) return
    slab.show(offset, at, view)
    visit(offset, state & ~REFERENCE, recordExpiry(words, at), view)
  })
}

/** A guide that was found whole; where its parts and the records are in the payload. */
interface Guide {
  readonly recordsAt: number
  readonly recordsBytes: number
  readonly marksAt: number
  readonly markCount: number
  readonly tableAt: number
  readonly packedCount: number
  readonly largeAt: number
  readonly largeCount: number
  readonly outsideAt: number
  readonly outsideCount: number
}

function findGuide(payload: Buffer, damaged: readonly DamagedRange[]): Guide | undefined {
  if (payload.length < GUIDE_HEAD_BYTES + 4) return undefined
  const lengthAt = payload.length - 4
  return (
    guideAt(payload, damaged, 0) ??
    (overlaps(damaged, lengthAt, payload.length)
      ? undefined
      : guideAt(payload, damaged, lengthAt - readUint32(payload, lengthAt)))
  )
}

function guideAt(payload: Buffer, damaged: readonly DamagedRange[], at: number): Guide | undefined {
  if (at < 0 || overlaps(damaged, at, at + GUIDE_HEAD_BYTES)) return undefined
  const version = readUint32(payload, at)
  if (version > SHARING_VERSION) {
    throw new SegmentError('newer', `a segment was written by a newer version (layout ${version})`)
  }
  const bytes = readUint32(payload, at + 4)
  if (overlaps(damaged, at, at + bytes)) return undefined
  const packedCount = readUint32(payload, at + 16)
  const markCount = readUint32(payload, at + 24)
  const marksAt = at + (version === VERSION ? GUIDE_HEAD_BYTES : SHARING_HEAD_BYTES)
  const tableAt = marksAt + 4 * markCount
  const largeAt = tableAt + (packedCount === NOT_PACKED ? 0 : 8 * packedCount)
  const largeCount = readUint32(payload, at + 20)
  return {
    recordsAt: bytes,
    recordsBytes: readUint32(payload, at + 8),
    marksAt,
    markCount,
    tableAt,
    packedCount,
    largeAt,
    largeCount,
    outsideAt: largeAt + LARGE_BYTES * largeCount,
    outsideCount: version === VERSION ? 0 : readUint32(payload, at + GUIDE_HEAD_BYTES),
  }
}

function readTable(
  payload: Buffer,
  damaged: readonly DamagedRange[],
  guide: Guide,
  words: Int32Array,
): SlabContent['table'] {
  const { recordsAt, packedCount, tableAt } = guide
  if (packedCount === NOT_PACKED && damaged.length === 0) return undefined
  const offsets: number[] = []
  const places: number[] = []
  const add = (offset: number, place: number): void => {
    const from = recordsAt + place
    if (overlaps(damaged, from, from + recordLength(words, place))) return
    offsets.push(offset)
    places.push(place)
  }
  if (packedCount === NOT_PACKED) {
    forEachBetweenDamage(payload, damaged, guide, words, (place) => add(place, place))
  } else {
    for (let index = 0; index < packedCount; index++) {
      const place = readUint32(payload, tableAt + 4 * (packedCount + index))
      if (overlaps(damaged, recordsAt + place, recordsAt + place + HEAD_BYTES)) continue
      add(readUint32(payload, tableAt + 4 * index), place)
    }
  }
  return { offsets: Int32Array.from(offsets), places: Int32Array.from(places) }
}

/** Follows the records of a slab that is not packed; the marks lead on behind a head that cannot be read. */
function forEachBetweenDamage(
  payload: Buffer,
  damaged: readonly DamagedRange[],
  { recordsAt, recordsBytes, marksAt, markCount }: Guide,
  words: Int32Array,
  visit: (place: number) => void,
): void {
  let place = 0
  while (place < recordsBytes) {
    const from = recordsAt + place
    const bad = damaged.find((range) => range.from < from + HEAD_BYTES && from < range.end)
    if (bad !== undefined) {
      const mark = Math.ceil(bad.end / BLOCK_BYTES) - 1
      place = mark < markCount ? readUint32(payload, marksAt + 4 * mark) - recordsAt : recordsBytes
      continue
    }
    const length = recordLength(words, place)
    if (length < HEAD_BYTES) return
    visit(place)
    place += length
  }
}

function overlaps(damaged: readonly DamagedRange[], from: number, end: number): boolean {
  return damaged.some((range) => range.from < end && from < range.end)
}

/** Marks needed for a payload that begins with a guide of these bytes beside its marks, and the records. */
function countMarks(guideBytes: number, recordsBytes: number): number {
  let count = 0
  while ((count + 1) * BLOCK_BYTES < guideBytes + 4 * count + recordsBytes) count++
  return count
}

/** Notes for every block of a payload but the first where its first record begins. */
class Marks {
  readonly #payload: Buffer
  readonly #marksAt: number
  readonly #recordsAt: number
  #count = 0

  constructor(payload: Buffer, marksAt: number, recordsAt: number) {
    this.#payload = payload
    this.#marksAt = marksAt
    this.#recordsAt = recordsAt
  }

  /** The next record lies here. */
  record(place: number): void {
    const at = this.#recordsAt + place
    while ((this.#count + 1) * BLOCK_BYTES <= at) this.#mark(at)
  }

  /** No more records come. */
  finish(count: number, recordsBytes: number): void {
    while (this.#count < count) this.#mark(this.#recordsAt + recordsBytes)
  }

  #mark(at: number): void {
    writeUint32(this.#payload, this.#marksAt + 4 * this.#count++, at)
  }
}
