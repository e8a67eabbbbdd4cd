import { connect } from 'node:net'
import {
  BASIC_ACK,
  BASIC_CANCEL,
  BASIC_DELIVER,
  BASIC_GET_EMPTY,
  BASIC_GET_OK,
  BASIC_NACK,
  BASIC_RETURN,
  CHANNEL_CLOSE,
  CHANNEL_FLOW,
  CHANNEL_OPEN_OK,
  CONFIRM_SELECT_OK,
  CONNECTION_BLOCKED,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  CONNECTION_OPEN_OK,
  CONNECTION_START,
  CONNECTION_TUNE,
  CONNECTION_UNBLOCKED,
  createDecoders,
  encodeBasicPublish,
  encodeChannelCloseOk,
  encodeChannelFlowOk,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeConnectionOpen,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  encodeContent,
  encodeProperties,
  type Frame,
  FrameParser,
  FrameType,
  fromObject,
  METHODS,
  PROTOCOL_HEADER,
  type Properties,
  PropertyView,
  readUint32,
  readUint64,
} from '../../src/codec/index.ts'

const FRAME_MAX = 131_072

/** The arguments of an answer, by name, as the codec's decoders give them. */
// biome-ignore lint/suspicious/noExplicitAny: a test that reads a wrong field fails, which is what the type would do
export type Fields = Record<string, any>

/** A message as it came: delivered, got or returned. */
export interface Received {
  readonly consumerTag: string
  readonly deliveryTag: number
  readonly redelivered: boolean
  readonly exchange: string
  readonly routingKey: string
  /** Decoded when asked. */
  readonly properties: () => Properties
  readonly body: Buffer
}

/** Why a channel or a connection is no more. */
export class Closed extends Error {
  /** The broker's reply code; 0 when the connection was lost. */
  readonly code: number

  constructor(text: string, code = 0) {
    super(text)
    this.code = code
  }
}

/** Where a client's bytes go. */
export interface Pipe {
  write(bytes: Buffer): void
  end(): void
}

interface Waiting {
  readonly answers: readonly number[]
  resolve(answer: Answer): void
  reject(error: Closed): void
}

export interface Answer {
  readonly method: number
  readonly fields: Fields
  /** Of basic.get-ok. */
  readonly message?: Received
}

const decoders = createDecoders()

/**
 * An AMQP client that tells each thing as it comes, in the broker's order, over a socket or to a machine in this
 * process. It neither comes back nor repeats anything: a proof has to know what was said.
 */
export class Client {
  readonly channels = new Map<number, Channel>()
  failure: Closed | undefined
  /** Channels that the broker has closed, in its words. */
  readonly refusals: string[] = []
  /** The reason, while the broker says that it is blocked. */
  blocked: string | undefined
  timesBlocked = 0
  /** Resolves when the connection is no more. */
  readonly gone: Promise<void>
  readonly #pipe: Pipe
  readonly #parser = new FrameParser(0)
  readonly #control: Channel
  #tellGone: () => void = () => undefined
  #lastChannel = 0

  constructor(pipe: Pipe) {
    this.#pipe = pipe
    this.#control = new Channel(this, 0)
    this.channels.set(0, this.#control)
    this.gone = new Promise((resolve) => {
      this.#tellGone = resolve
    })
  }

  /** Over TCP to a port of this host. */
  static async connect(port: number, host = '127.0.0.1'): Promise<Client> {
    const socket = connect({ port, host, noDelay: true })
    const client = new Client({ write: (bytes) => socket.write(bytes), end: () => socket.destroySoon() })
    socket.on('data', (chunk) => client.receive(chunk))
    socket.on('error', (error) => client.lost(`connection lost: ${error.message}`))
    socket.on('close', () => client.lost('connection lost'))
    await client.handshake()
    return client
  }

  async handshake(user = 'guest', password = 'guest', vhost = '/'): Promise<this> {
    const control = this.#control
    await control.call(PROTOCOL_HEADER, CONNECTION_START)
    const capabilities = { authentication_failure_close: true, 'connection.blocked': true, 'basic.nack': true }
    const clientProperties = fromObject({ product: 'proof', capabilities })
    const response = Buffer.from(`\0${user}\0${password}`)
    const startOk = encodeConnectionStartOk(0, { clientProperties, mechanism: 'PLAIN', response, locale: 'en_US' })
    await control.call(startOk, CONNECTION_TUNE)
    this.write(encodeConnectionTuneOk(0, { channelMax: 2047, frameMax: FRAME_MAX, heartbeat: 0 }))
    await control.call(encodeConnectionOpen(0, { virtualHost: vhost }), CONNECTION_OPEN_OK)
    return this
  }

  async openChannel(confirms = false): Promise<Channel> {
    if (this.failure !== undefined) throw this.failure
    const channel = new Channel(this, ++this.#lastChannel)
    this.channels.set(channel.id, channel)
    await channel.call(encodeChannelOpen(channel.id), CHANNEL_OPEN_OK)
    if (confirms) await channel.call(encodeConfirmSelect(channel.id, {}), CONFIRM_SELECT_OK)
    return channel
  }

  write(bytes: Buffer): void {
    if (this.failure === undefined) this.#pipe.write(bytes)
  }

  /** Says goodbye and waits for the answer; what is not acknowledged goes back. */
  async close(): Promise<void> {
    if (this.failure !== undefined) return
    await this.#control
      .call(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }), CONNECTION_CLOSE_OK)
      .catch(() => undefined)
    this.lost('closed by us')
    this.#pipe.end()
  }

  /** The connection is no more: whoever waits is told. */
  lost(text: string, code = 0): void {
    if (this.failure !== undefined) return
    this.failure = new Closed(text, code)
    for (const channel of this.channels.values()) channel.fail(this.failure)
    this.#tellGone()
  }

  receive(chunk: Buffer): void {
    this.#parser.push(chunk)
    for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next()) {
      if (frame.type !== FrameType.HEARTBEAT) this.channels.get(frame.channel)?.frame(frame)
    }
  }

  /** Takes what the broker says to the connection as a whole. @returns false when it is an answer. */
  control(method: number, fields: Fields): boolean {
    if (method === CONNECTION_CLOSE) {
      this.write(encodeConnectionCloseOk(0))
      this.lost(`${fields.replyCode} ${fields.replyText}`, fields.replyCode)
      this.#pipe.end()
    } else if (method === CONNECTION_BLOCKED) {
      this.blocked = fields.reason
      this.timesBlocked++
    } else if (method === CONNECTION_UNBLOCKED) this.blocked = undefined
    else return false
    return true
  }
}

/** One channel: answers by promise, all else by the functions that are put here. */
export class Channel {
  readonly client: Client
  readonly id: number
  failure: Closed | undefined
  /** How many were published since confirm.select: the tag of the last one. */
  published = 0
  /** The last tag that was confirmed. */
  confirmed = 0
  onMessage: (message: Received) => void = () => undefined
  onReturn: (message: Received) => void = () => undefined
  onConfirm: (tag: number, multiple: boolean, isAck: boolean) => void = () => undefined
  onCancelled: (consumerTag: string) => void = () => undefined
  readonly #waiting: Waiting[] = []
  // The message that is coming in.
  #method = 0
  #fields: Fields = {}
  #header: Buffer = Buffer.alloc(0)
  #size = 0
  #pieces: Buffer[] = []
  #length = 0

  constructor(client: Client, id: number) {
    this.client = client
    this.id = id
  }

  write(bytes: Buffer): void {
    if (this.failure === undefined) this.client.write(bytes)
  }

  /** Sends a method and waits for its answer. @throws Closed when there is none. */
  call(frames: Buffer, ...answers: number[]): Promise<Answer> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    const answered = new Promise<Answer>((resolve, reject) => this.#waiting.push({ answers, resolve, reject }))
    this.write(frames)
    return answered
  }

  /** @returns its tag on a channel with confirms. */
  publish(exchange: string, routingKey: string, properties: Properties, body: Buffer, mandatory = false): number {
    this.write(
      Buffer.concat([
        encodeBasicPublish(this.id, { exchange, routingKey, mandatory }),
        encodeContent(this.id, encodeProperties(properties), body, FRAME_MAX),
      ]),
    )
    return ++this.published
  }

  fail(error: Closed): void {
    if (this.failure !== undefined) return
    this.failure = error
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }

  frame({ type, payload }: Frame): void {
    if (type === FrameType.METHOD) this.#receiveMethod(readUint32(payload, 0), payload)
    else if (type === FrameType.HEADER) {
      this.#header = payload
      this.#size = readUint64(payload, 4)
      this.#pieces = []
      this.#length = 0
      if (this.#size === 0) this.#receiveMessage()
    } else {
      this.#pieces.push(payload)
      this.#length += payload.length
      if (this.#length >= this.#size) this.#receiveMessage()
    }
  }

  #receiveMethod(method: number, payload: Buffer): void {
    const decoder = decoders.get(method)
    if (!decoder?.decode(payload, 4, payload.length)) throw new Error(`method ${method.toString(16)} is not readable`)
    if (method === BASIC_ACK || method === BASIC_NACK) {
      const { deliveryTag, multiple } = decoder as Fields
      this.confirmed = deliveryTag
      this.onConfirm(deliveryTag, multiple, method === BASIC_ACK)
      return
    }
    const fields = copyOf(decoder)
    if (method === BASIC_DELIVER || method === BASIC_GET_OK || method === BASIC_RETURN) {
      this.#method = method
      this.#fields = fields
    } else if (method === CHANNEL_CLOSE) {
      this.write(encodeChannelCloseOk(this.id))
      this.fail(new Closed(`${fields.replyCode} ${fields.replyText}`, fields.replyCode))
      this.client.refusals.push(`channel ${this.id}: ${fields.replyCode} ${fields.replyText}`)
    } else if (method === CHANNEL_FLOW) this.write(encodeChannelFlowOk(this.id, { active: fields.active }))
    else if (method === BASIC_CANCEL) this.onCancelled(fields.consumerTag)
    else if (this.id !== 0 || !this.client.control(method, fields)) this.#answer({ method, fields })
  }

  #receiveMessage(): void {
    const { consumerTag = '', deliveryTag = 0, redelivered = false, exchange, routingKey } = this.#fields
    const header = this.#header
    const properties = () => new PropertyView().attach(header, 12, header.length - 12).toObject()
    const body = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
    const message = { consumerTag, deliveryTag, redelivered, exchange, routingKey, properties, body }
    if (this.#method === BASIC_DELIVER) this.onMessage(message)
    else if (this.#method === BASIC_RETURN) this.onReturn(message)
    else this.#answer({ method: BASIC_GET_OK, fields: this.#fields, message })
  }

  #answer(answer: Answer): void {
    const waiting = this.#waiting.shift()
    if (waiting?.answers.includes(answer.method)) waiting.resolve(answer)
    else throw new Error(`${METHODS.get(answer.method)?.name} is no answer to what was asked`)
  }
}

/** What basic.get may be answered with. */
export const GET_ANSWERS = [BASIC_GET_OK, BASIC_GET_EMPTY] as const

/** Decoders are reused: their values are taken out. */
function copyOf(decoder: object): Fields {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(decoder)) {
    if (name !== 'buffer' && !name.endsWith('At')) fields[name] = value
  }
  for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(decoder)))) {
    if (get !== undefined) fields[name] = get.call(decoder)
  }
  return fields
}
