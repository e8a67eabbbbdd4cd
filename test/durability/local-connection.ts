import { Connection, type Peer, type Transport } from '../../src/amqp/index.ts'
import type { BrokerNode } from '../../src/server/node.ts'
import { Client } from './client.ts'

const PEER: Peer = {
  address: '127.0.0.1',
  port: 50000,
  localAddress: '127.0.0.1',
  localPort: 5672,
  loopback: true,
  tls: false,
}

/** Both ends of a connection in one process, each heard by the other a turn later. */
export class LocalConnection implements Transport {
  readonly client: Client
  readonly #node: BrokerNode
  readonly #isDead: () => boolean
  readonly #machine: Connection
  #toClient: Buffer[] = []
  #toMachine: Buffer[] = []
  #isScheduled = false
  #isPaused = false
  #hasEnded = false
  #isDropped = false
  readonly #pump = (): void => this.#carry()

  /** @param isDead from then on the broker says nothing any more, whatever it may think. */
  private constructor(node: BrokerNode, isDead: () => boolean) {
    this.#node = node
    this.#isDead = isDead
    this.client = new Client({
      write: (bytes) => {
        this.#toMachine.push(bytes)
        this.#schedule()
      },
      end: () => this.#disconnect(),
    })
    this.#machine = new Connection(node.amqp, PEER, this)
  }

  static async open(node: BrokerNode, isDead: () => boolean): Promise<LocalConnection> {
    const connection = new LocalConnection(node, isDead)
    await connection.client.handshake()
    return connection
  }

  get backlog(): number {
    return 0
  }

  write(bytes: Buffer): boolean {
    if (this.#isDead() || this.#isDropped) return true
    this.#toClient.push(Buffer.from(bytes))
    this.#schedule()
    return true
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#schedule()
  }

  end(): void {
    this.#hasEnded = true
    this.#schedule()
  }

  destroy(): void {
    this.#hasEnded = true
    this.#schedule()
  }

  /** The broker waits no longer for its client. */
  drop(): void {
    this.#disconnect()
    this.#isDropped = true
    this.cut('the broker dropped the connection')
  }

  /** The power has gone: what was on the way arrives, and then nothing more. */
  cut(reason = 'the power has gone'): void {
    const arriving = this.#toClient.splice(0)
    for (const bytes of arriving) this.client.receive(bytes)
    this.client.lost(reason)
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#pump)
  }

  #carry(): void {
    this.#isScheduled = false
    for (const bytes of this.#toClient.splice(0)) this.client.receive(bytes)
    if (this.#hasEnded) this.client.lost('the broker closed the connection')
    if (this.#isPaused || this.#hasEnded || this.#isDead()) return
    const arriving = this.#toMachine.splice(0)
    if (arriving.length === 0) return
    this.#node.context.clock.refresh()
    this.#machine.receive(Buffer.concat(arriving))
  }

  #disconnect(): void {
    if (this.#isDead()) return
    this.#hasEnded = true
    this.#node.context.clock.refresh()
    this.#machine.disconnected()
  }
}
