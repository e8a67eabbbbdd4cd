import { readUint32, readUint64, writeUint32, writeUint64 } from '../../codec/index.ts'
import type { JournalRecord } from '../../store/index.ts'
import { MESSAGE_MARKS, type Message } from '../message.ts'
import { contentBytes, showContent, writeContent } from './message-record.ts'

const HEAD_BYTES = 24

/**
 * One message that a checkpoint found in a queue, as it is there. Reused for every append.
 *
 *     uid:4  slab number:4  offset:4  state:4  expiry:8 (ms since the epoch, 0 for never)  content
 *
 * State is that of the slab's record: flags and delivery count.
 */
export class KeptRecord implements JournalRecord {
  uid = 0
  slabNumber = 0
  offset = 0
  state = 0
  expiry = 0
  message: Message | undefined

  of(uid: number, slabNumber: number, offset: number, state: number, expiry: number, message: Message): this {
    this.uid = uid
    this.slabNumber = slabNumber
    this.offset = offset
    this.state = state
    this.expiry = expiry
    this.message = message
    return this
  }

  /** Takes over what a record of this kind says, and points the view at its message. */
  read(buffer: Buffer, from: number, view: Message): this {
    const state = readUint32(buffer, from + 12)
    showContent(buffer, from + HEAD_BYTES, state & MESSAGE_MARKS, view)
    return this.of(
      readUint32(buffer, from),
      readUint32(buffer, from + 4),
      readUint32(buffer, from + 8),
      state,
      readUint64(buffer, from + 16),
      view,
    )
  }

  byteLength(): number {
    return HEAD_BYTES + contentBytes(this.message as Message)
  }

  write(target: Buffer, at: number): void {
    writeUint32(target, at, this.uid)
    writeUint32(target, at + 4, this.slabNumber)
    writeUint32(target, at + 8, this.offset)
    writeUint32(target, at + 12, this.state)
    writeUint64(target, at + 16, this.expiry)
    writeContent(target, at + HEAD_BYTES, this.message as Message)
  }
}
