import { type AddressInfo, createServer, type Server, type ServerOpts, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Clock, Logger, Timers } from '../base/index.ts'
import { Carrier, type CarrierContext, onRead } from './carrier.ts'
import { ListenError } from './listen-error.ts'
import type { MachineFactory } from './machine.ts'
import { peerOf, plainAddress } from './peer.ts'
import { ReadBudget } from './read-budget.ts'
import { SharedRead } from './shared-read.ts'
import { checkTlsMaterial, type TlsOptions } from './tls-material.ts'

export interface ListenerOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly tls?: TlsOptions
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
  readonly create: MachineFactory
  /** How long a TLS handshake may take, in ms. */
  readonly handshakeTimeoutMs: number
  /** How long a closed connection waits for its peer to close too, in ms. Default 5000. */
  readonly lingerMs?: number
}

/** Connections that the kernel keeps until they are accepted; it lowers this to its own limit. */
const ACCEPT_BACKLOG = 1024
const KEEP_ALIVE_DELAY_MS = 60_000
/** While something is short every attempt to connect fails: one line in that time is enough. */
const ACCEPT_ERROR_LINE_MS = 10_000

/** A port that accepts connections and carries a machine over each. */
export class Listener {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>
  #closed: Promise<void> | undefined

  private constructor(server: Server, sockets: ReadonlySet<Socket>, host: string, tls: boolean) {
    this.#server = server
    this.#sockets = sockets
    this.host = host
    this.port = (server.address() as AddressInfo).port
    this.tls = tls
  }

  /** @throws ListenError when the port cannot be opened; Error when certificate or key are no good. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const { host, port, tls } = options
    const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS }
    const server =
      tls === undefined
        ? createServer({ ...socketOptions, pauseOnConnect: true })
        : createSecureServer(tls, socketOptions, options)
    const sockets = accept(server, options)
    await listen(server, host, port)
    return new Listener(server, sockets, host, tls !== undefined)
  }

  get connectionCount(): number {
    return this.#sockets.size
  }

  /** Stops accepting; what is connected stays. */
  stopAccepting(): void {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()))
  }

  /** Waits until everybody who is connected now has gone; drops those who take longer than that. */
  async drain(timeoutMs: number): Promise<void> {
    const sockets = [...this.#sockets]
    if (sockets.length === 0) return
    const timeout = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, timeoutMs)
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    clearTimeout(timeout)
  }

  /** Stops accepting and drops whatever is still connected. */
  async close(): Promise<void> {
    this.stopAccepting()
    await this.drain(0)
    await this.#closed
  }
}

function createSecureServer(tls: TlsOptions, socketOptions: ServerOpts, options: ListenerOptions): Server {
  checkTlsMaterial(tls)
  try {
    return createTlsServer({
      ...socketOptions,
      cert: tls.cert,
      key: tls.key,
      ...(tls.ca === undefined ? {} : { ca: tls.ca, requestCert: true, rejectUnauthorized: true }),
      minVersion: 'TLSv1.2',
      handshakeTimeout: options.handshakeTimeoutMs,
    })
  } catch (error) {
    throw new Error(`the TLS certificate or key cannot be used: ${(error as Error).message}`, { cause: error })
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(new ListenError(host, port, error))
    server.once('error', refused)
    server.listen({ host, port, backlog: ACCEPT_BACKLOG }, () => {
      server.off('error', refused)
      resolve()
    })
  })
}

/** @returns the sockets now open, also those whose TLS handshake is still under way. */
function accept(server: Server, options: ListenerOptions): ReadonlySet<Socket> {
  const { clock, timers, log, create, lingerMs = 5000 } = options
  const context: CarrierContext = { clock, timers, log, budget: new ReadBudget(), lingerMs }
  const sockets = new Set<Socket>()
  const tls = options.tls !== undefined

  function forget(this: unknown): void {
    sockets.delete(this as Socket)
  }

  function carry(socket: Socket, shared = false): void {
    const peer = peerOf(socket, tls)
    if (peer === undefined) {
      socket.destroy()
      return
    }
    clock.refresh()
    new Carrier(context, socket, peer, create, shared)
  }

  function keep(socket: Socket): void {
    sockets.add(socket)
    socket.on('close', forget)
  }

  if (!tls) {
    const reads = new SharedRead(onRead)
    server.on('connection', (accepted) => {
      const socket = reads.take(accepted)
      keep(socket ?? accepted)
      carry(socket ?? accepted, socket !== undefined)
    })
  } else {
    server.on('connection', keep)
    server.on('secureConnection', (socket) => carry(socket))
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      logTlsFailure(log, error, socket)
      // On a timeout Node leaves it to us.
      socket.destroy()
    })
  }
  logAcceptErrors(server, log)
  return sockets
}

function logTlsFailure(log: Logger, error: NodeJS.ErrnoException, socket: TLSSocket): void {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  const fields = { peer, error: error.code ?? error.message }
  // A health check that connects and goes away says nothing about anybody's certificates.
  if (error.code === 'ECONNRESET') log.debug('connection closed during the TLS handshake', fields)
  else log.warn('TLS handshake failed', fields)
}

/**
 * Out of memory for sockets or the like; those who are connected carry on. Of descriptors that have run out nothing is
 * heard: libuv turns the newcomers away by itself.
 */
function logAcceptErrors(server: Server, log: Logger): void {
  let silentUntil = 0
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (!server.listening) return
    const now = Date.now()
    if (now < silentUntil) return
    silentUntil = now + ACCEPT_ERROR_LINE_MS
    log.error('cannot accept connections', { error: error.code ?? error.message })
  })
}
