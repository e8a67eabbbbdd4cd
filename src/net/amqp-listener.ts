import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { Clock, Logger, Timers } from '../base/index.ts'
import { AmqpCarrier } from './amqp-carrier.ts'
import { type CarrierContext, onRead } from './carrier.ts'
import { Listener, SOCKET_OPTIONS } from './listener.ts'
import type { MachineFactory } from './machine.ts'
import { peerOf } from './peer.ts'
import { ReadBudget } from './read-budget.ts'
import { SharedRead } from './shared-read.ts'
import { logTlsFailure } from './tls-failure.ts'
import { checkTlsMaterial, type TlsOptions } from './tls-material.ts'

export interface AmqpListenerOptions {
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

/**
 * Opens a port and carries a machine over each connection.
 * @throws ListenError when the port cannot be opened; Error when certificate or key are no good.
 */
export async function openAmqpListener(options: AmqpListenerOptions): Promise<Listener> {
  const { host, port, tls, log } = options
  const server =
    tls === undefined ? createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }) : createSecureServer(tls, options)
  return Listener.open(server, accept(server, options), { host, port, tls: tls !== undefined, log })
}

function createSecureServer(tls: TlsOptions, options: AmqpListenerOptions): Server {
  checkTlsMaterial(tls, 'TLS')
  try {
    return createTlsServer({
      ...SOCKET_OPTIONS,
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

/** @returns the sockets now open, also those whose TLS handshake is still under way. */
function accept(server: Server, options: AmqpListenerOptions): ReadonlySet<Socket> {
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
    new AmqpCarrier(context, socket, peer, create, shared)
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
  return sockets
}
