import { fromObject, type Properties } from '../../src/codec/index.ts'
import { makeBody } from './body.ts'
import type { Channel, Client } from './client.ts'
import { Confirms } from './confirms.ts'
import { pick, randomBytes, turn, type Worker, type World } from './load.ts'
import type { Target } from './topology.ts'

const FAN_BYTES_MAX = 20_000
/** Of large messages for several queues: over 4 KiB, from where on these have one body. */
const SHARED_BYTES = [4097, 30_000] as const

/** Publishes to everything there is, with confirms. */
export class PublishingClient implements Worker {
  readonly client: Client
  readonly #world: World
  readonly #name: string
  readonly #channel: Channel
  readonly #confirms: Confirms
  readonly #window: number
  readonly #targets: readonly Target[]
  readonly #shared: readonly Target[]
  #left: number

  private constructor(world: World, client: Client, channel: Channel, name: string) {
    const { random, topology } = world
    this.client = client
    this.#world = world
    this.#name = name
    this.#channel = channel
    this.#confirms = new Confirms(world.ledger, channel)
    this.#window = pick(random, [1, 10, 100, 1000])
    this.#left = random.between(1, world.messagesMax)
    this.#targets = topology.targets.flatMap((target) => Array<Target>(target.weight).fill(target))
    this.#shared = this.#targets.filter(({ lines }) => lines.length > 1)
  }

  static async open(world: World, client: Client, name: string): Promise<PublishingClient> {
    return new PublishingClient(world, client, await client.openChannel(true), name)
  }

  async work(): Promise<void> {
    while (this.#left > 0 && this.#channel.failure === undefined) {
      for (let burst = this.#world.random.between(1, 10); burst > 0 && this.#left > 0; burst--) {
        this.#left--
        this.#publish()
      }
      await turn()
      await this.#confirms.fewerThan(this.#window)
    }
  }

  async finish(): Promise<void> {
    this.#left = 0
    await this.#confirms.fewerThan(1)
  }

  #publish(): void {
    const { random, ledger, keys } = this.#world
    const isShared = random.chance(this.#world.sharedShare)
    const target = pick(random, isShared ? this.#shared : this.#targets)
    const { exchange, routingKey, lines } = target
    const headers: Record<string, unknown> = { ...target.headers }
    const delayMs = target.delayMs === undefined ? 0 : random.between(...target.delayMs)
    if (exchange === 'delays') headers['x-delay'] = delayMs
    const key = target.isDeduplicated ? this.#key() : undefined
    if (key !== undefined) headers['x-deduplication-header'] = `key ${key}`
    const isPersistent = !random.chance(this.#world.transientShare)
    const properties: Properties = {
      messageId: `${this.#name} ${this.#channel.published}`,
      // What is delayed or deduplicated has to be there after a restart to be looked at.
      ...(isPersistent || delayMs > 0 || key !== undefined ? { deliveryMode: 2 } : {}),
      ...(Object.keys(headers).length > 0 ? { headers: fromObject(headers) } : {}),
      ...(target.priorityMax === undefined ? {} : { priority: random.between(0, target.priorityMax) }),
    }
    const bytes = isShared
      ? random.between(...SHARED_BYTES)
      : randomBytes(random, lines.length > 5 ? FAN_BYTES_MAX : this.#world.bytesMax)
    const isRefused = key !== undefined && keys.isKnown(key)
    const sent = ledger.publish(this.#name, properties, bytes, lines, { delayMs, isRefused })
    const copy = sent.copies[0]
    if (key !== undefined && copy !== undefined) keys.publish(key, copy)
    const tag = this.#channel.publish(exchange, routingKey, properties, makeBody(sent.uid, bytes))
    this.#confirms.add(tag, sent, (isAck) => {
      if (key !== undefined && isAck) keys.confirm(key)
      if (!isAck && !target.mayRefuse) ledger.faults.push(`refused: ${copy}`)
    })
  }

  /** A new key, or one that was used. */
  #key(): number {
    const { random, keys } = this.#world
    return keys.count === 0 || random.chance(0.6) ? keys.add() : random.below(keys.count)
  }
}
