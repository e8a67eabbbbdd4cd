import {
  EXCHANGE_DECLARE_OK,
  EXCHANGE_DELETE_OK,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeQueueUnbind,
  fromObject,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  QUEUE_DELETE_OK,
  QUEUE_PURGE_OK,
  QUEUE_UNBIND_OK,
} from '../../src/codec/index.ts'
import { makeBody } from './body.ts'
import { type Channel, type Client, Closed } from './client.ts'
import { Confirms } from './confirms.ts'
import type { Ledger, Line } from './ledger.ts'
import { pick, randomBytes, turn, type Worker, type World } from './load.ts'

/** Whether something is there: told by the broker, or open because its answer has not come. */
type Presence = 'there' | 'gone' | 'open'

/** A queue that comes and goes, with its binding. */
interface Coming {
  readonly line: Line
  queue: Presence
  binding: Presence
}

interface ComingExchange {
  readonly name: string
  presence: Presence
}

const KINDS: readonly Record<string, unknown>[] = [
  {},
  { 'x-queue-type': 'quorum' },
  { 'x-max-priority': 3 },
  { 'x-message-ttl': 3_600_000, 'x-max-length': 100_000 },
]
const STANDING_MAX = 6

/** What was declared, bound, purged and deleted under load, and what of it the broker has said. */
export class Comings {
  readonly exchange: string
  #coming: Coming[] = []
  #exchanges: ComingExchange[] = []
  /** Queues that a restart takes away. */
  #passing: string[] = []
  #names = 0

  constructor(exchange: string) {
    this.exchange = exchange
  }

  /** Sets somebody to work who makes and deletes. */
  async open(world: World, client: Client, name: string): Promise<Worker> {
    return new ComingClient(this, world, client, await client.openChannel(true), name)
  }

  /** Lines of queues that are there, as far as one knows. */
  get lines(): Line[] {
    return this.#coming.map(({ line }) => line)
  }

  /** Does the next thing, and returns when its answer has come. */
  async step(world: World, channel: Channel, confirms: Confirms, publisher: string): Promise<void> {
    const { random } = world
    const what = random.below(20)
    const coming = this.#coming.length === 0 ? undefined : pick(random, this.#coming)
    if (coming === undefined || (what < 3 && this.#coming.length < STANDING_MAX)) await this.#declare(world, channel)
    else if (what < 13) this.#publish(world, channel, confirms, publisher, coming)
    else if (what === 13) await this.#delete(world, channel, coming)
    else if (what === 14) await this.#purge(world, channel, confirms, coming)
    else if (what === 15) await this.#rebind(channel, coming)
    else if (what === 16 && random.chance(0.2)) await this.#declarePassing(world, channel, confirms)
    else if (what === 17) await this.#changeExchange(channel)
    else await turn()
  }

  async #declare(world: World, channel: Channel): Promise<void> {
    const name = `coming.${++this.#names}`
    const args = pick(world.random, KINDS)
    const priorityMax = args['x-max-priority'] as number | undefined
    const keepsAll = args['x-queue-type'] === 'quorum'
    const line = world.ledger.line(name, { keepsAll, ...(priorityMax === undefined ? {} : { priorityMax }) })
    const coming: Coming = { line, queue: 'open', binding: 'open' }
    this.#coming.push(coming)
    const fields = { queue: name, durable: true, arguments: fromObject(args) }
    await channel.call(encodeQueueDeclare(channel.id, fields), QUEUE_DECLARE_OK)
    coming.queue = 'there'
    await this.#bind(channel, coming)
  }

  async #bind(channel: Channel, coming: Coming): Promise<void> {
    coming.binding = 'open'
    const { name } = coming.line
    const fields = { exchange: this.exchange, queue: name, routingKey: name }
    await channel.call(encodeQueueBind(channel.id, fields), QUEUE_BIND_OK)
    coming.binding = 'there'
  }

  async #rebind(channel: Channel, coming: Coming): Promise<void> {
    if (coming.binding === 'gone') return this.#bind(channel, coming)
    coming.binding = 'open'
    const { name } = coming.line
    const fields = { exchange: this.exchange, queue: name, routingKey: name }
    await channel.call(encodeQueueUnbind(channel.id, fields), QUEUE_UNBIND_OK)
    coming.binding = 'gone'
  }

  #publish(world: World, channel: Channel, confirms: Confirms, publisher: string, { line, binding }: Coming): void {
    const { random, ledger } = world
    const isDirect = binding === 'gone' || random.chance(0.5)
    const properties = { deliveryMode: 2, priority: random.below(3) }
    const bytes = randomBytes(random, world.bytesMax)
    const sent = ledger.publish(publisher, properties, bytes, [line])
    const exchange = isDirect ? '' : this.exchange
    confirms.add(channel.publish(exchange, line.name, properties, makeBody(sent.uid, bytes)), sent)
  }

  async #delete(world: World, channel: Channel, coming: Coming): Promise<void> {
    coming.queue = 'open'
    coming.binding = 'open'
    await channel.call(encodeQueueDelete(channel.id, { queue: coming.line.name }), QUEUE_DELETE_OK)
    coming.queue = 'gone'
    this.#forget(world.ledger, coming)
    this.#passing.push(coming.line.name)
  }

  async #purge(world: World, channel: Channel, confirms: Confirms, { line }: Coming): Promise<void> {
    for (const copy of line.live) world.ledger.acknowledge(copy)
    const purged = [...line.live]
    await channel.call(encodeQueuePurge(channel.id, { queue: line.name }), QUEUE_PURGE_OK)
    // Like acknowledgements, it is kept from the next confirm on.
    for (const copy of purged) confirms.settle({ copy })
  }

  async #declarePassing({ random, ledger }: World, channel: Channel, confirms: Confirms): Promise<void> {
    const isExclusive = random.chance(0.5)
    const queue = `passing.${++this.#names}`
    this.#passing.push(queue)
    const fields = { queue, durable: isExclusive, exclusive: isExclusive }
    await channel.call(encodeQueueDeclare(channel.id, fields), QUEUE_DECLARE_OK)
    const sent = ledger.publish('passing', { deliveryMode: 2 }, 16, [])
    confirms.add(channel.publish('', queue, { deliveryMode: 2 }, makeBody(sent.uid, 16)), sent)
  }

  async #changeExchange(channel: Channel): Promise<void> {
    const old = this.#exchanges.length > 2 ? this.#exchanges[0] : undefined
    if (old !== undefined) {
      old.presence = 'open'
      await channel.call(encodeExchangeDelete(channel.id, { exchange: old.name }), EXCHANGE_DELETE_OK)
      this.#exchanges.shift()
      return
    }
    const exchange: ComingExchange = { name: `exchange.${++this.#names}`, presence: 'open' }
    this.#exchanges.push(exchange)
    const fields = { exchange: exchange.name, type: 'topic', durable: true }
    await channel.call(encodeExchangeDeclare(channel.id, fields), EXCHANGE_DECLARE_OK)
    exchange.presence = 'there'
  }

  /** After a restart: what was said to be there is, and what was said to be gone is not. */
  async check(world: World, client: Client): Promise<void> {
    const { ledger } = world
    for (const coming of [...this.#coming]) {
      const { name } = coming.line
      const isThere = await exists(client, (id) => encodeQueueDeclare(id, { queue: name, passive: true }))
      if (!isThere && coming.queue === 'there') ledger.faults.push(`the durable queue ${name} is gone`)
      if (!isThere) this.#forget(ledger, coming)
      else {
        coming.queue = 'there'
        await this.#checkBinding(world, client, coming)
      }
    }
    for (const name of this.#passing) {
      const isThere = await exists(client, (id) => encodeQueueDeclare(id, { queue: name, passive: true }))
      if (isThere) ledger.faults.push(`the queue ${name} is there, which is not durable or was deleted`)
    }
    this.#passing = []
    for (const exchange of this.#exchanges) {
      const { name } = exchange
      const isThere = await exists(client, (id) => encodeExchangeDeclare(id, { exchange: name, passive: true }))
      if (!isThere && exchange.presence === 'there') ledger.faults.push(`the durable exchange ${name} is gone`)
      exchange.presence = isThere ? 'there' : 'gone'
    }
    this.#exchanges = this.#exchanges.filter(({ presence }) => presence === 'there')
  }

  /** Publishes through the binding: a mandatory message that comes back tells that there is none. */
  async #checkBinding({ ledger }: World, client: Client, coming: Coming): Promise<void> {
    const channel = await client.openChannel(true)
    const { line } = coming
    const properties = { deliveryMode: 2 }
    let isBound = true
    channel.onReturn = () => {
      isBound = false
    }
    const confirms = new Confirms(ledger, channel)
    const sent = ledger.publish('check', properties, 16, [line])
    confirms.add(channel.publish(this.exchange, line.name, properties, makeBody(sent.uid, 16), true), sent)
    await confirms.fewerThan(1)
    if (!isBound) ledger.confirm(sent, false)
    if (client.failure !== undefined) throw client.failure
    if (coming.binding === 'there' && !isBound) ledger.faults.push(`the binding of ${line.name} is gone`)
    if (coming.binding === 'gone' && isBound) ledger.faults.push(`the binding of ${line.name} is there again`)
    coming.binding = isBound ? 'there' : 'gone'
  }

  #forget(ledger: Ledger, coming: Coming): void {
    this.#coming = this.#coming.filter((other) => other !== coming)
    ledger.lines.delete(coming.line.name)
  }
}

class ComingClient implements Worker {
  readonly client: Client
  readonly #comings: Comings
  readonly #world: World
  readonly #channel: Channel
  readonly #confirms: Confirms
  readonly #name: string
  #isOver = false
  #working: Promise<void> | undefined

  constructor(comings: Comings, world: World, client: Client, channel: Channel, name: string) {
    this.client = client
    this.#comings = comings
    this.#world = world
    this.#channel = channel
    this.#confirms = new Confirms(world.ledger, channel)
    this.#name = name
  }

  work(): Promise<void> {
    this.#working = this.#work()
    return this.#working
  }

  async finish(): Promise<void> {
    this.#isOver = true
    await this.#working
    // Whatever was purged is proven by this.
    const { ledger, topology } = this.#world
    const sent = ledger.publish(this.#name, { deliveryMode: 2 }, 16, [topology.barrier])
    const body = makeBody(sent.uid, 16)
    this.#confirms.add(this.#channel.publish('', topology.barrier.name, { deliveryMode: 2 }, body), sent)
    await this.#confirms.fewerThan(1)
  }

  async #work(): Promise<void> {
    try {
      while (!this.#isOver) {
        await this.#comings.step(this.#world, this.#channel, this.#confirms, this.#name)
        await this.#confirms.fewerThan(50)
      }
    } catch (error) {
      if (this.client.failure === undefined) throw error
    }
  }
}

/** Asks passively on a channel of its own, since the answer no closes it. */
async function exists(client: Client, ask: (channel: number) => Buffer): Promise<boolean> {
  const channel = await client.openChannel()
  try {
    await channel.call(ask(channel.id), QUEUE_DECLARE_OK, EXCHANGE_DECLARE_OK)
    return true
  } catch (error) {
    if (error instanceof Closed && error.code === 404) return false
    throw error
  }
}
