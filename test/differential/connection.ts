import {
  CHANNEL_CLOSE,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  CONNECTION_START,
  CONNECTION_TUNE,
  createDecoders,
  encodeConnectionClose,
  encodeConnectionOpen,
  encodeConnectionStartOk,
  encodeConnectionTuneOk,
  fromObject,
  METHODS,
  PROTOCOL_HEADER,
} from '../../src/codec/index.ts'
import { Channel } from './channel.ts'
import { methodId, renderMethod } from './render.ts'
import type { Script } from './script.ts'
import { EventKind, Wire, type WireEvent } from './wire.ts'

/** What a session's client says while it opens a connection. */
export interface ConnectOptions {
  readonly user?: string
  readonly password?: string
  readonly vhost?: string
  readonly capabilities?: Record<string, boolean>
  readonly channelMax?: number
  readonly frameMax?: number
  readonly heartbeat?: number
}

/** What clients announce unless a session says otherwise. */
export const CAPABILITIES: Record<string, boolean> = {
  publisher_confirms: true,
  exchange_exchange_bindings: true,
  'basic.nack': true,
  consumer_cancel_notify: true,
  'connection.blocked': true,
  authentication_failure_close: true,
}

/** A client's connection inside a session: what it sends is noted as `a > …`, what arrives as `a < …`. */
export class Connection {
  readonly script: Script
  readonly name: string
  readonly #wire: Wire
  /** What tune-ok said. */
  frameMax = 131_072
  #events: WireEvent[] = []
  #closing = false
  #left = false
  readonly #closingChannels = new Set<number>()

  constructor(script: Script, name: string) {
    this.script = script
    this.name = name
    this.#wire = new Wire(script.port, (event) => this.#take(event))
  }

  /** Whether the broker ended the socket. */
  get ended(): boolean {
    return this.#wire.ended
  }

  get unconfirmed(): Map<number, Set<number>> {
    return this.#wire.unconfirmed
  }

  /** Leaves the answer to close methods to the session. */
  leaveCloses(): void {
    this.#wire.answersCloses = false
  }

  /** What has arrived since the last step. */
  get events(): readonly WireEvent[] {
    return this.#events
  }

  takeEvents(): WireEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  // Takes what came on the channel up to the first event that matches, and leaves the rest for a later step.
  #takeUntil(channel: number, matches: (event: WireEvent) => boolean): WireEvent[] {
    const last = this.#events.findIndex(matches)
    const taken = this.#events.filter((event, index) => event.channel === channel && index <= last)
    this.#events = this.#events.filter((event) => !taken.includes(event))
    return taken
  }

  /** Whether the broker has closed the connection. */
  isClosing(): boolean {
    return this.#closing
  }

  /** Whether the broker has closed that channel, or the connection. */
  isChannelClosing(channel: number): boolean {
    return this.#closing || this.#closingChannels.has(channel)
  }

  /** Writes bytes; the label says what they are. */
  raw(bytes: Buffer, label: string, channel = 0): void {
    this.script.note(`${this.name}${channel || ''} > ${label}`)
    this.#wire.write(bytes)
  }

  /** Writes one method's frame. */
  send(frame: Buffer): void {
    this.raw(frame, renderMethod(frame.subarray(7, -1)), frame.readUInt16BE(1))
  }

  /** Writes one method's frame and waits for its answer, or for the close of the channel or connection. */
  async call(frame: Buffer): Promise<void> {
    const payload = frame.subarray(7, -1)
    const channel = frame.readUInt16BE(1)
    this.#closingChannels.delete(channel)
    this.send(frame)
    const replies = METHODS.get(methodId(payload))?.replies ?? []
    if (replies.length > 0 && !saysNoWait(payload)) await this.answer(channel, ...replies)
  }

  /** Waits for one of these methods on the channel, or for the close of channel or connection, and notes the step. */
  async answer(channel: number, ...kinds: number[]): Promise<void> {
    const isAnswer = (event: WireEvent) =>
      event.channel === channel && (kinds.includes(event.kind) || event.kind === CHANNEL_CLOSE)
    const done = await this.script.until(() => this.isChannelClosing(channel) || this.#events.some(isAnswer))
    if (done && !this.#closing) return this.script.noteEvents(this, this.#takeUntil(channel, isAnswer))
    // A close of the connection is followed by the end of the socket; together they are one answer.
    if (this.#closing && this.#wire.answersCloses) await this.script.until(() => this.#wire.ended)
    this.script.flush()
    if (!done) this.script.note(`${this.name} ! no answer`)
  }

  /** Waits for the broker to close the connection and the socket, or to answer our close. */
  async closed(): Promise<void> {
    const isAnswered = () => this.#events.some(({ kind }) => kind === CONNECTION_CLOSE_OK)
    const done = await this.script.until(() => this.#wire.ended || isAnswered())
    this.script.flush()
    if (!done) this.script.note(`${this.name} ! the socket stays open`)
  }

  /** Opens the connection from the protocol header to open-ok. */
  async open(options: ConnectOptions): Promise<void> {
    await this.script.silently(async () => {
      await this.start()
      await this.login(options)
      if (this.#closing) throw new Error('the connection could not be opened')
      this.tune(options)
      await this.call(encodeConnectionOpen(0, { virtualHost: options.vhost ?? '/' }))
    })
  }

  /** Sends the protocol header and waits for connection.start. */
  async start(): Promise<void> {
    this.raw(PROTOCOL_HEADER, 'protocol header AMQP 0 0 9 1')
    await this.answer(0, CONNECTION_START, EventKind.PROTOCOL_HEADER)
  }

  /** Sends start-ok with PLAIN and waits for tune. */
  async login(options: ConnectOptions): Promise<void> {
    const { user = 'guest', password = 'guest', capabilities = CAPABILITIES } = options
    this.send(
      encodeConnectionStartOk(0, {
        clientProperties: fromObject({ product: 'differential', capabilities }),
        mechanism: 'PLAIN',
        response: Buffer.from(`\0${user}\0${password}`),
        locale: 'en_US',
      }),
    )
    await this.answer(0, CONNECTION_TUNE)
  }

  /** Sends tune-ok. */
  tune(options: ConnectOptions): void {
    const { channelMax = 2047, frameMax = 131_072, heartbeat = 0 } = options
    this.frameMax = frameMax
    this.send(encodeConnectionTuneOk(0, { channelMax, frameMax, heartbeat }))
  }

  /** A channel of that number, which is not opened. */
  channel(number: number): Channel {
    return new Channel(this, number)
  }

  /** Opens a channel. */
  async openChannel(number: number): Promise<Channel> {
    const channel = this.channel(number)
    await channel.open()
    return channel
  }

  /** Closes the connection and waits for close-ok. */
  async close(): Promise<void> {
    await this.call(encodeConnectionClose(0, { replyCode: 200, replyText: 'bye' }))
    this.#left = true
    this.#wire.end()
  }

  /** Ends the socket without a word. */
  drop(): void {
    this.script.note(`${this.name} > socket ends`)
    this.#left = true
    this.#wire.destroy()
  }

  destroy(): void {
    this.#wire.destroy()
  }

  #take(event: WireEvent): void {
    if (event.kind === CONNECTION_CLOSE || event.kind === EventKind.ENDED) this.#closing = true
    if (event.kind === CHANNEL_CLOSE) this.#closingChannels.add(event.channel)
    // The end of a socket that the client left is nobody's answer.
    if (event.kind !== EventKind.ENDED || !this.#left) this.#events.push(event)
    this.script.wake()
  }
}

function saysNoWait(payload: Buffer): boolean {
  const decoder = createDecoders().get(methodId(payload))
  if (!decoder?.decode(payload, 4, payload.length)) return false
  return 'noWait' in decoder && decoder.noWait === true
}
