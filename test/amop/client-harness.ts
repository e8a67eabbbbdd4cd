import type { ExecutionContext } from 'ava'
import {
  type AmopTransport,
  type Certificate,
  Client,
  type ClientOptions,
  type ClientSettings,
  type ConnectionEvents,
  type Dial,
  type NodeAddress,
  SdkSession,
} from '../../src/amop/index.ts'
import { until } from '../helpers/until.ts'
import { TestAmop, type TestAmopOptions } from './harness.ts'

/** One connection between a client and a node; bytes are handed over in a later microtask, cut at random. */
class MemoryConnection {
  readonly #events: ConnectionEvents
  readonly #queue: (() => void)[] = []
  #running = false
  readonly session: SdkSession
  /** Bytes from the client that nobody takes, while it is set. */
  stuck = false
  #stuckBytes = 0
  #stuckFrames: Buffer[] = []
  #open = true
  clientPaused = false
  #unread: Buffer[] = []

  constructor(node: MemoryNode, events: ConnectionEvents, certificate: Certificate | undefined) {
    this.#events = events
    const toClient: AmopTransport = {
      pendingBytes: 0,
      write: (frame) => this.#later(() => this.#clientReads(Buffer.from(frame))),
      pause() {},
      resume() {},
      close: () => this.end('the node closed the connection'),
    }
    this.session = new SdkSession(
      node.amop.context,
      { address: '127.0.0.1', port: node.nextPort(), certificate },
      toClient,
    )
    const connection = this
    const toNode: AmopTransport = {
      get pendingBytes() {
        return connection.#stuckBytes
      },
      write: (frame) => this.#clientWrites(frame),
      pause: () => {
        this.clientPaused = true
      },
      resume: () => {
        this.clientPaused = false
        const unread = this.#unread
        this.#unread = []
        for (const chunk of unread) this.#later(() => this.#clientReads(chunk))
      },
      close: () => this.end('closed by the client'),
    }
    this.#later(() => events.opened(toNode))
  }

  /** Bytes of the node's making, whatever they mean. */
  say(bytes: Buffer): void {
    this.#later(() => this.#clientReads(bytes))
  }

  end(reason: string): void {
    this.#later(() => {
      if (!this.#open) return
      this.#open = false
      this.session.disconnected()
      this.#events.closed(reason)
    })
  }

  /** The node reads again. */
  drain(): void {
    this.stuck = false
    const frames = this.#stuckFrames
    this.#stuckFrames = []
    this.#stuckBytes = 0
    for (const frame of frames) this.#later(() => this.#nodeReads(frame))
    this.#events.writable()
  }

  #clientWrites(frame: Buffer): void {
    if (frame.readUInt32BE(0) !== frame.length) throw new Error('a write is not one whole frame')
    if (!this.stuck) {
      this.#later(() => this.#nodeReads(frame))
      return
    }
    this.#stuckFrames.push(frame)
    this.#stuckBytes += frame.length
  }

  #nodeReads(frame: Buffer): void {
    if (!this.#open) return
    this.session.amop.clock.refresh()
    this.session.receive(Buffer.from(frame))
  }

  #clientReads(chunk: Buffer): void {
    if (!this.#open) return
    if (this.clientPaused) {
      this.#unread.push(chunk)
      return
    }
    const cut = Math.floor(Math.random() * chunk.length)
    for (const part of [chunk.subarray(0, cut), chunk.subarray(cut)]) {
      const lent = Buffer.from(part)
      this.#events.received(lent)
      lent.fill(0xee)
    }
  }

  #later(step: () => void): void {
    this.#queue.push(step)
    if (this.#running) return
    this.#running = true
    queueMicrotask(() => {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
      this.#running = false
    })
  }
}

/** A node that clients reach without sockets. */
export class MemoryNode {
  readonly amop: TestAmop
  readonly address: NodeAddress
  up = true
  /** Takes connections and never says anything. */
  mute = false
  connections: MemoryConnection[] = []
  dials = 0
  #port = 50_000

  constructor(address: NodeAddress, options?: TestAmopOptions) {
    this.address = address
    this.amop = new TestAmop(options)
  }

  get name(): string {
    return `${this.address.host}:${this.address.port}`
  }

  nextPort(): number {
    return ++this.#port
  }

  /** The newest connection. */
  get connection(): MemoryConnection {
    const connection = this.connections.at(-1)
    if (connection === undefined) throw new Error('nobody has connected')
    return connection
  }

  /** All connections go, and none is taken. */
  stop(): void {
    this.up = false
    for (const connection of this.connections) connection.end('the node closed the connection')
    this.connections = []
  }

  start(): void {
    this.up = true
  }

  accept(events: ConnectionEvents, certificate: Certificate | undefined): () => void {
    this.dials++
    if (this.mute) return () => queueMicrotask(() => events.closed('given up'))
    if (!this.up) {
      queueMicrotask(() => events.closed('connection refused'))
      return () => {}
    }
    const connection = new MemoryConnection(this, events, certificate)
    this.connections.push(connection)
    return () => connection.end('given up')
  }
}

export interface TestClientOptions {
  readonly settings?: Partial<ClientSettings>
  readonly random?: () => number
  readonly certificate?: Certificate
}

/** Nodes and their clients in one process, without sockets, with time in the test's hand. */
export class MemoryNetwork {
  readonly nodes: MemoryNode[] = []

  addNode(options?: TestAmopOptions): MemoryNode {
    const node = new MemoryNode({ host: `node${this.nodes.length + 1}`, port: 20_200 }, options)
    this.nodes.push(node)
    return node
  }

  /** A client that is not connected yet; its time is that of the first node. */
  client({ settings, random, certificate }: TestClientOptions = {}, nodes = this.nodes): Client {
    const [first] = this.nodes
    if (first === undefined) throw new Error('add a node first')
    const dial: Dial = (address, events) => {
      const node = this.nodes.find((each) => each.address.host === address.host)
      if (node === undefined) throw new Error(`no node ${address.host}`)
      return node.accept(events, certificate)
    }
    const options: ClientOptions = {
      nodes: nodes.map(({ address }) => address),
      dial,
      clock: first.amop.clock,
      timers: first.amop.timers,
      ...(settings && { settings }),
      ...(random && { random }),
    }
    return new Client(options)
  }

  /** A client that is connected to one node at least; closed when the test is over. */
  async connect(t: ExecutionContext, options: TestClientOptions = {}, nodes = this.nodes): Promise<Client> {
    const client = this.client(options, nodes)
    t.teardown(() => client.close())
    await client.open()
    return client
  }

  /** Lets time pass on all nodes. */
  advance(ms: number): void {
    for (const { amop } of this.nodes) amop.advance(ms)
  }
}

/** Lets everything happen that waits for no time. */
export async function settle(): Promise<void> {
  // A microtask of ours runs after those that are queued, which may queue others: a macrotask runs after all.
  await new Promise((resolve) => setImmediate(resolve))
}

/** Resolves when the client can send messages through every one of its nodes. */
export function connectedToAll(client: { readonly nodes: readonly { readonly connected: boolean }[] }): Promise<void> {
  return until('the client is connected to all nodes', () => client.nodes.every(({ connected }) => connected))
}
