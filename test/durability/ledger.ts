import type { Properties } from '../../src/codec/index.ts'
import { readBody } from './body.ts'
import type { Received } from './client.ts'

/** A message as it was published. */
export interface Sent {
  readonly uid: number
  /** Whose: each publisher counts its own, and a queue keeps that order. */
  readonly publisher: string
  readonly properties: Properties
  readonly bytes: number
  readonly at: number
  readonly copies: Copy[]
}

/** How far a copy's acknowledgement is known to have come. */
type Settled = 'no' | 'sent' | 'proven'

/** A message in one queue: what is known of it from what the broker has said. */
export class Copy {
  readonly sent: Sent
  readonly line: Line
  /** In ms since 1970: before this it must not be delivered, nor can it be missed. */
  readonly dueAt: number
  /** The broker has said that it has it: by a confirm, a commit-ok, or by handing it out after a restart. */
  held = false
  /** The broker has said that it does not have it: a nack, or it was looked for in vain. */
  refused = false
  settled: Settled = 'no'
  delivered = false
  /** One of several of which one has to be there: whether this one is told by somebody else. */
  isEither = false
  /** It was put back, so that its place in the queue is open. */
  isRequeued = false
  /** How often it came since the last restart. */
  seen = 0

  constructor(sent: Sent, line: Line, dueAt: number) {
    this.sent = sent
    this.line = line
    this.dueAt = dueAt
  }

  /** What the queue has to have of it. */
  get expected(): 'must' | 'maybe' | 'never' {
    if (this.refused || this.settled === 'proven') return 'never'
    return this.held && this.settled === 'no' && !this.isEither ? 'must' : 'maybe'
  }

  toString(): string {
    const { uid, publisher, bytes, properties } = this.sent
    const what = `message ${uid} of ${publisher} (${bytes} bytes${properties.deliveryMode === 2 ? '' : ', transient'})`
    return `${what} in ${this.line.name} [held ${this.held}, refused ${this.refused}, acknowledgement ${this.settled}, delivered ${this.delivered}]`
  }
}

export interface LineOptions {
  /** Keeps all messages, as quorum queues do, whatever their delivery mode. */
  readonly keepsAll?: boolean
  /** Priorities from 0 to this; higher ones first. */
  readonly priorityMax?: number
  /** A message may come again: what is dead-lettered is so at least once. */
  readonly repeats?: boolean
  /** No order to be kept: of delayed and dead-lettered messages. */
  readonly isUnordered?: boolean
}

const REMEMBERED = 10_000

/** How long after it was sent a message may be read, without a confirm. */
const READ_MS_MAX = 200

/** A queue with all that was ever published to it. */
export class Line {
  readonly name: string
  readonly options: LineOptions
  readonly copies = new Map<number, Copy>()
  /** Those that may still be there. */
  readonly live = new Set<Copy>()

  constructor(name: string, options: LineOptions = {}) {
    this.name = name
    this.options = options
  }

  /** Lets go of the oldest of those that have gone; should one come back, it is one that nobody has published. */
  forget(): void {
    let excess = this.copies.size - this.live.size - REMEMBERED
    for (const [uid, copy] of this.copies) {
      if (excess <= 0) break
      if (this.live.has(copy)) continue
      this.copies.delete(uid)
      excess--
    }
  }
}

/** Copies whose fates hang together. */
interface Tie {
  readonly copies: readonly Copy[]
  /** Undefined when all is well. */
  judge(): string | undefined
}

/** All that was published, and what the broker has said of it. */
export class Ledger {
  readonly lines = new Map<string, Line>()
  /** What must not be, in plain words. */
  readonly faults: string[] = []
  /** Nothing is flagged redelivered but what was delivered: true after a clean stop, until somebody consumes. */
  flagsAreExact = false
  /** Files cannot be read: what is acknowledged, or purged, may be back because nobody can look at it. */
  acksMayFail = false
  /** Whether a letter that comes once more has to be flagged redelivered. */
  judgesLetterFlags = true
  published = 0
  confirmed = 0
  acknowledged = 0
  #uids = 0
  #ties: Tie[] = []

  line(name: string, options?: LineOptions): Line {
    let line = this.lines.get(name)
    if (line === undefined) {
      line = new Line(name, options)
      this.lines.set(name, line)
    }
    return line
  }

  /** Takes note of a message before it is sent. */
  publish(
    publisher: string,
    properties: Properties,
    bytes: number,
    lines: readonly Line[],
    { delayMs = 0, isRefused = false }: { delayMs?: number; isRefused?: boolean } = {},
  ): Sent {
    const at = Date.now()
    const sent: Sent = { uid: ++this.#uids, publisher, properties, bytes, at, copies: [] }
    for (const line of lines) {
      const copy = this.#add(sent, line, delayMs === 0 ? 0 : at + delayMs)
      copy.refused = isRefused
      // A letter made of it later is not among them: the confirm does not speak of that.
      sent.copies.push(copy)
    }
    this.published++
    return sent
  }

  confirm({ copies }: Sent, isAck: boolean): void {
    if (isAck) this.confirmed++
    for (const copy of copies) {
      if (isAck) copy.held ||= !copy.refused
      else this.dismiss(copy)
    }
  }

  /** It is not there, and must not come. */
  dismiss(copy: Copy): void {
    copy.refused = true
    copy.line.live.delete(copy)
  }

  /** A message came. @returns its copy, unless nobody published it. */
  receive(line: Line, message: Received): Copy | undefined {
    let uid: number
    try {
      uid = readBody(message.body)
    } catch (error) {
      this.faults.push(`${line.name}: ${(error as Error).message}`)
      return undefined
    }
    const copy = line.copies.get(uid)
    if (copy === undefined) {
      this.faults.push(`${line.name}: message ${uid} was never published to it`)
      return undefined
    }
    if (line.options.repeats) this.#revive(copy, message)
    else this.#checkFlags(copy, message)
    if (Date.now() < copy.dueAt - 5) this.faults.push(`comes ${copy.dueAt - Date.now()} ms too early: ${copy}`)
    const { priority, headers, messageId } = copy.sent.properties
    const properties = message.properties()
    if (properties.priority !== priority || properties.messageId !== messageId || (headers && !properties.headers)) {
      this.faults.push(`has other properties: ${copy}`)
    }
    copy.delivered = true
    copy.seen++
    return copy
  }

  #checkFlags(copy: Copy, { redelivered }: Received): void {
    if (copy.settled === 'proven') this.faults.push(`comes back after its ack: ${copy}`)
    else if (copy.refused) this.faults.push(`should not be there: ${copy}`)
    if (copy.delivered && !redelivered) this.faults.push(`not flagged redelivered: ${copy}`)
    if (!copy.delivered && redelivered && this.flagsAreExact) this.faults.push(`flagged redelivered: ${copy}`)
  }

  /** A letter that was settled comes once more, because its rejection was forgotten and repeated. */
  #revive(copy: Copy, { redelivered }: Received): void {
    if (copy.delivered && !redelivered && this.judgesLetterFlags)
      this.faults.push(`a letter not flagged redelivered: ${copy}`)
    copy.settled = 'no'
    copy.refused = false
    copy.line.live.add(copy)
  }

  /** An acknowledgement leaves. */
  acknowledge(copy: Copy): void {
    if (copy.settled === 'no') copy.settled = 'sent'
    this.acknowledged++
  }

  /** It is known that the broker has kept the acknowledgement, and so the letter of a rejection. */
  prove({ copy, letter }: { readonly copy: Copy; readonly letter?: Copy }): void {
    if (this.acksMayFail) return
    if (letter !== undefined) letter.held = true
    if (copy.settled !== 'sent') return
    copy.settled = 'proven'
    copy.line.live.delete(copy)
  }

  /** A rejection leaves that takes the message to another queue. @returns the copy there. */
  deadLetter(copy: Copy, to: Line): Copy {
    const before = to.copies.get(copy.sent.uid)
    const letter = before ?? this.#add(copy.sent, to, 0)
    letter.refused = false
    letter.settled = 'no'
    to.live.add(letter)
    const wasKept = copy.held && copy.sent.properties.deliveryMode === 2
    this.acknowledge(copy)
    this.tie([copy, letter], () =>
      wasKept && copy.seen === 0 && letter.seen === 0
        ? `neither in ${copy.line.name} nor in ${to.name} after its rejection: ${copy}`
        : undefined,
    )
    return letter
  }

  /** From here to the next restart's end something has to hold that no copy can tell by itself. */
  tie(copies: readonly Copy[], judge: () => string | undefined): Tie {
    const tie = { copies, judge }
    this.#ties.push(tie)
    return tie
  }

  /** All is told by the copies themselves again. */
  untie(tie: Tie): void {
    this.#ties = this.#ties.filter((other) => other !== tie)
  }

  /** A restart: what was transient is gone, and nothing has been looked at. */
  restarted(): void {
    for (const line of this.lines.values()) {
      line.forget()
      for (const copy of line.live) {
        copy.seen = 0
        if (copy.sent.properties.deliveryMode !== 2 && !line.options.keepsAll) this.dismiss(copy)
      }
    }
  }

  /** Whether everything of a line that has to come has come. */
  isComplete(line: Line, horizon: number): boolean {
    for (const copy of line.live) {
      if (copy.seen === 0 && copy.dueAt <= horizon && copy.expected === 'must') return false
    }
    return true
  }

  /** Everything that is due by `horizon` has been looked at: what has not come is gone. */
  judge(horizon: number): void {
    for (const tie of this.#ties) {
      const fault = tie.judge()
      if (fault !== undefined) this.faults.push(fault)
    }
    this.#ties = this.#ties.filter(({ copies }) => copies.some(({ dueAt }) => dueAt > horizon))
    for (const line of this.lines.values()) {
      for (const copy of line.live) this.#resolve(copy, horizon)
    }
  }

  #resolve(copy: Copy, horizon: number): void {
    if (copy.seen > 0) {
      copy.held = true
      if (copy.settled === 'sent') copy.settled = 'no'
      return
    }
    if (copy.dueAt > horizon) return
    if (copy.expected === 'must') this.faults.push(`lost: ${copy}`)
    // Its time began when it was read, not when it was sent.
    else if (copy.dueAt > horizon - READ_MS_MAX) return
    this.dismiss(copy)
  }

  #add(sent: Sent, line: Line, dueAt: number): Copy {
    const copy = new Copy(sent, line, dueAt)
    line.copies.set(sent.uid, copy)
    line.live.add(copy)
    return copy
  }
}
