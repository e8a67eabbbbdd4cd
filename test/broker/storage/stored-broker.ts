import { silentLogger } from '../../../src/base/index.ts'
import { type DelayedMessages, Message, type Queue, type VirtualHost } from '../../../src/broker/index.ts'
import { Checkpointer } from '../../../src/broker/storage/checkpointer.ts'
import { writeDefinitions } from '../../../src/broker/storage/definition-snapshot.ts'
import { encodeProperties, fromObject } from '../../../src/codec/index.ts'
import { BrokerNode } from '../../../src/server/node.ts'
import { type BrokerOptions, resolveOptions } from '../../../src/server/options.ts'
import type { FileJournal } from '../../../src/store/file-journal.ts'
import { Disk } from '../../store/disk.ts'
import { DiskLayer } from '../../store/disk-layer.ts'
import { newProcess } from '../../store/model.ts'
import { Random } from '../../store/random.ts'

export interface StoredBrokerOptions extends Pick<BrokerOptions, 'sync' | 'messageMemory' | 'onFatal' | 'log'> {
  /** Bytes of journal between two checkpoints that come by themselves; default 64 MiB. */
  readonly journalBytes?: number
}

export interface Publishing {
  readonly persistent?: boolean
  readonly exchange?: string
  readonly headers?: Record<string, unknown>
}

/** A broker without ports and clients, over a disk in memory that forgets what was not synced when the power goes. */
export class StoredBroker {
  readonly disk = new Disk()
  layer = new DiskLayer(this.disk)
  node!: BrokerNode
  readonly #options: StoredBrokerOptions

  private constructor(options: StoredBrokerOptions) {
    this.#options = options
  }

  static async start(options: StoredBrokerOptions = {}): Promise<StoredBroker> {
    const broker = new StoredBroker(options)
    await broker.#open()
    return broker
  }

  get vhost(): VirtualHost {
    const vhost = this.node.virtualHosts.find('/')
    if (vhost === undefined) throw new Error('the default virtual host is not there')
    return vhost
  }

  get journal(): FileJournal {
    return this.node.context.journal as FileJournal
  }

  /** A durable queue, which is declared when there is none. */
  queue(name: string, args: Record<string, unknown> = {}): Queue {
    const properties = { serverNamed: false, durable: true, exclusive: false, autoDelete: false }
    return (
      this.vhost.queues.get(name) ??
      this.vhost.declareQueue({ name, ...properties, arguments: fromObject(args) }, undefined)
    )
  }

  /** @param exchange default: the default one, which leads to the queue of the key's name. */
  publish(routingKey: string, body: string | Buffer, options: Publishing = {}): void {
    const { persistent = true, exchange = '', headers } = options
    const properties = encodeProperties({
      ...(persistent ? { deliveryMode: 2 } : {}),
      ...(headers === undefined ? {} : { headers: fromObject(headers) }),
    })
    const message = Message.of(exchange, routingKey, properties, Buffer.from(body))
    const route = this.vhost.findRoute(message.buffer, 0, message.addressLength)
    if (route === undefined) throw new Error(`there is no exchange ${exchange}`)
    this.vhost.publish(route, message)
    this.node.context.turn.schedule()
  }

  /** Hands out the first message. @returns its place */
  take(queue: string): number {
    const place = this.queue(queue).get(new Message(), false)
    if (place < 0) throw new Error(`${queue} is empty`)
    this.node.context.turn.schedule()
    return place
  }

  /** The first messages are taken and acknowledged. */
  consume(queue: string, count: number): void {
    for (let i = 0; i < count; i++) this.queue(queue).acknowledge(this.take(queue))
  }

  bodies(queue: string): string[] {
    return this.queue(queue)
      .peek(Number.MAX_SAFE_INTEGER)
      .map(({ body }) => body.toString())
  }

  /** Resolves when the journal has completed all that was said so far, and files that are done with are gone. */
  async settled(): Promise<void> {
    const { journal, turn } = this.node.context
    do await this.turn()
    while (journal.completed < journal.appended)
    turn.schedule()
    for (let turns = 0; turns < 10; turns++) await this.turn()
  }

  async turn(): Promise<void> {
    this.node.context.turn.schedule()
    await new Promise((resolve) => setImmediate(resolve))
  }

  async until(isTrue: () => boolean): Promise<void> {
    for (let turns = 0; !isTrue(); turns++) {
      if (turns === 100_000) throw new Error('it does not come')
      await this.turn()
    }
  }

  /** Does a whole checkpoint. */
  async checkpoint(): Promise<void> {
    await this.newCheckpointer().run()
    await this.settled()
  }

  /** What exchanges keep back. */
  delayed(): DelayedMessages[] {
    return [...this.vhost.exchanges.values()].flatMap(({ delayed }) => delayed ?? [])
  }

  newCheckpointer(): Checkpointer {
    const { node, journal } = this
    return new Checkpointer(node.context, {
      journal,
      journalBytes: 1 << 20,
      queues: () => [...this.vhost.queues.values(), ...this.delayed()].filter(({ stored }) => stored),
      writeRest: () => {
        const append = journal.append.bind(journal)
        writeDefinitions(node.virtualHosts, append)
        node.users.write(append)
      },
      onFatal: (error) => this.#options.onFatal?.(error),
    })
  }

  /** Does something when the disk is asked for this the next time; resolves then. @param path part of the file's path */
  at(operation: string, path: string, act: () => void): Promise<void> {
    return new Promise((resolve) => {
      const { options } = this.layer
      this.layer.options = {
        ...options,
        fault: (asked, where, length) => {
          if (asked !== operation || !where.includes(path)) return options.fault?.(asked, where, length)
          this.layer.options = options
          act()
          resolve()
          return undefined
        },
      }
    })
  }

  /** Segment files there are. */
  get files(): string[] {
    return [...this.disk.directory('/data/segments').names.keys()].sort()
  }

  /** SIGKILL: what was written is there, synced or not. Then it starts again. */
  async killed(): Promise<void> {
    this.end()
    await this.#open()
  }

  /** The power goes: of what was not synced some is lost. Then it starts again. */
  async cutOff(random: Random = new Random(1)): Promise<void> {
    this.end()
    this.disk.crash(random)
    await this.#open()
  }

  async restarted(): Promise<void> {
    await this.node.close()
    await this.#open()
  }

  /** It is no more; nobody hears from it. */
  end(): void {
    this.layer.isCut = true
    this.node.context.timers.clear()
    this.node.alarms.close()
  }

  async #open(): Promise<void> {
    const { journalBytes = 64 * 1024 * 1024, ...options } = this.#options
    const resolved = resolveOptions({ log: silentLogger, ...options, dataDir: '/data', diskFreeLimit: 0 })
    this.layer = new DiskLayer(this.disk)
    this.node = await BrokerNode.open(resolved, {
      files: this.layer,
      processes: newProcess(),
      journalBytes,
      reserveBytes: 0,
    })
  }
}
