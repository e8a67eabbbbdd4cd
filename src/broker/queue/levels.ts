import { PropertyFlag, type PropertyView } from '../../codec/index.ts'
import type { Message } from '../message.ts'
import { Line } from './line.ts'
import type { RestoredInto } from './restore-slabs.ts'
import type { Slabs } from './slabs.ts'

/** Of so many messages of a quorum queue with both levels waiting, one is of the normal level. */
const QUORUM_TURN = 3

/** From this priority on, a message of a quorum queue is on its high level. Source: RabbitMQ 4.0. */
const QUORUM_HIGH_PRIORITY = 5

/**
 * The lines of a queue, one for each priority in use, and which of them is served next: on a classic queue the
 * highest, on a quorum queue what came back, then two of high priority for each normal one.
 * Source: RabbitMQ 4.0 (rabbit_priority_queue, rabbit_fifo_q).
 */
export class Levels implements RestoredInto {
  readonly #slabs: Slabs
  readonly #quorum: boolean
  readonly #lines: (Line | undefined)[]
  /** No line above this level has anything ready. */
  #top = 0
  #turn = 0

  /** @param count number of levels, from 1 */
  constructor(slabs: Slabs, count: number, quorum: boolean) {
    this.#slabs = slabs
    this.#quorum = quorum
    this.#lines = new Array<Line | undefined>(count).fill(undefined)
    this.#lines[0] = new Line(slabs, 0)
  }

  get count(): number {
    return this.#lines.length
  }

  /** The line for messages that arrive with this level. */
  line(level: number): Line {
    if (level > this.#top) this.#top = level
    const line = this.#lines[level]
    if (line !== undefined) return line
    const opened = new Line(this.#slabs, level)
    this.#lines[level] = opened
    return opened
  }

  /** The line for a message that arrives. @param view to look at its properties. */
  lineFor(message: Message, view: PropertyView): Line {
    const count = this.#lines.length
    if (count === 1 || (message.propertyFlags & PropertyFlag.PRIORITY) === 0) return this.#lines[0] as Line
    const { priority } = message.properties(view)
    if (this.#quorum) return this.line(priority >= QUORUM_HIGH_PRIORITY ? 1 : 0)
    return this.line(Math.min(priority, count - 1))
  }

  /** Copies of the first ready messages, at most so many. */
  peek(limit: number): Message[] {
    const messages: Message[] = []
    for (const line of this.descending()) line.peek(limit, messages)
    return messages
  }

  /** No slab has a message yet; new ones get numbers from this one on. */
  numberFrom(number: number): void {
    this.#slabs.numberFrom(
      number,
      [...this.descending()].map((line) => line.tail),
    )
  }

  /** The line whose first message is served next. Only when some message is ready. */
  head(): Line {
    const lines = this.#lines
    while (this.#top > 0 && isEmpty(lines[this.#top])) this.#top--
    const highest = lines[this.#top] as Line
    return this.#quorum && this.#top > 0 ? this.#quorumHead(lines[0] as Line, highest) : highest
  }

  /** Takes the message that the line's `seek` has found. */
  take(line: Line): void {
    if (this.#quorum && !line.returned) this.#turn = (this.#turn + 1) % QUORUM_TURN
    line.take()
  }

  /** Puts a taken message back to where it was. */
  putBack(line: Line, place: number): void {
    line.putBack(place)
    if (line.level > this.#top) this.#top = line.level
  }

  /** The lines there are, the highest level first. */
  *descending(): IterableIterator<Line> {
    for (let level = this.#lines.length - 1; level >= 0; level--) {
      const line = this.#lines[level]
      if (line !== undefined) yield line
    }
  }

  #quorumHead(normal: Line, high: Line): Line {
    if (normal.ready === 0 || high.requeued.size > 0) return high
    if (normal.requeued.size > 0) return normal
    return this.#turn === QUORUM_TURN - 1 ? normal : high
  }
}

function isEmpty(line: Line | undefined): boolean {
  return line === undefined || line.ready === 0
}
