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
import { type DelayedEntry, DelayedRecord, RecordType, releasedRecord } from '../storage/index.ts'
import type { Exchange } from './exchange.ts'

/** The longest delay there is, about 49 days; a longer one counts as none. Source: the RabbitMQ plugin. */
export const DELAY_MAX_MS = 0xffff_ffff

/** What a held message costs besides its bytes: the view, the entry, two buffers' heads. */
const ENTRY_BYTES = 256

/** How many due messages are let go at once, so that a million due together do not hold up the sockets. */
const RELEASE_MAX = 1024

/** Among those due at the same time, the one that came first, with the smaller id, leaves first. */
interface Entry extends DelayedEntry {
  /** It comes back after a restart. */
  readonly stored: boolean
}

/**
 * The messages an exchange holds back until their time, as copies in a heap by due time, behind one timer. Their
 * bytes count as the node's memory. When due they go to the vhost, which routes them by the bindings of that moment;
 * `x-delay` then stands negated in their headers, so they are not held again here or further on, and a consumer can
 * tell how long they waited. Source: the RabbitMQ plugin.
 *
 * Persistent messages of a durable exchange are kept over a restart: the journal has them until they are let go.
 */
export class DelayedMessages {
  /** What a confirm of the message held last waits for; 0 when it is not kept over a restart. */
  heldPosition: Position = 0
  readonly #exchange: Exchange
  readonly #view = new PropertyView()
  readonly #heap: Entry[] = []
  readonly #release = (): void => this.#releaseDue()
  #timer: Timer | undefined
  #bytes = 0

  constructor(exchange: Exchange) {
    this.#exchange = exchange
  }

  /** How many messages wait. */
  get size(): number {
    return this.#heap.length
  }

  /** What they cost in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps a copy of the message when its `x-delay` (ms) asks for it; false when it is to be routed now. Integers of
   * any width, floats and texts of digits are understood; anything else, and 0 or less, is no delay.
   */
  hold(message: Message): boolean {
    if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return false
    const headers = message.properties(this.#view).headers
    const delayMs = delayOf(headers?.get('x-delay'))
    if (headers === undefined || !(delayMs > 0 && delayMs <= DELAY_MAX_MS)) return false
    const { buffer, propertiesAt, propertiesLength, bodyAt, bodyLength } = message
    const properties = replaceProperties(buffer, propertiesAt, propertiesLength, {
      headers: headers.set('x-delay', int(-delayMs)),
    })
    const body = buffer.subarray(bodyAt, bodyAt + bodyLength)
    const { host, name, durable } = this.#exchange
    const { clock, storage, journal } = host.context
    const entry: Entry = {
      id: storage.delayedIds.next(),
      at: clock.now + delayMs,
      message: Message.of(message.exchange, message.routingKey, properties, body, message.marks),
      stored: durable && message.isPersistent(this.#view),
    }
    this.heldPosition = entry.stored ? journal.append(new DelayedRecord(host.name, name, entry), RecordType.DELAYED) : 0
    this.#push(entry)
    this.#arm()
    return true
  }

  /** Those that are kept over a restart, as they came. */
  stored(): DelayedEntry[] {
    return this.#heap.filter(({ stored }) => stored).sort((a, b) => a.id - b.id)
  }

  /**
   * Takes back what was held before a restart; what is due by now leaves as soon as timers run.
   * @param crashed what is due may have been delivered before, and the crash has taken that it was let go.
   */
  restore(entries: Iterable<DelayedEntry>, crashed: boolean): void {
    const { now } = this.#exchange.host.context.clock
    for (const { id, at, message } of entries) {
      if (crashed && at <= now) message.marks |= MessageMark.REDELIVERED
      this.#push({ id, at, message, stored: true })
    }
    this.#arm()
  }

  /** Drops everything and stops the timer. */
  clear(): void {
    const { timers, memory } = this.#exchange.host.context
    timers.cancel(this.#timer)
    this.#timer = undefined
    this.#heap.length = 0
    memory.used -= this.#bytes
    this.#bytes = 0
  }

  #releaseDue(): void {
    this.#timer = undefined
    const { host } = this.#exchange
    const now = host.context.clock.now
    try {
      for (let count = 0; count < RELEASE_MAX; count++) {
        const first = this.#heap[0]
        if (first === undefined || first.at > now) break
        this.#pop()
        this.#letGo(first)
      }
    } finally {
      this.#arm()
    }
  }

  /** The journal hears that it was let go together with where it went: neither lost nor sent twice. */
  #letGo({ id, message, stored }: Entry): void {
    const { host } = this.#exchange
    const { storage, journal } = host.context
    if (!stored) {
      host.publishFrom(this.#exchange, message)
      return
    }
    storage.beginGroup()
    try {
      journal.append(releasedRecord(id), RecordType.RELEASED)
      host.publishFrom(this.#exchange, message)
    } finally {
      storage.endGroup()
    }
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined) return
    const { timers, clock } = this.#exchange.host.context
    // What is already due was left by a full release: it has to wait for the next turn, not for this one's timers.
    const at = Math.max(first.at, clock.now + 1)
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return
      timers.cancel(this.#timer)
    }
    this.#timer = timers.schedule(at, this.#release)
  }

  #push(entry: Entry): void {
    this.#account(entry.message.buffer.length + ENTRY_BYTES)
    const heap = this.#heap
    let index = heap.length
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as Entry
      if (isBefore(parent, entry)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = entry
  }

  /** Removes the first entry. */
  #pop(): void {
    const heap = this.#heap
    this.#account(-((heap[0] as Entry).message.buffer.length + ENTRY_BYTES))
    const entry = heap.pop() as Entry
    if (heap.length === 0) return
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      const right = heap[childIndex + 1]
      if (right !== undefined && isBefore(right, heap[childIndex] as Entry)) childIndex++
      const child = heap[childIndex] as Entry
      if (isBefore(entry, child)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = entry
  }

  #account(bytes: number): void {
    this.#bytes += bytes
    this.#exchange.host.context.memory.used += bytes
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.id < b.id)
}

/** Whole milliseconds; NaN for what is no number. */
function delayOf(value: FieldValue | undefined): number {
  if (value?.type === 'f' || value?.type === 'd') return Math.trunc(value.value)
  const text = textOf(value)
  if (text !== undefined) return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN
  return integerOf(value) ?? Number.NaN
}
