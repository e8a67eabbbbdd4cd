import { Fifo, type Settling } from '../base/index.ts'
import type { OutcomeWaiter, PendingOutcome } from '../broker/index.ts'
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

/** A publish that waits for more than the journal: for what somebody outside the broker makes of it. */
class Awaited implements OutcomeWaiter {
  readonly sequence: number
  readonly outcome: PendingOutcome
  readonly #confirms: Confirms

  constructor(sequence: number, outcome: PendingOutcome, confirms: Confirms) {
    this.sequence = sequence
    this.outcome = outcome
    this.#confirms = confirms
    outcome.waiter = this
  }

  outcomeSettled(): void {
    this.#confirms.outcomeSettled(this)
  }
}

/**
 * Publisher confirms of one channel. What can be confirmed when the turn ends leaves as one cumulative ack; what waits
 * for the journal waits in publish order, so that one number tells how far everything is safe. A publish whose outcome
 * somebody else has to say holds up nobody: it is passed over and confirmed on its own later, and while there is one, so
 * are those behind it, because a cumulative ack would confirm it with them.
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
  readonly #positions = new Fifo<Position>()
  /** Sequence numbers to be refused, ascending. */
  #rejected: number[] = []
  /** Publishes with an outcome of their own that are not passed yet, ascending. */
  #awaited: Awaited[] = []
  /** Those that were passed and whose outcome is not known. */
  readonly #passed = new Set<Awaited>()
  /** Those whose outcome has become known since they were passed. */
  #answered: Awaited[] = []
  #closed = false

  constructor(connection: Connection, channel: number) {
    this.#connection = connection
    this.#channel = channel
  }

  /** Publishes not yet confirmed. */
  get outstanding(): number {
    return this.#published - this.#sent + this.#passed.size + this.#answered.length
  }

  /**
   * Counts one publish.
   * @param position what it waits for, 0 for nothing.
   * @param rejected it will be nacked.
   * @param pending what it waits for beside the position. How many may do so at a time is for those to limit who make them.
   */
  published(position: Position, rejected: boolean, pending?: PendingOutcome): void {
    const sequence = ++this.#published
    if (rejected) this.#rejected.push(sequence)
    else if (pending !== undefined) this.#await(sequence, pending)
    if (this.#positions.size === 0 && position <= this.#connection.journal.completed) {
      this.#settled = sequence
    } else {
      if (this.#positions.size === 0) this.#connection.journal.addWaiter(this)
      this.#positions.push(position)
    }
    this.#connection.turn.settle(this)
  }

  journalCompleted(): void {
    this.#connection.turn.settle(this)
  }

  /** A publish that was passed over can be confirmed. */
  outcomeSettled(publish: Awaited): void {
    // Otherwise its turn in publish order is still to come.
    if (!this.#passed.delete(publish)) return
    this.#answered.push(publish)
    this.#connection.turn.settle(this)
  }

  /** The channel has gone: nobody is left to tell. */
  close(): void {
    this.#closed = true
    this.#connection.journal.removeWaiter(this)
    for (const { outcome } of [...this.#awaited, ...this.#passed]) outcome.waiter = undefined
    this.#awaited = []
    this.#passed.clear()
    this.#answered = []
  }

  /** End of a turn: says what can be said. */
  settle(): void {
    if (this.#closed) return
    if (this.#positions.size > 0) this.#advance(this.#connection.journal.completed)
    if (this.#answered.length > 0) this.#tellAnswered()
    if (this.#awaited.length > 0) this.#passAwaited()
    this.#confirmUpTo(this.#settled)
  }

  #await(sequence: number, pending: PendingOutcome): void {
    if (pending.state === 'rejected') this.#rejected.push(sequence)
    else if (pending.state === 'pending') this.#awaited.push(new Awaited(sequence, pending, this))
  }

  #tellAnswered(): void {
    for (const { sequence, outcome } of this.#answered) {
      if (outcome.state === 'accepted') this.#write(BASIC_ACK, sequence, 0)
      else this.#write(BASIC_NACK, sequence, NACK_REQUEUE)
    }
    this.#answered = []
  }

  /** Goes on, as far as everything is safe, from one publish with an outcome of its own to the next. */
  #passAwaited(): void {
    let count = 0
    for (const publish of this.#awaited) {
      const { sequence, outcome } = publish
      if (sequence > this.#settled) break
      count++
      // Then it is one like the others.
      if (outcome.state === 'accepted') continue
      this.#confirmUpTo(sequence - 1)
      if (outcome.state === 'rejected') this.#write(BASIC_NACK, sequence, NACK_REQUEUE)
      else this.#passed.add(publish)
      this.#sent = sequence
    }
    this.#awaited.splice(0, count)
  }

  /** Acks, except those that are refused, all that come before the next with an outcome of its own. */
  #confirmUpTo(last: number): void {
    while (this.#rejected.length > 0) {
      const sequence = this.#rejected[0] as number
      if (sequence > last) break
      this.#rejected.shift()
      this.#acknowledge(sequence - 1)
      this.#write(BASIC_NACK, sequence, NACK_REQUEUE)
      this.#sent = sequence
    }
    this.#acknowledge(last)
  }

  /** Takes over what the journal has completed. */
  #advance(completed: Position): void {
    const positions = this.#positions
    while (positions.size > 0 && (positions.first as Position) <= completed) {
      positions.shift()
      this.#settled++
    }
    if (positions.size === 0) this.#connection.journal.removeWaiter(this)
  }

  #acknowledge(sequence: number): void {
    if (sequence <= this.#sent) return
    if (this.#passed.size > 0) {
      for (let each = this.#sent + 1; each <= sequence; each++) this.#write(BASIC_ACK, each, 0)
    } else {
      this.#write(BASIC_ACK, sequence, sequence - this.#sent > 1 ? MULTIPLE : 0)
    }
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
