/*
 * The properties of a message, as they follow the body size in its header frame:
 *
 *   short flags | one value for each bit set, from bit 15 down to bit 2
 *
 * Bit 0 would announce a second flags word. Class basic needs none, and RabbitMQ takes a message whose bit 0 is set
 * without one; so bits 0 and 1 are ignored.
 */
import { frameError } from './error.ts'
import { OCTET_PROPERTIES, PROPERTIES_MASK, SHORTSTR_PROPERTIES, TABLE_PROPERTIES } from './generated/property-flags.ts'
import { NO_BYTES } from './method.ts'
import type { Table } from './table.ts'
import { readTable, tableEnd } from './table-reader.ts'
import { readText } from './text.ts'
import { readUint16, readUint64, shortstrEnd } from './wire.ts'

/** A flags word and its list where they stand, walked only as far as asked. `PropertyView` adds the names. */
export class PropertyList {
  buffer: Buffer = NO_BYTES
  /** The offset of the flags word. */
  at = 0
  /** The offset behind the list. */
  end = 0
  /** The flags word; 0 when there is no room for one. */
  flags = 0

  /**
   * Looks at other properties; nothing is copied.
   * @param at offset of the flags word.
   * @param length bytes of flags word and list.
   */
  attach(buffer: Buffer, at: number, length: number): this {
    this.buffer = buffer
    this.at = at
    this.end = Math.min(at + length, buffer.length)
    this.flags = at + 2 <= this.end ? readUint16(buffer, at) : 0
    return this
  }

  /** Whether the property of that PropertyFlag is there. */
  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }

  /**
   * The offset of the value of that PropertyFlag, which is whole; -1 when it is absent.
   * @throws CodecError 501 `FRAME_ERROR - cannot decode properties` when the list ends before the value does.
   */
  find(flag: number): number {
    if ((this.flags & flag) === 0) return -1
    let at = this.at + 2
    // The bits above the one that is looked for.
    let before = this.flags & -(flag << 1)
    while (before !== 0) {
      const highest = 1 << (31 - Math.clz32(before))
      at = this.endOf(highest, at)
      before ^= highest
    }
    this.endOf(flag, at)
    return at
  }

  /**
   * The offset behind the value of that PropertyFlag, which begins at `at`.
   * @throws CodecError 501 when the list ends before.
   */
  endOf(flag: number, at: number): number {
    const end = valueEnd(flag, this.buffer, at, this.end)
    if (end < 0) throw frameError('cannot decode properties')
    return end
  }

  /** Whether the values of all set flags fill the list exactly. Does not look into the headers table. */
  valid(): boolean {
    let at = this.at + 2
    let rest = this.flags & PROPERTIES_MASK
    while (rest !== 0) {
      const highest = 1 << (31 - Math.clz32(rest))
      at = valueEnd(highest, this.buffer, at, this.end)
      if (at < 0) return false
      rest ^= highest
    }
    return at === this.end
  }

  protected shortstr(flag: number): string | undefined {
    const at = this.find(flag)
    // RabbitMQ does not check the UTF-8 of properties, so these are texts that may hold any byte.
    return at < 0 ? undefined : readText(this.buffer, at + 1, shortstrEnd(this.buffer, at))
  }

  protected octet(flag: number): number {
    const at = this.find(flag)
    return at < 0 ? -1 : (this.buffer[at] as number)
  }

  protected timestampOf(flag: number): number | undefined {
    const at = this.find(flag)
    return at < 0 ? undefined : readUint64(this.buffer, at)
  }

  protected table(flag: number): Table | undefined {
    const at = this.find(flag)
    return at < 0 ? undefined : readTable(this.buffer, at)
  }
}

function valueEnd(flag: number, buffer: Buffer, at: number, to: number): number {
  if (at >= to) return -1
  if ((flag & TABLE_PROPERTIES) !== 0) return tableEnd(buffer, at, to)
  const end =
    (flag & SHORTSTR_PROPERTIES) !== 0 ? shortstrEnd(buffer, at) : (flag & OCTET_PROPERTIES) !== 0 ? at + 1 : at + 8
  return end <= to ? end : -1
}
