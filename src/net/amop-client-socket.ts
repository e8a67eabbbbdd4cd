import { connect, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls'
import type { AmopTransport, ConnectionEvents, Dial, NodeAddress } from '../amop/index.ts'
import { amopTlsLimits } from './amop-tls.ts'
import { JoinedWrites } from './joined-writes.ts'
import { checkTlsMaterial } from './tls-material.ts'

/** PEM, as an SDK has them. */
export interface AmopCertificates {
  /** The authority that both sides' certificates are under. */
  readonly ca: string | Buffer
  /** The client's own certificate, with those between it and the authority. */
  readonly cert: string | Buffer
  /** The private key of it. */
  readonly key: string | Buffer
}

/** How long a connection that was ended waits until what it has written is taken. */
const LINGER_MS = 2_000

/**
 * @param certificates undefined for plain TCP, which only tests have.
 * @throws Error with one line when certificate or key are no good.
 */
export function createDial(certificates: AmopCertificates | undefined): Dial {
  const tls = certificates && tlsOptions(certificates)
  return (address, events) => {
    const socket = tls === undefined ? connect({ ...address }) : secure(address, tls)
    socket.setNoDelay(true)
    new ClientSocket(socket, tls !== undefined, events)
    return () => void socket.destroy()
  }
}

function tlsOptions({ ca, cert, key }: AmopCertificates): ConnectionOptions {
  const own = checkTlsMaterial({ ca, cert, key }, "SDK's")
  return {
    // Read once for all connections.
    secureContext: createSecureContext({
      ca,
      cert,
      key,
      ...amopTlsLimits(own),
    }),
    rejectUnauthorized: true,
    // A node is known by its authority, as in all SDKs: it has no name.
    checkServerIdentity: () => undefined,
  }
}

function secure({ host, port }: NodeAddress, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({ ...options, host, port, servername: '' })
  // Node 24 and 26 crash when they make the old form of a secp256k1 certificate, which they would for its host name. The
  // chain has been checked by then.
  socket.getPeerCertificate = (() => ({})) as unknown as TLSSocket['getPeerCertificate']
  return socket
}

/** Carries one connection over one socket. */
class ClientSocket implements AmopTransport {
  readonly #socket: Socket
  readonly #writes: JoinedWrites
  readonly #events: ConnectionEvents
  readonly #tls: boolean
  #error: Error | undefined
  #opened = false
  #heard = false
  #linger: NodeJS.Timeout | undefined
  readonly #taken = (): void => this.#events.writable()

  constructor(socket: Socket, tls: boolean, events: ConnectionEvents) {
    this.#socket = socket
    this.#tls = tls
    // Only SDKs need each frame in a TLS record of its own: nodes read a stream, and the Java SDKs join what they send too.
    this.#writes = new JoinedWrites(socket)
    this.#events = events
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      this.#opened = true
      events.opened(this)
    })
    socket.on('data', (chunk: Buffer) => {
      this.#heard = true
      events.received(chunk)
    })
    socket.on('error', (error) => {
      this.#error = error
    })
    // A node that sends no more will not read either.
    socket.on('end', () => socket.destroySoon())
    socket.on('close', () => {
      clearTimeout(this.#linger)
      events.closed(this.#reason())
    })
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  write(frame: Buffer): void {
    if (!this.#socket.destroyed) this.#writes.write(frame, this.#taken)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroySoon()
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS)
  }

  #reason(): string {
    if (!this.#tls && this.#opened && !this.#heard) {
      const what = this.#error === undefined ? 'closed' : 'reset'
      return `the node ${what} the connection before its first answer; it may want TLS`
    }
    if (this.#error !== undefined) return describe(this.#error)
    if (!this.#opened) return 'the node closed the connection'
    if (!this.#heard)
      return 'the node closed the connection before its first answer; it may not accept this certificate'
    return 'the node closed the connection'
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the node reset the connection; it may not accept this certificate, or not speak TLS',
  EPIPE: 'the node has closed the connection',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not under the given authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not under the given authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is not under the given authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not under the given authority',
  CERT_SIGNATURE_FAILURE: 'its certificate is not under the given authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
}

function describe(error: Error): string {
  // Several attempts at one name (IPv6, then IPv4): the last one's.
  if (error instanceof AggregateError && error.errors.length > 0) return describe(error.errors.at(-1))
  const { code, message } = error as NodeJS.ErrnoException
  return (code !== undefined && REASONS[code]) || message || String(error)
}
