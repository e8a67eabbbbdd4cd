import type { BrokerNode } from '../../src/server/node.ts'
import { DirectoryNode, type Disk } from '../store/disk.ts'
import { DiskLayer, type DiskLayerOptions } from '../store/disk-layer.ts'
import type { Random } from '../store/random.ts'
import type { BrokerHost } from './broker-process.ts'
import type { Client } from './client.ts'
import { turn } from './load.ts'
import { LocalConnection } from './local-connection.ts'
import { type NodeOptions, openNode } from './open-node.ts'

const PORT_MS = 60_000
/** How long clients may take to answer their close before they are dropped. */
const FAREWELL_TURNS = 20

/** What everybody gets who waits for something when the power goes. */
export class PowerCut extends Error {}

/** A broker in this process, over a disk that forgets what was not synced when the power goes. */
export class NodeHost implements BrokerHost {
  readonly #disk: Disk
  readonly #random: Random
  readonly #options: NodeOptions
  #layer: DiskLayer
  #node: BrokerNode | undefined
  #connections: LocalConnection[] = []
  /** Keeps this process alive, as its ports do for a broker: timers of its own do not. */
  #port: NodeJS.Timeout | undefined
  /** What the next one finds its disk to be like. */
  next: DiskLayerOptions = {}

  constructor(disk: Disk, random: Random, options: NodeOptions) {
    this.#disk = disk
    this.#random = random
    this.#options = options
    this.#layer = new DiskLayer(disk)
  }

  get node(): BrokerNode {
    if (this.#node === undefined) throw new Error('not started')
    return this.#node
  }

  /** Files of bodies that several queues have, or had when it was killed. */
  get bodyFiles(): Iterable<unknown> {
    return this.node.context.memory.bodies.files
  }

  /** Names of segment files that were set aside. */
  get damagedFiles(): string[] {
    const directory = this.#disk.find('/data/segments')
    const names = directory instanceof DirectoryNode ? [...directory.names.keys()] : []
    return names.filter((name) => name.startsWith('damaged-'))
  }

  get layer(): DiskLayer {
    return this.#layer
  }

  async start(): Promise<void> {
    const layer = new DiskLayer(this.#disk, { random: this.#random, ...this.next })
    this.#layer = layer
    this.next = {}
    this.#port ??= setInterval(() => undefined, PORT_MS)
    // Whoever has been cut off may fail at whatever comes first.
    layer.cut.then(() => this.#silence())
    this.#node = await this.#alive(openNode(layer, this.#options))
  }

  async connect(): Promise<Client> {
    const layer = this.#layer
    const opening = LocalConnection.open(this.node, () => layer.isCut).then((connection) => {
      this.#connections.push(connection)
      return connection.client
    })
    return this.#alive(opening)
  }

  async startAndKill(): Promise<void> {
    this.next = { cutAt: this.#random.between(1, 40) }
    await this.start().catch(() => undefined)
    await this.kill()
  }

  /** The power goes. */
  async kill(): Promise<void> {
    this.end()
    this.#disk.crash(this.#random)
  }

  /** SIGKILL: what was written is there, synced or not. */
  end(): void {
    this.#layer.isCut = true
    this.#silence()
  }

  async stop(): Promise<void> {
    const { node } = this
    node.closeConnections("CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
    while (node.amqp.connections.size > 0) await this.#alive(turn())
    await this.#alive(node.close())
    const { size } = this.#layer.opened
    if (size > 0) throw new Error(`${size} files left open`)
    this.end()
  }

  /**
   * An orderly stop on a disk that may refuse it. Clients have a moment to leave.
   * @returns what the broker said instead of that everything is written.
   */
  async shutDown(): Promise<Error | undefined> {
    const { node } = this
    node.closeConnections("CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
    for (let turns = 0; turns < FAREWELL_TURNS && node.amqp.connections.size > 0; turns++) await turn()
    for (const connection of this.#connections.splice(0)) connection.drop()
    const refusal = await node.close().then(
      () => undefined,
      (error) => error as Error,
    )
    const { size } = this.#layer.opened
    if (size > 0)
      throw new Error(`${size} files left open: ${[...this.#layer.opened.values()].map(({ path }) => path)}`)
    this.end()
    return refusal
  }

  /** Nobody is served any more who would take silence for a promise, as a broker does when a sync has failed. */
  abort(): void {
    this.#node?.abortConnections('INTERNAL_ERROR - the data directory cannot be synced')
  }

  /** Of what was not synced some is lost. After the end of a broker. */
  cutPower(): void {
    this.#disk.crash(this.#random)
  }

  /** @throws PowerCut as soon as the power goes. */
  #alive<T>(doing: Promise<T>): Promise<T> {
    return Promise.race([
      doing,
      this.#layer.cut.then(() => {
        throw new PowerCut('the power has gone')
      }),
    ])
  }

  /** The process is no more: nobody hears from it, and its timers ring for nobody. */
  #silence(): void {
    for (const connection of this.#connections.splice(0)) connection.cut()
    this.#node?.context.timers.clear()
    this.#node?.alarms.close()
    clearInterval(this.#port)
    this.#port = undefined
  }
}
