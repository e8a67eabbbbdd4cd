import type { Clock, Timer, Timers } from '../../base/index.ts'
import { FrameError, FrameReader } from '../packet/frame-reader.ts'
import { Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import type { Seqs } from '../seqs.ts'
import { isObject, parseJson } from '../session/json.ts'
import { SessionOutput } from '../session/session-output.ts'
import type { AmopTransport } from '../transport.ts'
import type { ConnectionEvents } from './dial.ts'
import { handshake, handshakeAgreed, heartbeatBody, VERSION_REQUEST, versionOf } from './greeting.ts'
import { PausableTransport } from './pausable-transport.ts'
import type { ClientSettings } from './settings.ts'

/** Whoever waits for an answer; exactly one of the two is called, unless it is forgotten before. */
export interface Waiter {
  /** The type of the answer. */
  readonly answerType: number
  answered(connection: NodeConnection, packet: Packet): void
  /** The connection has gone. */
  lost(connection: NodeConnection): void
}

/** What a connection asks of its client. */
export interface ConnectionOwner {
  /** All that has to be announced now. */
  announcedTopics(): string[]
  /** Messages can be sent over it, and the topics are in force. */
  ready(connection: NodeConnection): void
  /** A 0x30 or 0x35. */
  pushed(connection: NodeConnection, packet: Packet): void
  /** A 0x37. */
  verificationRequested(connection: NodeConnection, packet: Packet): void
  ended(connection: NodeConnection, reason: string): void
  /** Something that is worth a line, and changes nothing. */
  warn(text: string): void
}

export interface ConnectionContext {
  readonly clock: Clock
  readonly timers: Timers
  readonly seqs: Seqs
  readonly settings: ClientSettings
}

type State = 'connecting' | 'greeting' | 'ready' | 'closed'

const JSON_BYTES_MAX = 1_048_576

/**
 * One connection to one node, seen from the SDK, without the socket: bytes in any split come in, frames leave one by one.
 * It greets the node as java-sdk does (getClientVersion, handshake, heartbeats, topics) and matches answers to whoever
 * waits for them.
 */
export class NodeConnection implements ConnectionEvents {
  /** `host:port`. */
  readonly node: string
  /** Fulfilled when its socket has gone. */
  readonly gone: Promise<void>
  state: State = 'connecting'
  /** Of the channel protocol. */
  protocol = 1
  /** What the node says of its version; undefined before it has, or when it does not. */
  version: string | undefined
  readonly #context: ConnectionContext
  readonly #owner: ConnectionOwner
  readonly #reader: FrameReader
  readonly #waiting = new Map<string, Waiter>()
  #transport: PausableTransport | undefined
  #output: SessionOutput | undefined
  #giveUp: () => void = () => {}
  #timer: Timer | undefined
  #readAt = 0
  /** The topics that the node was told of, as JSON. */
  #announced = '[]'
  #retired = false
  #closeReason: string | undefined
  #socketGone: () => void = () => {}

  constructor(node: string, context: ConnectionContext, owner: ConnectionOwner) {
    const { clock, timers, settings } = context
    this.node = node
    this.gone = new Promise((resolve) => {
      this.#socketGone = resolve
    })
    this.#context = context
    this.#owner = owner
    this.#reader = new FrameReader((frame) => this.#handle(Packet.read(frame)), settings.frameBytesMax, true)
    this.#timer = timers.schedule(clock.now + settings.connectTimeoutMs, () => {
      this.close(`not connected within ${settings.connectTimeoutMs} ms`)
    })
  }

  /** Messages that wait for their answers. */
  get outstanding(): number {
    return this.#waiting.size
  }

  /** @param giveUp ends the attempt to connect. */
  begin(giveUp: () => void): void {
    this.#giveUp = giveUp
  }

  opened(transport: AmopTransport): void {
    const { clock, timers, settings } = this.#context
    clock.refresh()
    this.#transport = new PausableTransport(transport)
    this.#output = new SessionOutput(
      this.#transport,
      clock,
      timers,
      settings,
      () => this.#owner.warn(`${this.node} does not read: ${this.#transport?.pendingBytes} bytes wait for it`),
      () => this.close(`it has not read for ${settings.outputTimeoutMs} ms`),
    )
    this.state = 'greeting'
    this.#readAt = clock.now
    this.#ask(PacketType.RPC, VERSION_REQUEST, (packet) => this.#versionCame(packet))
  }

  received(chunk: Buffer): void {
    if (this.state === 'closed') return
    this.#readAt = this.#context.clock.refresh()
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.close(error.message)
    }
  }

  writable(): void {
    this.#context.clock.refresh()
    this.#output?.writable()
  }

  closed(reason: string): void {
    this.#context.clock.refresh()
    this.#end(this.#closeReason ?? reason)
    this.#socketGone()
  }

  /** Ends it, after what is pending has been sent; `closed` follows from the socket. */
  close(reason: string): void {
    if (this.#closeReason !== undefined || this.state === 'closed') return
    this.#closeReason = reason
    const transport = this.#transport
    if (transport === undefined) this.#giveUp()
    else transport.close(reason)
    // Nobody waits for the socket: it may take its time.
    this.#end(reason)
  }

  /**
   * Sends a packet whose answer somebody waits for.
   * @returns false when it cannot be taken now; then nothing follows.
   */
  request(packet: Packet, waiter: Waiter): boolean {
    if (this.#retired || this.state === 'closed' || this.#waiting.size >= this.#context.settings.outstandingMax)
      return false
    if (this.#waiting.has(packet.seq) || this.#output?.push(packet.frame) !== true) return false
    this.#waiting.set(packet.seq, waiter)
    return true
  }

  /** From now on `request` takes nothing. */
  retire(): void {
    this.#retired = true
  }

  forget(seq: string): void {
    this.#waiting.delete(seq)
  }

  /** Sends a packet that is an answer. @returns false when it was dropped. */
  answer(packet: Packet): boolean {
    return this.state !== 'closed' && (this.#output?.answer(packet.frame) ?? false)
  }

  /**
   * Announces the complete set of topics.
   * @param inForce is called when the node has handled it, or has gone. A node does not answer this frame, so a
   *   heartbeat behind it is waited for.
   */
  announce(inForce: () => void): void {
    if (this.state === 'closed' || this.#output === undefined) {
      inForce()
      return
    }
    this.#announced = JSON.stringify(this.#owner.announcedTopics())
    this.#send(PacketType.SET_TOPICS, Buffer.from(this.#announced))
    this.#ask(PacketType.HEARTBEAT, heartbeatBody(this.protocol), inForce, inForce)
  }

  /** While its client has too much to do nothing more is read. */
  hold(): void {
    this.#transport?.hold()
  }

  release(): void {
    this.#transport?.release()
  }

  #handle(packet: Packet): void {
    if (this.state === 'closed') return
    // By type first: the C++ node pushes a message back to its own publisher under the seq that this one waits for.
    switch (packet.type) {
      case PacketType.UNICAST:
      case PacketType.MULTICAST:
        this.#owner.pushed(this, packet)
        return
      case PacketType.VERIFY_REQUEST:
        this.#owner.verificationRequested(this, packet)
        return
    }
    const waiter = this.#waiting.get(packet.seq)
    if (waiter?.answerType !== packet.type) return
    this.#waiting.delete(packet.seq)
    waiter.answered(this, packet)
  }

  #versionCame(packet: Packet): void {
    const { version, knowsHandshake } = versionOf(parseJson(packet.body, JSON_BYTES_MAX))
    this.version = version
    const offer = handshake(this.#context.settings.clientType)
    if (knowsHandshake) this.#ask(PacketType.HANDSHAKE, offer, (answer) => this.#agreed(answer))
    else this.#greeted()
  }

  #agreed(packet: Packet): void {
    const json = packet.result === ResultCode.SUCCESS ? parseJson(packet.body, JSON_BYTES_MAX) : undefined
    const protocol = isObject(json) ? handshakeAgreed(json) : undefined
    if (protocol === undefined) {
      this.close('its answer to the handshake makes no sense')
      return
    }
    this.protocol = protocol
    this.#greeted()
  }

  /** What has been subscribed to while the node took note of the topics is announced too, before messages are sent. */
  #greeted(): void {
    if (this.state !== 'greeting') return
    if (JSON.stringify(this.#owner.announcedTopics()) === this.#announced) this.#becomeReady()
    else this.announce(() => this.#greeted())
  }

  #becomeReady(): void {
    const { timers } = this.#context
    timers.cancel(this.#timer)
    this.state = 'ready'
    this.#beatLater()
    this.#owner.ready(this)
  }

  #beatLater(): void {
    const { clock, timers, settings } = this.#context
    this.#timer = timers.schedule(clock.now + settings.heartbeatMs, () => this.#beat())
  }

  #beat(): void {
    const { clock, settings } = this.#context
    if (this.#transport?.paused) this.#readAt = clock.now
    if (clock.now - this.#readAt >= settings.silenceMs) {
      this.close(`nothing was heard of it for ${settings.silenceMs} ms`)
      return
    }
    this.#send(PacketType.HEARTBEAT, heartbeatBody(this.protocol))
    this.#beatLater()
  }

  #ask(type: number, body: Buffer, answered: (packet: Packet) => void, lost = (): void => {}): void {
    this.#waiting.set(this.#send(type, body), { answerType: type, answered: (_, packet) => answered(packet), lost })
  }

  /** @returns the seq. */
  #send(type: number, body: Buffer): string {
    const seq = this.#context.seqs.next()
    // Small, and owed: not refused as a message would be.
    this.#output?.answer(Packet.make(type, seq, 0, body).frame)
    return seq
  }

  #end(reason: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    this.#reader.stop()
    this.#output?.clear()
    this.#context.timers.cancel(this.#timer)
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    // First, so that nobody who waited is sent here again.
    this.#owner.ended(this, reason)
    for (const waiter of waiting) waiter.lost(this)
  }
}
