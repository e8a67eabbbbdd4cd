import type { Permissions, User } from '../auth/index.ts'
import type { Clock, Flushable, Timer, Timers, Turn } from '../base/index.ts'
import { AmqpError, type DefinitionLog, notAllowed, type Queue, type VirtualHost } from '../broker/index.ts'
import {
  BASIC_PUBLISH,
  badFrameEnd,
  CHANNEL_CLOSE,
  CHANNEL_CLOSE_OK,
  CHANNEL_OPEN,
  ClassId,
  CONNECTION_CLOSE,
  CONNECTION_CLOSE_OK,
  CONNECTION_UPDATE_SECRET,
  CONTENT_HEADER_FIXED_BYTES,
  CodecError,
  type ConnectionClose,
  cannotDecode,
  describeFrame,
  encodeChannelCloseOk,
  encodeChannelOpenOk,
  encodeConnectionClose,
  encodeConnectionCloseOk,
  encodeConnectionUpdateSecretOk,
  FRAME_END,
  FrameType,
  frameTooLarge,
  HEARTBEAT_FRAME,
  isHardError,
  METHODS,
  type MethodDecoder,
  PROTOCOL_HEADER,
  ReplyCode,
  readUint16,
  readUint32,
  type Table,
  unknownFrameType,
} from '../codec/index.ts'
import type { Journal, Position } from '../store/index.ts'
import { NO_CAPABILITIES } from './capabilities.ts'
import { Channel } from './channel.ts'
import { dispatch } from './dispatch.ts'
import { channelError, commandInvalid, internalError, shortText, unexpectedFrame } from './errors.ts'
import { Handshake } from './handshake.ts'
import { Heartbeat } from './heartbeat.ts'
import { type FrameReader, Input } from './input.ts'
import { Output } from './output.ts'
import { PublisherGate } from './publisher-gate.ts'
import { ReadGate, ReadStop } from './read-gate.ts'
import type { AmqpContext } from './settings.ts'
import { type Peer, peerName, type Transport } from './transport.ts'

export type ConnectionState =
  | 'header'
  | 'starting'
  | 'securing'
  | 'tuning'
  | 'opening'
  | 'running'
  | 'closing'
  | 'closed'

/** Until tune is agreed, frames may have this many bytes. Source: RabbitMQ 4.1's initial_frame_max. */
const INITIAL_FRAME_MAX = 8192

/** Output of one turn beyond which queues stop handing over until it has been written. */
const TURN_OUTPUT_MAX = 524288

/** Bytes the kernel has not taken beyond which a connection's consumers wait for the socket to drain. */
const BACKLOG_MAX = 1048576

/** Bytes the kernel has not taken beyond which direct replies are dropped, and nothing more is read. */
const REPLY_BACKLOG_MAX = 16 * 1048576

/** Classes of methods whose answers tell what is declared. */
const DEFINING: ReadonlySet<number> = new Set([ClassId.EXCHANGE, ClassId.QUEUE])

/** How long a closing connection waits for the other side when no heartbeat says otherwise. Source: RabbitMQ. */
const CLOSE_TIMEOUT_MS = 30_000

/**
 * One AMQP connection as a machine without a socket: `receive` takes bytes in any split, what it answers gathers in
 * `out` and leaves through the transport once a turn.
 */
export class Connection implements Flushable, FrameReader {
  readonly amqp: AmqpContext
  readonly peer: Peer
  readonly name: string
  readonly out: Output
  readonly turn: Turn
  readonly timers: Timers
  readonly clock: Clock
  readonly journal: Journal
  readonly definitions: DefinitionLog
  readonly connectedAt: number
  flushMarked = false
  state: ConnectionState = 'header'
  /** Limit of a whole frame, both ways. */
  frameMax = INITIAL_FRAME_MAX
  channelMax: number
  heartbeatSeconds = 0
  capabilities = NO_CAPABILITIES
  clientProperties: Table | undefined
  mechanism = ''
  user: User | undefined
  /** Set once the client has opened a vhost; only then do channels exist. */
  vhost: VirtualHost | undefined
  permissions: Permissions | undefined
  readonly channels = new Map<number, Channel>()
  readonly heartbeat: Heartbeat
  readonly publishers: PublisherGate
  /** What is read no longer means anything: the stream is broken, or the socket is on its way out. */
  deaf = false
  readonly #transport: Transport
  readonly #handshake: Handshake
  readonly #input: Input
  /** Queues that had something for this connection while it could not take it. */
  readonly #waiting = new Set<Queue>()
  /** The method now handled, which a close names. */
  currentClass = 0
  currentMethod = 0
  /** The channel of the frame now handled. */
  #failedChannel = 0
  /** Where parsing goes on when the frame now handled raises a channel error. */
  #resumeAt = 0
  #socketFull = false
  readonly #gate: ReadGate
  #disconnected = false
  #closeTimer: Timer | undefined

  constructor(amqp: AmqpContext, peer: Peer, transport: Transport) {
    const { virtualHosts, channelMax } = amqp.settings
    const { context } = virtualHosts
    this.amqp = amqp
    this.peer = peer
    this.name = peerName(peer)
    this.turn = context.turn
    this.timers = context.timers
    this.clock = context.clock
    this.journal = context.journal
    this.definitions = context.storage.definitions
    this.connectedAt = context.clock.now
    this.channelMax = channelMax
    this.out = new Output(amqp.outputs, context.turn, context.journal, this)
    this.heartbeat = new Heartbeat(this)
    this.#transport = transport
    this.#input = new Input(this, amqp.spareTail)
    this.#gate = new ReadGate(transport)
    this.publishers = new PublisherGate(this, this.#gate)
    this.#handshake = new Handshake(this)
    amqp.connections.add(this)
  }

  get log() {
    return this.amqp.settings.virtualHosts.context.log
  }

  /** Takes bytes as they come from the socket; keeps no view of them. */
  receive(chunk: Buffer): void {
    this.heartbeat.received = true
    // Publishes that nobody is told of mark nothing, but the journal and the memory alarm have to see them.
    this.turn.schedule()
    const { position } = this.definitions
    this.#input.receive(chunk)
    this.#handled(position)
  }

  /** The socket has sent what had piled up. */
  writable(): void {
    this.#socketFull = false
    this.#gate.go(ReadStop.BACKLOG)
    this.#wake()
    this.#goOn()
  }

  /** The socket has gone. */
  disconnected(): void {
    if (this.#disconnected) return
    this.#disconnected = true
    // Its exclusive queues may have been what the memory alarm was about.
    this.turn.schedule()
    this.deaf = true
    this.timers.cancel(this.#closeTimer)
    this.out.clear()
    if (this.state === 'running') {
      this.log.warn(`connection ${this.name} was closed by the client without closing it in AMQP`)
    } else if (this.state !== 'closing' && this.state !== 'closed') {
      this.log.debug(`connection ${this.name} ended during its handshake`)
    }
    this.state = 'closed'
    this.#input.clear()
    this.#release()
  }

  /** Closes politely: says why, waits a bounded time for the client's answer, then lets go of the socket. */
  close(code: number, text: string): void {
    if (this.state === 'closing' || this.state === 'closed') return
    if (this.state === 'header') {
      this.end()
      return
    }
    this.#sendClose(code, text, 0, 0)
  }

  /** As `close`, for when nothing will be safe any more: what waits for that is not said. */
  abort(code: number, text: string): void {
    if (this.state === 'closing' || this.state === 'closed') {
      this.drop()
      return
    }
    this.out.discard()
    this.close(code, text)
  }

  /**
   * What is said in this turn leaves once the journal has completed this position: no answer may say that something is
   * done which a crash could undo.
   */
  holdOutput(position: Position): void {
    if (!this.#disconnected) this.out.hold(position)
  }

  /** A heartbeat is no answer and overtakes what is held: a slow disk must not look like a dead broker. */
  sendHeartbeat(): void {
    if (!this.out.held) {
      this.out.append(HEARTBEAT_FRAME)
      return
    }
    this.heartbeat.sends++
    this.#transport.write(Buffer.from(HEARTBEAT_FRAME))
  }

  flush(): void {
    const { out } = this
    const before = out.pendingBytes
    out.flush(this.#transport)
    const left = out.pendingBytes
    if (left < before) this.heartbeat.sends++
    const { backlog } = this.#transport
    this.#socketFull = backlog > BACKLOG_MAX
    if (left < TURN_OUTPUT_MAX) {
      this.#gate.go(ReadStop.HELD)
      if (!this.#socketFull) {
        this.#wake()
        this.#goOn()
      }
    }
    // A peer that makes us talk (mandatory publishes, replies) and does not read is not listened to either.
    if (backlog > REPLY_BACKLOG_MAX) this.#gate.stop(ReadStop.BACKLOG)
    if (this.state === 'closed' && !this.#disconnected && left === 0) this.#transport.end()
  }

  /** Bytes sent that the peer has not let the kernel take. */
  get backlog(): number {
    return this.#transport.backlog
  }

  /** False while deliveries would only pile up. */
  acceptsDeliveries(): boolean {
    return !this.#socketFull && this.out.pendingBytes < TURN_OUTPUT_MAX
  }

  /** False when the peer has not read for so long that even what no queue can hold back must be dropped. */
  acceptsReplies(): boolean {
    return this.out.pendingBytes + this.#transport.backlog < REPLY_BACKLOG_MAX
  }

  /**
   * A question was answered whose answer may be any number of times longer. Once many are pending, the questions behind
   * it wait until they have left: a read full of them would otherwise be answered with gigabytes in one turn.
   */
  answered(): void {
    if (this.out.pendingBytes >= TURN_OUTPUT_MAX) this.#gate.stop(ReadStop.ANSWERS)
  }

  /** The queue is drained again once deliveries are accepted. */
  wakeLater(queue: Queue): void {
    this.#waiting.add(queue)
  }

  /** The handshake is done. */
  opened(): void {
    this.state = 'running'
    this.publishers.open()
    this.heartbeat.start(this.heartbeatSeconds)
    if (this.log.debugEnabled) this.log.debug(`connection ${this.name} opened`, { user: this.user?.name ?? '' })
  }

  /** The login failed and the client could not read why: what it sends no longer counts. */
  refuseSilently(): void {
    this.deaf = true
  }

  /** Ends without a word: the peer is dead, or would not understand a close method. */
  drop(): void {
    this.end()
    this.#transport.destroy()
  }

  /** Closes the connection because of an error of the client's. */
  fail(error: AmqpError | CodecError, classId: number, methodId: number): void {
    if (this.state === 'closing' || this.state === 'closed') return
    this.log.error(`connection ${this.name} is closed: ${error.message}`, {
      channel: this.#failedChannel,
      user: this.user?.name,
    })
    // A broken stream cannot be parsed any further, not even for a close-ok.
    const broken = error.code === ReplyCode.FRAME_ERROR || this.state !== 'running'
    this.#sendClose(error.code, error.message, classId, methodId)
    if (broken) this.end()
  }

  /** Handles what was held back once the answers before it have left. */
  #goOn(): void {
    if (!this.answering || this.out.pendingBytes >= TURN_OUTPUT_MAX) return
    this.#gate.go(ReadStop.ANSWERS)
    const { position } = this.definitions
    this.#input.goOn()
    this.#handled(position)
  }

  /**
   * Something was read. If it has changed what is declared, the answers wait until that is safe; and the client waits
   * with more questions before the answers are too many.
   * @param position that of the definitions before.
   */
  #handled(position: Position): void {
    if (this.definitions.position !== position) this.holdOutput(this.definitions.position)
    if (this.out.held && this.out.pendingBytes >= TURN_OUTPUT_MAX) this.#gate.stop(ReadStop.HELD)
  }

  get answering(): boolean {
    return this.#gate.isStopped(ReadStop.ANSWERS)
  }

  get frameHeadBytes(): number {
    return this.state === 'header' ? PROTOCOL_HEADER.length : 7
  }

  frameBytes(head: Buffer): number {
    if (this.state === 'header') return PROTOCOL_HEADER.length
    const size = readUint32(head, 3)
    if (size <= this.frameMax) return size + 8
    this.fail(frameTooLarge(head[0] as number, size, this.frameMax - 8), 0, 0)
    return -1
  }

  readFrames(buffer: Buffer, at: number, end: number): number {
    if (this.state === 'header') {
      if (end - at < PROTOCOL_HEADER.length) return at
      at += PROTOCOL_HEADER.length
      if (!this.#handshake.protocolHeader(buffer, at - PROTOCOL_HEADER.length)) return at
    }
    while (!this.deaf) {
      try {
        return this.#frames(buffer, at, end)
      } catch (error) {
        this.#raise(error, buffer)
        at = this.#resumeAt
      }
    }
    return end
  }

  #frames(buffer: Buffer, at: number, end: number): number {
    while (end - at >= 7) {
      const size = readUint32(buffer, at + 3)
      if (size > this.frameMax) {
        this.#current(0, 0, 0, end)
        throw frameTooLarge(buffer[at] as number, size, this.frameMax - 8)
      }
      const next = at + size + 8
      if (next > end) return at
      const type = buffer[at] as number
      const number = readUint16(buffer, at + 1)
      if (buffer[next - 1] !== FRAME_END) {
        this.#current(0, 0, 0, end)
        throw badFrameEnd(type, buffer, at + 7, next - 1, buffer[next - 1] as number)
      }
      if (type === FrameType.METHOD && size >= 4) {
        const id = readUint32(buffer, at + 7)
        if (id === BASIC_PUBLISH && this.state === 'running') {
          const channel = this.channels.get(number)
          if (channel?.takesPublish) {
            const after = channel.publisher.publishInPlace(buffer, at, next, end)
            if (after > 0) {
              at = after
              continue
            }
          }
        }
        this.#current(number, id >>> 16, id & 0xffff, next)
        this.#method(number, id, buffer, at + 11, next - 1)
      } else {
        this.#current(number, 0, 0, next)
        this.#otherFrame(type, number, buffer, at + 7, next - 1)
      }
      at = next
      if (this.deaf) return end
      if (this.answering) return at
    }
    return at
  }

  /** Notes what is being handled, for the error it may raise. */
  #current(channel: number, classId: number, methodId: number, resumeAt: number): void {
    this.#failedChannel = channel
    this.currentClass = classId
    this.currentMethod = methodId
    this.#resumeAt = resumeAt
  }

  /** A publish is being handled that needs no frame after `resumeAt`. */
  handlingPublish(channel: number, resumeAt: number): void {
    this.#failedChannel = channel
    this.currentClass = ClassId.BASIC
    this.currentMethod = BASIC_PUBLISH & 0xffff
    this.#resumeAt = resumeAt
  }

  #method(number: number, id: number, buffer: Buffer, from: number, to: number): void {
    if (number === 0) {
      this.#connectionMethod(id, this.#decode(id, buffer, from, to))
      return
    }
    if (this.state === 'closing') return
    if (this.state !== 'running') {
      this.#current(0, 0, 0, this.#resumeAt)
      throw unexpectedFrame(describeFrame(FrameType.METHOD, buffer, from - 4, to))
    }
    const channel = this.channels.get(number)
    if (channel === undefined) {
      if (id !== CHANNEL_OPEN) throw channelError("expected 'channel.open'")
      this.#decode(id, buffer, from, to)
      this.#openChannel(number)
      return
    }
    if (channel.state === 'closing') {
      if (id === CHANNEL_CLOSE) this.out.append(encodeChannelCloseOk(number, {}))
      else if (id === CHANNEL_CLOSE_OK) this.channels.delete(number)
      return
    }
    if (!channel.publisher.idle) {
      this.handlingPublish(number, this.#resumeAt)
      throw channel.publisher.contentExpected()
    }
    dispatch(channel, id, this.#decode(id, buffer, from, to))
    // Also when it has changed nothing: what it found there another connection may have declared just now.
    if (DEFINING.has(id >>> 16)) this.holdOutput(this.definitions.position)
  }

  #decode(id: number, buffer: Buffer, from: number, to: number): MethodDecoder {
    const decoder = this.amqp.decoders.get(id)
    if (decoder === undefined) throw commandInvalid(`unknown method {${id >>> 16},${id & 0xffff}}`)
    if (!decoder.decode(buffer, from, to)) {
      const { code, message } = cannotDecode(buffer, from, to)
      throw new AmqpError(code, message, 'connection')
    }
    return decoder
  }

  #openChannel(number: number): void {
    if (this.channels.size >= this.channelMax) {
      this.#current(number, 0, 0, this.#resumeAt)
      throw notAllowed(
        `number of channels opened (${this.channels.size}) has reached the negotiated channel_max (${this.channelMax})`,
      )
    }
    const { vhost, permissions } = this
    if (vhost === undefined || permissions === undefined) throw channelError('no vhost is open')
    this.channels.set(number, new Channel(this, number, vhost, permissions))
    this.out.append(encodeChannelOpenOk(number, {}))
  }

  #connectionMethod(id: number, method: MethodDecoder): void {
    if (id === CONNECTION_CLOSE_OK && this.state === 'closing') {
      this.end()
      return
    }
    if (id === CONNECTION_CLOSE && this.state !== 'closed') {
      this.#closedByClient(method as ConnectionClose)
      return
    }
    if (this.state === 'closing') return
    if (this.state !== 'running') {
      this.#handshake.method(id, method)
      return
    }
    if (id === CONNECTION_UPDATE_SECRET) {
      // Passwords of the built-in users do not expire: any new secret is as good as the old one.
      this.out.append(encodeConnectionUpdateSecretOk(0, {}))
      return
    }
    throw channelError('unexpected method in connection state running')
  }

  #closedByClient(method: ConnectionClose): void {
    if (this.log.debugEnabled) {
      this.log.debug(`connection ${this.name} closed by the client`, { code: method.replyCode, text: method.replyText })
    }
    for (const channel of this.channels.values()) channel.settleConfirms()
    const crossed = this.state === 'closing'
    this.#release()
    this.out.append(encodeConnectionCloseOk(0, {}))
    // When both closes have crossed, the client's close-ok is still to come.
    if (crossed) return
    this.state = 'closing'
    this.#waitForPeer()
  }

  #otherFrame(type: number, number: number, buffer: Buffer, from: number, to: number): void {
    const empty = from === to
    if (type === FrameType.HEARTBEAT && empty) {
      if (number !== 0) throw unexpectedFrame(describeFrame(type, buffer, from, to))
      return
    }
    const isContent = (type === FrameType.HEADER && to - from >= CONTENT_HEADER_FIXED_BYTES) || type === FrameType.BODY
    if (!isContent) throw unknownFrameType(type, buffer, from, to)
    if (this.state === 'closing') return
    if (number === 0) throw unexpectedFrame(describeFrame(type, buffer, from, to))
    const channel = this.channels.get(number)
    if (channel?.state === 'closing') return
    if (channel === undefined || channel.publisher.idle) {
      throw unexpectedFrame('expected method frame, got non method frame instead')
    }
    this.handlingPublish(number, this.#resumeAt)
    channel.publisher.contentFrame(type, buffer, from, to)
  }

  /** The one place where errors become closes. */
  #raise(error: unknown, buffer: Buffer): void {
    if (error instanceof AmqpError && error.scope === 'channel' && !isHardError(error.code)) {
      const channel = this.channels.get(this.#failedChannel)
      if (channel !== undefined) {
        channel.fail(error, this.currentClass, this.currentMethod)
        return
      }
    }
    if (error instanceof AmqpError) {
      this.fail(error, this.currentClass, this.currentMethod)
      return
    }
    if (error instanceof CodecError) {
      // Bytes that mean nothing belong to no method. Source: RabbitMQ.
      this.fail(error, 0, 0)
      return
    }
    // A defect of ours must not take other people's connections with it.
    const name = METHODS.get((this.currentClass << 16) | this.currentMethod)?.name ?? 'a frame'
    this.log.error(`connection ${this.name}: internal error while handling ${name} (${buffer.length} bytes read)`, {
      stack: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
    this.fail(internalError(), this.currentClass, this.currentMethod)
  }

  #sendClose(replyCode: number, replyText: string, classId: number, methodId: number): void {
    for (const channel of this.channels.values()) channel.settleConfirms()
    this.out.append(encodeConnectionClose(0, { replyCode, replyText: shortText(replyText), classId, methodId }))
    this.state = 'closing'
    this.#release()
    this.#waitForPeer()
  }

  /** Bounded: a peer that never answers is dropped. */
  #waitForPeer(): void {
    const heartbeatMs = this.heartbeatSeconds * 1000
    const wait = heartbeatMs > 0 ? Math.min(heartbeatMs, CLOSE_TIMEOUT_MS) : CLOSE_TIMEOUT_MS
    this.timers.cancel(this.#closeTimer)
    this.#closeTimer = this.timers.schedule(this.clock.now + wait, () => this.#transport.destroy())
  }

  /** Lets go of the socket once everything has been written. */
  end(): void {
    this.state = 'closed'
    this.deaf = true
    this.#input.clear()
    this.#release()
    if (this.out.pendingBytes === 0) this.#transport.end()
    else this.turn.flush(this)
  }

  /** Gives back everything the connection holds in the broker; the socket may live on. */
  #release(): void {
    this.#handshake.stop()
    this.heartbeat.stop()
    this.#waiting.clear()
    this.publishers.close()
    // First every consumer goes, then the messages come back: none of them is delivered to a channel about to end.
    for (const channel of this.channels.values()) channel.removeConsumers()
    for (const channel of this.channels.values()) channel.release()
    this.channels.clear()
    this.vhost?.deleteExclusiveQueues(this)
    this.amqp.connections.delete(this)
  }

  #wake(): void {
    if (this.#waiting.size === 0) return
    for (const queue of this.#waiting) this.turn.drain(queue)
    this.#waiting.clear()
  }
}
