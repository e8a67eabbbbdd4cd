import type { Settling } from '../base/index.ts'
import {
  BASIC_ACK,
  BASIC_NACK,
  FRAME_END,
  FrameType,
  writeFrameHeader,
  writeUint32,
  writeUint64,
} from '../codec/index.ts'
import type { JournalWaiter, Position } from '../store/index.ts'
import type { Connection } from './connection.ts'

/** frame head, class and method, delivery tag, bits, frame end */
const FRAME_BYTES = 7 + 4 + 8 + 1 + 1

/**
 * Publisher confirms of one channel. What can be confirmed when the turn ends leaves as one cumulative ack; what waits
 * for the journal waits in publish order, so that one number tells how far everything is safe.
 */
export class Confirms implements Settling, JournalWaiter {
  settleMarked = false
  readonly #connection: Connection
  readonly #channel: number
  /** Sequence number of the latest publish. */
  #published = 0
  /** Everything up to here may be confirmed. */
  #settled = 0
  /** Everything up to here has been confirmed. */
  #sent = 0
  /** Publishes that wait for the journal: neighbours in sequence, first at `#settled + 1`. */
  #positions: Position[] = []
  #positionsHead = 0
  /** Sequence numbers to be refused, ascending. */
  #rejected: number[] = []
  #closed = false

  constructor(connection: Connection, channel: number) {
    this.#connection = connection
    this.#channel = channel
  }

  /** Publishes not yet confirmed. */
  get outstanding(): number {
    return this.#published - this.#sent
  }

  /** Counts one publish. @param position what it waits for, 0 for nothing. @param rejected it will be nacked. */
  published(position: Position, rejected: boolean): void {
    const sequence = ++this.#published
    if (rejected) this.#rejected.push(sequence)
    if (this.#positions.length === 0 && position <= this.#connection.journal.completed) {
      this.#settled = sequence
    } else {
      if (this.#positions.length === 0) this.#connection.journal.addWaiter(this)
      this.#positions.push(position)
    }
    this.#connection.turn.settle(this)
  }

  journalCompleted(): void {
    this.#connection.turn.settle(this)
  }

  /** The channel has gone: nobody is left to tell. */
  close(): void {
    this.#closed = true
    this.#connection.journal.removeWaiter(this)
  }

  /** End of a turn: says what can be said. */
  settle(): void {
    if (this.#closed) return
    if (this.#positions.length > 0) this.#advance(this.#connection.journal.completed)
    while (this.#rejected.length > 0) {
      const sequence = this.#rejected[0] as number
      if (sequence > this.#settled) break
      this.#rejected.shift()
      this.#acknowledge(sequence - 1)
      this.#write(BASIC_NACK, sequence, NACK_REQUEUE)
      this.#sent = sequence
    }
    this.#acknowledge(this.#settled)
  }

  /** Takes over what the journal has completed. */
  #advance(completed: Position): void {
    const positions = this.#positions
    let head = this.#positionsHead
    while (head < positions.length && (positions[head] as Position) <= completed) head++
    this.#settled += head - this.#positionsHead
    this.#positionsHead = head
    // Shifting one by one would move the rest each time; half empty is when moving pays.
    if (head * 2 < positions.length) return
    positions.splice(0, head)
    this.#positionsHead = 0
    if (positions.length === 0) this.#connection.journal.removeWaiter(this)
  }

  #acknowledge(sequence: number): void {
    if (sequence <= this.#sent) return
    this.#write(BASIC_ACK, sequence, sequence - this.#sent > 1 ? MULTIPLE : 0)
    this.#sent = sequence
  }

  #write(method: number, sequence: number, bits: number): void {
    const out = this.#connection.out
    const at = out.reserve(FRAME_BYTES)
    const target = out.chunk
    writeFrameHeader(target, at, FrameType.METHOD, this.#channel, FRAME_BYTES - 8)
    writeUint32(target, at + 7, method)
    writeUint64(target, at + 11, sequence)
    target[at + 19] = bits
    target[at + 20] = FRAME_END
  }
}

const MULTIPLE = 1
/** The nack of a confirm carries requeue on the wire, as RabbitMQ's does; clients ignore it. */
const NACK_REQUEUE = 2
