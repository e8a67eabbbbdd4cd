import { Message, type Outlet, PendingOutcome, type PublishResult } from '../../broker/index.ts'
import {
  encodeProperties,
  int,
  longstr,
  type PropertyChanges,
  PropertyView,
  replaceProperties,
  Table,
} from '../../codec/index.ts'
import { type Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { findTopic, makeTopicPacket } from '../packet/topic-body.ts'
import { FULL_ACCESS } from '../permissions/permissions.ts'
import type { Listener } from '../router/listener.ts'
import type { Message as AmopMessage } from '../router/message.ts'
import type { Publisher } from '../router/publisher.ts'
import { Header } from './amqp-message.ts'
import type { Bridge } from './bridge.ts'
import { errorText } from './error-text.ts'
import type { Origin } from './origin.ts'

/** Where the answer to a unicast goes. */
interface ReplyAddress {
  readonly replyTo: string
  readonly correlationId: string | undefined
}

/** One message on its way from an exchange of the bridge to a topic, and its publisher there. */
export class Departure implements Outlet, Publisher {
  readonly name: string
  readonly identity = 'amqp'
  readonly access = FULL_ACCESS
  readonly sendsOnce = true
  unanswered = 0
  /** How often the message has gone from a topic to queues before. */
  readonly hops: number
  readonly #bridge: Bridge
  readonly #topic: string
  readonly #isUnicast: boolean
  readonly #origin: Origin | undefined
  /** Address and properties of a unicast, as they were published, in case a queue takes it. */
  #kept: Message | undefined
  #reply: ReplyAddress | undefined
  #outcome: PendingOutcome | undefined
  #isReplyLeft = false
  /** Nobody listens, but queues have it by another way: their consumers are the ones to answer. */
  #isOthers = false

  constructor(bridge: Bridge, exchange: string, topic: string, isUnicast: boolean, origin: Origin | undefined) {
    this.#bridge = bridge
    this.hops = bridge.hops
    this.name = `exchange '${exchange}'`
    this.#topic = topic
    this.#isUnicast = isUnicast
    this.#origin = origin
  }

  get type(): number {
    return this.#isUnicast ? PacketType.UNICAST : PacketType.MULTICAST
  }

  excludes(listener: Listener): boolean {
    // A multicast is routed to queues by the broker itself, as it was published.
    if (!this.#isUnicast && listener.kind === 'queue') return true
    return this.comesFrom(listener)
  }

  /** The message would come back to where it has been. */
  comesFrom(listener: Listener): boolean {
    return this.#origin?.excludes(listener, this.#bridge.node) === true
  }

  take(message: Message, result: PublishResult): void {
    let isRouted = true
    try {
      isRouted = this.#bridge.amop.router.reaches(this, this.#topic, this.type)
      this.#isOthers = !isRouted && result.routed
      this.#send(message)
    } catch (error) {
      this.#bridge.amop.log.error(`amop: internal error while a message left ${this.name}`, {
        topic: this.#topic,
        stack: error instanceof Error ? error.stack : String(error),
      })
      this.#outcome = new PendingOutcome()
      this.#outcome.settle(false)
    }
    // What only taps have seen is unroutable, and what nobody has.
    if (!isRouted) return
    result.routed = true
    const outcome = this.#outcome
    if (outcome === undefined || outcome.state === 'accepted') return
    result.pending = result.pending === undefined ? outcome : PendingOutcome.all([result.pending, outcome])
  }

  answered(message: AmopMessage, answer: Packet): void {
    const { result } = answer
    if (!this.#isUnicast) {
      // Only one that was refused is answered.
      this.#outcome = new PendingOutcome()
      this.#outcome.settle(false)
      return
    }
    if (this.#kept !== undefined) this.#bridge.departures.leave(this.#kept.buffer.length)
    this.#kept = undefined
    this.#outcome?.settle(result === ResultCode.SUCCESS)
    if (this.#reply === undefined || this.#isOthers || (this.#isReplyLeft && result === ResultCode.SUCCESS)) return
    this.#publishAnswer(message, answer, this.#reply)
  }

  /** A queue has the message as it was published: who consumes it answers as in AMQP. */
  leaveReplyToConsumer(): void {
    this.#isReplyLeft = true
  }

  /** The message as it was published, for a queue that takes it. */
  original(message: AmopMessage, changes?: PropertyChanges): Message {
    const kept = this.#kept as Message
    const { buffer, propertiesAt, propertiesLength } = kept
    const properties =
      changes === undefined
        ? buffer.subarray(propertiesAt, propertiesAt + propertiesLength)
        : replaceProperties(buffer, propertiesAt, propertiesLength, changes)
    return Message.of(kept.exchange, kept.routingKey, properties, message.data, kept.marks)
  }

  #send(message: Message): void {
    const { router, seqs } = this.#bridge.amop
    const { buffer, bodyAt, bodyLength } = message
    const seq = seqs.next()
    const data = buffer.subarray(bodyAt, bodyAt + bodyLength)
    const packet = makeTopicPacket(this.type, seq, ResultCode.SUCCESS, this.#topic, data)
    if (this.#isUnicast) {
      this.#keep(message)
      router.unicast(this, packet)
    } else router.multicast(this, packet)
  }

  #keep(message: Message): void {
    const { buffer, propertiesAt, propertiesLength } = message
    const properties = buffer.subarray(propertiesAt, propertiesAt + propertiesLength)
    const kept = Message.of(message.exchange, message.routingKey, properties, NO_BODY, message.marks)
    const view = kept.properties(new PropertyView())
    const { replyTo } = view
    if (replyTo === undefined) this.#outcome = new PendingOutcome()
    else this.#reply = { replyTo, correlationId: view.correlationId }
    this.#kept = kept
    this.unanswered = this.#bridge.departures.enter(kept.buffer.length)
  }

  /** Through the default exchange, to the queue that the publisher has named. */
  #publishAnswer(message: AmopMessage, answer: Packet, { replyTo, correlationId }: ReplyAddress): void {
    const { amop, host } = this.#bridge
    let code = answer.result
    let body = dataOf(answer)
    const { maxMessageSize } = this.#bridge.virtualHosts.context.limits
    if (code === ResultCode.SUCCESS && body.length > maxMessageSize) {
      code = ResultCode.PUSH_FAILED
      body = Buffer.from(`the answer has ${body.length} bytes, over the limit of ${maxMessageSize} for messages`)
    } else if (code !== ResultCode.SUCCESS) body = errorText(code, this.#topic, body)
    const headers = new Table().set(Header.SEQ, longstr(message.seq))
    if (code !== ResultCode.SUCCESS) headers.set(Header.ERROR, int(code))
    const properties = encodeProperties({ headers, ...(correlationId === undefined ? {} : { correlationId }) })
    const result = host?.publishInside(Message.of('', replyTo, properties, body))
    if (result?.routed && !result.rejected) return
    amop.log.warn(`amop: an answer was dropped: queue '${replyTo}' is not there, or full`, {
      seq: message.seq,
      topic: this.#topic,
      publisher: this.name,
      code,
    })
  }
}

const NO_BODY = Buffer.alloc(0)

function dataOf({ frame }: Packet): Buffer {
  const place = findTopic(frame)
  return place === undefined ? NO_BODY : frame.subarray(place.dataAt)
}
