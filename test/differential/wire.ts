import { connect, type Socket } from 'node:net'
import {
  BASIC_ACK,
  BASIC_NACK,
  BasicAck,
  BasicNack,
  CHANNEL_CLOSE,
  CHANNEL_CLOSE_OK,
  CONNECTION_CLOSE,
  CodecError,
  encodeChannelCloseOk,
  encodeConnectionCloseOk,
  type Frame,
  FrameParser,
  FrameType,
  METHODS,
} from '../../src/codec/index.ts'
import { methodId, renderBytes, renderMethod, renderProperties } from './render.ts'

/** What is told apart from methods among the events of a connection. */
export const EventKind = { ENDED: -1, PROTOCOL_HEADER: -2, HEARTBEAT: -3, MALFORMED: -4 } as const

/** One thing the broker said: a method with its content, or one of EventKind. */
export interface WireEvent {
  readonly channel: number
  /** class id << 16 | method id, or one of EventKind. */
  readonly kind: number
  readonly text: string
  /** The delivery tags a confirm settles; empty for everything else. */
  readonly confirms: readonly number[]
}

interface Content {
  channel: number
  kind: number
  text: string
  properties: string
  left: number
  body: Buffer[]
}

/**
 * A client's end of one connection without a mind of its own: it renders what arrives, and answers close methods when
 * `answersCloses` says so.
 */
export class Wire {
  answersCloses = true
  /** Methods with content that the client sent in confirm mode and no confirm has settled, by channel. */
  readonly unconfirmed = new Map<number, Set<number>>()
  readonly #socket: Socket
  readonly #parser = new FrameParser(0)
  readonly #onEvent: (event: WireEvent) => void
  readonly #contents = new Map<number, Content>()
  #begun = false
  #ended = false

  constructor(port: number, onEvent: (event: WireEvent) => void) {
    this.#onEvent = onEvent
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (chunk) => this.#receive(chunk))
    this.#socket.on('error', () => {})
    this.#socket.on('end', () => this.#end())
    this.#socket.on('close', () => this.#end())
  }

  /** Whether the broker ended the connection. */
  get ended(): boolean {
    return this.#ended
  }

  write(bytes: Buffer): void {
    if (!this.#ended) this.#socket.write(bytes)
  }

  /** Ends the client's side of the socket. */
  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#socket.destroy()
    this.#emit(0, EventKind.ENDED, 'socket ends')
  }

  #emit(channel: number, kind: number, text: string, confirms: readonly number[] = []): void {
    this.#onEvent({ channel, kind, text, confirms })
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return
    if (!this.#begun) {
      this.#begun = true
      // The answer to a protocol header that is not spoken; a frame never begins with an A.
      if (chunk[0] === 0x41) {
        this.#emit(
          0,
          EventKind.PROTOCOL_HEADER,
          `protocol header ${chunk.toString('latin1', 0, 4)} ${[...chunk.subarray(4)].join(' ')}`,
        )
        return
      }
    }
    this.#parser.push(chunk)
    try {
      for (let frame = this.#parser.next(); frame; frame = this.#parser.next()) this.#take(frame)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#emit(0, EventKind.MALFORMED, `bytes that are no frame: ${error.message}`)
      this.#end()
    }
  }

  #take(frame: Frame): void {
    switch (frame.type) {
      case FrameType.METHOD:
        this.#takeMethod(frame)
        break
      case FrameType.HEADER:
        this.#takeHeader(frame)
        break
      case FrameType.BODY:
        this.#takeBody(frame)
        break
      default:
        this.#emit(frame.channel, EventKind.HEARTBEAT, 'heartbeat')
    }
  }

  #takeMethod({ channel, payload }: Frame): void {
    const kind = methodId(payload)
    const text = renderMethod(payload)
    if (this.#contents.has(channel)) this.#emit(channel, EventKind.MALFORMED, 'a method inside a content')
    if (METHODS.get(kind)?.hasContent) {
      this.#contents.set(channel, { channel, kind, text, properties: '', left: -1, body: [] })
      return
    }
    if (this.answersCloses && kind === CHANNEL_CLOSE) this.write(encodeChannelCloseOk(channel))
    if (this.answersCloses && kind === CONNECTION_CLOSE) this.write(encodeConnectionCloseOk(0))
    if (kind === CHANNEL_CLOSE || kind === CHANNEL_CLOSE_OK) this.unconfirmed.delete(channel)
    this.#emit(channel, kind, text, this.#confirmsOf(channel, kind, payload))
  }

  // A confirm settles all tags up to its own when it says multiple; grouping is the broker's free choice, tags are not.
  #confirmsOf(channel: number, kind: number, payload: Buffer): number[] {
    if (kind !== BASIC_ACK && kind !== BASIC_NACK) return []
    const method = kind === BASIC_ACK ? new BasicAck() : new BasicNack()
    method.decode(payload, 4, payload.length)
    const unconfirmed = this.unconfirmed.get(channel)
    const tags = [...(unconfirmed ?? [])].filter((tag) =>
      method.multiple ? tag <= method.deliveryTag : tag === method.deliveryTag,
    )
    for (const tag of tags) unconfirmed?.delete(tag)
    return tags
  }

  #takeHeader({ channel, payload }: Frame): void {
    const content = this.#contents.get(channel)
    if (!content || content.left >= 0) {
      this.#emit(channel, EventKind.MALFORMED, 'a content header out of place')
      return
    }
    content.left = Number(payload.readBigUInt64BE(4))
    content.properties = renderProperties(payload)
    if (content.left === 0) this.#finish(content)
  }

  #takeBody({ channel, payload }: Frame): void {
    const content = this.#contents.get(channel)
    if (!content || content.left < payload.length) {
      this.#emit(channel, EventKind.MALFORMED, 'a content body out of place')
      return
    }
    content.body.push(payload)
    content.left -= payload.length
    if (content.left === 0) this.#finish(content)
  }

  #finish(content: Content): void {
    this.#contents.delete(content.channel)
    const frames = content.body.length > 1 ? ` in frames of ${content.body.map((part) => part.length).join('+')}` : ''
    const properties = content.properties === '' ? '' : ` (${content.properties})`
    const text = `${content.text}${properties} ${renderBytes(Buffer.concat(content.body))}${frames}`
    this.#emit(content.channel, content.kind, text)
  }
}
