import type { Message, ReplyConsumer, VirtualHost } from '../../broker/index.ts'
import { integerOf, PropertyFlag, PropertyView, textOf } from '../../codec/index.ts'
import type { AmopContext } from '../context.ts'
import { FRAME_BYTES_MAX, HEADER_BYTES, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { makeTopicPacket, TOPIC_BYTES_MAX } from '../packet/topic-body.ts'
import type { Unicast } from '../router/unicast.ts'
import { Header, seqText } from './amqp-message.ts'
import type { BoundListener } from './bound-listener.ts'

interface Request {
  readonly listener: BoundListener
  readonly unicast: Unicast
}

/** Bytes of a body that surely fits into a frame with any topic. */
const BODY_BYTES_MAX = FRAME_BYTES_MAX - HEADER_BYTES - 1 - TOPIC_BYTES_MAX

/**
 * What AMQP consumers answer to requests that came from AMOP (`x-amop-reply: consumer`), published through the default
 * exchange to a name that stands for the bridge, as for a requester of direct reply-to. Bounded by the unicasts that wait.
 */
export class Replies implements ReplyConsumer {
  readonly #amop: AmopContext
  readonly #view = new PropertyView()
  /** By correlation id. */
  readonly #requests = new Map<string, Request>()
  /** Each made anew where its virtual host was. */
  #host: VirtualHost | undefined
  #name = ''

  constructor(amop: AmopContext) {
    this.#amop = amop
  }

  /** What goes into the `reply-to` of requests. */
  nameIn(host: VirtualHost): string {
    if (host !== this.#host) {
      this.#host = host
      this.#name = host.replyConsumers.add(this)
    }
    return this.#name
  }

  /** @returns the correlation id, by which `forget` knows it: the seq, unless another publisher's waits under the same. */
  expect(listener: BoundListener, unicast: Unicast): string {
    const text = seqText(unicast.seq)
    const id = this.#requests.has(text) ? this.#amop.seqs.next() : text
    this.#requests.set(id, { listener, unicast })
    return id
  }

  forget(id: string): void {
    this.#requests.delete(id)
  }

  reply(message: Message): void {
    const { log } = this.#amop
    const properties = message.properties(this.#view)
    const id = properties.correlationId ?? ''
    const request = this.#requests.get(id)
    if (request === undefined) {
      if (log.debugEnabled) log.debug('amop: a reply of a consumer is dropped: nobody waits for it', { seq: id })
      return
    }
    this.#requests.delete(id)
    const { listener, unicast } = request
    const result = this.#resultOf(message, unicast)
    if (message.bodyLength > BODY_BYTES_MAX) {
      listener.fail(unicast, `the reply has ${message.bodyLength} bytes, which no frame can have`)
      return
    }
    const data = message.buffer.subarray(message.bodyAt, message.bodyAt + message.bodyLength)
    const topic = unicast.topic as string
    listener.answer(unicast, makeTopicPacket(PacketType.RESPONSE, unicast.seq, result, topic, data))
  }

  #resultOf(message: Message, unicast: Unicast): number {
    if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return ResultCode.SUCCESS
    const error = message.properties(this.#view).headers?.get(Header.ERROR)
    if (error === undefined) return ResultCode.SUCCESS
    const text = textOf(error)
    const code = text === undefined ? integerOf(error) : /^-?\d+$/.test(text) ? Number(text) : undefined
    if (code !== undefined && code === (code | 0)) return code
    this.#amop.log.warn(`amop: a consumer's ${Header.ERROR} is no whole number of 32 bits`, {
      seq: unicast.seq,
      topic: unicast.topic,
      code: ResultCode.PUSH_FAILED,
    })
    return ResultCode.PUSH_FAILED
  }
}
