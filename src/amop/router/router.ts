import type { Clock, Logger, Timers } from '../../base/index.ts'
import { Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { findTopic } from '../packet/topic-body.ts'
import type { AmopSettings } from '../settings.ts'
import { isBlockNotice } from '../topic-names.ts'
import { FRAME_COST_BYTES } from '../transport.ts'
import { Bandwidth } from './bandwidth.ts'
import { Deadlines } from './deadlines.ts'
import type { Listener } from './listener.ts'
import { Message } from './message.ts'
import { MulticastMemory } from './multicast-memory.ts'
import type { Publisher } from './publisher.ts'
import { chooseFrom, TopicTable } from './topic-table.ts'
import { Unicast, type UnicastOutcome } from './unicast.ts'

export interface RouterOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly settings: AmopSettings
  /** Chooses among candidates: from 0 to 1, exclusive. Default `Math.random`. */
  readonly random?: () => number
}

const NO_BODY = Buffer.alloc(0)
/** Stands for a frame that is not kept. */
const NOT_KEPT = new Packet(PacketType.UNICAST, '', 0, NO_BODY)

/** One table of who listens to which topic, and the way of each message from its publisher to them. */
export class Router implements UnicastOutcome {
  readonly table = new TopicTable()
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #log: Logger
  readonly #settings: AmopSettings
  readonly #random: () => number
  readonly #sessionDeadlines: Deadlines<Unicast>
  readonly #nodeDeadlines: Deadlines<Unicast>
  readonly #multicasts: MulticastMemory
  readonly #bandwidth: Bandwidth
  #retainedBytes = 0
  #unanswered = 0

  constructor({ clock, timers, log, settings, random = Math.random }: RouterOptions) {
    this.#clock = clock
    this.#timers = timers
    this.#log = log
    this.#settings = settings
    this.#random = random
    const expire = (unicast: Unicast): void => this.#expired(unicast)
    this.#sessionDeadlines = new Deadlines(clock, timers, settings.sessionTimeoutMs, expire)
    this.#nodeDeadlines = new Deadlines(clock, timers, settings.nodeTimeoutMs, expire)
    this.#multicasts = new MulticastMemory(clock, settings.multicastMemoryMs, settings.multicastsRemembered)
    this.#bandwidth = new Bandwidth(clock, settings.bandwidthMbits)
  }

  /** Unicasts that wait for an answer. */
  get unanswered(): number {
    return this.#unanswered
  }

  /** Bytes of the frames that are kept for a second candidate, with `FRAME_COST_BYTES` for each. */
  get retainedBytes(): number {
    return this.#retainedBytes
  }

  /** @returns false when it listened already, or when the topic is one that is never delivered to. */
  subscribe(listener: Listener, topic: string): boolean {
    return !isBlockNotice(topic) && this.table.add(listener, topic)
  }

  /** Unicasts that the listener has stay with it. */
  unsubscribe(listener: Listener, topic: string): boolean {
    return this.table.remove(listener, topic)
  }

  /** Whether somebody would get a message of that publisher now. */
  reaches(publisher: Publisher, topic: string, type: number): boolean {
    const entry = this.table.find(topic)
    if (entry === undefined) return false
    return (type === PacketType.MULTICAST ? entry.listenersFor(publisher) : entry.candidates(publisher)).length > 0
  }

  /**
   * Sends a unicast to one of those who listen; the publisher's `answered` is called exactly once, now or later.
   * @param packet a 0x30.
   * @returns false when its body is malformed; nothing happens then.
   */
  unicast(publisher: Publisher, packet: Packet): boolean {
    const place = findTopic(packet.frame)
    if (place === undefined) return false
    const { topic, dataAt } = place
    const unicast = new Unicast(this, publisher, packet, topic, dataAt)
    this.#step('received', unicast)
    const refused = this.#refusal(unicast)
    publisher.unanswered++
    this.#unanswered++
    if (refused !== undefined) {
      this.#fail(unicast, refused.code, refused.reason)
      return true
    }
    const entry = topic === undefined ? undefined : this.table.find(topic)
    for (const tap of entry?.taps(publisher) ?? []) this.#copyTo(tap, unicast)
    const first = entry?.choose(entry.candidates(publisher), this.#settings.choice, this.#random)
    if (first === undefined) {
      this.#fail(unicast, ResultCode.NO_LISTENER, 'nobody listens')
      return true
    }
    if (!this.#bandwidth.take(packet.frame.length, 1)) {
      this.#fail(unicast, ResultCode.OVER_BANDWIDTH, 'over the bandwidth limit')
      return true
    }
    const cost = packet.frame.length + FRAME_COST_BYTES
    unicast.retained = this.#retainedBytes + cost <= this.#settings.retainedBytesMax
    if (unicast.retained) this.#retainedBytes += cost
    this.#offer(unicast, first)
    return true
  }

  /**
   * Sends a multicast to all who listen, the publisher itself included. The publisher's `answered` is called first:
   * an SDK that also subscribes must not take its own copy for the answer.
   * @param packet a 0x35.
   * @returns how many have taken it; -1 when its body is malformed, nothing happens then.
   */
  multicast(publisher: Publisher, packet: Packet): number {
    const place = findTopic(packet.frame)
    if (place === undefined) return -1
    const { topic, dataAt } = place
    const message = new Message(publisher, packet, topic, dataAt)
    this.#step('received', message)
    if (topic !== undefined && !publisher.access.publish(topic)) {
      this.#refuseMulticast(message, ResultCode.NO_LISTENER, 'not permitted')
      return 0
    }
    const listeners = topic === undefined ? undefined : this.table.find(topic)?.listenersFor(publisher)
    const once = publisher.sendsOnce === true
    const known = !once && this.#multicasts.knows(publisher.identity, packet.seq)
    if (listeners !== undefined && !known) {
      if (!this.#bandwidth.take(packet.frame.length, nodes(listeners))) {
        this.#refuseMulticast(message, ResultCode.OVER_BANDWIDTH, 'over the bandwidth limit')
        return 0
      }
      if (!once) this.#multicasts.remember(publisher.identity, packet.seq)
    }
    if (!once) {
      publisher.answered(message, packet.as(PacketType.RESPONSE, packet.seq, ResultCode.SUCCESS))
      this.#step('answered', message, undefined, ResultCode.SUCCESS)
    }
    if (known) this.#step('known from another connection, not delivered again', message)
    if (listeners === undefined || known) return 0
    let taken = 0
    // A copy: who takes a message may come or go by it.
    for (const listener of listeners.slice()) {
      this.#step('candidate', message, listener)
      if (this.#copyTo(listener, message)) taken++
    }
    return taken
  }

  answered(unicast: Unicast, from: Listener, answer: Packet): void {
    if (unicast.listener !== from) {
      this.#step('answered too late', unicast, from, answer.result)
      return
    }
    unicast.wasTaken = true
    // The publisher's SDK decodes the body of a good answer without looking.
    if (answer.result === ResultCode.SUCCESS && findTopic(answer.frame) === undefined) {
      this.failed(unicast, from, 'its answer is malformed')
      return
    }
    this.#release(unicast)
    this.#step('answered', unicast, from, answer.result)
    if (answer.result !== ResultCode.SUCCESS)
      this.#warn('unicast failed', unicast, answer.result, 'the listener says so', from)
    this.#finish(unicast, answer.as(PacketType.RESPONSE, unicast.seq))
  }

  failed(unicast: Unicast, from: Listener, reason: string): void {
    if (unicast.listener !== from) return
    unicast.wasTaken = true
    this.#release(unicast)
    this.#offer(unicast, this.#failOver(unicast, from, reason))
  }

  #refusal({ publisher, topic }: Message): { code: number; reason: string } | undefined {
    if (publisher.unanswered >= this.#settings.outstandingMax) {
      return { code: ResultCode.OVER_BANDWIDTH, reason: 'too many unicasts of this publisher wait for an answer' }
    }
    if (topic === undefined) return { code: ResultCode.NO_LISTENER, reason: 'the topic is not UTF-8' }
    if (!publisher.access.publish(topic)) return { code: ResultCode.NO_LISTENER, reason: 'not permitted' }
    return undefined
  }

  /** Hands it to the first that takes it, beginning with the given one. */
  #offer(unicast: Unicast, first: Listener | undefined): void {
    let listener = first
    // A loop: a thousand listeners that cannot take it must not be a thousand calls deep.
    while (listener !== undefined) {
      this.#step('candidate', unicast, listener)
      const reason = this.#push(unicast, listener)
      if (reason === undefined) return
      listener = this.#failOver(unicast, listener, reason, true)
    }
  }

  /** @returns why it was not taken. */
  #push(unicast: Unicast, listener: Listener): string | undefined {
    if (listener.kind !== 'node' && unicast.localSince === 0) unicast.localSince = this.#clock.now
    unicast.listener = listener
    this.#deadlines(listener).start(unicast)
    let reason = 'it cannot take it now'
    try {
      const taken = listener.push(unicast)
      if (typeof taken === 'string') reason = taken
      else if (taken) {
        this.#step('pushed', unicast, listener)
        if (!unicast.retained) unicast.packet = NOT_KEPT
        return undefined
      }
    } catch (error) {
      if (listener.kind !== 'node') unicast.localErrors++
      reason = `handing it over failed: ${error instanceof Error ? error.message : error}`
      this.#log.error(`amop: internal error while a unicast was pushed to ${listener.name}`, {
        seq: unicast.seq,
        stack: error instanceof Error ? error.stack : undefined,
      })
    }
    // It has said what became of it, although it should not have.
    if (unicast.listener !== listener) return undefined
    this.#release(unicast)
    return reason
  }

  #deadlines(listener: Listener): Deadlines<Unicast> {
    return listener.kind === 'node' ? this.#nodeDeadlines : this.#sessionDeadlines
  }

  /** Nobody has it any more. */
  #release(unicast: Unicast): void {
    const { listener } = unicast
    if (listener === undefined) return
    unicast.listener = undefined
    this.#deadlines(listener).cancel(unicast)
  }

  #expired(unicast: Unicast): void {
    const { listener } = unicast
    if (listener === undefined) return
    listener.withdraw(unicast)
    this.failed(unicast, listener, 'no answer in time')
  }

  /**
   * @param refused it has not had the message; a slow session would otherwise fill the log with each.
   * @returns who gets it next; when that is nobody, the publisher has been told.
   */
  #failOver(unicast: Unicast, from: Listener, reason: string, refused = false): Listener | undefined {
    if (from.kind !== 'node') unicast.localFailures++
    const next = this.#next(unicast, from)
    if (next === undefined) this.#exhausted(unicast, from, reason)
    else if (refused) this.#step('goes to the next candidate', unicast, from)
    else this.#warn('unicast goes to the next candidate', unicast, ResultCode.SUCCESS, reason, from)
    return next
  }

  /** The next candidate; who came after the first had failed is none. */
  #next(unicast: Unicast, tried: Listener): Listener | undefined {
    if (unicast.packet === NOT_KEPT) return undefined
    const topic = unicast.topic as string
    unicast.rest ??= this.#candidatesBut(tried, unicast.publisher, topic)
    if (unicast.localSince > 0 && unicast.rest.length > 0) this.#limitLocalTime(unicast, topic)
    const { rest } = unicast
    for (;;) {
      const next = chooseFrom(rest, this.#settings.choice, this.#random)
      if (next === undefined) return undefined
      rest.splice(rest.indexOf(next), 1)
      // It may have left the topic since.
      if (this.table.has(next, topic)) return next
    }
  }

  #candidatesBut(tried: Listener, publisher: Publisher, topic: string): Listener[] {
    const candidates = this.table.find(topic)?.candidates(publisher) ?? []
    return candidates.filter((candidate) => candidate !== tried)
  }

  /** Candidates of this node are none when its time is over. */
  #limitLocalTime(unicast: Unicast, topic: string): void {
    const until = unicast.localSince + this.#settings.nodeTimeoutMs
    if (this.#clock.now < until) {
      unicast.localTimer ??= this.#timers.schedule(until, () => this.#localTimeOver(unicast))
      return
    }
    const rest = unicast.rest as Listener[]
    if (rest.some((candidate) => candidate.kind !== 'node' && this.table.has(candidate, topic)))
      unicast.localOver = true
    unicast.rest = rest.filter(({ kind }) => kind === 'node')
  }

  #localTimeOver(unicast: Unicast): void {
    const { listener } = unicast
    unicast.localTimer = undefined
    if (listener === undefined || listener.kind === 'node') return
    // Due at the same moment, it has had its own time, and was perhaps the last.
    if (unicast.dueAt > this.#clock.now) unicast.localOver = true
    this.#expired(unicast)
  }

  #exhausted(unicast: Unicast, last: Listener, reason: string): void {
    let code: number = ResultCode.LISTENERS_FAILED
    if (unicast.localOver || unicast.localFailures === 0) code = ResultCode.NO_LISTENER
    else if (unicast.localErrors === unicast.localFailures) code = ResultCode.PUSH_FAILED
    const over = unicast.localOver ? 'the time for all candidates together is over; ' : ''
    this.#fail(unicast, code, `${over}${reason}`, last)
  }

  /** The only answer that is made here. */
  #fail(unicast: Unicast, code: number, reason: string, last?: Listener): void {
    this.#warn('unicast failed', unicast, code, reason, last)
    const withBody = code === ResultCode.LISTENERS_FAILED && unicast.packet !== NOT_KEPT
    this.#finish(unicast, Packet.make(PacketType.RESPONSE, unicast.seq, code, withBody ? unicast.packet.body : NO_BODY))
  }

  #finish(unicast: Unicast, answer: Packet): void {
    const { publisher, packet } = unicast
    publisher.unanswered--
    this.#unanswered--
    if (unicast.retained) this.#retainedBytes -= packet.frame.length + FRAME_COST_BYTES
    this.#timers.cancel(unicast.localTimer)
    publisher.answered(unicast, answer)
  }

  #refuseMulticast(message: Message, code: number, reason: string): void {
    this.#warn('multicast failed', message, code, reason)
    message.publisher.answered(message, Packet.make(PacketType.RESPONSE, message.seq, code, NO_BODY))
  }

  #copyTo(listener: Listener, message: Message): boolean {
    let reason = 'it cannot take it now'
    try {
      const taken = listener.copy(message)
      if (typeof taken === 'string') reason = taken
      else if (taken) {
        this.#step('pushed', message, listener)
        return true
      }
    } catch (error) {
      reason = `handing it over failed: ${error instanceof Error ? error.message : error}`
    }
    this.#warn('copy failed', message, ResultCode.PUSH_FAILED, reason, listener)
    return false
  }

  #step(step: string, message: Message, listener?: Listener, code?: number): void {
    if (!this.#log.debugEnabled) return
    const { seq, topic, publisher, packet } = message
    const multicast = packet.type === PacketType.MULTICAST
    this.#log.debug(`amop ${multicast ? 'multicast' : 'unicast'} ${step}`, {
      seq,
      topic,
      publisher: publisher.name,
      session: listener?.name,
      code,
      bytes: packet.frame.length,
    })
  }

  /** @param code 0 while the message is not lost. */
  #warn(what: string, { seq, topic, publisher }: Message, code: number, reason: string, listener?: Listener): void {
    this.#log.warn(`amop ${what}: ${reason}`, {
      seq,
      topic,
      session: listener?.name,
      publisher: publisher.name,
      code,
    })
  }
}

/** How many nodes these are, this one counted once. */
function nodes(listeners: readonly Listener[]): number {
  const others = listeners.filter(({ kind }) => kind === 'node').length
  return others < listeners.length ? others + 1 : others
}
