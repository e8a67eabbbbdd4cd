import type { BrokerContext } from '../broker/index.ts'
import { Message } from '../broker/index.ts'
import { frameError } from '../codec/index.ts'

/** No body may announce more than this. Source: RabbitMQ's largest max_message_size. */
const BODY_SIZE_MAX = 536_870_912

const FIRST_CAPACITY = 4096

/** The buffer is made as long as the body will be once this share of it has come. */
const TRUSTED_SHARE = 8

/**
 * A message put together frame by frame in a buffer of its own. The buffer grows with what has come, not with what the
 * header promises, and counts in the node's memory, so promises cost nothing and floods meet the memory alarm. Its last
 * step is a large one: for a moment the old buffer is held beside the new, which the system only provides as it is
 * written to.
 */
export class ContentAssembly {
  /** The bits of basic.publish. */
  readonly bits: number
  hasHeader = false
  bodyLength = 0
  readonly #context: BrokerContext
  readonly #routingKeyAt: number
  readonly #addressLength: number
  #propertiesLength = 0
  #bodyReceived = 0
  #keep = true
  #buffer: Buffer

  /** @param address exchange and routing key as neighbouring shortstrs. */
  constructor(address: Buffer, routingKeyAt: number, bits: number, context: BrokerContext) {
    this.bits = bits
    this.#context = context
    this.#routingKeyAt = routingKeyAt
    this.#addressLength = address.length
    this.#buffer = Buffer.from(address)
    context.memory.used += this.#buffer.length
  }

  /** @throws CodecError 501 for a body nobody can mean. */
  setHeader(bodyLength: number, buffer: Buffer, propertiesAt: number, propertiesEnd: number): void {
    if (bodyLength > BODY_SIZE_MAX) {
      throw frameError(`content body size ${bodyLength} exceeds maximum allowed size ${BODY_SIZE_MAX}`)
    }
    this.hasHeader = true
    this.bodyLength = bodyLength
    this.#propertiesLength = propertiesEnd - propertiesAt
    // A body over the limit is read to its end and then refused; it is not kept meanwhile.
    this.#keep = bodyLength <= this.#context.limits.maxMessageSize
    const headLength = this.#addressLength + this.#propertiesLength
    const bodyRoom = this.#keep ? Math.min(bodyLength, FIRST_CAPACITY) : 0
    this.#resize(headLength + bodyRoom, this.#addressLength)
    buffer.copy(this.#buffer, this.#addressLength, propertiesAt, propertiesEnd)
  }

  /** @throws CodecError 501 when more comes than was announced. */
  addBody(buffer: Buffer, from: number, to: number): void {
    if (to - from > this.bodyLength - this.#bodyReceived) {
      throw frameError('content body frame exceeds remaining content size')
    }
    if (this.#keep) {
      const at = this.#bodyAt + this.#bodyReceived
      if (at + to - from > this.#buffer.length) {
        const wanted = (this.#bodyReceived + to - from) * TRUSTED_SHARE
        this.#resize(this.#bodyAt + (wanted >= this.bodyLength ? this.bodyLength : wanted / (TRUSTED_SHARE / 2)), at)
      }
      buffer.copy(this.#buffer, at, from, to)
    }
    this.#bodyReceived += to - from
  }

  get complete(): boolean {
    return this.hasHeader && this.#bodyReceived === this.bodyLength
  }

  /** The message; from here on its memory is counted by whoever keeps it. */
  finish(): Message {
    const message = new Message()
    message.buffer = this.#buffer
    message.routingKeyAt = this.#routingKeyAt
    message.propertiesAt = this.#addressLength
    message.propertiesLength = this.#propertiesLength
    message.bodyAt = this.#bodyAt
    message.bodyLength = this.#keep ? this.bodyLength : 0
    message.owned = true
    this.discard()
    return message
  }

  discard(): void {
    this.#context.memory.used -= this.#buffer.length
    this.#buffer = Buffer.alloc(0)
  }

  get #bodyAt(): number {
    return this.#addressLength + this.#propertiesLength
  }

  #resize(bytes: number, used: number): void {
    const grown = Buffer.allocUnsafe(bytes)
    this.#buffer.copy(grown, 0, 0, used)
    this.#context.memory.used += bytes - this.#buffer.length
    this.#buffer = grown
  }
}
