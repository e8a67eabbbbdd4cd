import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { ExecutionContext } from 'ava'
import { encodeTopicBody, FrameReader, Packet, PacketType } from '../../src/amop/index.ts'
import type { AmopCertificates } from '../../src/index.ts'
import { until } from './until.ts'

let nextSeq = 1

/** A seq as SDKs make them. */
export function newSeq(): string {
  return String(nextSeq++).padStart(32, '0')
}

/** One connection as an SDK would have it, with what has come over it. */
export class Sdk {
  readonly socket: Socket
  readonly received: Packet[] = []
  closed = false
  readonly #end: Promise<void>

  constructor(t: ExecutionContext, socket: Socket) {
    this.socket = socket
    const reader = new FrameReader((frame) => this.received.push(Packet.read(frame)))
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', () => {})
    this.#end = new Promise((resolve) => {
      socket.on('close', () => {
        this.closed = true
        resolve()
      })
    })
    t.teardown(() => socket.destroy())
  }

  send(type: number, body: Buffer | string = '', seq = newSeq()): string {
    this.socket.write(Packet.make(type, seq, 0, Buffer.from(body)).frame)
    return seq
  }

  async handshake(clientType = 'test'): Promise<void> {
    const body = JSON.stringify({ minimumSupport: 1, maximumSupport: 3, clientType })
    await this.answer(this.send(PacketType.HANDSHAKE, body))
  }

  /** Resolves once the subscriptions are in force. */
  async subscribe(...topics: string[]): Promise<void> {
    this.send(PacketType.SET_TOPICS, JSON.stringify(topics))
    await this.answer(this.send(PacketType.HEARTBEAT, '0'))
  }

  unicast(topic: string, data: string | Buffer): string {
    return this.send(PacketType.UNICAST, encodeTopicBody(topic, Buffer.from(data)))
  }

  multicast(topic: string, data: string | Buffer): string {
    return this.send(PacketType.MULTICAST, encodeTopicBody(topic, Buffer.from(data)))
  }

  /** Waits for the packet with this seq. */
  async answer(seq: string): Promise<Packet> {
    const find = (): Packet | undefined => this.received.find((packet) => packet.seq === seq)
    await until(`an answer to ${seq}`, () => {
      if (this.closed) throw new Error('the connection was closed')
      return find() !== undefined
    })
    return find() as Packet
  }

  /** Resolves once the connection is closed. */
  end(): Promise<void> {
    return this.#end
  }
}

/** The options with which SDKs connect: by address, and no check of the host's name. */
export function sdkOptions({ ca, sdkCert, sdkKey }: AmopCertificates): ConnectionOptions {
  return {
    host: '127.0.0.1',
    ca,
    cert: sdkCert,
    key: sdkKey,
    ecdhCurve: 'secp256k1:X25519:prime256v1',
    checkServerIdentity: () => undefined,
  }
}

/** A TLS socket on its way. */
export function dialTls(t: ExecutionContext, options: ConnectionOptions): TLSSocket {
  const socket = connect(options)
  // On the legacy object of a secp256k1 certificate Node 24 and 26 crash, and tls.connect asks for it by itself.
  socket.getPeerCertificate = () => ({}) as never
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

/** Where and with what to connect; a broker is one. */
export interface AmopDoor {
  readonly amopPorts: readonly number[]
  /** Undefined for plain TCP. */
  readonly amopCertificates: AmopCertificates | undefined
}

/** Connects with the certificates of a broker that has made its own. */
export async function connectSdk(t: ExecutionContext, { amopPorts, amopCertificates }: AmopDoor): Promise<Sdk> {
  const port = amopPorts[0] as number
  if (amopCertificates === undefined) {
    const socket = connectPlain(port, '127.0.0.1')
    const sdk = new Sdk(t, socket)
    await once(socket, 'connect')
    return sdk
  }
  const socket = dialTls(t, { ...sdkOptions(amopCertificates), port })
  const sdk = new Sdk(t, socket)
  await once(socket, 'secureConnect')
  return sdk
}

/** Two sessions of one broker: who publishes, and who listens to `topic`. */
export async function pairOfSdks(t: ExecutionContext, node: AmopDoor, topic = 'topic'): Promise<[Sdk, Sdk]> {
  const publisher = await connectSdk(t, node)
  const subscriber = await connectSdk(t, node)
  await subscriber.subscribe(topic)
  return [publisher, subscriber]
}
