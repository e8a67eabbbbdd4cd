import type { Message } from '../broker/index.ts'
import { type Properties, PropertyView, toObject } from '../codec/index.ts'

/** The properties of a message but its headers; `timestamp` in seconds since 1970. */
export type MessageProperties = Omit<Properties, 'headers'>

/** A message as it was when somebody looked. */
export class MessageSnapshot {
  /** The exchange it was published to; empty for the default exchange. */
  readonly exchange: string
  readonly routingKey: string
  readonly properties: MessageProperties
  /** Headers as plain values: 64-bit numbers that are too large for a number are bigint, byte arrays are Buffers. */
  readonly headers: Record<string, unknown>
  readonly body: Buffer

  constructor(message: Message) {
    const { headers, ...properties } = message.properties(new PropertyView()).toObject()
    this.exchange = message.exchange
    this.routingKey = message.routingKey
    this.properties = properties
    this.headers = headers === undefined ? {} : toObject(headers)
    this.body = message.body
  }

  /** The body as UTF-8 text. */
  get text(): string {
    return this.body.toString('utf8')
  }

  /** The body read as JSON. @throws SyntaxError when it is not. */
  json(): unknown {
    return JSON.parse(this.text)
  }
}
