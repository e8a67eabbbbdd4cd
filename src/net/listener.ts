import type { AddressInfo, Server, Socket } from 'node:net'
import type { Logger } from '../base/index.ts'
import { ListenError } from './listen-error.ts'

/** What every server socket is made with: frames are small, and a peer that has vanished is noticed one day. */
export const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/** Connections that the kernel keeps until they are accepted; it lowers this to its own limit. */
const ACCEPT_BACKLOG = 1024
/** While something is short every attempt to connect fails: one line in that time is enough. */
const ACCEPT_ERROR_LINE_MS = 10_000

export interface ListeningOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly tls: boolean
  readonly log: Logger
}

/** A port that accepts connections, and all that have come through it. */
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

  /**
   * @param sockets those now open, also those whose TLS handshake is still under way; kept by whoever made the server.
   * @throws ListenError when the port cannot be opened.
   */
  static async open(server: Server, sockets: ReadonlySet<Socket>, options: ListeningOptions): Promise<Listener> {
    const { host, port, tls, log } = options
    logAcceptErrors(server, log)
    await listen(server, host, port)
    return new Listener(server, sockets, host, tls)
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
