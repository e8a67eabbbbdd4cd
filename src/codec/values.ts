/*
 * Values one behind the other in the wire's own forms, for records that are kept and not for the wire:
 *
 *   octet    long   longlong   text: longstr   table: field table   rest: bytes up to the end
 *
 * A reader that stops early leaves alone what a later version has put behind.
 */
import { frameError } from './error.ts'
import type { Table } from './table.ts'
import { readTable, tableEnd } from './table-reader.ts'
import { tableBytes, writeTable } from './table-writer.ts'
import { readText } from './text.ts'
import { longstrBytes, readUint32, readUint64, writeLongstr, writeUint32, writeUint64 } from './wire.ts'

/** Puts values together in a buffer that grows. For what is not written a thousand times a second. */
export class ValueWriter {
  #buffer = Buffer.allocUnsafe(256)
  #length = 0

  octet(value: number): this {
    const at = this.#reserve(1)
    this.#buffer[at] = value
    return this
  }

  long(value: number): this {
    const at = this.#reserve(4)
    writeUint32(this.#buffer, at, value)
    return this
  }

  /** @param value whole, 0 to 2^53. */
  longlong(value: number): this {
    const at = this.#reserve(8)
    writeUint64(this.#buffer, at, value)
    return this
  }

  /** Text that was read from bytes which are no UTF-8 becomes those bytes again, see `readText`. */
  text(value: string): this {
    const at = this.#reserve(longstrBytes(value))
    writeLongstr(this.#buffer, at, value)
    return this
  }

  /** @throws RangeError when a name is over 255 bytes. */
  table(value: Table): this {
    const at = this.#reserve(tableBytes(value))
    writeTable(this.#buffer, at, value)
    return this
  }

  /** What was written, in place: good until more is. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  #reserve(bytes: number): number {
    const at = this.#length
    this.#length += bytes
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    return at
  }
}

/** Reads what `ValueWriter` wrote. Every method throws CodecError 501 when its value is not there whole. */
export class ValueReader {
  readonly #buffer: Buffer
  readonly #end: number
  #at: number

  /** @param to one behind the last byte. */
  constructor(buffer: Buffer, from: number, to: number) {
    this.#buffer = buffer
    this.#at = from
    this.#end = to
  }

  /** Offset of the next value. */
  get at(): number {
    return this.#at
  }

  octet(): number {
    return this.#buffer[this.#take(1)] as number
  }

  long(): number {
    return readUint32(this.#buffer, this.#take(4))
  }

  longlong(): number {
    return readUint64(this.#buffer, this.#take(8))
  }

  text(): string {
    const from = this.#take(4)
    const length = readUint32(this.#buffer, from)
    const at = this.#take(length)
    return readText(this.#buffer, at, at + length)
  }

  /** Nothing of it refers to the buffer. */
  table(): Table {
    const end = tableEnd(this.#buffer, this.#at, this.#end)
    if (end < 0) throw cutShort()
    const at = this.#at
    this.#at = end
    return readTable(this.#buffer, at)
  }

  #take(bytes: number): number {
    const at = this.#at
    if (at + bytes > this.#end) throw cutShort()
    this.#at = at + bytes
    return at
  }
}

/**
 * Values that are only put together when somebody asks how long they are: a journal that keeps nothing never does.
 * Whoever made it may change what it reads from after it was written, not before.
 */
export class ValueRecord {
  readonly #fill: (values: ValueWriter) => void
  #bytes: Buffer | undefined

  constructor(fill: (values: ValueWriter) => void) {
    this.#fill = fill
  }

  byteLength(): number {
    return this.#encoded().length
  }

  write(target: Buffer, at: number): void {
    this.#encoded().copy(target, at)
  }

  #encoded(): Buffer {
    if (this.#bytes === undefined) {
      const values = new ValueWriter()
      this.#fill(values)
      this.#bytes = values.bytes
    }
    return this.#bytes
  }
}

function cutShort(): Error {
  return frameError('a value is cut short')
}
