import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Broker } from '../../src/index.ts'
import { until } from '../helpers/until.ts'
import type { BrokerHost } from './broker-process.ts'
import { Client } from './client.ts'

/**
 * A broker that loses nothing when it is killed: it stays where it is, and only its connections are cut. What a proof
 * finds fault with here is the proof's own mistake.
 */
export class SurvivingBroker implements BrokerHost {
  /** Done between a kill and the next start. */
  readonly #between: (broker: Broker) => Promise<void>
  #broker: Broker | undefined
  #proxy: Server | undefined
  #port = 0
  readonly #sockets = new Set<Socket>()

  constructor(between: (broker: Broker) => Promise<void> = async () => undefined) {
    this.#between = between
  }

  async start(): Promise<void> {
    this.#broker ??= await Broker.start()
    const { port } = this.#broker
    this.#proxy = createServer((client) => this.#join(client, connect(port, '127.0.0.1')))
    this.#proxy.listen(0, '127.0.0.1')
    await once(this.#proxy, 'listening')
    this.#port = (this.#proxy.address() as AddressInfo).port
  }

  connect(): Promise<Client> {
    return Client.connect(this.#port)
  }

  async startAndKill(): Promise<void> {}

  async kill(): Promise<void> {
    this.#proxy?.close()
    for (const socket of this.#sockets) socket.destroy()
    await until('the broker has seen its connections go', () => this.#broker?.connections.length === 0)
    if (this.#broker !== undefined) await this.#between(this.#broker)
  }

  stop(): Promise<void> {
    return this.kill()
  }

  /** For good. */
  async end(): Promise<void> {
    this.#proxy?.close()
    for (const socket of this.#sockets) socket.destroy()
    await this.#broker?.stop()
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk) => to.write(chunk))
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
