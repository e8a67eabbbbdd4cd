import { longstrBytes, ValueReader, ValueRecord, writeLongstr, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'
import { MESSAGE_MARKS, Message } from '../message.ts'
import { contentBytes, showContent, writeContent } from './message-record.ts'

const HEAD_BYTES = 17

/** A message that an exchange keeps back. */
export interface DelayedEntry {
  /** Unique among all that wait; what came first has the smaller one. */
  readonly id: number
  /** When it is due, in ms since the epoch. */
  readonly at: number
  readonly message: Message
}

/**
 * A message that an exchange keeps back until its time.
 *
 *     id:8  due:8 (ms since the epoch)  marks:1  vhost longstr  exchange longstr  content
 */
export class DelayedRecord implements JournalRecord {
  readonly #vhost: string
  readonly #exchange: string
  readonly #entry: DelayedEntry

  constructor(vhost: string, exchange: string, entry: DelayedEntry) {
    this.#vhost = vhost
    this.#exchange = exchange
    this.#entry = entry
  }

  byteLength(): number {
    const names = longstrBytes(this.#vhost) + longstrBytes(this.#exchange)
    return HEAD_BYTES + names + contentBytes(this.#entry.message)
  }

  write(target: Buffer, at: number): void {
    const { id, at: due, message } = this.#entry
    writeUint64(target, at, id)
    writeUint64(target, at + 8, due)
    target[at + 16] = message.marks
    at = writeLongstr(target, at + HEAD_BYTES, this.#vhost)
    at = writeLongstr(target, at, this.#exchange)
    writeContent(target, at, message)
  }
}

export interface FoundDelayed extends DelayedEntry {
  readonly vhost: string
  readonly exchange: string
}

/** Reads a record of this kind; the message is a copy. */
export function readDelayed(buffer: Buffer, from: number, to: number): FoundDelayed {
  const values = new ValueReader(buffer, from, to)
  const id = values.longlong()
  const at = values.longlong()
  const marks = values.octet() & MESSAGE_MARKS
  const vhost = values.text()
  const exchange = values.text()
  const view = new Message()
  showContent(buffer, values.at, marks, view)
  return { id, at, vhost, exchange, message: view.copy() }
}

/** Says that a message is no longer kept back. */
export function releasedRecord(id: number): ValueRecord {
  return new ValueRecord((values) => values.longlong(id))
}
