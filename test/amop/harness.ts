import {
  AmopContext,
  type AmopOptions,
  type AmopPeer,
  type AmopSettings,
  type AmopTransport,
  type Certificate,
  encodeTopicBody,
  FRAME_COST_BYTES,
  FrameReader,
  findTopic,
  type Listener,
  type ListenerRole,
  type Message,
  Packet,
  PacketType,
  SdkSession,
  type Unicast,
} from '../../src/amop/index.ts'
import { type Clock, Timers } from '../../src/base/index.ts'
import type { Queue } from '../../src/broker/index.ts'
import { ManualTime } from '../helpers/manual-time.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

const START = Date.UTC(2030, 0, 1)

export interface TestAmopOptions {
  readonly settings?: Partial<AmopSettings>
  readonly permissions?: AmopOptions['permissions']
  readonly random?: () => number
}

/** An AMOP node with time in the test's hand. */
export class TestAmop {
  readonly log = new RecordingLogger()
  readonly clock: Clock
  readonly timers: Timers
  readonly context: AmopContext
  #port = 40000
  readonly #time = new ManualTime(START)

  constructor({ settings, permissions, random }: TestAmopOptions = {}) {
    this.clock = this.#time.clock
    this.timers = new Timers(this.clock, this.#time)
    this.context = new AmopContext({
      clock: this.clock,
      timers: this.timers,
      log: this.log,
      ...(settings && { settings }),
      ...(permissions && { permissions }),
      ...(random && { random }),
    })
  }

  /** A connection; certificates are told apart by name. @param local the node's end of it. */
  connect(certificate?: Certificate, local?: string): TestSdk {
    const peer = { address: '127.0.0.1', port: ++this.#port, certificate }
    return new TestSdk(this, local === undefined ? peer : { ...peer, local })
  }

  /** A connection that listens to these topics. */
  subscriber(...topics: string[]): TestSdk {
    return this.connect().subscribe(...topics)
  }

  /** Lets time pass, stopping at each moment for which a timer was set. */
  advance(ms: number): void {
    this.#time.advance(ms)
  }

  /** As `advance`, with heartbeats from everybody, so that no session is idle. */
  pass(ms: number, ...sdks: TestSdk[]): void {
    for (let left = ms; left > 0; left -= 10_000) {
      this.advance(Math.min(left, 10_000))
      for (const sdk of sdks) sdk.beat()
    }
  }

  get warnings(): string[] {
    return this.log.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ message }) => message)
  }

  get internalErrors(): string[] {
    return this.log.lines
      .filter(({ message }) => message.includes('internal error'))
      .map(({ message, fields }) => `${message} ${fields?.stack}`)
  }
}

/** A socket that records frames, and can be one that nobody reads from. */
export class RecordingTransport implements AmopTransport {
  pendingBytes = 0
  paused = false
  closedBecause: string | undefined
  /** While true nothing is taken. */
  stuck = false
  /** Writes after the machine itself had closed it: always a defect. */
  lateWrites = 0
  #frames: Buffer[] = []
  #held: Buffer[] = []

  write(frame: Buffer): void {
    if (this.closedBecause !== undefined) this.lateWrites++
    if (frame.readUInt32BE(0) !== frame.length) throw new Error('a write is not one whole frame')
    if (this.stuck) {
      this.#held.push(frame)
      this.pendingBytes += frame.length + FRAME_COST_BYTES
    } else {
      this.#frames.push(Buffer.from(frame))
    }
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  close(reason: string): void {
    this.closedBecause = reason
  }

  /** The peer reads so many of the frames that pile up, default all; the caller tells the machine by `writable`. */
  drain(count = this.#held.length): void {
    for (const frame of this.#held.splice(0, count)) {
      this.pendingBytes -= frame.length + FRAME_COST_BYTES
      this.#frames.push(Buffer.from(frame))
    }
  }

  /** Bytes of memory that what piles up keeps alive, shared buffers and all. */
  get heldMemory(): number {
    return [...new Set(this.#held.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  get heldCount(): number {
    return this.#held.length
  }

  take(): Packet | undefined {
    const frame = this.#frames.shift()
    return frame && Packet.read(frame)
  }
}

/** A frame with a topic, as an application would see it. */
export interface Received {
  readonly type: number
  readonly seq: string
  readonly result: number
  readonly topic: string | undefined
  readonly text: string
}

/** What an SDK says; whatever carries it to the node, a machine or a socket. */
export abstract class Sdk {
  /** Sends bytes to the node. */
  abstract transmit(bytes: Buffer): void

  /** Sends one frame. @returns its seq. */
  send(type: number, body: Buffer | string, { seq = newSeq(), result = 0 } = {}): string {
    this.transmit(Packet.make(type, seq, result, Buffer.from(body)).frame)
    return seq
  }

  subscribe(...topics: string[]): this {
    this.send(PacketType.SET_TOPICS, JSON.stringify(topics))
    return this
  }

  unicast(topic: string, data: Buffer | string = '', seq = newSeq()): string {
    return this.send(PacketType.UNICAST, encodeTopicBody(topic, Buffer.from(data)), { seq })
  }

  multicast(topic: string, data: Buffer | string = '', seq = newSeq()): string {
    return this.send(PacketType.MULTICAST, encodeTopicBody(topic, Buffer.from(data)), { seq })
  }

  /** Answers a push. */
  answer({ seq, topic = '' }: Received, data: Buffer | string = '', result = 0): void {
    this.send(PacketType.RESPONSE, encodeTopicBody(topic, Buffer.from(data)), { seq, result })
  }

  /** A heartbeat of protocol 1 that is not answered, so that nothing has to be taken. */
  beat(): void {
    this.send(PacketType.HEARTBEAT, '?')
  }
}

/** What a machine needs of a node. */
export interface SdkHost {
  readonly context: AmopContext
  readonly clock: Clock
}

/** The other end of a session machine: an SDK that says exactly what the test tells it. */
export class TestSdk extends Sdk {
  readonly node: SdkHost
  readonly transport = new RecordingTransport()
  readonly session: SdkSession

  constructor(node: SdkHost, peer: AmopPeer) {
    super()
    this.node = node
    this.session = new SdkSession(node.context, peer, this.transport)
  }

  get name(): string {
    return this.session.name
  }

  /** Hands the machine a chunk that is spoilt afterwards, as a socket's buffer would be. */
  override transmit(bytes: Buffer): void {
    const chunk = Buffer.from(bytes)
    this.node.clock.refresh()
    this.session.receive(chunk)
    chunk.fill(0xee)
  }

  /** Takes the next frame, which has to be of that type. @throws Error that says what came instead. */
  expect(type: number): Received {
    const packet = this.transport.take()
    if (packet?.type !== type) throw new Error(`expected 0x${type.toString(16)}, got ${describe(packet)}`)
    return read(packet)
  }

  /** Takes the next frame's body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: a test that reads a wrong field fails, which is what the type would do
  expectJson(type: number): any {
    const packet = this.transport.take()
    if (packet?.type !== type) throw new Error(`expected 0x${type.toString(16)}, got ${describe(packet)}`)
    return JSON.parse(packet.body.toString())
  }

  /** Takes a 0x30. */
  expectUnicast(): Received {
    return this.expect(PacketType.UNICAST)
  }

  /** Takes a 0x31 with that seq. */
  expectAnswer(seq: string): Received {
    const answer = this.expect(PacketType.RESPONSE)
    if (answer.seq !== seq) throw new Error(`the answer has seq ${answer.seq}, not ${seq}`)
    return answer
  }

  /** @throws Error when something has come. */
  expectNothing(): void {
    const packet = this.transport.take()
    if (packet !== undefined) throw new Error(`expected nothing, got ${describe(packet)}`)
  }

  /** All frames that have come, in their order. */
  takeAll(): Received[] {
    const all: Received[] = []
    for (let packet = this.transport.take(); packet !== undefined; packet = this.transport.take())
      all.push(read(packet))
    return all
  }

  /** The socket goes away. */
  disconnect(): void {
    this.session.disconnected()
  }
}

/** Where SDKs and AMQP clients meet: whatever one of them sends, the node does all that follows. */
export interface CarryingHost extends SdkHost {
  readonly node: { readonly turn: { schedule(): void }; settle(): void }
}

/** An SDK of such a node. */
export class CarriedSdk extends TestSdk {
  readonly #host: CarryingHost

  constructor(host: CarryingHost, peer: AmopPeer) {
    super(host, peer)
    this.#host = host
  }

  override transmit(bytes: Buffer): void {
    super.transmit(bytes)
    this.#carry()
  }

  override disconnect(): void {
    super.disconnect()
    this.#carry()
  }

  /** As whoever reads from its socket does. */
  #carry(): void {
    this.#host.node.turn.schedule()
    this.#host.node.settle()
  }
}

/** A listener that is no session: a queue of the bridge or another node. */
export class TestListener implements Listener {
  readonly name: string
  readonly kind: 'queue' | 'node'
  role: ListenerRole = 'subscriber'
  takes = true
  throws = false
  readonly pushed: Unicast[] = []
  readonly withdrawn: Unicast[] = []
  readonly copies: Message[] = []

  constructor(kind: 'queue' | 'node', name: string = kind) {
    this.kind = kind
    this.name = name
  }

  get outstanding(): number {
    return this.pushed.length
  }

  push(unicast: Unicast): boolean {
    if (this.throws) throw new Error('out of order')
    if (this.takes) this.pushed.push(unicast)
    return this.takes
  }

  withdraw(unicast: Unicast): void {
    this.withdrawn.push(unicast)
  }

  copy(message: Message): boolean {
    if (this.throws) throw new Error('out of order')
    if (this.takes) this.copies.push(message)
    return this.takes
  }
}

/** What a queue is that is bound to a topic. */
export class QueueListener extends TestListener {
  readonly queue: Queue

  constructor(queue: Queue, name: string) {
    super('queue', name)
    this.queue = queue
  }
}

/** An answer as another node or a queue gives it. */
export function response(seq: string, topic: string, data: string, result = 0): Packet {
  return Packet.make(PacketType.RESPONSE, seq, result, encodeTopicBody(topic, Buffer.from(data)))
}

export function certificate(name: string, agency = 'agency'): Certificate {
  const publicKey = Buffer.from(name).toString('hex').padEnd(128, '0').slice(0, 128)
  return { subject: `C=CN\nO=fisco-bcos\nCN=${name}`, issuer: `C=CN\nO=fisco-bcos\nCN=${agency}`, publicKey }
}

let seqCount = 0

export function newSeq(): string {
  return (++seqCount).toString(16).padStart(32, 'a')
}

/** Cuts what a session has said; throws when a frame is broken. */
export function readFrames(bytes: Buffer): Packet[] {
  const packets: Packet[] = []
  new FrameReader((frame) => packets.push(Packet.read(frame))).push(bytes)
  return packets
}

const WITH_TOPIC: ReadonlySet<number> = new Set([0x30, 0x31, 0x35, 0x15, 0x16])

export function read(packet: Packet): Received {
  const { type, seq, result, frame } = packet
  const place = WITH_TOPIC.has(type) ? findTopic(frame) : undefined
  const text = place === undefined ? packet.body.toString() : frame.toString('utf8', place.dataAt)
  return { type, seq, result, topic: place?.topic, text }
}

export function describe(packet: Packet | undefined): string {
  if (packet === undefined) return 'nothing'
  const { type, seq, result, body } = packet
  return `0x${type.toString(16)} ${seq} ${result} ${body.toString().slice(0, 100)}`
}
