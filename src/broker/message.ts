import {
  PropertyFlag,
  type PropertyView,
  readText,
  readUint16,
  shortstrEnd,
  textBytes,
  writeText,
} from '../codec/index.ts'

const NOTHING = Buffer.alloc(0)

/**
 * What the broker knows of a message and no client can say or forge; values of `Message.marks`. Queues keep them in
 * the same bits of their records.
 */
export const MessageMark = {
  /** A dead letter: its x-death header is the broker's own. */
  DEAD_LETTER: 0x10,
  /** A dead letter whose routing key was replaced: the keys of a CC header are no longer its own. */
  REKEYED: 0x20,
  /**
   * It may have been delivered before a crash that took what the journal was to know of it. Where it comes to rest it is
   * flagged redelivered, so no longer marked.
   */
  REDELIVERED: 0x01,
} as const

/** The marks that a message at rest keeps. */
export const MESSAGE_MARKS = 0x30

/**
 * A view of one message's bytes, wherever they rest: in the chunk just read, in a queue's slab, or in a buffer of its
 * own. One class for all sources, so that every call site on the way of a message sees one shape; views are reused,
 * and what one shows is only good until the call that got it returns.
 *
 *     buffer: … exchange shortstr | routing-key shortstr … flags word, property list … body …
 *               ^exchangeAt         ^routingKeyAt          ^propertiesAt              ^bodyAt
 *
 * Exchange and routing key are neighbours, the other parts may lie anywhere in the same buffer.
 */
export class Message {
  buffer: Buffer = NOTHING
  /** Offset of the exchange name's length octet. */
  exchangeAt = 0
  /** Offset of the routing key's length octet, right behind the exchange name. */
  routingKeyAt = 0
  /** Offset of the property flags word. */
  propertiesAt = 0
  /** Bytes of the flags word and the property list together. */
  propertiesLength = 0
  bodyAt = 0
  bodyLength = 0
  /** The buffer is this message's alone and will never change: whoever keeps the message may keep it without a copy. */
  owned = false
  /** Bits of `MessageMark`. */
  marks = 0

  /** The property flags word; see `PropertyFlag`. */
  get propertyFlags(): number {
    return readUint16(this.buffer, this.propertiesAt)
  }

  /** A byte that is not UTF-8 stays apart, see `readText`: RabbitMQ takes any bytes in a publish. */
  get exchange(): string {
    return readText(this.buffer, this.exchangeAt + 1, shortstrEnd(this.buffer, this.exchangeAt))
  }

  get routingKey(): string {
    return readText(this.buffer, this.routingKeyAt + 1, shortstrEnd(this.buffer, this.routingKeyAt))
  }

  /** Bytes of exchange name and routing key with their length octets. */
  get addressLength(): number {
    return this.routingKeyAt - this.exchangeAt + 1 + (this.buffer[this.routingKeyAt] as number)
  }

  /** A copy of the body. */
  get body(): Buffer {
    return Buffer.from(this.buffer.subarray(this.bodyAt, this.bodyAt + this.bodyLength))
  }

  /** Points the property view at this message's properties. */
  properties(view: PropertyView): PropertyView {
    return view.attach(this.buffer, this.propertiesAt, this.propertiesLength)
  }

  /** True when delivery-mode says 2. */
  isPersistent(view: PropertyView): boolean {
    return (this.propertyFlags & PropertyFlag.DELIVERY_MODE) !== 0 && this.properties(view).deliveryMode === 2
  }

  /** Shows another view's message. */
  assign(other: Message): void {
    this.buffer = other.buffer
    this.exchangeAt = other.exchangeAt
    this.routingKeyAt = other.routingKeyAt
    this.propertiesAt = other.propertiesAt
    this.propertiesLength = other.propertiesLength
    this.bodyAt = other.bodyAt
    this.bodyLength = other.bodyLength
    this.owned = other.owned
    this.marks = other.marks
  }

  /** Lets go of the bytes, so that a resting view keeps no chunk alive. */
  release(): void {
    this.buffer = NOTHING
    this.owned = false
    this.marks = 0
  }

  /** Another view of the same bytes, for a message that owns them. */
  copyView(): Message {
    const view = new Message()
    view.assign(this)
    return view
  }

  /** The same message in a buffer of its own. */
  copy(): Message {
    const { buffer, propertiesAt, bodyAt } = this
    const address = buffer.subarray(this.exchangeAt, this.exchangeAt + this.addressLength)
    return Message.from(
      address,
      (buffer[this.exchangeAt] as number) + 1,
      buffer.subarray(propertiesAt, propertiesAt + this.propertiesLength),
      buffer.subarray(bodyAt, bodyAt + this.bodyLength),
      this.marks,
    )
  }

  /**
   * Makes a message with a buffer of its own.
   * @param properties flags word and property list, as `encodeProperties` gives them.
   * @param marks bits of `MessageMark`.
   * @throws RangeError when exchange or routing key is longer than 255 bytes.
   */
  static of(exchange: string, routingKey: string, properties: Buffer, body: Buffer, marks = 0): Message {
    const exchangeLength = textBytes(exchange)
    const routingKeyLength = textBytes(routingKey)
    if (exchangeLength > 255) throw new RangeError('an exchange name has at most 255 bytes')
    if (routingKeyLength > 255) throw new RangeError('a routing key has at most 255 bytes')
    const address = Buffer.allocUnsafe(2 + exchangeLength + routingKeyLength)
    address[0] = exchangeLength
    writeText(address, 1, exchange)
    address[1 + exchangeLength] = routingKeyLength
    writeText(address, 2 + exchangeLength, routingKey)
    return Message.from(address, 1 + exchangeLength, properties, body, marks)
  }

  private static from(address: Buffer, routingKeyAt: number, properties: Buffer, body: Buffer, marks: number): Message {
    const message = new Message()
    message.marks = marks
    message.buffer = Buffer.concat([address, properties, body])
    message.routingKeyAt = routingKeyAt
    message.propertiesAt = address.length
    message.propertiesLength = properties.length
    message.bodyAt = address.length + properties.length
    message.bodyLength = body.length
    message.owned = true
    return message
  }
}
