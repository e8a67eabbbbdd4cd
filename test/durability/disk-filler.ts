import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicQos,
  encodeQueueDeclare,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { until } from '../helpers/until.ts'
import { makeBody, readBody } from './body.ts'
import type { BrokerHost } from './broker-process.ts'
import type { Channel, Client } from './client.ts'

const persistent = { deliveryMode: 2 }

/** Publishes persistent messages into durable queues, one after the other, and remembers what was confirmed. */
export class DiskFiller {
  readonly client: Client
  readonly confirmed = new Set<number>()
  readonly #channel: Channel
  readonly #queues: readonly string[]
  readonly #bytes: number
  #last = 0
  /** Everything up to here is confirmed. */
  #confirmedTo = 0

  private constructor(client: Client, channel: Channel, queues: readonly string[], bytes: number) {
    this.client = client
    this.#channel = channel
    this.#queues = queues
    this.#bytes = bytes
    channel.onConfirm = (tag, multiple, isAck) => {
      if (!isAck) throw new Error(`message ${tag} was refused`)
      for (let id = multiple ? this.#confirmedTo + 1 : tag; id <= tag; id++) this.confirmed.add(id)
      if (multiple) this.#confirmedTo = tag
    }
  }

  /** @param bytes of each body. */
  static async open(host: BrokerHost, queues: readonly string[], bytes: number): Promise<DiskFiller> {
    const client = await host.connect()
    const channel = await client.openChannel(true)
    for (const queue of queues) {
      await channel.call(encodeQueueDeclare(channel.id, { queue, durable: true }), QUEUE_DECLARE_OK)
    }
    return new DiskFiller(client, channel, queues, bytes)
  }

  get published(): number {
    return this.#last
  }

  get isBlocked(): boolean {
    return this.client.blocked !== undefined
  }

  queueOf(id: number): string {
    return this.#queues[id % this.#queues.length] as string
  }

  publish(): void {
    const id = ++this.#last
    this.#channel.publish('', this.queueOf(id), persistent, makeBody(id, this.#bytes))
  }

  /** Publishes until no checkpoint and no file that is done with makes room any more. */
  async fillUp(burst: number): Promise<void> {
    do await this.fill(burst)
    while (!(await this.#staysBlocked()))
  }

  /** Nothing tells that no more room comes without consumers, but that none has come for some looks of the broker. */
  async #staysBlocked(): Promise<boolean> {
    for (let looks = 0; looks < 30 && this.isBlocked; looks++) await new Promise((resolve) => setTimeout(resolve, 50))
    return this.isBlocked
  }

  /** Publishes until the broker says that it is blocked. @param burst messages at a time. */
  async fill(burst = 20): Promise<void> {
    await until(
      'connection.blocked',
      async () => {
        for (let count = 0; count < burst && !this.isBlocked; count++) this.publish()
        await new Promise((resolve) => setTimeout(resolve, 2))
        return this.isBlocked
      },
      30_000,
    )
  }
}

/** Takes messages out of queues, and acknowledges those that it is told to. */
export class Drainer {
  readonly acknowledged = new Set<number>()
  readonly kept = new Set<number>()

  /** @param prefetch 0 for all at once. */
  static async open(
    client: Client,
    queues: readonly string[],
    isDone: (id: number) => boolean,
    prefetch = 0,
  ): Promise<Drainer> {
    const drainer = new Drainer()
    const channel = await client.openChannel()
    channel.onMessage = ({ body, deliveryTag }) => {
      const id = readBody(body)
      if (!isDone(id)) {
        drainer.kept.add(id)
        return
      }
      drainer.acknowledged.add(id)
      channel.write(encodeBasicAck(channel.id, { deliveryTag }))
    }
    await channel.call(encodeBasicQos(channel.id, { prefetchCount: prefetch }), BASIC_QOS_OK)
    for (const queue of queues) await channel.call(encodeBasicConsume(channel.id, { queue }), BASIC_CONSUME_OK)
    return drainer
  }

  get count(): number {
    return this.acknowledged.size + this.kept.size
  }
}

/** A file system of that size in memory; undefined where this machine does not let us. */
export function mountSmall(bytes: number): string | undefined {
  if (process.platform !== 'linux') return undefined
  const path = mkdtempSync(join(tmpdir(), 'leveret-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
}

/** Takes away what `mountSmall` has made. */
export function unmountSmall(path: string | undefined): void {
  if (path === undefined) return
  execFileSync('umount', [path])
  rmSync(path, { recursive: true })
}
