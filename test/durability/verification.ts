import { BASIC_CONSUME_OK, encodeBasicAck, encodeBasicConsume, toObject } from '../../src/codec/index.ts'
import { makeBody } from './body.ts'
import type { BrokerHost } from './broker-process.ts'
import type { Channel, Client, Received } from './client.ts'
import { Confirms } from './confirms.ts'
import type { Copy, Line } from './ledger.ts'
import type { World } from './load.ts'
import { countMessages } from './topology.ts'

/** Queues say that they are empty, nothing more comes for so long: what is missing does not come. */
const QUIET_MS = 1000
const ALL_HERE_MS = 20_000
const POLL_MS = 5

/** Where a line has come to while it is read from its head. */
interface Progress {
  readonly line: Line
  readonly channel: Channel
  readonly last: Map<string, number>
  priority: number
}

/** Looks at everything that a broker has after a restart, and compares it with the ledger. */
export class Verification {
  readonly #world: World
  readonly #client: Client
  readonly #progress = new Map<string, Progress>()
  #received = 0
  /** By the id of the channel. */
  readonly #lastTags = new Map<number, number>()

  private constructor(world: World, client: Client) {
    this.#world = world
    this.#client = client
  }

  /**
   * @param isExact after a clean stop: counts and flags have to be just so.
   * @returns how many messages came.
   * @throws Closed when the broker goes away meanwhile.
   */
  static async run(world: World, broker: BrokerHost, isExact: boolean): Promise<number> {
    const client = await broker.connect()
    const verification = new Verification(world, client)
    try {
      return await verification.#run(isExact)
    } finally {
      await client.close()
    }
  }

  async #run(isExact: boolean): Promise<number> {
    const { topology, ledger, comings, keys, random } = this.#world
    ledger.flagsAreExact = isExact
    const control = await this.#client.openChannel()
    const counts = await topology.check(control)
    if (isExact) this.#compareCounts(counts)
    await comings.check(this.#world, this.#client)
    const taken = await this.#client.openChannel(true)
    const left = await this.#client.openChannel()
    for (const channel of [taken, left]) channel.onMessage = (message) => this.#receive(message)
    const horizon = Date.now()
    const lines = [...topology.names.filter((name) => name !== 'short'), ...comings.lines.map(({ name }) => name)]
    for (const name of lines) await this.#consume(ledger.line(name), random.chance(0.7) ? taken : left)
    await this.#allHere(horizon)
    ledger.flagsAreExact = false
    keys.judge(ledger)
    ledger.judge(horizon)
    await this.#take(taken)
    return this.#received
  }

  /** What was not looked at yet may only be what has yet to be due. */
  #compareCounts(counts: ReadonlyMap<string, number>): void {
    const { ledger } = this.#world
    for (const [name, count] of counts) {
      const live = [...(ledger.lines.get(name)?.live ?? [])]
      // Messages of the former are counted where they go to.
      if (name === 'short' || live.some(({ dueAt, expected }) => dueAt > 0 || expected !== 'must')) continue
      if (count !== live.length) ledger.faults.push(`${name} has ${count} messages instead of ${live.length}`)
    }
  }

  async #consume(line: Line, channel: Channel): Promise<void> {
    this.#progress.set(line.name, { line, channel, last: new Map(), priority: Number.POSITIVE_INFINITY })
    const fields = { queue: line.name, consumerTag: line.name }
    await channel.call(encodeBasicConsume(channel.id, fields), BASIC_CONSUME_OK)
  }

  #receive(message: Received): void {
    const { ledger } = this.#world
    const progress = this.#progress.get(message.consumerTag) as Progress
    const { line, channel } = progress
    this.#lastTags.set(channel.id, message.deliveryTag)
    const copy = ledger.receive(line, message)
    this.#received++
    if (copy === undefined) return
    if (line.options.repeats) this.#checkDeath(copy, message)
    else if (copy.seen > 1) ledger.faults.push(`there twice: ${copy}`)
    if (!line.options.isUnordered && !copy.isRequeued) this.#checkOrder(progress, copy)
  }

  #checkOrder(progress: Progress, copy: Copy): void {
    const { sent, line } = copy
    const priority = line.options.priorityMax === undefined ? 0 : (sent.properties.priority ?? 0)
    if (priority > progress.priority) this.#world.ledger.faults.push(`behind one of less priority: ${copy}`)
    progress.priority = priority
    const whose = `${sent.publisher} ${priority}`
    const last = progress.last.get(whose) ?? 0
    if (sent.uid < last) this.#world.ledger.faults.push(`behind message ${last}: ${copy}`)
    progress.last.set(whose, sent.uid)
  }

  #checkDeath(copy: Copy, message: Received): void {
    const { headers } = message.properties()
    const deaths = headers === undefined ? undefined : (toObject(headers)['x-death'] as Record<string, unknown>[])
    const death = deaths?.[0]
    const isShort = copy.line.name === 'short.dead'
    const queues = isShort ? ['short'] : ['work', 'quorum.work']
    const reason = isShort ? 'expired' : 'rejected'
    const isGood = queues.includes(String(death?.queue)) && death?.reason === reason && Number(death?.count) >= 1
    if (!isGood) this.#world.ledger.faults.push(`x-death is ${JSON.stringify(deaths)}: ${copy}`)
  }

  /** Everything that has to be there has come, and no queue has anything more to give. */
  async #allHere(horizon: number): Promise<void> {
    const { ledger } = this.#world
    const control = await this.#client.openChannel()
    const deadline = Date.now() + ALL_HERE_MS
    const lines = [...this.#progress.values()].map(({ line }) => line)
    let received = 0
    let quietSince = Date.now()
    while (Date.now() < deadline) {
      const isComplete = lines.every((line) => ledger.isComplete(line, horizon))
      const counts = await countMessages(control, [...this.#progress.keys()])
      const isEmpty = [...counts.values()].every((count) => count === 0)
      if (received !== this.#received) quietSince = Date.now()
      received = this.#received
      if (isEmpty && (isComplete || Date.now() - quietSince > QUIET_MS)) return
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** Acknowledges what came on the one channel, for good; what came on the other goes back with the connection. */
  async #take(channel: Channel): Promise<void> {
    const { ledger, topology } = this.#world
    const confirms = new Confirms(ledger, channel)
    for (const { line, channel: own } of this.#progress.values()) {
      if (own !== channel) continue
      for (const copy of line.live) {
        if (copy.seen === 0) continue
        ledger.acknowledge(copy)
        confirms.settle({ copy })
      }
    }
    // Not all there are: more may be on the way to us.
    const deliveryTag = this.#lastTags.get(channel.id)
    if (deliveryTag !== undefined) channel.write(encodeBasicAck(channel.id, { deliveryTag, multiple: true }))
    const properties = { deliveryMode: 2 }
    const sent = ledger.publish('verification', properties, 16, [topology.barrier])
    confirms.add(channel.publish('', topology.barrier.name, properties, makeBody(sent.uid, 16)), sent)
    await confirms.fewerThan(1)
  }
}
