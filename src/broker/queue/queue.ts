import type { PropertyView } from '../../codec/index.ts'
import type { Consumer } from '../consumer.ts'
import { entity, noGetOnSingleActive } from '../errors.ts'
import type { DeathReason, EntityHost } from '../host.ts'
import { Message, MessageMark } from '../message.ts'
import { maxPriorityOf } from './arguments.ts'
import { CrashTail } from './crash-tail.ts'
import { DeclaredQueue, type QueueOptions } from './declared-queue.ts'
import { withDeliveryCount } from './delivery-count.ts'
import { expiryOf } from './expiry.ts'
import { HeadExpiry } from './head-expiry.ts'
import { Levels } from './levels.ts'
import type { Line } from './line.ts'
import { Losses, reportLoss } from './losses.ts'
import type { Loss } from './paging.ts'
import { NO_PLACE, PublishOutcome, REFUSED } from './publish-outcome.ts'
import { countDelivery, deliveryCount, JOURNALLED, REDELIVERED, recordBodyBytes, recordState } from './record.ts'
import { restoreSlabs } from './restore-slabs.ts'
import type { RestoredQueue } from './restored.ts'
import type { Slab } from './slab.ts'
import { PLACE_SPAN, Slabs, type SlabsQueue } from './slabs.ts'
import { UnusedTimer } from './unused-timer.ts'

/** Deliveries or expiries of one queue in one go, so that a long backlog does not hold up everybody else. */
const TURN_MAX = 4096

/**
 * A queue: messages in lines (one for each priority in use) of bytes, consumers whose turn it is, and the limits. All
 * of it is synchronous. A message that was handed out and not settled is known to its channel alone, by its *place*;
 * the queue has no object for it, ready or not.
 *
 * One class for all kinds, with its parts given at construction: subclasses would make every call and field read on
 * the way of a message slower.
 */
export class Queue extends DeclaredQueue implements SlabsQueue {
  deleted = false
  drainMarked = false
  settledMarked = false
  /** When the message that `accept` took last expires: ms since the epoch, 0 for never. */
  acceptedExpiry = 0
  /** The journal has to hear of the message that `accept` took last. */
  acceptedJournalled = false
  /** What the last crash has left open. */
  crashTail: CrashTail | undefined
  /** Whether the message that `get` gave last had been handed out before. */
  lastRedelivered = false

  readonly #quorum: boolean
  readonly #slabs: Slabs
  readonly #levels: Levels
  readonly #expiry: HeadExpiry
  readonly #unusedTimer: UnusedTimer | undefined
  readonly #view = new Message()
  readonly #properties: PropertyView
  readonly #losses = new Losses()
  /** Found ready for the message that `accept` took last. */
  #receiver: Consumer | undefined
  /** `accept` has written to a line that was empty. */
  #headChanged = false
  #ready = 0
  #readyBytes = 0
  #unacked = 0
  #unackedBytes = 0
  /** Some publishes do not get in. */
  #guarded: boolean
  readonly #bounded: boolean
  /** A consumer is being given a message: whatever it does meanwhile, deliveries are left to the one loop. */
  #busy = false

  /** @param options whose arguments `validateQueueArguments` has let pass. */
  constructor(host: EntityHost, name: string, options: QueueOptions) {
    super(host, name, options)
    const { clock, timers, propertyView } = host.context
    this.#quorum = this.type === 'quorum'
    this.#properties = propertyView
    this.#slabs = new Slabs(this)
    this.#levels = new Levels(this.#slabs, this.#quorum ? 2 : maxPriorityOf(this.arguments) + 1, this.#quorum)
    this.#expiry = new HeadExpiry(clock, timers, this.#levels, () => this.#expireHeads())
    this.#bounded = this.limits.bounded
    this.#guarded = this.deduplicator !== undefined || (this.#bounded && this.limits.overflow !== 'drop-head')
    this.#unusedTimer = UnusedTimer.of(clock, timers, this.limits.expires, () => host.deleteQueue(this))
  }

  /** Messages that wait for a consumer. */
  get messageCount(): number {
    return this.#ready
  }

  /** Messages handed out and not settled. */
  get unackedCount(): number {
    return this.#unacked
  }

  /** Body bytes of the messages that wait. */
  get readyBytes(): number {
    return this.#readyBytes
  }

  /** Body bytes of the messages handed out and not settled. */
  get unackedBytes(): number {
    return this.#unackedBytes
  }

  /** Memory held for messages, in bytes. */
  get memoryBytes(): number {
    return this.#slabs.bytes
  }

  /** Takes a message in; a ready consumer has it before this returns. The view is only read during the call. */
  publish(message: Message, persistent = false): PublishOutcome {
    const place = this.accept(message, persistent)
    if (place >= 0) this.#arrive(message, true)
    return place === REFUSED ? PublishOutcome.REJECTED : PublishOutcome.ACCEPTED
  }

  /**
   * First half of a publish, before the journal hears of it: the message is refused, given to a consumer that needs no
   * acknowledgement, or written behind all others. The view is only read during the call.
   * @param persistent the message survives a restart where the queue does.
   * @returns its place; `acceptedJournalled` and `acceptedExpiry` go with it, and `arrived` has to follow. NO_PLACE when
   * nothing is left to be done; REFUSED.
   */
  accept(message: Message, persistent: boolean): number {
    if (this.#guarded) {
      const refusal = this.#turnAway(message)
      if (refusal !== undefined) return refusal
    }
    this.stats.published++
    if (this.#ready === 0 && !this.#busy) {
      // Somebody has become ready since everybody was last found busy.
      if (this.drainMarked) this.consumers.unblock()
      const consumer = this.consumers.next()
      if (consumer?.noAck) {
        this.#handOver(message, consumer)
        return NO_PLACE
      }
      this.#receiver = consumer
    }
    return this.#append(message, this.stored && (persistent || this.#quorum))
  }

  /** Second half of a publish that was accepted: a consumer that is ready has it, or what is now too much goes. */
  arrived(message: Message): void {
    this.#arrive(message, false)
  }

  /**
   * Registers a consumer. Nothing is delivered yet: the caller says consume-ok first and then calls `drain`.
   * @throws AmqpError 403 `queue 'q1' in vhost '/' in exclusive use`. Source: RabbitMQ.
   */
  addConsumer(consumer: Consumer): void {
    this.consumers.add(consumer, this.name, this.host.name)
    this.#unusedTimer?.stop()
    this.#promote()
  }

  /** What the consumer has unacknowledged stays with its channel. An auto-delete queue goes with its last consumer. */
  removeConsumer(consumer: Consumer): void {
    if (!this.consumers.remove(consumer)) return
    if (this.#receiver === consumer) this.#receiver = undefined
    if (this.consumers.count === 0) {
      this.#unusedTimer?.start()
      if (this.autoDelete) this.host.deleteQueue(this)
    }
    if (this.#ready > 0) this.host.context.turn.drain(this)
  }

  /** Sets the broker's own consumer, or ends it: see `Consumers.internal`. What it has unacknowledged stays with it. */
  setInternalConsumer(consumer: Consumer | undefined): void {
    if (this.#receiver !== undefined && this.#receiver === this.consumers.internal) this.#receiver = undefined
    this.consumers.internal = consumer
    this.host.context.turn.drain(this)
  }

  /**
   * Hands out the first message, as basic.get asks.
   * @param view shows the message until the queue is called next; a no-ack message stays good.
   * @returns its place (meaningless with no-ack), -1 when nothing is there. `lastRedelivered` goes with it.
   * @throws AmqpError 405 on a quorum queue with a single active consumer.
   */
  get(view: Message, noAck: boolean): number {
    if (this.#quorum && this.consumers.singleActive) throw noGetOnSingleActive(this.name, this.host.name)
    this.touch()
    let line = this.#head()
    for (; line !== undefined && this.#expiry.isExpired(line); line = this.#head()) this.#dropHead(line, 'expired')
    if (line === undefined) {
      this.stats.getEmpty++
      return -1
    }
    const { slab, offset } = line
    const place = slab.number * PLACE_SPAN + offset
    const state = this.#take(line, view)
    this.lastRedelivered = (state & REDELIVERED) !== 0
    if (this.lastRedelivered) this.stats.redelivered++
    if (this.#quorum) view.assign(withDeliveryCount(view, this.#properties, deliveryCount(state)))
    if (noAck) {
      this.stats.gotNoAck++
      if (!view.owned) view.assign(view.copy())
      slab.line.settle(slab, offset)
      if (this.followers !== undefined) this.tell(this.followers, place, 'acknowledged')
    } else {
      this.stats.got++
      this.#countUnacked(slab, offset, 1)
    }
    if (this.#expiry.possible) {
      // A dead letter may come back to here, or take memory that this queue has just given up.
      if (!view.owned) view.assign(view.copy())
      this.#expireHeads()
    }
    return place
  }

  /** The message with this place is done with. */
  acknowledge(place: number): void {
    if (this.deleted) return
    const slab = this.#slabOf(place)
    if (slab === undefined) return
    const offset = place - slab.number * PLACE_SPAN
    this.stats.acknowledged++
    this.#countUnacked(slab, offset, -1)
    slab.line.settle(slab, offset)
    if (this.followers !== undefined) this.tell(this.followers, place, 'acknowledged')
    if (this.#unacked === 0 && this.#quorum) this.#promote()
  }

  /**
   * Puts a message back where it was, flagged redelivered, without reading it: a whole backlog may come back at once.
   * @param counts whether a quorum queue counts this against the delivery limit.
   */
  requeue(place: number, counts = true): void {
    if (this.deleted || this.#losses.settle(place)) return
    const slab = this.#slabs.find(place)
    const offset = place - slab.number * PLACE_SPAN
    let state = slab.stateOf(offset)
    const isCounted = this.#quorum && counts
    if (isCounted) state = countDelivery(state)
    const followed = this.followers !== undefined && this.tell(this.followers, place, 'requeued')
    if (followed || deliveryCount(state) > this.limits.deliveryLimit) {
      this.#giveUp(place, followed ? 'requeued' : 'delivery_limit')
      // Nothing came back, but whoever had it may now have room for another.
      this.host.context.turn.drain(this)
      return
    }
    slab.setStateOf(offset, state | REDELIVERED)
    if (isCounted && (state & JOURNALLED) !== 0) this.#slabs.returns.add(slab.number, offset, deliveryCount(state))
    const bodyBytes = slab.bodyBytesOf(offset)
    this.#unacked--
    this.#unackedBytes -= bodyBytes
    this.stats.requeued++
    this.#levels.putBack(slab.line, place)
    this.#ready++
    this.#readyBytes += bodyBytes
    if (slab.mayExpire(offset)) this.#expiry.possible = true
    this.#promote()
    if (this.#bounded) this.#dropExcess()
    this.host.context.turn.drain(this)
  }

  /** The message with this place is dropped, or goes to the dead-letter exchange. */
  reject(place: number): void {
    if (!this.deleted) this.#giveUp(place, 'rejected')
  }

  /** Drops what is ready, without dead letters. @returns how many. */
  purge(): number {
    const before = this.#ready
    const followed = this.followers?.places().filter((place) => this.#slabs.isUnread(place)) ?? []
    this.#ready = this.#readyBytes = 0
    for (const line of this.#levels.descending()) {
      this.#readyBytes += line.purge()
      this.#ready += line.ready
    }
    this.stats.purged += before - this.#ready
    this.followers?.tellAll(followed, 'purged')
    return before - this.#ready
  }

  /** The end, called once by the vhost: consumers are told, memory is given back, nothing is dead-lettered. */
  markDeleted(): void {
    this.deleted = true
    this.#guarded = true
    this.#unusedTimer?.stop()
    this.#expiry.stop()
    this.#ready = this.#readyBytes = this.#unacked = this.#unackedBytes = 0
    this.#losses.clear()
    this.#slabs.clear()
    this.#view.release()
    for (const consumer of this.consumers.clear()) consumer.cancelled()
    this.followers?.tellAll(this.followers.places(), 'deleted')
  }

  /** Hands out what it can to consumers that are ready; called when some may have become so. */
  drain(): void {
    this.consumers.unblock()
    if (this.#busy || this.#ready === 0) return
    this.#levels.head().readAhead()
    this.#busy = true
    this.#slabs.beginView()
    try {
      for (let left = TURN_MAX; this.#ready > 0; left--) {
        if (left === 0) {
          this.host.context.turn.drain(this)
          break
        }
        const line = this.#levels.head()
        line.seek()
        if (line.slab.paged !== undefined) {
          if (this.#slabs.readsAhead || this.consumers.next()) void this.#slabs.paging.load(line.slab)
          break
        }
        if (this.#expiry.possible && this.#expiry.isExpired(line)) {
          this.#dropHead(line, 'expired')
          continue
        }
        const consumer = this.consumers.next()
        if (consumer === undefined) break
        this.#deliver(line, consumer)
      }
    } finally {
      this.#busy = false
      this.#view.release()
      this.#slabs.endView()
    }
    if (this.#expiry.possible) this.#expireHeads()
  }

  /** The first ready messages, at most `limit`, as copies; the queue keeps them. */
  peek(limit: number): Message[] {
    return this.#levels.peek(limit)
  }

  /** What was there before a restart comes back; once, before anything else happens to the queue. */
  restore(restored: RestoredQueue): void {
    const { messages, bodyBytes, expires } = restoreSlabs(this.#slabs, this.#levels, this.#properties, restored)
    this.#ready = messages
    this.#readyBytes = bodyBytes
    this.crashTail = CrashTail.of(restored, this.host.context.clock.now)
    if (!expires) return
    this.#expiry.possible = true
    this.host.context.turn.drain(this)
  }

  /** Drops what is too much: after a crash, what was handed out and is ready again. Once all queues are restored. */
  enforceLimits(): void {
    if (!this.#bounded || this.#ready === 0) return
    if (this.#expiry.possible) this.#expireHeads()
    this.#dropExcess()
  }

  /** All slabs that hold something. */
  slabs(): Iterable<Slab> {
    return this.#slabs.alive()
  }

  /** Tells the journal what was settled and it has not heard of. */
  appendSettled(): void {
    this.#slabs.appendSettled()
  }

  /** A file is damaged: these messages are not there any more. */
  slabLost(loss: Loss): void {
    const lost = this.#losses.take(loss)
    this.#ready -= lost.ready
    this.#readyBytes -= lost.readyBytes
    this.#unacked -= lost.unacked
    this.#unackedBytes -= lost.unackedBytes
    reportLoss(this.host.context.log, entity('queue', this.name, this.host.name), lost.ready + lost.unacked, loss)
  }

  /** It is in use: starts x-expires anew. */
  touch(): void {
    this.#unusedTimer?.touch()
  }

  /** The line whose first message is next, which is found and in memory; undefined when nothing is ready. */
  #head(): Line | undefined {
    while (this.#ready > 0) {
      const line = this.#levels.head()
      line.seek()
      if (line.slab.paged === undefined) return line
      if (!this.#slabs.paging.loadNow(line.slab)) break
    }
    return undefined
  }

  /**
   * The slab, in memory, of a message that somebody settles; undefined when damage has taken it, or it cannot be read for
   * now: then the message is back in its line, since nobody else would settle it any more.
   */
  #slabOf(place: number): Slab | undefined {
    if (this.#losses.settle(place)) return undefined
    const slab = this.#slabs.find(place)
    if (slab.paged === undefined) return slab
    if (this.#slabs.paging.loadNow(slab)) return this.#losses.settle(place) ? undefined : slab
    this.requeue(place, false)
    return undefined
  }

  /** The end of a message that somebody has, and that goes to the dead-letter exchange if there is one. */
  #giveUp(place: number, reason: 'rejected' | 'delivery_limit' | 'requeued'): void {
    const slab = this.#slabOf(place)
    if (slab === undefined) return
    const offset = place - slab.number * PLACE_SPAN
    if (reason === 'delivery_limit') this.stats.deliveryLimited++
    else this.stats.rejected++
    this.#countUnacked(slab, offset, -1)
    if (reason === 'requeued') slab.line.settle(slab, offset)
    else this.#discard(slab, offset, reason)
    this.#promote()
  }

  #turnAway(message: Message): number | undefined {
    if (this.deleted) return NO_PLACE
    const { overflow, maxLength, maxLengthBytes } = this.limits
    if (
      overflow !== 'drop-head' &&
      (this.#ready + 1 > maxLength || this.#readyBytes + message.bodyLength > maxLengthBytes)
    ) {
      this.stats.overflowed++
      if (overflow === 'reject-publish-dlx') this.#deadLetter(message, 'maxlen')
      return REFUSED
    }
    if (this.deduplicator?.isDuplicate(message, this.host.context.clock.now)) {
      this.stats.duplicates++
      return NO_PLACE
    }
    return undefined
  }

  /** Writes an arriving message behind all others. @returns its place */
  #append(message: Message, journalled: boolean): number {
    const expiry = expiryOf(message, this.#properties, this.limits.messageTtl, this.host.context.clock.now)
    const line = this.#levels.lineFor(message, this.#properties)
    const place = line.append(message, journalled ? JOURNALLED : 0, expiry)
    this.acceptedJournalled = journalled
    this.acceptedExpiry = expiry
    this.#ready++
    this.#readyBytes += message.bodyLength
    if (expiry !== 0) this.#expiry.possible = true
    if (line.ready === 1) this.#headChanged = true
    return place
  }

  /** @param isSure nothing has happened since `accept`; otherwise another queue may have filled the receiver's prefetch. */
  #arrive(message: Message, isSure: boolean): void {
    const receiver = this.#receiver
    const headChanged = this.#headChanged
    this.#headChanged = false
    if (receiver !== undefined) {
      this.#receiver = undefined
      if (this.#ready === 1 && !this.#busy && (isSure || receiver.ready())) this.#deliverArrived(message, receiver)
      if (this.#ready === 0) return
      this.drain()
    }
    const dropped = this.#bounded && this.#dropExcess()
    if (this.#expiry.possible && (dropped || headChanged)) this.#expireHeads()
  }

  /** Gives an arriving message, as it came and without a record, to a consumer that needs no acknowledgement. */
  #handOver(message: Message, consumer: Consumer): void {
    this.#busy = true
    try {
      this.stats.deliveredNoAck++
      consumer.deliver(this, message, NO_PLACE, (message.marks & MessageMark.REDELIVERED) !== 0)
    } finally {
      this.#busy = false
    }
    // Published meanwhile by the consumer itself.
    if (this.#ready > 0) this.drain()
  }

  /** Gives the message that has just arrived, the only one, to a consumer: as it came, not as it was written. */
  #deliverArrived(message: Message, consumer: Consumer): void {
    const line = this.#levels.head()
    line.seek()
    const { slab, offset } = line
    line.take()
    this.#ready--
    this.#readyBytes -= message.bodyLength
    this.#unacked++
    this.#unackedBytes += message.bodyLength
    this.stats.delivered++
    this.#busy = true
    try {
      const redelivered = (message.marks & MessageMark.REDELIVERED) !== 0
      consumer.deliver(this, message, slab.number * PLACE_SPAN + offset, redelivered)
    } finally {
      this.#busy = false
    }
  }

  #deliver(line: Line, consumer: Consumer): void {
    const { slab, offset } = line
    const state = this.#take(line, this.#view)
    const redelivered = (state & REDELIVERED) !== 0
    let message = this.#view
    if (redelivered) {
      this.stats.redelivered++
      if (this.#quorum) message = withDeliveryCount(message, this.#properties, deliveryCount(state))
    }
    if (consumer.noAck) {
      this.stats.deliveredNoAck++
      consumer.deliver(this, message, NO_PLACE, redelivered)
      if (!this.deleted) slab.line.settle(slab, offset)
      if (this.followers !== undefined) this.tell(this.followers, slab.number * PLACE_SPAN + offset, 'acknowledged')
      return
    }
    this.stats.delivered++
    this.#countUnacked(slab, offset, 1)
    // The consumer may settle it at once, but its bytes have to stay for the rest of the call.
    slab.live++
    consumer.deliver(this, message, slab.number * PLACE_SPAN + offset, redelivered)
    if (!this.deleted) line.release(slab)
  }

  /** Takes the message that the line's `seek` has found out of the ready ones, and shows it. @returns its state. */
  #take(line: Line, view: Message): number {
    const { slab, offset } = line
    const at = slab.locate(offset)
    line.show(slab, offset, view)
    this.#levels.take(line)
    this.#ready--
    this.#readyBytes -= view.bodyLength
    return recordState(slab.memory.words, at)
  }

  /** @param change 1 for a message handed out, -1 for one that is settled. */
  #countUnacked(slab: Slab, offset: number, change: 1 | -1): void {
    this.#unacked += change
    this.#unackedBytes += change * recordBodyBytes(slab.memory.words, slab.locate(offset))
  }

  /** The end of a taken message that nobody acknowledged. */
  #discard(slab: Slab, offset: number, reason: DeathReason): void {
    if (this.followers !== undefined) this.tell(this.followers, slab.number * PLACE_SPAN + offset, reason)
    if (this.limits.deadLetterExchange !== undefined) {
      const view = new Message()
      slab.line.show(slab, offset, view)
      if (this.crashTail?.mayHaveBuried(slab, offset, reason)) view.marks |= MessageMark.REDELIVERED
      this.#deadLetter(view, reason)
      if (this.deleted) return
    }
    slab.line.settle(slab, offset)
  }

  #deadLetter(message: Message, reason: DeathReason): void {
    if (this.limits.deadLetterExchange === undefined) return
    this.stats.deadLettered++
    this.host.deadLetter(this, message, reason)
  }

  /** Drops the message that the line's `seek` has found. */
  #dropHead(line: Line, reason: 'expired' | 'maxlen'): void {
    const { slab, offset } = line
    if (reason === 'expired') this.stats.expired++
    else this.stats.overflowed++
    line.take()
    this.#ready--
    this.#readyBytes -= recordBodyBytes(slab.memory.words, slab.locate(offset))
    this.#discard(slab, offset, reason)
  }

  /** @returns whether anything was dropped. */
  #dropExcess(): boolean {
    const { overflow, maxLength, maxLengthBytes } = this.limits
    if (overflow !== 'drop-head') return false
    let dropped = false
    while (this.#ready > maxLength || this.#readyBytes > maxLengthBytes) {
      const line = this.#head()
      if (line === undefined) break
      this.#dropHead(line, 'maxlen')
      dropped = true
    }
    return dropped
  }

  /** Drops the heads that are too old; many of them in several goes. */
  #expireHeads(): void {
    let left = TURN_MAX
    for (const line of this.#levels.descending()) {
      for (; line.ready > 0 && left > 0; left--) {
        line.seek()
        if (!this.#expiry.isExpired(line)) break
        if (line.slab.paged !== undefined) {
          void this.#slabs.paging.load(line.slab)
          break
        }
        this.#dropHead(line, 'expired')
      }
    }
    this.#expiry.arm()
  }

  /** A single active consumer of a quorum queue gives way to one of higher priority when nothing is unacked. */
  #promote(): void {
    if (!this.#quorum || this.#unacked > 0 || !this.consumers.singleActive) return
    if (this.consumers.promote() && this.#ready > 0) this.host.context.turn.drain(this)
  }
}
