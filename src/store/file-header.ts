import { crc32 } from 'node:zlib'
import type { Run } from './batch.ts'

/*
 * The head of a journal file. Numbers are big-endian.
 *
 *      0  8  magic "LEVERETJ"
 *      8  2  format version
 *     10  2  length of the head
 *     12  4  CRC-32 of the 64 bytes, these four taken as 0
 *     16  4  mark of the run
 *     20  4  epoch of the run
 *     24  4  number of the file, that of its name
 *     28  4  start: files with a smaller number are not needed any more
 *     32  4  number of the file before it that has records, 0 for none
 *     36  4  0
 *     40  8  first position that may be given to a record of this file
 *     48  8  when it was made, ms since the epoch
 *     56  8  0
 *
 * Magic, version and CRC stay where they are in every version to come, so that a newer file can be told from a
 * damaged one.
 */
export const HEADER_BYTES = 64
export const FORMAT_VERSION = 1

const MAGIC = Buffer.from('LEVERETJ', 'latin1')
const VERSION_AT = 8
const CRC_AT = 12

export interface FileHeader extends Run {
  readonly number: number
  readonly start: number
  readonly previous: number
  readonly firstPosition: number
}

export function encodeHeader(header: FileHeader, createdMs: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt16BE(FORMAT_VERSION, VERSION_AT)
  bytes.writeUInt16BE(HEADER_BYTES, VERSION_AT + 2)
  bytes.writeUInt32BE(header.mark, 16)
  bytes.writeUInt32BE(header.epoch, 20)
  bytes.writeUInt32BE(header.number, 24)
  bytes.writeUInt32BE(header.start, 28)
  bytes.writeUInt32BE(header.previous, 32)
  bytes.writeBigUInt64BE(BigInt(header.firstPosition), 40)
  bytes.writeBigUInt64BE(BigInt(createdMs), 48)
  bytes.writeUInt32BE(crc32(bytes), CRC_AT)
  return bytes
}

/** What the first bytes of a file say; `newer` carries the version of a whole header that this program cannot read. */
export type HeaderReading = { readonly header: FileHeader } | { readonly newer: number } | undefined

/** @param bytes the first {@link HEADER_BYTES} of the file, or fewer. */
export function decodeHeader(bytes: Buffer): HeaderReading {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  const unsigned = Buffer.from(bytes.subarray(0, HEADER_BYTES))
  unsigned.writeUInt32BE(0, CRC_AT)
  if (crc32(unsigned) !== bytes.readUInt32BE(CRC_AT)) return undefined
  const version = bytes.readUInt16BE(VERSION_AT)
  if (version > FORMAT_VERSION) return { newer: version }
  const header = {
    mark: bytes.readUInt32BE(16),
    epoch: bytes.readUInt32BE(20),
    number: bytes.readUInt32BE(24),
    start: bytes.readUInt32BE(28),
    previous: bytes.readUInt32BE(32),
    firstPosition: Number(bytes.readBigUInt64BE(40)),
  }
  return { header }
}

/** Name of a journal file: its number in ten digits, so that names sort as numbers do. */
export function fileName(number: number): string {
  return `${String(number).padStart(10, '0')}.log`
}

/** Number of a journal file, or undefined when the name is not one. */
export function fileNumber(name: string): number | undefined {
  const match = /^(\d{10})\.log$/.exec(name)
  return match === null ? undefined : Number(match[1])
}
