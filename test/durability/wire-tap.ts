import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import {
  BASIC_ACK,
  BASIC_CONSUME,
  BASIC_CONSUME_OK,
  BASIC_DELIVER,
  BASIC_NACK,
  BASIC_PUBLISH,
  CONFIRM_SELECT,
  createDecoders,
  type Frame,
  FrameParser,
  FrameType,
  QUEUE_BIND,
  readUint32,
  readUint64,
} from '../../src/codec/index.ts'
import type { Fields } from './client.ts'
import type { Found } from './logged.ts'

/** Acknowledged so long before something was published that was then confirmed: the broker has read it by then. */
const READ_BY_THEN_MS = 500

/** What was seen of all messages with one body in one queue: there may be several. */
interface Seen {
  /** The order in which the first of them was published. */
  readonly order: number
  readonly publisher: string
  published: number
  confirmed: number
  delivered: number
  /** When each acknowledgement went by. */
  acknowledged: number[]
}

interface Content {
  readonly kind: number
  readonly queue: string
  readonly tag: number
  size: number
  length: number
  readonly pieces: Buffer[]
}

/** One way of one channel. */
class Way {
  content: Content | undefined
}

class TappedChannel {
  readonly toBroker = new Way()
  readonly toClient = new Way()
  /** Of the last publish; undefined before confirm.select. */
  tag: number | undefined
  readonly unconfirmed = new Map<number, { readonly seen: Seen; readonly at: number }>()
  readonly unacknowledged = new Map<number, Seen>()
  readonly consuming: string[] = []
  readonly consumers = new Map<string, string>()
}

/** Stands between clients that keep no log and the broker, and keeps one of every message that goes by. */
export class WireTap {
  readonly #server: Server
  readonly #brokerPort: () => number
  readonly #decoders = createDecoders()
  readonly #queues = new Map<string, Map<string, Seen>>()
  /** Queues by `exchange key`. */
  readonly #bindings = new Map<string, Set<string>>()
  readonly #sockets = new Set<Socket>()
  #connections = 0
  #order = 0
  /** When the last message was published that has been confirmed. */
  #provenAt = 0
  confirmed = 0
  acknowledged = 0

  private constructor(brokerPort: () => number) {
    this.#brokerPort = brokerPort
    this.#server = createServer((client) => this.#join(client))
  }

  /** @param brokerPort asked for each connection. */
  static async open(brokerPort: () => number): Promise<WireTap> {
    const tap = new WireTap(brokerPort)
    tap.#server.listen(0, '127.0.0.1')
    await once(tap.#server, 'listening')
    return tap
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get queues(): string[] {
    return [...this.#queues.keys()]
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  /** What stands for a message, given its body. */
  static idOf(body: Buffer): string {
    return `${body.length} ${createHash('sha1').update(body).digest('base64')}`
  }

  /** Compares with all that a queue has after a restart, and begins anew with that. @returns what is wrong. */
  compare(queue: string, found: readonly Found[]): string[] {
    const faults: string[] = []
    const messages = this.#queues.get(queue) ?? new Map<string, Seen>()
    const counts = new Map<string, number>()
    const last = new Map<string, number>()
    for (const { id, redelivered } of found) {
      counts.set(id, (counts.get(id) ?? 0) + 1)
      const seen = messages.get(id)
      if (seen === undefined) {
        faults.push(`a message of ${id.split(' ')[0]} bytes in ${queue} was never published`)
        continue
      }
      if (seen.delivered >= seen.published && !redelivered) faults.push(`${id} is not flagged redelivered`)
      if (seen.published > 1) continue
      if (seen.order < (last.get(seen.publisher) ?? 0)) faults.push(`${id} in ${queue} is behind another`)
      last.set(seen.publisher, seen.order)
    }
    for (const [id, seen] of messages) {
      const count = counts.get(id) ?? 0
      const proven = seen.acknowledged.filter((at) => at < this.#provenAt - READ_BY_THEN_MS).length
      if (count < seen.confirmed - seen.acknowledged.length) faults.push(`${id} is lost from ${queue}`)
      if (count > seen.published - proven) faults.push(`${id} comes back after its ack to ${queue}`)
      seen.published = seen.confirmed = seen.delivered = count
      seen.acknowledged = []
      if (count === 0) messages.delete(id)
    }
    return faults
  }

  #join(client: Socket): void {
    const broker = connect(this.#brokerPort(), '127.0.0.1')
    const channels = new Map<number, TappedChannel>()
    const name = String(++this.#connections)
    // Seen before it is passed on: what the broker has not got cannot be missed, but what it has could.
    this.#carry(client, broker, 8, (frame) => this.#fromClient(name, channelOf(channels, frame.channel), frame))
    this.#carry(broker, client, 0, (frame) => this.#fromBroker(channelOf(channels, frame.channel), frame))
  }

  /** @param skip bytes before the first frame: the protocol header. */
  #carry(from: Socket, to: Socket, skip: number, take: (frame: Frame) => void): void {
    const parser = new FrameParser(0)
    let left = skip
    this.#sockets.add(from)
    from.setNoDelay(true)
    from.on('data', (chunk) => {
      const skipped = Math.min(left, chunk.length)
      left -= skipped
      parser.push(chunk.subarray(skipped))
      for (let frame = parser.next(); frame !== undefined; frame = parser.next()) take(frame)
      to.write(chunk)
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroySoon()
    })
  }

  #fromClient(publisher: string, channel: TappedChannel, frame: Frame): void {
    const { method, fields } = this.#decode(frame)
    if (method === CONFIRM_SELECT) channel.tag = 0
    else if (method === QUEUE_BIND) this.#bind(fields.queue, fields.exchange, fields.routingKey)
    else if (method === BASIC_CONSUME) channel.consuming.push(fields.queue)
    else if (method === BASIC_ACK) {
      for (const seen of taken(channel.unacknowledged, fields)) {
        seen.acknowledged.push(Date.now())
        this.acknowledged++
      }
    } else if (method === BASIC_PUBLISH) {
      if (channel.tag !== undefined) channel.tag++
      const queue = this.#route(fields.exchange, fields.routingKey)
      channel.toBroker.content = startOf(BASIC_PUBLISH, queue, channel.tag ?? 0)
    } else this.#content(publisher, channel, channel.toBroker, frame)
  }

  #fromBroker(channel: TappedChannel, frame: Frame): void {
    const { method, fields } = this.#decode(frame)
    if (method === BASIC_CONSUME_OK) channel.consumers.set(fields.consumerTag, channel.consuming.shift() ?? '')
    else if (method === BASIC_ACK) {
      for (const { seen, at } of taken(channel.unconfirmed, fields)) {
        seen.confirmed++
        this.confirmed++
        this.#provenAt = Math.max(this.#provenAt, at)
      }
    } else if (method === BASIC_NACK) taken(channel.unconfirmed, fields)
    else if (method === BASIC_DELIVER) {
      const queue = channel.consumers.get(fields.consumerTag) ?? ''
      channel.toClient.content = startOf(BASIC_DELIVER, queue, fields.deliveryTag)
    } else this.#content('', channel, channel.toClient, frame)
  }

  #content(publisher: string, channel: TappedChannel, way: Way, frame: Frame): void {
    const { content } = way
    if (content === undefined || frame.type === FrameType.METHOD || frame.type === FrameType.HEARTBEAT) return
    if (frame.type === FrameType.HEADER) content.size = readUint64(frame.payload, 4)
    else {
      content.pieces.push(Buffer.from(frame.payload))
      content.length += frame.payload.length
    }
    if (content.length < content.size) return
    way.content = undefined
    const seen = this.#seen(content.queue, WireTap.idOf(Buffer.concat(content.pieces)), publisher)
    if (content.kind === BASIC_PUBLISH) {
      seen.published++
      if (channel.tag !== undefined) channel.unconfirmed.set(content.tag, { seen, at: Date.now() })
    } else {
      seen.delivered++
      channel.unacknowledged.set(content.tag, seen)
    }
  }

  #seen(queue: string, id: string, publisher: string): Seen {
    let messages = this.#queues.get(queue)
    if (messages === undefined) {
      messages = new Map()
      this.#queues.set(queue, messages)
    }
    let seen = messages.get(id)
    if (seen === undefined) {
      seen = { order: ++this.#order, publisher, published: 0, confirmed: 0, delivered: 0, acknowledged: [] }
      messages.set(id, seen)
    }
    return seen
  }

  #bind(queue: string, exchange: string, key: string): void {
    const name = `${exchange} ${key}`
    const bound = this.#bindings.get(name) ?? new Set()
    this.#bindings.set(name, bound.add(queue))
  }

  /** Clients are set up so that each key leads to one queue. */
  #route(exchange: string, key: string): string {
    if (exchange === '') return key
    const [queue, ...others] = this.#bindings.get(`${exchange} ${key}`) ?? []
    if (queue === undefined || others.length > 0) throw new Error(`'${exchange}' '${key}' does not lead to one queue`)
    return queue
  }

  #decode(frame: Frame): { method: number; fields: Fields } {
    if (frame.type !== FrameType.METHOD) return { method: 0, fields: {} }
    const method = readUint32(frame.payload, 0)
    const decoder = this.#decoders.get(method)
    decoder?.decode(frame.payload, 4, frame.payload.length)
    return { method, fields: decoder ?? {} }
  }
}

function startOf(kind: number, queue: string, tag: number): Content {
  return { kind, queue, tag, size: -1, length: 0, pieces: [] }
}

function channelOf(channels: Map<number, TappedChannel>, id: number): TappedChannel {
  const channel = channels.get(id) ?? new TappedChannel()
  channels.set(id, channel)
  return channel
}

/** What an acknowledgement settles, taken out. */
function taken<T>(waiting: Map<number, T>, { deliveryTag, multiple }: Fields): T[] {
  const values: T[] = []
  for (const [tag, value] of waiting) {
    if (tag !== deliveryTag && !(multiple && (tag < deliveryTag || deliveryTag === 0))) continue
    values.push(value)
    waiting.delete(tag)
  }
  return values
}
