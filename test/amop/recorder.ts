import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlainServer,
  type Server,
  type Socket,
} from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { type Certificate, FrameReader } from '../../src/amop/index.ts'
import { checkClient } from '../../src/net/amop-client-certificate.ts'
import { AMOP_GROUPS } from '../../src/net/amop-tls.ts'
import { type Event, formatLine } from './recording.ts'

/** PEM. The recorder is the node to SDKs, and an SDK to the node. */
export interface RecorderFiles {
  readonly ca: string | Buffer
  readonly nodeCert: string | Buffer
  readonly nodeKey: string | Buffer
  readonly sdkCert: string | Buffer
  readonly sdkKey: string | Buffer
}

/** Those of a directory that the node has made. */
export function recorderFilesIn(directory: string): RecorderFiles {
  const read = (name: string): Buffer => readFileSync(join(directory, name))
  return {
    ca: read('ca.crt'),
    nodeCert: read('node.crt'),
    nodeKey: read('node.key'),
    sdkCert: read('sdk/sdk.crt'),
    sdkKey: read('sdk/sdk.key'),
  }
}

export interface RecorderOptions {
  /** Port of the node, on this host. */
  readonly nodePort: number
  /** Of the recorder; 0, the default, takes a free one. */
  readonly port?: number
  /** Undefined for a plain node. */
  readonly files: RecorderFiles | undefined
  /** Written anew. */
  readonly path: string
  /** The first line, for people. */
  readonly title: string
  /** AmopSettings of the node, if others than the defaults. */
  readonly settings?: Record<string, unknown>
}

/** Stands between SDKs and a node and writes down what both say; the format is in recording.ts. */
export class Recorder {
  readonly #options: RecorderOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #startMs = 0
  #connections = 0

  private constructor(options: RecorderOptions) {
    this.#options = options
    const { files } = options
    this.#server =
      files === undefined
        ? createPlainServer({ noDelay: true }, (socket) => this.#carry(socket, undefined))
        : createTlsServer(
            {
              ca: files.ca,
              cert: files.nodeCert,
              key: files.nodeKey,
              requestCert: true,
              ecdhCurve: AMOP_GROUPS,
              maxVersion: 'TLSv1.2',
              noDelay: true,
            },
            (socket) => this.#accept(socket),
          )
  }

  static async start(options: RecorderOptions): Promise<Recorder> {
    const { path, title, settings, port = 0 } = options
    writeFileSync(path, `# ${title}\n${settings === undefined ? '' : `settings ${JSON.stringify(settings)}\n`}`)
    const recorder = new Recorder(options)
    await new Promise<void>((resolve, reject) => {
      recorder.#server.once('error', reject)
      recorder.#server.listen(port, '127.0.0.1', resolve)
    })
    return recorder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(socket: TLSSocket): void {
    const client = checkClient(socket, undefined)
    if ('reason' in client) socket.destroy()
    else this.#carry(socket, client)
  }

  #carry(sdk: Socket, certificate: Certificate | undefined): void {
    const connection = ++this.#connections
    if (connection === 1) this.#startMs = performance.now()
    const write = (event: Event): void => {
      const ms = Math.floor(performance.now() - this.#startMs)
      appendFileSync(this.#options.path, formatLine({ ms, connection, ...event }))
    }
    const node = this.#dial()
    let over = false
    const close = (kind: 'end' | 'cut'): void => {
      if (over) return
      over = true
      write({ kind })
      // What has been handed over still goes out.
      sdk.destroySoon()
      node.destroySoon()
    }
    write({ kind: 'open', certificate })
    forward(sdk, node, (bytes) => write({ kind: 'sent', bytes }))
    forward(node, sdk, (bytes) => write({ kind: 'said', bytes }))
    for (const [socket, kind] of [
      [sdk, 'end'],
      [node, 'cut'],
    ] as const) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('end', () => close(kind))
      socket.on('close', () => {
        this.#sockets.delete(socket)
        close(kind)
      })
    }
  }

  #dial(): Socket {
    const { nodePort: port, files } = this.#options
    if (files === undefined) return connectPlain({ port, host: '127.0.0.1', noDelay: true })
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      ca: files.ca,
      cert: files.sdkCert,
      key: files.sdkKey,
      ecdhCurve: AMOP_GROUPS,
      checkServerIdentity: () => undefined,
    })
    // Node 24 and 26 crash on what it does with secp256k1.
    socket.getPeerCertificate = (() => ({})) as unknown as TLSSocket['getPeerCertificate']
    socket.setNoDelay(true)
    return socket
  }
}

/** Passes on frame by frame, each in a TLS record of its own, as a node has to; what is no frame as it comes. */
function forward(from: Socket, to: Socket, note: (bytes: Buffer) => void): void {
  ;(to as unknown as { _writev: null })._writev = null
  const pass = (bytes: Buffer): void => {
    note(bytes)
    if (!to.destroyed) to.write(bytes)
  }
  const reader = new FrameReader(pass)
  let broken = false
  from.on('data', (chunk: Buffer) => {
    if (broken) {
      pass(chunk)
      return
    }
    try {
      reader.push(chunk)
    } catch {
      broken = true
      pass(chunk)
    }
  })
}
