import { constants } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Certificate } from '../amop/index.ts'
import { type Clock, hostAndPort, type Logger, type Timers, type Turn } from '../base/index.ts'
import type { AddressLimits } from './address-limits.ts'
import { AmopCarrier, type AmopCarrierContext } from './amop-carrier.ts'
import { checkClient, type Refusal } from './amop-client-certificate.ts'
import type { AmopMachineFactory } from './amop-machine.ts'
import { amopTlsLimits } from './amop-tls.ts'
import { Listener, SOCKET_OPTIONS } from './listener.ts'
import { isLoopback, peerOf, plainAddress } from './peer.ts'
import { ReadBudget } from './read-budget.ts'
import { logTlsFailure } from './tls-failure.ts'
import { checkTlsMaterial, type TlsOptions } from './tls-material.ts'

/** The authority is not optional: an SDK is known by its certificate. */
export type AmopTlsOptions = Required<TlsOptions> & {
  /** Takes only certificates of the same issuer as the server's own: of the same agency. */
  readonly checkIssuer: boolean
}

export interface AmopListenerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Undefined for plain TCP, which is for tests and takes nobody from another host. */
  readonly tls: AmopTlsOptions | undefined
  readonly clock: Clock
  readonly timers: Timers
  readonly turn: Pick<Turn, 'schedule'>
  readonly log: Logger
  /** Shared by all the listeners of a node. */
  readonly limits: AddressLimits
  readonly create: AmopMachineFactory
  /** How long a TLS handshake may take, in ms. */
  readonly handshakeTimeoutMs: number
  /** How long a closed connection waits for its peer to close too, in ms. Default 5000. */
  readonly lingerMs?: number
}

/** What an error that only says that nothing fits means here. */
const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_NO_SHARED_CIPHER:
    'a Java from 16 on has no secp256k1: give its SDK BouncyCastle and OpenSSL, or RSA certificates to all',
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM: 'its certificate is of another kind than ours: both secp256k1, or both RSA',
}

/**
 * Opens a port for SDKs and carries a machine over each connection.
 * @throws ListenError when the port cannot be opened; Error when authority, certificate or key are no good, or a plain port
 * would be open to other hosts.
 */
export async function openAmopListener(options: AmopListenerOptions): Promise<Listener> {
  const { host, port, tls, log } = options
  if (tls === undefined && host !== 'localhost' && !isLoopback(host)) {
    throw new Error(`a plain AMOP port is for tests on this host only: it cannot listen on ${host}`)
  }
  const sockets = new Set<Socket>()
  const server = tls === undefined ? createPlainServer(options, sockets) : createSecureServer(tls, options, sockets)
  return Listener.open(server, sockets, { host, port, tls: tls !== undefined, log })
}

function createPlainServer(options: AmopListenerOptions, sockets: Set<Socket>): Server {
  const context = contextOf(options)
  return createServer(SOCKET_OPTIONS, (socket) => {
    if (!admit(options, sockets, socket)) return
    if (isLoopback(plainAddress(socket.remoteAddress ?? ''))) carry(context, options, socket, undefined)
    else socket.destroy()
  })
}

function createSecureServer(tls: AmopTlsOptions, options: AmopListenerOptions, sockets: Set<Socket>): Server {
  const own = checkTlsMaterial(tls, 'AMOP')
  const issuer = tls.checkIssuer ? own.issuer : undefined
  const context = contextOf(options)
  const server = createTlsServer({
    ...SOCKET_OPTIONS,
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    requestCert: true,
    // Refused below, where it can be said who was and why.
    rejectUnauthorized: false,
    ...amopTlsLimits(own),
    // Nobody resumes a session: what was not checked then would not be now.
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: options.handshakeTimeoutMs,
  })
  server.on('connection', (socket) => admit(options, sockets, socket))
  server.on('secureConnection', (socket) => {
    const client = checkClient(socket, issuer)
    if ('reason' in client) refuse(options, socket, client)
    else carry(context, options, socket, client)
  })
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    logTlsFailure(options.log, error, socket, { port: 'amop', hint: HINTS[error.code ?? ''] })
    // On a timeout Node leaves it to us.
    socket.destroy()
  })
  return server
}

function contextOf({ clock, timers, turn, log, lingerMs = 5000 }: AmopListenerOptions): AmopCarrierContext {
  return { clock, timers, turn, log, budget: new ReadBudget(), lingerMs }
}

/** Counts a connection against its address. @returns false when it was turned away. */
function admit({ limits, clock }: AmopListenerOptions, sockets: Set<Socket>, socket: Socket): boolean {
  const address = plainAddress(socket.remoteAddress ?? '')
  const since = clock.refresh()
  if (address === '' || !limits.admit(address)) {
    socket.destroy()
    return false
  }
  sockets.add(socket)
  socket.once('close', () => {
    sockets.delete(socket)
    clock.refresh()
    limits.left(address, since)
  })
  return true
}

function carry(
  context: AmopCarrierContext,
  { limits, create }: AmopListenerOptions,
  socket: Socket,
  certificate: Certificate | undefined,
): void {
  const peer = peerOf(socket, certificate !== undefined)
  if (peer === undefined) {
    socket.destroy()
    return
  }
  const { address, port, localAddress, localPort } = peer
  const local = hostAndPort(localAddress, localPort)
  const since = context.clock.refresh()
  const carrier = new AmopCarrier(context, socket, { address, port, local, certificate }, create)
  socket.once('close', () => {
    context.clock.refresh()
    limits.named(address, carrier.clientType)
    if (carrier.onlyGreeted) limits.wasted(address, since)
  })
}

function refuse(
  { log, limits, clock }: AmopListenerOptions,
  socket: TLSSocket,
  { reason, subject, issuer }: Refusal,
): void {
  const { remoteAddress, remotePort } = socket
  const peer = remoteAddress === undefined ? undefined : plainAddress(remoteAddress)
  // It may come back at once, for ever, and each time with a line in the log.
  if (peer !== undefined) limits.wasted(peer, clock.refresh())
  socket.on('error', () => {})
  socket.destroy()
  log.warn(`amop: a client is refused: ${reason}`, { peer, peerPort: remotePort, subject, issuer })
}
