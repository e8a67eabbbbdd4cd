import type { PropertyView } from '../codec/index.ts'
import type { Position } from '../store/index.ts'
import { appendKeys, type FreshKey, freshKeyOfQueue } from './fresh-key.ts'
import type { BrokerContext } from './host.ts'
import type { Letters } from './letters.ts'
import type { Message } from './message.ts'
import type { PublishResult } from './publish-result.ts'
import { type Follower, NO_PLACE, PLACE_SPAN, PublishOutcome, type Queue, REFUSED } from './queue/index.ts'
import { COPY_BODY_BYTES_MAX } from './queue/record.ts'
import { MessageRecord, RecordType } from './storage/index.ts'

/** About what a message takes in a queue beside its body. */
const HEAD_BYTES = 48

/** A body that is large is there once for all queues. */
function placedBytes(count: number, bodyLength: number): number {
  return bodyLength > COPY_BODY_BYTES_MAX ? bodyLength : count * bodyLength
}

/** Puts messages into the queues that they were routed to, and into the journal where they are to survive a restart. */
export class Intake {
  readonly #context: BrokerContext
  readonly #letters: Letters
  readonly #view: PropertyView
  readonly #record = new MessageRecord()
  /** Which of the queues have taken the message in hand; a count, because shortening an array is a call into the runtime. */
  readonly #taken: boolean[] = []
  #takenCount = 0

  constructor(context: BrokerContext, letters: Letters) {
    this.#context = context
    this.#letters = letters
    this.#view = context.propertyView
  }

  /**
   * Every queue takes the message or refuses it, and acts on it. The view is only read during the call.
   * @param durable at least one of the queues is
   * @param result is told what became of it
   * @param keys that exchanges on the way have come to know with the message.
   */
  enqueue(
    queues: readonly Queue[],
    durable: boolean,
    message: Message,
    result: PublishResult,
    keys?: FreshKey[],
  ): void {
    if (queues.length === 0) return
    result.routed = true
    // Once for all queues, in memory and on the disk, instead of once for each.
    if (queues.length > 1 && message.bodyLength > COPY_BODY_BYTES_MAX && !message.owned) message = message.copy()
    const persistent = durable && message.isPersistent(this.#view)
    // Quorum queues keep every message, whatever its delivery-mode says.
    if (persistent || (durable && queues.some(({ type }) => type === 'quorum'))) {
      this.#journalled(queues, persistent, message, result, keys)
      return
    }
    for (let i = 0; i < queues.length; i++) {
      if ((queues[i] as Queue).publish(message) === PublishOutcome.REJECTED) result.rejected = true
    }
  }

  /** Puts the message into one queue; the follower is told what becomes of it there. */
  enqueueFollowed(queue: Queue, message: Message, result: PublishResult, follower: Follower): void {
    result.routed = true
    const persistent = queue.durable && message.isPersistent(this.#view)
    this.#journalled([queue], persistent, message, result, undefined, follower)
  }

  /**
   * Every queue says where it has put the message, the journal has it once for all of them, and only then anybody acts
   * on it: what the journal hears of a message later (acknowledged, dropped) must not come before the message.
   */
  #journalled(
    queues: readonly Queue[],
    persistent: boolean,
    message: Message,
    result: PublishResult,
    keys: FreshKey[] | undefined,
    follower?: Follower,
  ): void {
    // A queue that refuses the message may have a dead letter of it routed, by these same objects: that waits.
    const outermost = this.#letters.hold()
    const record = (outermost ? this.#record : new MessageRecord()).of(message)
    const taken = this.#taken
    const first = this.#takenCount
    this.#takenCount = first + queues.length
    try {
      for (let i = 0; i < queues.length; i++) {
        const queue = queues[i] as Queue
        const place = queue.accept(message, persistent)
        taken[first + i] = place >= 0
        if (place === REFUSED) result.rejected = true
        // A duplicate, perhaps: the first may not be safe yet.
        if (place === NO_PLACE && queue.deduplicator !== undefined) result.position = this.#context.journal.appended
        if (follower !== undefined) followFrom(follower, queue, place)
        if (place < 0) continue
        if (!queue.acceptedJournalled) continue
        const slabNumber = Math.floor(place / PLACE_SPAN)
        record.add(queue.uid, slabNumber, place - slabNumber * PLACE_SPAN, queue.acceptedExpiry)
        if (queue.deduplicator === undefined) continue
        const key = freshKeyOfQueue(queue)
        if (key !== undefined) keys = [...(keys ?? []), key]
      }
      if (record.count > 0) {
        result.position = this.#append(record, keys)
        this.#context.storage.placedBytes += record.count * HEAD_BYTES + placedBytes(record.count, message.bodyLength)
      }
      for (let i = 0; i < queues.length; i++) {
        if (taken[first + i]) (queues[i] as Queue).arrived(message)
      }
    } finally {
      this.#takenCount = first
      if (outermost) this.#letters.release()
    }
  }

  /**
   * A key must not be known without its message, or the message would be lost when it is sent again; nor the message
   * without its key, or it would be there twice.
   */
  #append(record: MessageRecord, keys: readonly FreshKey[] | undefined): Position {
    const { journal, storage } = this.#context
    // Before the message, since its confirm tells that what was acknowledged before it is kept.
    storage.settlements.flush()
    if (keys === undefined || keys.length === 0) return journal.append(record, RecordType.MESSAGE)
    return storage.group(() => {
      journal.append(record, RecordType.MESSAGE)
      return appendKeys(keys, journal)
    })
  }
}

/** Nothing is left to follow of what a consumer has that needs no acknowledgement, or was there before. */
function followFrom(follower: Follower, queue: Queue, place: number): void {
  if (place === NO_PLACE) follower.ended('acknowledged')
  if (place < 0) return
  queue.follow(place, follower)
  follower.placed(queue, place)
}
