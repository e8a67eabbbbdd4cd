import type { Socket } from 'node:net'
import {
  BASIC_ACK,
  BASIC_DELIVER,
  BASIC_NACK,
  CHANNEL_CLOSE,
  CHANNEL_FLOW,
  CONNECTION_BLOCKED,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  CONNECTION_UNBLOCKED,
  ConnectionClose,
  cannotDecode,
  encodeChannelCloseOk,
  encodeChannelFlowOk,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  FrameType,
  METHODS,
  readShortstr,
  readUint32,
  readUint64,
  Table,
} from '../../codec/index.ts'
import { ClientError, describeSystemError } from './client-error.ts'
import { FrameScanner } from './frame-scanner.ts'
import { shakeHands } from './handshake.ts'
import { openSocket, type TlsTrust } from './socket.ts'
import type { Target } from './uri.ts'

/** What a connection hands messages and confirms to. Offsets point into a buffer that is reused after the call. */
export interface Traffic {
  /** basic.deliver; its arguments start at `from`, as BasicDeliver decodes them. */
  deliver(channel: number, buffer: Buffer, from: number, to: number): void
  header(channel: number, bodyBytes: number): void
  body(channel: number, buffer: Buffer, from: number, to: number): void
  /** basic.ack or basic.nack of what this side has published. */
  settled(channel: number, tag: number, multiple: boolean, positive: boolean): void
  /** Everything that one read brought has been handed over: the moment to write answers, all at once. */
  endOfRead(): void
}

export interface ClientOptions {
  /** Bytes a frame may have; the broker's own figure when 0 or higher than that. Default 131072. */
  readonly frameMax?: number
  /** What management tools show the connection as. */
  readonly connectionName?: string
  readonly tls?: TlsTrust
  /** Called once when the connection is lost or closed by the broker, and nobody waits for an answer who could be told. */
  readonly onFailure?: (error: ClientError) => void
  /** Called with the broker's reason when it stops taking messages. */
  readonly onBlocked?: (reason: string) => void
  /** Default 10,000. */
  readonly handshakeTimeoutMs?: number
}

interface Expectation {
  readonly method: number
  resolve(payload: Buffer): void
  reject(error: ClientError): void
}

const NO_TRAFFIC: Traffic = { deliver() {}, header() {}, body() {}, settled() {}, endOfRead() {} }
const CLOSE_TIMEOUT_MS = 3000

/** One AMQP 0-9-1 connection for tools: synchronous methods by promise, messages and confirms in place. */
export class Client {
  frameMax: number
  channelMax = 0
  /** What the broker says of itself. */
  serverProperties: Table = Table.empty
  traffic: Traffic = NO_TRAFFIC
  /** Why the connection has gone. */
  failure: ClientError | undefined
  #closing = false
  #socket!: Socket
  readonly #scanner = new FrameScanner(this)
  readonly #expectations = new Map<number, Expectation[]>()
  readonly #onFailure: ((error: ClientError) => void) | undefined
  readonly #onBlocked: ((reason: string) => void) | undefined

  private constructor(options: ClientOptions) {
    this.frameMax = options.frameMax ?? 131_072
    this.#onFailure = options.onFailure
    this.#onBlocked = options.onBlocked
  }

  /** @throws ClientError when there is no such broker, or it refuses: then with its reply text. */
  static async connect(target: Target, options: ClientOptions = {}): Promise<Client> {
    const client = new Client(options)
    const socket = await openSocket(target, options.tls ?? {}, (buffer, length) => client.#receive(buffer, length))
    client.#socket = socket
    socket.on('error', (error) => client.#fail(new ClientError(`connection lost: ${describeSystemError(error)}`)))
    socket.on('close', () => client.#fail(new ClientError('the broker closed the connection without a word')))
    const timeoutMs = options.handshakeTimeoutMs ?? 10_000
    const timer = setTimeout(
      () => client.#fail(new ClientError(`no answer to the AMQP handshake within ${timeoutMs} ms`)),
      timeoutMs,
    )
    try {
      await shakeHands(client, target, options.connectionName ?? 'leveret')
    } finally {
      clearTimeout(timer)
    }
    client.#scanner.frameMax = client.frameMax
    return client
  }

  /** Writes whole frames. The bytes must not change until they have gone; false when the socket holds more than it should. */
  write(frames: Buffer): boolean {
    return this.#socket.write(frames)
  }

  /** True when nothing of what was written waits in this process, so that its buffers may be reused. */
  get flushed(): boolean {
    return this.#socket.writableLength === 0
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener)
  }

  /**
   * Sends a synchronous method and returns the payload of its answer, method id included.
   * @throws ClientError when the broker closes the channel or the connection instead.
   */
  call(channel: number, frame: Buffer, answer: number): Promise<Buffer> {
    const answered = this.expect(channel, answer)
    if (this.failure === undefined) this.write(frame)
    return answered
  }

  /** Waits for a method of the broker's that comes next on the channel. */
  expect(channel: number, method: number): Promise<Buffer> {
    if (this.failure !== undefined) return Promise.reject(this.failure)
    return new Promise((resolve, reject) => {
      const waiting = this.#expectations.get(channel)
      const expectation = { method, resolve, reject }
      if (waiting === undefined) this.#expectations.set(channel, [expectation])
      else waiting.push(expectation)
    })
  }

  /** Says goodbye, and waits a little for the answer; never fails. */
  async close(): Promise<void> {
    if (this.failure !== undefined) return
    this.#closing = true
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS)
    const frame = encodeConnectionClose(0, { replyCode: 200, replyText: 'OK' })
    await this.call(0, frame, CONNECTION_CLOSE_OK).catch(() => {})
    clearTimeout(timer)
    this.#fail(new ClientError('closed'))
  }

  #receive(buffer: Buffer, length: number): void {
    try {
      this.#scanner.receive(buffer, length)
      this.traffic.endOfRead()
    } catch (error) {
      this.#fail(error instanceof ClientError ? error : new ClientError((error as Error).message))
    }
  }

  /** Takes a frame from the scanner. */
  frame(type: number, channel: number, buffer: Buffer, from: number, to: number): void {
    if (type === FrameType.BODY) this.traffic.body(channel, buffer, from, to)
    else if (type === FrameType.HEADER) this.traffic.header(channel, readUint64(buffer, from + 4))
    else if (type === FrameType.METHOD) this.#method(channel, readUint32(buffer, from), buffer, from, to)
    else if (type !== FrameType.HEARTBEAT) throw new ClientError(`the broker sent a frame of unknown type ${type}`)
  }

  #method(channel: number, method: number, buffer: Buffer, from: number, to: number): void {
    if (method === BASIC_DELIVER) {
      this.traffic.deliver(channel, buffer, from + 4, to)
    } else if (method === BASIC_ACK || method === BASIC_NACK) {
      const multiple = ((buffer[from + 12] as number) & 1) !== 0
      this.traffic.settled(channel, readUint64(buffer, from + 4), multiple, method === BASIC_ACK)
    } else {
      // Once a call of its own, the payload has to outlive the read.
      this.#control(channel, method, Buffer.from(buffer.subarray(from, to)))
    }
  }

  #control(channel: number, method: number, payload: Buffer): void {
    if (method === CONNECTION_CLOSE) {
      this.write(encodeConnectionCloseOk(0))
      this.#fail(closeError('connection', payload))
    } else if (method === CHANNEL_CLOSE) {
      this.write(encodeChannelCloseOk(channel))
      this.#failChannel(channel, closeError('channel', payload))
    } else if (method === CHANNEL_FLOW) {
      this.write(encodeChannelFlowOk(channel, { active: payload[4] === 1 }))
    } else if (method === CONNECTION_BLOCKED) {
      this.#onBlocked?.(readShortstr(payload, 4))
    } else if (method !== CONNECTION_UNBLOCKED) {
      this.#answer(channel, method, payload)
    }
  }

  #answer(channel: number, method: number, payload: Buffer): void {
    const expectation = this.#expectations.get(channel)?.shift()
    if (expectation?.method === method) {
      expectation.resolve(payload)
      return
    }
    const wanted = expectation === undefined ? '' : ` where ${nameOf(expectation.method)} was due`
    const error = new ClientError(`the broker sent ${nameOf(method)}${wanted}`)
    expectation?.reject(error)
    this.#fail(error)
  }

  #failChannel(channel: number, error: ClientError): void {
    const waiting = this.#expectations.get(channel) ?? []
    this.#expectations.delete(channel)
    if (waiting.length === 0) this.#fail(error)
    for (const expectation of waiting) expectation.reject(error)
  }

  #fail(error: ClientError): void {
    if (this.failure !== undefined) return
    this.failure = error
    this.#socket.destroySoon()
    let told = this.#closing
    for (const waiting of this.#expectations.values()) {
      for (const expectation of waiting) {
        expectation.reject(error)
        told = true
      }
    }
    this.#expectations.clear()
    if (!told) this.#onFailure?.(error)
  }
}

function closeError(what: string, payload: Buffer): ClientError {
  // channel.close has the same arguments.
  const close = new ConnectionClose()
  if (!close.decode(payload, 4, payload.length)) throw cannotDecode(payload, 4, payload.length)
  return new ClientError(`the broker closed the ${what}: ${close.replyCode} ${close.replyText}`, close.replyCode)
}

function nameOf(method: number): string {
  return METHODS.get(method)?.name ?? `method ${method >>> 16}.${method & 0xffff}`
}
