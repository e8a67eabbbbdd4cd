/** How a queue of the model is declared. */
export interface ModelQueueOptions {
  readonly isDurable: boolean
  readonly isQuorum: boolean
  readonly priorityMax?: number
  readonly ttlMs?: number
  readonly lengthMax?: number
  readonly overflow?: 'drop-head' | 'reject-publish'
  /** The queue that its dead letters go to, by the default exchange. */
  readonly deadTo?: string
  readonly isDeduplicating?: boolean
}

export type ModelExchangeType = 'direct' | 'fanout' | 'topic' | 'delayed'

export interface ModelExchangeOptions {
  readonly type: ModelExchangeType
  readonly isDurable: boolean
  readonly isDeduplicating?: boolean
}

/** What somebody publishes. */
export interface ModelPublishing {
  readonly id: number
  readonly isPersistent: boolean
  readonly priority: number
  readonly expirationMs?: number
  readonly delayMs?: number
  readonly key?: string
}

/** A message in a queue of the model. */
export interface ModelMessage extends ModelPublishing {
  /** Its place among those of its priority. */
  place: number
  readonly expiresAt: number
  readonly deaths: readonly string[]
  redelivered: boolean
  /** How often it came back. */
  returns: number
  /** It was there at a crash, and the broker came back then: its letter may have been delivered before, too. */
  crashedUntil: number | undefined
}

interface Delayed {
  readonly publishing: ModelPublishing
  readonly routingKey: string
  readonly dueAt: number
}

const CACHE_SIZE = 4

/** Keys in the order they came; the cache holds four. One is kept over a restart if a message with it was. */
class SeenKeys {
  #keys: string[] = []
  readonly #kept = new Set<string>()

  isDuplicate(key: string | undefined): boolean {
    if (key === undefined) return false
    if (this.#keys.includes(key)) return true
    this.#keys.push(key)
    this.#kept.delete(key)
    if (this.#keys.length > CACHE_SIZE) this.#keys.shift()
    return false
  }

  keep(key: string | undefined): void {
    if (key !== undefined) this.#kept.add(key)
  }

  restart(): void {
    this.#keys = this.#keys.filter((key) => this.#kept.has(key))
  }
}

/** A queue as a sorted list. */
export class ModelQueue {
  readonly name: string
  readonly options: ModelQueueOptions
  ready: ModelMessage[] = []
  readonly unacked = new Set<ModelMessage>()
  readonly keys = new SeenKeys()
  /** How many it ever took. */
  places = 0

  constructor(name: string, options: ModelQueueOptions) {
    this.name = name
    this.options = options
  }

  priorityOf({ priority }: ModelPublishing): number {
    return Math.min(priority, this.options.priorityMax ?? 0)
  }

  insert(message: ModelMessage): void {
    const priority = this.priorityOf(message)
    const at = this.ready.findIndex((other) => {
      const others = this.priorityOf(other)
      return others < priority || (others === priority && other.place > message.place)
    })
    this.ready.splice(at === -1 ? this.ready.length : at, 0, message)
  }

  keeps({ isPersistent }: ModelPublishing): boolean {
    return this.options.isDurable && (isPersistent || this.options.isQuorum)
  }
}

export class ModelExchange {
  readonly name: string
  readonly options: ModelExchangeOptions
  readonly bindings = new Map<string, { readonly queue: string; readonly key: string }>()
  readonly keys = new SeenKeys()
  delayed: Delayed[] = []

  constructor(name: string, options: ModelExchangeOptions) {
    this.name = name
    this.options = options
  }

  route(routingKey: string): string[] {
    const { type } = this.options
    const bound = [...this.bindings.values()].filter(({ key }) => {
      if (type === 'fanout') return true
      // The keys of the test are `a.b` and the like: two words.
      if (type === 'topic') return key === '#' || key === routingKey || key === `${routingKey.split('.')[0]}.*`
      return key === routingKey
    })
    return [...new Set(bound.map(({ queue }) => queue))]
  }
}

/** A broker as a few lists: what Leveret has to be like, restarts included. Time is what the test says it is. */
export class ModelBroker {
  readonly queues = new Map<string, ModelQueue>()
  readonly exchanges = new Map<string, ModelExchange>()
  readonly users = new Map<string, { readonly password: string; readonly vhosts: Set<string> }>()
  readonly vhosts = new Set<string>()
  now = 0
  #isAfterCrash = false

  declareQueue(name: string, options: ModelQueueOptions): void {
    if (!this.queues.has(name)) this.queues.set(name, new ModelQueue(name, options))
  }

  declareExchange(name: string, options: ModelExchangeOptions): void {
    if (!this.exchanges.has(name)) this.exchanges.set(name, new ModelExchange(name, options))
  }

  deleteQueue(name: string): void {
    this.queues.delete(name)
    for (const { bindings } of this.exchanges.values()) {
      for (const [id, { queue }] of bindings) if (queue === name) bindings.delete(id)
    }
  }

  /** @returns false when a queue refuses it. */
  publish(exchangeName: string, routingKey: string, publishing: ModelPublishing): boolean {
    if (exchangeName === '') return this.#deliver(this.queues.has(routingKey) ? [routingKey] : [], publishing)
    const exchange = this.exchanges.get(exchangeName) as ModelExchange
    if (exchange.options.isDeduplicating && exchange.keys.isDuplicate(publishing.key)) return true
    if (exchange.options.type === 'delayed' && publishing.delayMs !== undefined) {
      exchange.delayed.push({ publishing, routingKey, dueAt: this.now + publishing.delayMs })
      if (publishing.isPersistent) exchange.keys.keep(publishing.key)
      return true
    }
    const names = exchange.route(routingKey)
    const places = names.map((name) => this.queues.get(name)?.places ?? 0)
    const isTaken = this.#deliver(names, publishing)
    const isKept = names.some((name, at) => {
      const queue = this.queues.get(name)
      return queue?.keeps(publishing) && queue.places > (places[at] as number)
    })
    if (isKept) exchange.keys.keep(publishing.key)
    return isTaken
  }

  take(queue: ModelQueue): ModelMessage | undefined {
    this.#expire(queue)
    const message = queue.ready.shift()
    if (message !== undefined) queue.unacked.add(message)
    return message
  }

  acknowledge(queue: ModelQueue, message: ModelMessage): void {
    queue.unacked.delete(message)
  }

  requeue(queue: ModelQueue, message: ModelMessage): void {
    if (!queue.unacked.delete(message)) return
    message.redelivered = true
    message.returns++
    queue.insert(message)
    this.#enforceLength(queue)
  }

  reject(queue: ModelQueue, message: ModelMessage): void {
    if (queue.unacked.delete(message)) this.#bury(queue, message, 'rejected')
  }

  /** Whoever had messages is gone. */
  requeueAll(): void {
    for (const queue of this.queues.values()) {
      for (const message of queue.unacked) message.returns++
      this.#returnAll(queue)
      this.#enforceLength(queue)
    }
  }

  /** @param isCrash then every message counts as handed out. */
  restart(isCrash: boolean): void {
    this.#isAfterCrash = isCrash
    // After a crash nobody returned anything: the queue is found so, and limits are looked at when time has passed.
    if (isCrash) for (const queue of this.queues.values()) this.#returnAll(queue)
    else this.requeueAll()
    for (const [name, { options }] of this.queues) if (!options.isDurable) this.deleteQueue(name)
    for (const [name, { options }] of this.exchanges) if (!options.isDurable) this.exchanges.delete(name)
    for (const queue of this.queues.values()) {
      queue.ready = queue.ready.filter((message) => queue.keeps(message))
      if (isCrash) for (const message of queue.ready) message.redelivered = true
      queue.keys.restart()
    }
    for (const exchange of this.exchanges.values()) {
      exchange.delayed = exchange.delayed.filter(({ publishing }) => publishing.isPersistent)
      exchange.keys.restart()
    }
  }

  /** Time has passed while nobody was there: what is over goes, what is due leaves. @returns whether something was due. */
  catchUp(): boolean {
    for (const queue of this.queues.values()) {
      if (this.#isAfterCrash) for (const message of queue.ready) message.crashedUntil = this.now
    }
    for (const queue of this.queues.values()) {
      this.#expire(queue)
      this.#enforceLength(queue)
    }
    let wasDue = false
    for (const exchange of this.exchanges.values()) {
      const due = exchange.delayed.filter(({ dueAt }) => dueAt <= this.now).sort((a, b) => a.dueAt - b.dueAt)
      exchange.delayed = exchange.delayed.filter(({ dueAt }) => dueAt > this.now)
      for (const { publishing, routingKey } of due)
        this.#deliver(exchange.route(routingKey), publishing, [], this.#isAfterCrash)
      wasDue ||= due.length > 0
    }
    return wasDue
  }

  #returnAll(queue: ModelQueue): void {
    for (const message of queue.unacked) {
      message.redelivered = true
      queue.insert(message)
    }
    queue.unacked.clear()
  }

  #deliver(
    names: readonly string[],
    publishing: ModelPublishing,
    deaths: readonly string[] = [],
    redelivered = false,
  ): boolean {
    let isTaken = true
    for (const name of names) {
      const queue = this.queues.get(name)
      if (queue !== undefined) isTaken = this.#accept(queue, publishing, deaths, redelivered) && isTaken
    }
    return isTaken
  }

  #accept(queue: ModelQueue, publishing: ModelPublishing, deaths: readonly string[], redelivered: boolean): boolean {
    const { lengthMax, overflow, ttlMs = Number.POSITIVE_INFINITY, isDeduplicating } = queue.options
    this.#expire(queue)
    if (overflow === 'reject-publish' && queue.ready.length >= (lengthMax ?? Number.POSITIVE_INFINITY)) return false
    if (isDeduplicating && queue.keys.isDuplicate(publishing.key)) return true
    const lifeMs = Math.min(ttlMs, publishing.expirationMs ?? Number.POSITIVE_INFINITY)
    const place = ++queue.places
    if (queue.keeps(publishing)) queue.keys.keep(publishing.key)
    const counted = { redelivered, returns: 0, crashedUntil: undefined }
    queue.insert({ ...publishing, place, expiresAt: this.now + lifeMs, deaths, ...counted })
    this.#enforceLength(queue)
    return true
  }

  #enforceLength(queue: ModelQueue): void {
    const { lengthMax = Number.POSITIVE_INFINITY, overflow } = queue.options
    if (overflow === 'reject-publish') return
    while (queue.ready.length > lengthMax) this.#bury(queue, queue.ready.shift() as ModelMessage, 'maxlen')
  }

  /** At the head of each priority. */
  #expire(queue: ModelQueue): void {
    for (let priority = queue.options.priorityMax ?? 0; priority >= 0; priority--) {
      for (;;) {
        const head = queue.ready.find((message) => queue.priorityOf(message) === priority)
        if (head === undefined || head.expiresAt > this.now) break
        queue.ready = queue.ready.filter((message) => message !== head)
        this.#bury(queue, head, 'expired')
      }
    }
  }

  #bury(queue: ModelQueue, message: ModelMessage, reason: string): void {
    const { deadTo } = queue.options
    // What is rejected after its queue was deleted goes nowhere.
    if (deadTo === undefined || this.queues.get(queue.name) !== queue) return
    const { id, isPersistent, priority, key, deaths } = message
    const death = `${queue.name} ${reason}`
    const letter = { id, isPersistent, priority, ...(key === undefined ? {} : { key }) }
    const { crashedUntil = Number.NEGATIVE_INFINITY, expiresAt } = message
    const mayBeRepeated = reason === 'expired' ? expiresAt <= crashedUntil : Number.isFinite(crashedUntil)
    this.#deliver([deadTo], letter, [death, ...deaths.filter((other) => other !== death)], mayBeRepeated)
  }
}
