import type { Timer } from '../../base/index.ts'
import {
  type FieldValue,
  int,
  integerOf,
  PropertyFlag,
  PropertyView,
  replaceProperties,
  textOf,
} from '../../codec/index.ts'
import type { Position } from '../../store/index.ts'
import { Message, MessageMark } from '../message.ts'
import type { CrashTail } from '../queue/crash-tail.ts'
import { JOURNALLED } from '../queue/record.ts'
import type { RestoredQueue } from '../queue/restored.ts'
import type { Slab } from '../queue/slab.ts'
import { PLACE_SPAN } from '../queue/slabs.ts'
import { MessageRecord, RecordType } from '../storage/index.ts'
import type { Exchange } from './exchange.ts'
import { HeldMessages } from './held-messages.ts'
import { ReadAhead } from './read-ahead.ts'

/** The longest delay there is, about 49 days; a longer one counts as none. Source: the RabbitMQ plugin. */
export const DELAY_MAX_MS = 0xffff_ffff

/** About what a message takes in memory beside its body. */
const HEAD_BYTES = 64

/** How many due messages are let go at once, so that a million due together do not hold up the sockets. */
const RELEASE_MAX = 1024

/**
 * The messages an exchange holds back until their time, as copies in slabs, behind one timer: many of them lie in files
 * (`HeldMessages`). When due they go to the vhost, which routes them by the bindings of that moment; `x-delay` then
 * stands negated in their headers, so they are not held again here or further on, and a consumer can tell how long they
 * waited. Source: the RabbitMQ plugin.
 *
 * Persistent messages of a durable exchange are kept over a restart: the journal has them until they are let go.
 */
export class DelayedMessages {
  /** What a confirm of the message held last waits for; 0 when it is not kept over a restart. */
  heldPosition: Position = 0
  readonly #exchange: Exchange
  readonly #properties = new PropertyView()
  readonly #view = new Message()
  readonly #record = new MessageRecord()
  readonly #held: HeldMessages
  readonly #ahead: ReadAhead
  readonly #wake = (): void => {
    this.#timer = undefined
    this.#run(this.#exchange.host.context.clock.now)
  }
  #timer: Timer | undefined
  #stopped = false

  /** @param uid the number that it had in the journal before a restart. */
  constructor(exchange: Exchange, uid?: number) {
    this.#exchange = exchange
    this.#held = new HeldMessages(exchange, uid, () => this.#run(exchange.host.context.clock.refresh()))
    this.#ahead = new ReadAhead(this.#held)
  }

  /** How many messages wait. */
  get size(): number {
    return this.#held.size
  }

  /** What they cost in memory. */
  get bytes(): number {
    return this.#held.bytes + this.#ahead.bytes
  }

  /** Stands for them in the journal, as the uids of queues do. */
  get uid(): number {
    return this.#held.uid
  }

  /** Some of them come back after a restart. */
  get stored(): boolean {
    return this.#held.stored
  }

  get deleted(): boolean {
    return this.#held.deleted
  }

  /** What the last crash has left open. */
  get crashTail(): CrashTail | undefined {
    return this.#held.crashTail
  }

  /** All slabs that hold something. */
  slabs(): Iterable<Slab> {
    return this.#held.slabs.alive()
  }

  /**
   * Keeps a copy of the message when its `x-delay` (ms) asks for it; false when it is to be routed now. Integers of
   * any width, floats and texts of digits are understood; anything else, and 0 or less, is no delay.
   */
  hold(message: Message): boolean {
    if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return false
    const headers = message.properties(this.#properties).headers
    const delayMs = delayOf(headers?.get('x-delay'))
    if (headers === undefined || !(delayMs > 0 && delayMs <= DELAY_MAX_MS)) return false
    this.heldPosition = 0
    // A transaction may come to its exchange too late. Nothing leads on from there any more.
    if (this.deleted) return true
    const { buffer, propertiesAt, propertiesLength, bodyAt, bodyLength } = message
    const properties = replaceProperties(buffer, propertiesAt, propertiesLength, {
      headers: headers.set('x-delay', int(-delayMs)),
    })
    const body = buffer.subarray(bodyAt, bodyAt + bodyLength)
    const { clock, storage, journal } = this.#exchange.host.context
    const copy = Message.of(message.exchange, message.routingKey, properties, body, message.marks)
    const at = clock.now + delayMs
    const held = this.#held
    const stored = held.stored && message.isPersistent(this.#properties)
    const place = held.add(copy, delayMs, at, stored)
    if (stored) {
      const slabNumber = Math.floor(place / PLACE_SPAN)
      this.#record.of(copy).add(held.uid, slabNumber, place % PLACE_SPAN, at)
      this.heldPosition = journal.append(this.#record, RecordType.MESSAGE)
      storage.placedBytes += HEAD_BYTES + bodyLength
    }
    this.#arm()
    return true
  }

  /**
   * Takes back what was held before a restart; once, before anything else. What is due by now leaves as soon as timers
   * run, and after a crash flagged: it may have been delivered before.
   */
  restore(restored: RestoredQueue): void {
    this.#held.restore(restored)
    this.#arm()
  }

  /** Nothing is let go any more: the broker stops. */
  stop(): void {
    this.#stopped = true
    this.#disarm()
  }

  /** Drops everything and stops the timer. */
  clear(): void {
    this.#disarm()
    this.#ahead.clear()
    this.#held.clear()
  }

  /** Lets go what is due, in order, as far as it is in memory; what is not is read, and then this goes on. */
  #run(now: number): void {
    const { index } = this.#held
    if (this.#stopped) return
    let isStuck = false
    try {
      for (let count = 0; count < RELEASE_MAX && !isStuck && index.firstAt <= now; count++) {
        const place = index.firstPlace
        const slab = this.#held.seek()
        if (slab !== undefined) isStuck = !this.#letGo(slab)
        else this.#ahead.forget(place)
      }
    } finally {
      if (!this.deleted && index.size > 0) {
        this.#ahead.look(now, isStuck || !this.#isFirstHere())
        this.#arm()
      }
    }
  }

  /** @returns false when the message has to be read first. */
  #letGo(slab: Slab): boolean {
    const held = this.#held
    const at = held.index.firstAt
    const place = held.index.firstPlace
    const offset = place % PLACE_SPAN
    const read = slab.resident ? undefined : this.#ahead.find(place)
    if (!slab.resident && read === undefined) return false
    const view = this.#view
    const { host } = this.#exchange
    const { storage } = host.context
    held.slabs.beginView()
    try {
      let state: number
      if (read === undefined) {
        state = held.show(slab, offset, view)
      } else {
        view.assign(read.message)
        state = read.state
      }
      if (held.mayBeRepeated(slab, state, at)) view.marks |= MessageMark.REDELIVERED
      const isJournalled = (state & JOURNALLED) !== 0
      // The journal hears that it was let go together with where it went: neither lost nor sent twice.
      if (isJournalled) storage.beginGroup()
      try {
        host.publishFrom(this.#exchange, view)
      } finally {
        if (!this.deleted) held.settleFirst(slab, offset, read)
        if (isJournalled) {
          storage.settlements.flush()
          storage.endGroup()
        }
      }
    } finally {
      this.#ahead.forget(place)
      view.release()
      held.slabs.endView()
    }
    return true
  }

  /** The first message can be let go without being read first. */
  #isFirstHere(): boolean {
    const { index, slabs } = this.#held
    const slab = slabs.peek(index.firstPlace)
    return slab === undefined || slab.resident || this.#ahead.find(index.firstPlace) !== undefined
  }

  #arm(): void {
    const { index } = this.#held
    if (index.size === 0 || this.#stopped) return
    const { timers, clock } = this.#exchange.host.context
    const isHere = this.#isFirstHere()
    // What is under way says when it is there.
    if (!isHere && this.#ahead.isReading) {
      this.#disarm()
      return
    }
    // What is already due was left by a full release: it has to wait for the next turn, not for this one's timers.
    const soonest = clock.now + 1
    const at = Math.max(this.#ahead.timeFor(index.firstAt, isHere), soonest)
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return
      timers.cancel(this.#timer)
    }
    this.#timer = timers.schedule(at, this.#wake)
  }

  #disarm(): void {
    this.#exchange.host.context.timers.cancel(this.#timer)
    this.#timer = undefined
  }
}

/** Whole milliseconds; NaN for what is no number. */
function delayOf(value: FieldValue | undefined): number {
  if (value?.type === 'f' || value?.type === 'd') return Math.trunc(value.value)
  const text = textOf(value)
  if (text !== undefined) return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  return integerOf(value) ?? Number.NaN
}
