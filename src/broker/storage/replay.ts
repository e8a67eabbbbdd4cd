import { Message } from '../message.ts'
import { CrashTail } from '../queue/crash-tail.ts'
import { COPY_BODY_BYTES_MAX, JOURNALLED, REDELIVERED } from '../queue/record.ts'
import type { RestoredQueue } from '../queue/restored.ts'
import { readBodyFileRecord, type StoredBodyFile } from './body-file-record.ts'
import { readCounts } from './counts-record.ts'
import { readCrashTail } from './crash-tail-record.ts'
import { KeptRecord } from './kept-record.ts'
import { readMessageRecord } from './message-record.ts'
import { QueueReplay } from './queue-replay.ts'
import { RecordType } from './record-type.ts'
import { readSegmentRecord } from './segment-record.ts'
import { SettledRecord } from './settled-record.ts'

/** Redelivered and how often; where the message lay in its slab is another matter. */
const KEPT_STATE = REDELIVERED | 0xffff_ff00

/**
 * What a journal says of the messages of every queue, gathered record by record; queues are known by their uid alone.
 * A queue that no definition is found for was deleted, and its messages with it.
 *
 * Records come in the order they were appended, except that an unfinished checkpoint repeats what came before it; so
 * what is known already is replaced, and the end of something unknown is ignored.
 */
export class MessageReplay {
  readonly #queues = new Map<number, QueueReplay>()
  #recent: QueueReplay | undefined
  readonly #view = new Message()
  readonly #kept = new KeptRecord()
  readonly #settled = new SettledRecord()
  /** Files that slabs refer to, or did, by number. */
  readonly bodyFiles = new Map<number, StoredBodyFile>()
  /** The largest number of a segment file that any record names. */
  lastSegmentId = 0
  /** The largest number of a queue that had messages: its declaration may be lost, and another must not get them. */
  lastUid = 0
  /** The broker was stopped in order: nothing came after it had said so. */
  clean = true
  /** The message of the record being read, if its queues are to have it in memory once. */
  #shared: Message | undefined
  readonly #addMessage = (uid: number, slabNumber: number, offset: number, expiry: number, count: number): void => {
    const view = this.#view
    if (count > 1 && view.bodyLength > COPY_BODY_BYTES_MAX) this.#shared ??= view.copy()
    this.#queue(uid).add(slabNumber, offset, JOURNALLED, expiry, this.#shared ?? view)
  }

  /** Takes one record; the bytes are only read during the call. @returns false for a type that is not of messages. */
  record(type: number, buffer: Buffer, from: number): boolean {
    this.clean = false
    switch (type) {
      case RecordType.MESSAGE:
        this.#shared = undefined
        readMessageRecord(buffer, from, this.#view, this.#addMessage)
        this.#shared = undefined
        return true
      case RecordType.KEPT: {
        const kept = this.#kept.read(buffer, from, this.#view)
        const { uid, slabNumber, offset, state, expiry } = kept
        this.#queue(uid).add(slabNumber, offset, (state & KEPT_STATE) | JOURNALLED, expiry, this.#view)
        return true
      }
      case RecordType.SETTLED: {
        const settled = this.#settled.read(buffer, from)
        this.#queues.get(settled.uid)?.settle(settled)
        return true
      }
      case RecordType.SEGMENT:
      case RecordType.SEGMENT_SHARING: {
        const { uid, slab } = readSegmentRecord(buffer, from, type === RecordType.SEGMENT_SHARING)
        this.lastSegmentId = Math.max(this.lastSegmentId, slab.file.id)
        this.#queue(uid).place(slab)
        return true
      }
      case RecordType.BODY_FILE: {
        const stored = readBodyFileRecord(buffer, from)
        this.lastSegmentId = Math.max(this.lastSegmentId, stored.id, stored.file.id)
        this.bodyFiles.set(stored.id, stored)
        return true
      }
      case RecordType.CLEAN:
        this.clean = true
        return true
      case RecordType.COUNTS: {
        const counts = readCounts(buffer, from)
        this.#queues.get(counts.uid)?.count(counts)
        return true
      }
      case RecordType.CRASH_TAIL: {
        const { uid, lastSlabNumber, startedAt } = readCrashTail(buffer, from)
        this.#queue(uid).crashTail = new CrashTail(lastSlabNumber, startedAt)
        return true
      }
      case RecordType.STARTED:
        return true
      default:
        return false
    }
  }

  /** The queue is gone, and what it held. */
  forget(uid: number): void {
    this.#queues.delete(uid)
    this.#recent = undefined
  }

  /** How many messages the queue has. */
  countOf(uid: number): number {
    return this.#queues.get(uid)?.live ?? 0
  }

  /** What the queue is to be restored with, once; undefined when the journal has nothing of it. */
  take(uid: number): RestoredQueue | undefined {
    const queue = this.#queues.get(uid)
    this.forget(uid)
    this.#view.release()
    return queue?.finish(!this.clean)
  }

  #queue(uid: number): QueueReplay {
    const recent = this.#recent
    if (recent?.uid === uid) return recent
    let queue = this.#queues.get(uid)
    if (queue === undefined) {
      queue = new QueueReplay(uid)
      this.#queues.set(uid, queue)
      if (uid > this.lastUid) this.lastUid = uid
    }
    this.#recent = queue
    return queue
  }
}
