import { BASIC_CONSUME_OK, encodeBasicConsume, toObject } from '../../src/codec/index.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { readBody } from './body.ts'
import type { Received } from './client.ts'
import { pick } from './load.ts'
import {
  ModelBroker,
  type ModelExchange,
  type ModelExchangeOptions,
  type ModelMessage,
  type ModelPublishing,
  type ModelQueue,
  type ModelQueueOptions,
} from './model.ts'
import { Actor, Administrator, type Held } from './modelled.ts'
import { NodeHost } from './node-host.ts'
import type { TestTime } from './test-time.ts'

const MINUTE_MS = 60_000
const QUEUES = ['q0', 'q1', 'q2', 'q3', 'q4', 'q5', 'q6']
const DEAD = ['dead.0', 'dead.1']
/** Takes what is published only for its confirm. */
const BARRIER = 'barrier'
const EXCHANGES = ['x0', 'x1', 'x2', 'x3']
const DELAYING = 'x3'
const KEYS = ['a.b', 'a.c', 'b.c']
const BINDING_KEYS = [...KEYS, 'a.*', '#']
const TTLS_MS = [10 * MINUTE_MS, 25 * MINUTE_MS, 60 * MINUTE_MS]
const USERS = ['ann', 'bob']
const VHOSTS = ['one', 'two']
const SHARING_QUEUES = 4
const STEPS_MAX = 60
const RESTARTS_MAX = 5
const DUE_MS = 40

/** Random operations on a broker with a data directory and on a model; compared after each restart. */
export class ModelRun {
  readonly #random: Random
  readonly #time: TestTime
  readonly #model = new ModelBroker()
  readonly #host: NodeHost
  readonly #held: Held[] = []
  readonly #passwords = new Map<string, string>([['guest', 'guest']])
  readonly #bytesMax: number
  /** Much of what is published goes to several queues. */
  readonly #isShared: boolean
  /**
   * Queues have limits, or messages expire: whether one that is over still counts where somebody else wants to get in is a
   * matter of the moment when both happen at a start.
   */
  readonly #hasLimits: boolean
  #actor!: Actor
  #administrator!: Administrator
  #ids = 0
  /** Files of bodies that several queues had, seen at restarts. */
  shared = 0
  /** What was done, for whoever has to find out. */
  readonly history: string[] = []

  /** @param time jumps while the broker is down; the model's is the same. */
  constructor(seed: number, time: TestTime) {
    this.#random = new Random(seed)
    this.#time = time
    this.#hasLimits = this.#random.chance(0.5)
    this.#isShared = this.#random.chance(0.3)
    this.#bytesMax = this.#isShared || this.#random.chance(0.4) ? 40_000 : 200
    this.#host = new NodeHost(new Disk(), this.#random, {
      journalBytes: this.#random.between(2000, 50_000),
      batchBytes: this.#random.between(200, 4000),
      messageMemory: 64 * 1024,
      sync: 'always',
    })
    this.#model.users.set('guest', { password: 'guest', vhosts: new Set(['/']) })
    this.#model.vhosts.add('/')
  }

  /** @throws Error that says what is not as in the model. @returns how often something was found in a queue. */
  async play(): Promise<number> {
    await this.#begin()
    await this.#actor.declareQueue(BARRIER, { isDurable: true, isQuorum: false })
    for (const name of DEAD) await this.#declareQueue(name, { isDurable: true, isQuorum: false })
    if (this.#isShared) await this.#fanOut()
    let found = 0
    for (let restarts = this.#random.between(1, RESTARTS_MAX); restarts > 0; restarts--) {
      for (let steps = this.#random.below(STEPS_MAX); steps > 0; steps--) await this.#step()
      await this.#restart(this.#random.chance(0.5))
      found += await this.#compare()
    }
    await this.#host.stop()
    return found
  }

  async #fanOut(): Promise<void> {
    const [name] = EXCHANGES as [string]
    await this.#actor.declareExchange(name, { type: 'fanout', isDurable: true })
    this.#model.declareExchange(name, { type: 'fanout', isDurable: true })
    const exchange = this.#model.exchanges.get(name) as ModelExchange
    for (const queue of QUEUES.slice(0, SHARING_QUEUES)) {
      // Where dead letters may meet what is published where they go to, the order is a matter of the moment.
      await this.#declareQueue(queue, { isDurable: true, isQuorum: this.#random.chance(0.25) })
      await this.#actor.bind(name, queue, '#')
      exchange.bindings.set(`${queue} #`, { queue, key: '#' })
    }
  }

  async #begin(): Promise<void> {
    await this.#host.start()
    this.#actor = await Actor.open(await this.#host.connect())
    this.#administrator = new Administrator(this.#host.node)
  }

  async #restart(isCrash: boolean): Promise<void> {
    this.#note(isCrash ? 'crash' : 'stop')
    // Acknowledgements are not waited for; a confirm that comes after them says that they are kept.
    await this.#actor.publish('', BARRIER, { id: ++this.#ids, isPersistent: true, priority: 0 }, 20)
    this.shared += [...this.#host.bodyFiles].length
    if (isCrash) this.#host.end()
    else await this.#host.stop()
    this.#held.length = 0
    this.#model.restart(isCrash)
    if (this.#random.chance(0.5)) {
      const ms = this.#random.between(1, 40) * MINUTE_MS
      this.#note(`${ms / MINUTE_MS} min pass`)
      this.#time.jump(ms)
      this.#model.now += ms
    }
    await this.#begin()
    // Which takes the broker's timer a moment.
    if (this.#model.catchUp()) await new Promise((resolve) => setTimeout(resolve, DUE_MS))
  }

  async #step(): Promise<void> {
    const what = this.#random.below(100)
    if (what < 8) await this.#declareQueue(pick(this.#random, QUEUES), this.#queueOptions())
    else if (what < 10) await this.#deleteQueue()
    else if (what < 14) await this.#declareExchange()
    else if (what < 15) await this.#deleteExchange()
    else if (what < 22) await this.#bind()
    else if (what < 24) await this.#unbind()
    else if (what < 64) await this.#publish()
    else if (what < 76) await this.#get()
    else if (what < 86) this.#settle()
    else if (what < 87) await this.#purge()
    else if (what < 92) await this.#transact()
    else if (what < 95) this.#administrate()
    else await this.#reconnect()
  }

  async #declareQueue(name: string, options: ModelQueueOptions): Promise<void> {
    const existing = this.#model.queues.get(name)
    this.#note(`declare ${name} ${existing === undefined ? JSON.stringify(options) : 'again'}`)
    await this.#actor.declareQueue(name, existing?.options ?? options)
    this.#model.declareQueue(name, options)
  }

  #queueOptions(): ModelQueueOptions {
    const random = this.#random
    const isQuorum = random.chance(0.25)
    return {
      isQuorum,
      isDurable: isQuorum || random.chance(0.85),
      ...(!isQuorum && random.chance(0.3) ? { priorityMax: 3 } : {}),
      ...(!this.#hasLimits && random.chance(0.4) ? { ttlMs: pick(random, TTLS_MS) } : {}),
      ...(this.#hasLimits && random.chance(0.4) ? { lengthMax: random.between(1, 8) } : {}),
      ...(!isQuorum && this.#hasLimits && random.chance(0.3) ? { overflow: 'reject-publish' as const } : {}),
      ...(random.chance(0.5) ? { deadTo: pick(random, DEAD) } : {}),
      ...(random.chance(0.2) ? { isDeduplicating: true } : {}),
    }
  }

  async #deleteQueue(): Promise<void> {
    const name = pick(this.#random, QUEUES)
    this.#note(`delete ${name}`)
    await this.#actor.deleteQueue(name)
    this.#model.deleteQueue(name)
  }

  async #declareExchange(): Promise<void> {
    const random = this.#random
    const name = pick(random, EXCHANGES)
    const options: ModelExchangeOptions = {
      // Which of two delaying exchanges lets something go first after a start is a matter of the moment.
      type: pick(random, name === DELAYING ? ['delayed', 'topic'] : ['direct', 'fanout', 'topic']),
      isDurable: random.chance(0.85),
      ...(random.chance(0.3) ? { isDeduplicating: true } : {}),
    }
    if (this.#model.exchanges.has(name)) return
    this.#note(`declare ${name} ${JSON.stringify(options)}`)
    await this.#actor.declareExchange(name, options)
    this.#model.declareExchange(name, options)
  }

  async #deleteExchange(): Promise<void> {
    const name = pick(this.#random, EXCHANGES)
    this.#note(`delete ${name}`)
    await this.#actor.deleteExchange(name)
    this.#model.exchanges.delete(name)
  }

  async #bind(): Promise<void> {
    const exchange = this.#anyExchange()
    const queue = this.#anyQueue()
    // A letter may meet what is published: which of them comes first is a matter of the moment.
    if (exchange === undefined || queue === undefined || DEAD.includes(queue.name)) return
    const key = pick(this.#random, BINDING_KEYS)
    this.#note(`bind ${queue.name} to ${exchange.name} by ${key}`)
    await this.#actor.bind(exchange.name, queue.name, key)
    exchange.bindings.set(`${queue.name} ${key}`, { queue: queue.name, key })
  }

  async #unbind(): Promise<void> {
    const exchange = this.#anyExchange()
    const binding = exchange && pick(this.#random, [...exchange.bindings.values()])
    if (binding === undefined) return
    this.#note(`unbind ${binding.queue} from ${exchange?.name} by ${binding.key}`)
    await this.#actor.unbind(exchange?.name as string, binding.queue, binding.key)
    exchange?.bindings.delete(`${binding.queue} ${binding.key}`)
  }

  async #publish(): Promise<void> {
    const random = this.#random
    const exchange = random.chance(0.5) ? this.#anyExchange() : undefined
    const key = exchange === undefined ? pick(random, QUEUES) : pick(random, KEYS)
    const publishing = this.#publishing(exchange)
    this.#note(`publish ${JSON.stringify(publishing)} to '${exchange?.name ?? ''}' ${key}`)
    const isTaken = await this.#actor.publish(exchange?.name ?? '', key, publishing, this.#bytes())
    const expected = this.#model.publish(exchange?.name ?? '', key, publishing)
    if (isTaken !== expected) throw new Error(`message ${publishing.id} was taken: ${isTaken}, not ${expected}`)
  }

  #publishing(exchange?: ModelExchange): ModelPublishing {
    const random = this.#random
    const key = random.chance(0.3) ? `key ${random.below(6)}` : undefined
    return {
      id: ++this.#ids,
      // A key is kept with its message.
      isPersistent: key !== undefined || random.chance(0.85),
      priority: random.below(5),
      ...(!this.#hasLimits && random.chance(0.3) ? { expirationMs: pick(random, TTLS_MS) } : {}),
      ...(exchange?.options.type === 'delayed' && random.chance(0.8) ? { delayMs: pick(random, TTLS_MS) } : {}),
      ...(key === undefined ? {} : { key }),
    }
  }

  async #get(): Promise<void> {
    const queue = this.#anyQueue()
    if (queue === undefined) return
    this.#note(`get from ${queue.name}`)
    const isInTransaction = this.#random.chance(0.3)
    const received = await this.#actor.get(queue.name, isInTransaction)
    const message = this.#model.take(queue)
    const got = received && describeReceived(received)
    const expected = message && describe(queue, message)
    if (got !== expected) throw new Error(`got ${got} from ${queue.name} instead of ${expected}`)
    if (received === undefined || message === undefined) return
    this.#held.push({ tag: received.deliveryTag, queue, message, isInTransaction })
  }

  #settle(): void {
    const random = this.#random
    const at = this.#held.findIndex(({ isInTransaction }) => !isInTransaction && random.chance(0.5))
    const [held] = at === -1 ? [] : this.#held.splice(at, 1)
    if (held === undefined) return
    const { queue, message } = held
    const what = pick(random, ['acknowledge', 'requeue', 'reject'] as const)
    this.#note(`${what} ${message.id} of ${queue.name}`)
    if (what === 'acknowledge') this.#actor.acknowledge(held)
    else this.#actor.reject(held, what === 'requeue')
    this.#model[what](queue, message)
  }

  async #purge(): Promise<void> {
    const queue = this.#anyQueue()
    if (queue === undefined) return
    this.#note(`purge ${queue.name}`)
    const count = await this.#actor.purge(queue.name)
    if (count !== queue.ready.length) throw new Error(`purged ${count} of ${queue.ready.length} from ${queue.name}`)
    queue.ready = []
  }

  async #transact(): Promise<void> {
    const random = this.#random
    const targets = [...this.#model.queues.values()].filter(({ options }) => options.overflow === undefined)
    if (targets.length === 0) return
    const publishings = Array.from({ length: random.below(4) }, () => ({
      queue: pick(random, targets).name,
      publishing: this.#publishing(),
      bytes: this.#bytes(),
    }))
    const acknowledged = this.#held.filter(({ isInTransaction }) => isInTransaction && random.chance(0.6))
    const isCommitted = random.chance(0.7)
    const what = publishings.map(({ queue, publishing }) => `${publishing.id} to ${queue}`)
    const done = acknowledged.map(({ message }) => message.id)
    this.#note(`${isCommitted ? 'commit' : 'roll back'} ${JSON.stringify(what)}, acknowledging ${done}`)
    await this.#actor.transact(publishings, acknowledged, isCommitted)
    if (!isCommitted) return
    for (const { queue, publishing } of publishings) this.#model.publish('', queue, publishing)
    for (const held of acknowledged) {
      this.#held.splice(this.#held.indexOf(held), 1)
      this.#model.acknowledge(held.queue, held.message)
    }
  }

  #administrate(): void {
    const random = this.#random
    const { users, vhosts } = this.#model
    const name = pick(random, USERS)
    const vhost = pick(random, VHOSTS)
    const what = random.below(5)
    this.#note(`administrate ${what} ${name} ${vhost}`)
    if (what === 0) {
      const password = `secret ${++this.#ids}`
      this.#passwords.set(name, password)
      this.#administrator.addUser(name, password)
      users.set(name, { password, vhosts: users.get(name)?.vhosts ?? new Set() })
    } else if (what === 1 && users.has(name) && vhosts.has(vhost)) {
      this.#administrator.allow(name, vhost)
      users.get(name)?.vhosts.add(vhost)
    } else if (what === 2) {
      this.#administrator.deleteUser(name)
      users.delete(name)
    } else if (what === 3) {
      this.#administrator.addVirtualHost(vhost)
      vhosts.add(vhost)
      users.get('guest')?.vhosts.add(vhost)
    } else if (what === 4) {
      this.#administrator.deleteVirtualHost(vhost)
      vhosts.delete(vhost)
      for (const user of users.values()) user.vhosts.delete(vhost)
    }
  }

  /** What was not settled goes back. */
  async #reconnect(): Promise<void> {
    this.#note('reconnect')
    await this.#actor.client.close()
    this.#held.length = 0
    this.#model.requeueAll()
    this.#actor = await Actor.open(await this.#host.connect())
  }

  /** @returns how many messages there were. */
  async #compare(): Promise<number> {
    this.#compareUsers()
    for (const name of EXCHANGES) {
      const isThere = await this.#actor.hasExchange(name)
      if (isThere !== this.#model.exchanges.has(name)) throw new Error(`exchange ${name} is there: ${isThere}`)
    }
    let found = 0
    for (const name of [...QUEUES, ...DEAD]) {
      const queue = this.#model.queues.get(name)
      const count = await this.#actor.count(name)
      if ((count === undefined) !== (queue === undefined)) throw new Error(`queue ${name} is there: ${count}`)
      if (queue === undefined) continue
      found += queue.ready.length
      await this.#compareMessages(queue, count as number)
    }
    await this.#reconnect()
    return found
  }

  /** @param count of messages that the broker says it has: those that are over and not at the head may count as well. */
  async #compareMessages(queue: ModelQueue, count: number): Promise<void> {
    const expectedCount = queue.ready.length
    const channel = await this.#actor.client.openChannel()
    const received: Received[] = []
    channel.onMessage = (message) => received.push(message)
    const consumed = encodeBasicConsume(channel.id, { queue: queue.name })
    await channel.call(consumed, BASIC_CONSUME_OK)
    while ((await this.#actor.count(queue.name)) !== 0);
    const got = received.map(describeReceived)
    const expected: string[] = []
    for (let next = this.#model.take(queue); next !== undefined; next = this.#model.take(queue)) {
      expected.push(describe(queue, next))
    }
    if (DEAD.includes(queue.name)) takeOrder(queue, got, expected)
    const isCounted = count >= expected.length && count <= expectedCount
    if (isCounted && got.join('\n') === expected.join('\n')) return
    throw new Error(
      `${queue.name} has ${count} instead of ${expectedCount}\n  ${got.join('\n  ')}\ninstead of\n  ${expected.join('\n  ')}`,
    )
  }

  #compareUsers(): void {
    const expected = [...this.#model.vhosts].map((name) => `vhost ${name}`)
    for (const [name, { vhosts }] of this.#model.users) expected.push(`user ${name} in ${[...vhosts].sort().join(' ')}`)
    const is = this.#administrator.describe(this.#passwords)
    if (is.join() !== expected.sort().join()) throw new Error(`users are ${is} instead of ${expected}`)
  }

  #anyQueue(): ModelQueue | undefined {
    return pick(this.#random, [...this.#model.queues.values()])
  }

  #anyExchange(): ModelExchange | undefined {
    return pick(this.#random, [...this.#model.exchanges.values()])
  }

  #bytes(): number {
    return this.#random.between(16, this.#bytesMax)
  }

  #note(what: string): void {
    this.history.push(what)
  }
}

/** Several queues bury here, in whichever order their turn comes: the model's messages take the order of the broker's. */
function takeOrder(queue: ModelQueue, got: readonly string[], expected: string[]): void {
  const messages = [...queue.unacked].filter((message) => got.includes(describe(queue, message)))
  const places = messages.map(({ place }) => place).sort((a, b) => a - b)
  messages.sort((a, b) => got.indexOf(describe(queue, a)) - got.indexOf(describe(queue, b)))
  for (const [index, message] of messages.entries()) message.place = places[index] as number
  expected.sort((a, b) => got.indexOf(a) - got.indexOf(b))
}

/** All that a consumer sees of a message. */
function describe({ options }: ModelQueue, message: ModelMessage): string {
  const { id, priority, deaths, redelivered, key, returns } = message
  const count = options.isQuorum && returns > 0 ? returns : undefined
  return `${id} priority ${priority}, key ${key}, count ${count}, died ${deaths.join(', ')}${redelivered ? ', redelivered' : ''}`
}

function describeReceived({ body, redelivered, properties }: Received): string {
  const { priority, headers } = properties()
  const values: Record<string, unknown> = headers === undefined ? {} : toObject(headers)
  const { 'x-death': deaths, 'x-deduplication-header': key, 'x-delivery-count': count } = values
  const died = ((deaths ?? []) as Record<string, unknown>[]).map(({ queue, reason }) => `${queue} ${reason}`)
  return `${readBody(body)} priority ${priority}, key ${key}, count ${count}, died ${died.join(', ')}${redelivered ? ', redelivered' : ''}`
}
