import { endianness } from 'node:os'
import { crc32 } from 'node:zlib'
import { SegmentError } from './errors.ts'

/*
 * A segment file: a head, a table of checksums, a payload. Numbers are big-endian, but for the byte-order mark.
 *
 *      0  8  magic "LEVERETS"
 *      8  2  format version
 *     10  2  length of the head
 *     12  4  CRC-32 (that of zlib) of the head, these four taken as 0
 *     16  4  byte-order mark: 0x01020304 as the machine stores numbers that wrote the payload
 *     20  4  length of a block: 65536
 *     24  8  id of the segment, that of its name
 *     32  8  length of the payload
 *     40  8  when it was made, ms since 1970
 *     48 16  0
 *     64     table: one CRC-32 for each block of the payload, the last of which may be short
 *            payload
 *
 * Magic, version and CRC lie where a journal file has them, and stay there in every version to come. The table has no
 * checksum of its own: a bit that flips in it costs one block, and not all of them.
 */
export const SEGMENT_HEAD_BYTES = 64
export const SEGMENT_FORMAT_VERSION = 1
export const BLOCK_BYTES = 65536

const MAGIC = Buffer.from('LEVERETS', 'latin1')
const VERSION_AT = 8
const CRC_AT = 12
const BYTE_ORDER_AT = 16
const BYTE_ORDER = 0x01020304
const CHECKSUM_BYTES = 4

/** Length of head and table: where the payload begins. */
export function payloadAt(payloadBytes: number): number {
  return SEGMENT_HEAD_BYTES + Math.ceil(payloadBytes / BLOCK_BYTES) * CHECKSUM_BYTES
}

/** Puts the checksums of these blocks of a payload into the table. @param from where the first of them begins. */
export function checksumBlocks(table: Buffer, payload: Buffer, from: number, end: number): void {
  for (let at = from; at < end; at += BLOCK_BYTES) {
    table.writeUInt32BE(crc32(payload.subarray(at, Math.min(at + BLOCK_BYTES, end))), checksumAt(at))
  }
}

/** True when a block is as it was written. @param from where it begins in the payload. */
export function isBlock(table: Buffer, payload: Buffer, from: number, end: number): boolean {
  return table.readUInt32BE(checksumAt(from)) === crc32(payload.subarray(from, end))
}

function checksumAt(from: number): number {
  return SEGMENT_HEAD_BYTES + (from / BLOCK_BYTES) * CHECKSUM_BYTES
}

/** Fills in the head in front of a table. */
export function writeSegmentHead(bytes: Buffer, id: number, payloadBytes: number, createdMs: number): void {
  const head = bytes.subarray(0, SEGMENT_HEAD_BYTES).fill(0)
  MAGIC.copy(head)
  head.writeUInt16BE(SEGMENT_FORMAT_VERSION, VERSION_AT)
  head.writeUInt16BE(SEGMENT_HEAD_BYTES, VERSION_AT + 2)
  if (endianness() === 'LE') head.writeUInt32LE(BYTE_ORDER, BYTE_ORDER_AT)
  else head.writeUInt32BE(BYTE_ORDER, BYTE_ORDER_AT)
  head.writeUInt32BE(BLOCK_BYTES, 20)
  head.writeBigUInt64BE(BigInt(id), 24)
  head.writeBigUInt64BE(BigInt(payloadBytes), 32)
  head.writeBigUInt64BE(BigInt(createdMs), 40)
  head.writeUInt32BE(crc32(head), CRC_AT)
}

/**
 * Checks that a file begins with the head of this segment.
 * @param bytes the first {@link SEGMENT_HEAD_BYTES} of the file, or fewer.
 * @param payloadBytes as its owner knows it, if it does.
 * @throws SegmentError `damaged`, `newer`, `byte-order`.
 */
export function checkSegmentHead(bytes: Buffer, path: string, id: number, payloadBytes?: number): void {
  const head = Buffer.from(bytes.subarray(0, SEGMENT_HEAD_BYTES))
  if (head.length < SEGMENT_HEAD_BYTES || !head.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged(path)
  const checksum = head.readUInt32BE(CRC_AT)
  head.writeUInt32BE(0, CRC_AT)
  if (crc32(head) !== checksum) throw damaged(path)
  const version = head.readUInt16BE(VERSION_AT)
  if (version > SEGMENT_FORMAT_VERSION) {
    throw new SegmentError(
      'newer',
      `segment file ${id} was written by a newer version (format ${version}, this one reads up to ${SEGMENT_FORMAT_VERSION})`,
    )
  }
  const order = head.readUInt32LE(BYTE_ORDER_AT) === BYTE_ORDER ? 'LE' : 'BE'
  if (order !== endianness()) {
    throw new SegmentError(
      'byte-order',
      `segment file ${id} was written by a machine of the other byte order; the data directory has to stay on such a machine`,
    )
  }
  const written = { id: Number(head.readBigUInt64BE(24)), bytes: Number(head.readBigUInt64BE(32)) }
  if (written.id !== id) throw new SegmentError('damaged', `${path} is segment ${written.id}, not ${id}`)
  if (payloadBytes !== undefined && written.bytes !== payloadBytes) {
    throw new SegmentError('damaged', `${path} has ${written.bytes} bytes, not the ${payloadBytes} that it should have`)
  }
}

function damaged(path: string): SegmentError {
  return new SegmentError('damaged', `the head of ${path} is damaged`)
}

/** Name of a segment file: its id in ten digits or more, so that names sort as numbers do. */
export function segmentName(id: number): string {
  return `${String(id).padStart(10, '0')}.seg`
}

/** What a segment file is renamed to when it is set aside. */
export function damagedName(id: number): string {
  return `damaged-${segmentName(id)}`
}

/** What the name of a file says, or undefined when it is none of a segment. */
export function parseSegmentName(name: string): { readonly id: number; readonly isDamaged: boolean } | undefined {
  const match = /^(damaged-)?(\d{10,15})\.seg$/.exec(name)
  return match === null ? undefined : { id: Number(match[2]), isDamaged: match[1] !== undefined }
}
