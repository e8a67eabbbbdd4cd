import { createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import { AmopContext, type AmopSettings, FRAME_COST_BYTES, SdkSession } from '../../src/amop/index.ts'
import { Clock, silentLogger, Timers } from '../../src/base/index.ts'

/** A node on a TCP port, with as little around the session machine as will do. */
export class PlainNode {
  readonly context: AmopContext
  port = 0
  connectionCount = 0
  readonly #clock = new Clock()
  readonly #timers = new Timers(this.#clock)
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer({ noDelay: true }, (socket) => this.#carry(socket))

  constructor(settings: Partial<AmopSettings> = {}) {
    this.context = new AmopContext({ clock: this.#clock, timers: this.#timers, log: silentLogger, settings })
  }

  /** `host:port`. */
  get name(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Listens, at the second time on the same port again. */
  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.port, '127.0.0.1', resolve)
    })
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    this.port = address.port
    return this
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #carry(socket: Socket): void {
    this.connectionCount++
    this.#sockets.add(socket)
    const peer = { address: '127.0.0.1', port: socket.remotePort ?? 0, certificate: undefined }
    let frames = 0
    this.#clock.refresh()
    const session = new SdkSession(this.context, peer, {
      get pendingBytes() {
        return socket.writableLength + frames * FRAME_COST_BYTES
      },
      write: (frame) => {
        frames++
        socket.write(frame, () => {
          frames--
          session.writable()
        })
      },
      pause: () => void socket.pause(),
      resume: () => void socket.resume(),
      close: () => socket.destroySoon(),
    })
    socket.on('data', (chunk: Buffer) => {
      this.#clock.refresh()
      session.receive(chunk)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#clock.refresh()
      session.disconnected()
    })
  }
}

export async function startPlainNode(t: ExecutionContext, settings?: Partial<AmopSettings>): Promise<PlainNode> {
  const node = await new PlainNode(settings).start()
  t.teardown(() => node.stop())
  return node
}
