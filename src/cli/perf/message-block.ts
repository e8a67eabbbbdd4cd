import { encodeBasicPublish, encodeContent, encodeProperties, type Properties, type Table } from '../../codec/index.ts'
import { ClientError } from '../client/client-error.ts'

/** Where a message goes. */
export interface Route {
  readonly exchange: string
  readonly routingKey: string
  readonly headers?: Table
}

export interface MessageShape {
  readonly bodyBytes: number
  readonly persistent: boolean
  readonly frameMax: number
}

const WRITE_BYTES = 64 * 1024
const BLOCK_BYTES_MAX = 256 * 1024 * 1024

/** Messages already encoded, one behind the other, so that publishing any number of them is one write of a slice. */
export class MessageBlock {
  readonly count: number
  /** As many messages as a write of 64 KiB holds, at least one. */
  readonly perWriteMax: number
  readonly #bytes: Buffer
  // Where each message starts, and behind the last one the end.
  readonly #starts: Float64Array

  /** One message for each route, and routes again from the first until a write is full. */
  constructor(channel: number, routes: readonly Route[], shape: MessageShape) {
    const body = Buffer.alloc(shape.bodyBytes, 'x')
    const first = encodePublish(channel, routes[0] as Route, body, shape)
    this.perWriteMax = Math.max(1, Math.floor(WRITE_BYTES / first.length))
    this.count = Math.ceil(Math.max(routes.length, this.perWriteMax) / routes.length) * routes.length
    if (this.count * first.length > BLOCK_BYTES_MAX) {
      throw new ClientError(
        `${routes.length} routing keys with ${shape.bodyBytes} bytes each are too much to prepare: take fewer bindings or a smaller size`,
      )
    }
    const messages: Buffer[] = []
    this.#starts = new Float64Array(this.count + 1)
    for (let i = 0; i < this.count; i++) {
      const message = encodePublish(channel, routes[i % routes.length] as Route, body, shape)
      messages.push(message)
      this.#starts[i + 1] = (this.#starts[i] as number) + message.length
    }
    this.#bytes = Buffer.concat(messages)
  }

  /** The bytes of `count` messages from the one numbered `first` on; both within the block. */
  slice(first: number, count: number): Buffer {
    return this.#bytes.subarray(this.#starts[first], this.#starts[first + count])
  }
}

/** All frames of one message to publish. */
export function encodePublish(channel: number, route: Route, body: Buffer, shape: MessageShape): Buffer {
  const properties: Properties = {
    ...(route.headers === undefined ? {} : { headers: route.headers }),
    ...(shape.persistent ? { deliveryMode: 2 } : {}),
  }
  return Buffer.concat([
    encodeBasicPublish(channel, { exchange: route.exchange, routingKey: route.routingKey }),
    encodeContent(channel, encodeProperties(properties), body, shape.frameMax),
  ])
}
