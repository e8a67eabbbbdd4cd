import { copyBytes, writeUint32 } from '../codec/index.ts'
import type { JournalRecord } from '../store/index.ts'
import type { Message } from './message.ts'
import type { Queue } from './queue/queue.ts'

/**
 * One published message for the journal: one body, many queue references. Reused for every append.
 *
 *     count:4  (uid:4) x count  exchange shortstr  routing-key shortstr  length:4 properties  length:4 body
 */
export class MessageRecord implements JournalRecord {
  #message: Message | undefined
  #queues: readonly Queue[] = []

  of(message: Message, queues: readonly Queue[]): this {
    this.#message = message
    this.#queues = queues
    return this
  }

  byteLength(): number {
    const message = this.#message as Message
    return 12 + 4 * this.#queues.length + message.addressLength + message.propertiesLength + message.bodyLength
  }

  write(target: Buffer, at: number): void {
    const message = this.#message as Message
    writeUint32(target, at, this.#queues.length)
    at += 4
    for (const queue of this.#queues) {
      writeUint32(target, at, queue.uid)
      at += 4
    }
    const addressLength = message.addressLength
    copyBytes(message.buffer, message.exchangeAt, message.exchangeAt + addressLength, target, at)
    at += addressLength
    writeUint32(target, at, message.propertiesLength)
    at += 4
    copyBytes(message.buffer, message.propertiesAt, message.propertiesAt + message.propertiesLength, target, at)
    at += message.propertiesLength
    writeUint32(target, at, message.bodyLength)
    copyBytes(message.buffer, message.bodyAt, message.bodyAt + message.bodyLength, target, at + 4)
  }
}
