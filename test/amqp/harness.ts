import { Connection, type Peer } from '../../src/amqp/index.ts'
import {
  BASIC_ACK,
  BASIC_DELIVER,
  BASIC_GET_OK,
  BASIC_NACK,
  BASIC_RETURN,
  type BasicPublishFields,
  CHANNEL_CLOSE,
  CHANNEL_OPEN_OK,
  CONNECTION_CLOSE,
  CONNECTION_OPEN_OK,
  CONNECTION_START,
  CONNECTION_TUNE,
  type ConnectionStartOkFields,
  type ConnectionTuneOkFields,
  createDecoders,
  encodeBasicPublish,
  encodeChannelOpen,
  encodeConnectionOpen,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  encodeContent,
  encodeProperties,
  encodeQueueDeclare,
  type Frame,
  FrameParser,
  FrameType,
  fromObject,
  METHODS,
  type MethodDecoder,
  PROTOCOL_HEADER,
  type Properties,
  PropertyView,
  QUEUE_DECLARE_OK,
  type QueueDeclareFields,
  readUint32,
  readUint64,
} from '../../src/codec/index.ts'
import { LateJournal } from './late-journal.ts'
import { LOCAL_PEER, TestNode, type TestNodeOptions } from './node.ts'
import { RecordingTransport } from './transport.ts'

export { LateJournal } from './late-journal.ts'
export { LOCAL_PEER, TestNode, type TestNodeOptions } from './node.ts'
export { RecordingTransport } from './transport.ts'

/** The arguments of a method that came, by name; types as the codec's decoders give them. */
// biome-ignore lint/suspicious/noExplicitAny: a test that reads a wrong field fails, which is what the type would do
export type Fields = Record<string, any>

export interface Delivery {
  readonly channel: number
  readonly fields: Fields
  readonly properties: Properties
  readonly body: Buffer
  readonly text: string
}

export interface OpenOptions {
  readonly user?: string
  readonly password?: string
  readonly vhost?: string
  readonly capabilities?: Record<string, boolean>
  readonly tune?: ConnectionTuneOkFields
}

export const ALL_CAPABILITIES = {
  authentication_failure_close: true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
}

/** The other end of one connection machine: sends frames, and takes the answers one by one. */
export class TestClient {
  readonly node: TestNode
  readonly transport = new RecordingTransport()
  readonly connection: Connection
  readonly #parser = new FrameParser(0)

  constructor(node: TestNode, peer: Peer = LOCAL_PEER) {
    this.node = node
    this.connection = new Connection(node.amqp, peer, this.transport)
  }

  /** Sends the frames in one piece and lets the node do all that follows. */
  send(...frames: Buffer[]): void {
    this.receive(Buffer.concat(frames))
    this.node.settle()
  }

  /** Hands the machine a chunk that is spoilt afterwards, as a socket's buffer would be, without ending the turn. */
  receive(bytes: Buffer): void {
    const chunk = Buffer.from(bytes)
    this.node.clock.refresh()
    this.connection.receive(chunk)
    chunk.fill(0xee)
  }

  /** The next frame that came, heartbeats included. */
  nextFrame(): Frame | undefined {
    this.#parser.push(this.transport.take())
    return this.#parser.next()
  }

  /** Takes the next frame, which has to be that method. @throws Error that says what came instead. */
  expect(id: number, channel?: number): Fields {
    const wanted = METHODS.get(id)?.name
    const frame = this.nextFrame()
    if (frame === undefined) throw new Error(`expected ${wanted}, got nothing`)
    if (frame.type !== FrameType.METHOD || readUint32(frame.payload, 0) !== id) {
      throw new Error(`expected ${wanted}, got ${describe(frame)}`)
    }
    if (channel !== undefined && frame.channel !== channel) {
      throw new Error(`expected ${wanted} on channel ${channel}, got it on ${frame.channel}`)
    }
    return fieldsOf(frame)
  }

  /** @throws Error when something has come. */
  expectNothing(): void {
    const frame = this.nextFrame()
    if (frame !== undefined) throw new Error(`expected nothing, got ${describe(frame)}`)
  }

  expectHeartbeat(): void {
    const frame = this.nextFrame()
    if (frame?.type !== FrameType.HEARTBEAT) throw new Error(`expected a heartbeat, got ${describe(frame)}`)
  }

  /** Takes connection.close. @returns `code text (class,method)` */
  expectConnectionClose(): string {
    return closeText(this.expect(CONNECTION_CLOSE, 0))
  }

  /** Takes channel.close. @returns `code text (class,method)` */
  expectChannelClose(channel: number): string {
    return closeText(this.expect(CHANNEL_CLOSE, channel))
  }

  /** Takes basic.deliver with its content. */
  expectDelivery(channel?: number): Delivery {
    return this.#withContent(BASIC_DELIVER, channel)
  }

  expectReturn(channel?: number): Delivery {
    return this.#withContent(BASIC_RETURN, channel)
  }

  expectGetOk(channel?: number): Delivery {
    return this.#withContent(BASIC_GET_OK, channel)
  }

  /** Takes basic.ack or basic.nack. @returns such as `ack 3 multiple` or `nack 1` */
  expectConfirm(): string {
    const frame = this.nextFrame()
    const id = frame?.type === FrameType.METHOD ? readUint32(frame.payload, 0) : 0
    if (frame === undefined || (id !== BASIC_ACK && id !== BASIC_NACK)) {
      throw new Error(`expected a confirm, got ${describe(frame)}`)
    }
    const { deliveryTag, multiple } = fieldsOf(frame)
    return `${id === BASIC_ACK ? 'ack' : 'nack'} ${deliveryTag}${multiple ? ' multiple' : ''}`
  }

  /** Everything that has come, one line a frame. */
  transcript(): string[] {
    const lines: string[] = []
    for (let frame = this.nextFrame(); frame !== undefined; frame = this.nextFrame()) lines.push(describe(frame))
    return lines
  }

  /** From the protocol header to open-ok. */
  handshake(options: OpenOptions = {}): this {
    this.send(PROTOCOL_HEADER)
    this.expect(CONNECTION_START)
    this.send(startOk(options))
    this.expect(CONNECTION_TUNE)
    this.send(
      encodeConnectionTuneOk(0, { channelMax: 2047, frameMax: 131072, heartbeat: 0, ...options.tune }),
      encodeConnectionOpen(0, { virtualHost: options.vhost ?? '/' }),
    )
    this.expect(CONNECTION_OPEN_OK)
    return this
  }

  openChannel(channel = 1): this {
    this.send(encodeChannelOpen(channel))
    this.expect(CHANNEL_OPEN_OK, channel)
    return this
  }

  /** Declares a queue and takes declare-ok; a late journal completes what it has by then. */
  declareQueue(channel: number, queue: string, fields: QueueDeclareFields = {}): Fields {
    this.send(encodeQueueDeclare(channel, { queue, ...fields }))
    if (this.node.journal instanceof LateJournal) {
      this.node.journal.complete()
      this.node.settle()
    }
    return this.expect(QUEUE_DECLARE_OK, channel)
  }

  /** The socket goes away. */
  disconnect(): void {
    this.connection.disconnected()
    this.node.settle()
  }

  #withContent(id: number, channel: number | undefined): Delivery {
    const fields = this.expect(id, channel)
    const header = this.nextFrame()
    if (header?.type !== FrameType.HEADER) throw new Error(`expected a content header, got ${describe(header)}`)
    if (channel !== undefined && header.channel !== channel) throw new Error('the header is on another channel')
    const size = readUint64(header.payload, 4)
    const properties = new PropertyView().attach(header.payload, 12, header.payload.length - 12).toObject()
    const pieces: Buffer[] = []
    for (let length = 0; length < size; ) {
      const piece = this.nextFrame()
      if (piece?.type !== FrameType.BODY) throw new Error(`expected a body frame, got ${describe(piece)}`)
      if (piece.channel !== header.channel) throw new Error('a body frame is on another channel')
      if (piece.payload.length + 8 > this.connection.frameMax) throw new Error('a body frame is over frame-max')
      pieces.push(piece.payload)
      length += piece.payload.length
    }
    const body = Buffer.concat(pieces)
    return { channel: header.channel, fields, properties, body, text: body.toString() }
  }
}

/** A node with one connection that has opened channel 1. */
export function openNode(options: TestNodeOptions & { open?: OpenOptions } = {}): {
  node: TestNode
  client: TestClient
} {
  const node = new TestNode(options)
  return { node, client: new TestClient(node).handshake(options.open).openChannel() }
}

/** Another connection to the same node, with channel 1. */
export function openClient(node: TestNode, options: OpenOptions = {}): TestClient {
  return new TestClient(node).handshake(options).openChannel()
}

export function startOk(options: OpenOptions = {}, fields: ConnectionStartOkFields = {}): Buffer {
  const { user = 'guest', password = 'guest', capabilities = ALL_CAPABILITIES } = options
  return encodeConnectionStartOk(0, {
    clientProperties: fromObject({ product: 'test', capabilities }),
    mechanism: 'PLAIN',
    response: Buffer.from(`\0${user}\0${password}`),
    ...fields,
  })
}

export interface PublishOptions extends BasicPublishFields {
  readonly body?: Buffer | string
  readonly properties?: Properties
  readonly frameMax?: number
}

/** basic.publish and its content. */
export function publish(channel: number, options: PublishOptions = {}): Buffer {
  const { body = '', properties = {}, frameMax = 131072, ...fields } = options
  return Buffer.concat([
    encodeBasicPublish(channel, fields),
    encodeContent(channel, encodeProperties(properties), Buffer.from(body), frameMax),
  ])
}

export function describe(frame: Frame | undefined): string {
  if (frame === undefined) return 'nothing'
  const { type, channel, payload } = frame
  if (type === FrameType.HEARTBEAT) return 'heartbeat'
  if (type === FrameType.HEADER) return `${channel} header ${readUint64(payload, 4)}`
  if (type === FrameType.BODY) return `${channel} body ${payload.length}`
  const id = readUint32(payload, 0)
  const shown = Object.entries(fieldsOf(frame)).map(([name, value]) => `${name}=${show(value)}`)
  return `${channel} ${METHODS.get(id)?.name ?? id} ${shown.join(' ')}`.trimEnd()
}

function show(value: unknown): string {
  if (typeof value === 'object') return '…'
  return String(value)
}

const GENERAL = new Set(['buffer'])

/** The arguments as plain values, since decoders are reused. */
function fieldsOf(frame: Frame): Fields {
  const decoder = createDecoders().get(readUint32(frame.payload, 0)) as MethodDecoder
  if (!decoder.decode(frame.payload, 4, frame.payload.length)) throw new Error('a method that cannot be decoded came')
  const fields: Fields = {}
  for (const [name, value] of Object.entries(decoder)) {
    if (!name.endsWith('At') && !GENERAL.has(name)) fields[name] = value
  }
  const getters = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(decoder))
  for (const [name, { get }] of Object.entries(getters)) if (get !== undefined) fields[name] = get.call(decoder)
  return fields
}

function closeText({ replyCode, replyText, classId, methodId }: Fields): string {
  return `${replyCode} ${replyText} (${classId},${methodId})`
}

/** Takes so many confirms, and nothing else. */
export function takeConfirms(client: TestClient, count: number): string[] {
  const all: string[] = []
  for (let i = 0; i < count; i++) all.push(client.expectConfirm())
  client.expectNothing()
  return all
}
