import { hostAndPort, type Timer } from '../../base/index.ts'
import type { AmopContext } from '../context.ts'
import { FrameError, FrameReader } from '../packet/frame-reader.ts'
import { Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { encodeTopicBody } from '../packet/topic-body.ts'
import type { TopicAccess } from '../permissions/permissions.ts'
import type { PrivateSession } from '../private-topics.ts'
import type { Message } from '../router/message.ts'
import type { Publisher } from '../router/publisher.ts'
import type { Unicast } from '../router/unicast.ts'
import { isPrivateTopic } from '../topic-names.ts'
import { type AmopPeer, type AmopTransport, inOneLine } from '../transport.ts'
import { agree, handshakeAnswer, heartbeatAnswer } from './handshake.ts'
import { parseJson } from './json.ts'
import { rpcAnswer } from './rpc.ts'
import { SessionOutput } from './session-output.ts'
import { readTopicList } from './topic-list.ts'

/** There is no chain whose events could be registered for; go-sdk's call returns at once with it. */
const EVENT_LOG_REFUSED = encodeTopicBody('', Buffer.from('{"result":1}'))

const NO_TOPICS: ReadonlySet<string> = new Set()

/**
 * One SDK's connection as a machine without a socket: `receive` takes bytes in any split, frames leave one by one through
 * the transport. It listens to the topics that the SDK has announced, and publishes what the SDK sends.
 */
export class SdkSession implements PrivateSession, Publisher {
  readonly amop: AmopContext
  readonly peer: AmopPeer
  readonly name: string
  readonly identity: string
  readonly kind = 'session'
  readonly role = 'subscriber'
  readonly connectedAt: number
  access: TopicAccess
  unanswered = 0
  /** Of the channel protocol; 1 until a handshake says more. */
  protocol = 1
  /** What the SDK calls itself. */
  clientType = ''
  /** Topics announced and permitted, as on the wire. */
  topics = NO_TOPICS
  closed = false
  #didMore = false
  #announced = NO_TOPICS
  readonly #transport: AmopTransport
  readonly #reader: FrameReader
  readonly #output: SessionOutput
  /** Unicasts pushed and not answered, by the seq under which they were. */
  readonly #pushed = new Map<string, Unicast>()
  #readAt: number
  #idleTimer: Timer | undefined

  constructor(amop: AmopContext, peer: AmopPeer, transport: AmopTransport) {
    const { clock, timers, settings } = amop
    this.amop = amop
    this.peer = peer
    this.name = hostAndPort(peer.address, peer.port)
    this.identity = peer.certificate?.publicKey ?? `without certificate ${peer.address}`
    this.connectedAt = clock.now
    this.access = amop.accessOf(peer)
    this.#transport = transport
    this.#reader = new FrameReader((frame) => this.#handle(Packet.read(frame)), settings.frameBytesMax)
    this.#output = new SessionOutput(
      transport,
      clock,
      timers,
      settings,
      () => this.#slow(),
      () => {
        this.close(
          `${transport.pendingBytes} bytes wait for it, and it has not read for ${settings.outputTimeoutMs} ms`,
        )
      },
    )
    this.#readAt = clock.now
    this.#watchIdle()
    amop.sessions.add(this)
  }

  /** Its certificate's, in one line; undefined over plain TCP. */
  get subject(): string | undefined {
    const { certificate } = this.peer
    return certificate && inOneLine(certificate.subject)
  }

  /** It has shaken hands, and sent nothing else. */
  get onlyGreeted(): boolean {
    return this.clientType !== '' && !this.#didMore
  }

  get outstanding(): number {
    return this.#pushed.size
  }

  get pendingBytes(): number {
    return this.#output.pendingBytes
  }

  /** Takes bytes as they come from the socket; keeps no view of them. The clock must have been refreshed. */
  receive(chunk: Buffer): void {
    if (this.closed) return
    this.#readAt = this.amop.clock.now
    try {
      this.#reader.push(chunk)
    } catch (error) {
      if (!(error instanceof FrameError)) {
        // One SDK's frame must not end all the others' connections.
        this.amop.log.error(`amop: internal error in session ${this.name}`, { stack: (error as Error).stack })
      }
      this.close((error as Error).message)
    }
  }

  /** The socket has taken bytes that were pending. */
  writable(): void {
    if (!this.closed) this.#output.writable()
  }

  /** The socket has gone. */
  disconnected(): void {
    if (this.closed) return
    if (this.amop.log.debugEnabled) this.amop.log.debug(`amop session ${this.name} ended`)
    this.#leave('its session ended')
  }

  /** @param level of the line that says so: `debug` when it is nobody's fault. */
  close(reason: string, level: 'warn' | 'debug' = 'warn'): void {
    if (this.closed) return
    this.amop.log[level](`amop session ${this.name} is closed: ${reason}`, {
      session: this.name,
      clientType: this.clientType,
      subject: this.subject,
    })
    // Before anybody else gets what it had: this one must not be asked again.
    this.closed = true
    this.#transport.close(reason)
    this.#leave('its session was closed')
  }

  permissionsChanged(): void {
    this.access = this.amop.accessOf(this.peer)
    this.#applyTopics()
  }

  push(unicast: Unicast): boolean {
    if (this.closed) return false
    // SDKs match by seq alone: one that waits for an answer under this seq would take the request for it.
    const taken = this.#sharesProgram(unicast.publisher) || this.#pushed.has(unicast.seq)
    const seq = taken ? this.amop.seqs.next() : unicast.seq
    if (!this.#output.push(unicast.packet.as(PacketType.UNICAST, seq).frame)) return false
    unicast.pushedSeq = seq
    this.#pushed.set(seq, unicast)
    return true
  }

  withdraw(unicast: Unicast): void {
    this.#pushed.delete(unicast.pushedSeq)
  }

  copy({ packet }: Message): boolean {
    return !this.closed && this.#output.push(packet.frame)
  }

  answered(message: Message, answer: Packet): void {
    if (this.closed || this.#output.answer(answer.frame)) return
    this.amop.log.warn('amop: an answer was dropped, as its publisher does not read', {
      seq: message.seq,
      topic: message.topic,
      session: this.name,
      code: answer.result,
    })
  }

  holdBack(): void {
    if (!this.closed) this.#output.hold(true)
  }

  goOn(): void {
    if (!this.closed) this.#output.hold(false)
  }

  /**
   * True for itself, and for what may be another connection of the same program: java-sdk and web3sdk look an answer's seq
   * up among what they have asked over any connection. Several programs may have one certificate, and are told apart by
   * that none connects to the same place twice.
   */
  #sharesProgram(publisher: Publisher): boolean {
    if (publisher === this) return true
    if (!(publisher instanceof SdkSession) || publisher.identity !== this.identity) return false
    const { address, local } = publisher.peer
    return address === this.peer.address && local !== this.peer.local
  }

  requestVerification(body: Buffer): boolean {
    if (this.closed) return false
    return this.#output.push(Packet.make(PacketType.VERIFY_REQUEST, this.amop.seqs.next(), 0, body).frame)
  }

  #handle(packet: Packet): void {
    const { type, seq } = packet
    if (type !== PacketType.HANDSHAKE) this.#didMore = true
    const unicast = this.#pushed.get(seq)
    if (unicast !== undefined) {
      this.#pushed.delete(seq)
      unicast.answer(this, packet)
      return
    }
    switch (type) {
      case PacketType.UNICAST:
        if (!this.amop.router.unicast(this, packet)) this.#malformed(packet)
        return
      case PacketType.MULTICAST:
        if (this.amop.router.multicast(this, packet) < 0) this.#malformed(packet)
        return
      case PacketType.HEARTBEAT: {
        const answer = heartbeatAnswer(this.protocol, packet.body)
        if (answer !== undefined) this.#reply(packet, answer)
        return
      }
      case PacketType.RPC:
        this.#reply(packet, rpcAnswer(this.#json(packet), this.amop.settings))
        return
      case PacketType.HANDSHAKE:
        this.#handshake(packet)
        return
      case PacketType.SET_TOPICS:
        this.#setTopics(packet)
        return
      case PacketType.REGISTER_EVENT_LOG:
      case PacketType.UNREGISTER_EVENT_LOG:
        this.#reply(packet, EVENT_LOG_REFUSED)
        return
      case PacketType.VERIFY_RESULT:
        this.amop.privateTopics.verdict(this, this.#json(packet))
        return
      case PacketType.RESPONSE:
      case PacketType.VERIFY_REQUEST:
        // To a multicast, to a request for verification, or too late.
        this.#ignored(packet, 'nobody waits for it')
        return
      default:
        this.#ignored(packet, 'its type is unknown')
    }
  }

  #handshake(packet: Packet): void {
    const agreed = agree(this.#json(packet))
    if (agreed === undefined) {
      this.close('its handshake offers no protocol from 1 to 3')
      return
    }
    this.protocol = agreed.protocol
    this.clientType = agreed.clientType
    this.#reply(packet, handshakeAnswer(this.amop.settings.version, this.protocol))
    this.amop.log.info(`amop session ${this.name} opened`, {
      clientType: this.clientType,
      protocol: this.protocol,
      subject: this.subject,
    })
  }

  /** The complete set, which replaces the former; it is not answered. */
  #setTopics(packet: Packet): void {
    const { log, settings } = this.amop
    const list = readTopicList(this.#json(packet), settings.topicsPerSessionMax)
    if (list === undefined) {
      log.warn(`amop session ${this.name} announced topics that are no JSON array of texts; it keeps those it had`, {
        bytes: packet.frame.length,
      })
      return
    }
    const { topics, unfit, tooMany } = list
    if (unfit + tooMany > 0) {
      log.warn(`amop session ${this.name} announced topics that were left out`, {
        longerThan254Bytes: unfit,
        tooMany,
        topicsPerSessionMax: settings.topicsPerSessionMax,
      })
    }
    this.#announced = topics
    this.#applyTopics()
  }

  #applyTopics(): void {
    const { log, router, privateTopics } = this.amop
    const topics = new Set<string>()
    for (const topic of this.#announced) {
      if (this.access.subscribe(topic)) topics.add(topic)
      else log.warn('amop: a subscription is not permitted', { session: this.name, topic })
    }
    for (const topic of this.topics) if (!topics.has(topic)) router.unsubscribe(this, topic)
    // A private topic is joined when the session has been verified.
    for (const topic of topics) {
      if (!this.topics.has(topic) && !isPrivateTopic(topic)) router.subscribe(this, topic)
    }
    this.topics = topics
    if (log.debugEnabled) log.debug('amop: topics set', { session: this.name, topics: topics.size })
    privateTopics.announce(this, topics)
  }

  #json({ body }: Packet): unknown {
    return parseJson(body, this.amop.settings.jsonBytesMax)
  }

  #reply({ type, seq }: Packet, body: Buffer): void {
    this.#output.answer(Packet.make(type, seq, ResultCode.SUCCESS, body).frame)
  }

  #malformed({ seq, type, frame }: Packet): void {
    this.amop.log.warn('amop: a message was dropped, as its topic is malformed', {
      seq,
      session: this.name,
      type: hex(type),
      bytes: frame.length,
    })
  }

  #ignored({ seq, type, result }: Packet, reason: string): void {
    const { log } = this.amop
    if (!log.debugEnabled) return
    log.debug(`amop: a frame is ignored: ${reason}`, { seq, session: this.name, type: hex(type), code: result })
  }

  #slow(): void {
    this.amop.log.warn(`amop session ${this.name} is slow: what does not fit goes to others`, {
      session: this.name,
      pendingBytes: this.#output.pendingBytes,
      clientType: this.clientType,
    })
  }

  #watchIdle(): void {
    const { clock, timers, settings } = this.amop
    const activeAt = Math.max(this.#readAt, this.#output.activeAt)
    if (clock.now - activeAt >= settings.idleTimeoutMs) {
      this.close(`nothing was read or written for ${settings.idleTimeoutMs} ms`)
      return
    }
    this.#idleTimer = timers.schedule(activeAt + settings.idleTimeoutMs, () => this.#watchIdle())
  }

  #leave(reason: string): void {
    const { sessions, router, privateTopics, timers } = this.amop
    this.closed = true
    this.#reader.stop()
    this.#output.clear()
    timers.cancel(this.#idleTimer)
    sessions.delete(this)
    for (const topic of this.topics) router.unsubscribe(this, topic)
    privateTopics.leave(this)
    const pushed = [...this.#pushed.values()]
    this.#pushed.clear()
    for (const unicast of pushed) unicast.fail(this, reason)
  }
}

function hex(type: number): string {
  return `0x${type.toString(16)}`
}
