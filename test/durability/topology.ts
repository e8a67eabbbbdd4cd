import {
  EXCHANGE_BIND_OK,
  EXCHANGE_DECLARE_OK,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeQueueBind,
  encodeQueueDeclare,
  fromObject,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import type { Channel } from './client.ts'
import type { Ledger, Line, LineOptions } from './ledger.ts'

/** Where a publisher sends to, and in which queues that has to end up. */
export interface Target {
  readonly exchange: string
  readonly routingKey: string
  readonly lines: readonly Line[]
  /** How often, beside the others. */
  readonly weight: number
  readonly headers?: Record<string, unknown>
  readonly priorityMax?: number
  /** The message arrives that much later. */
  readonly delayMs?: readonly [number, number]
  /** Two with one key are one. */
  readonly isDeduplicated?: boolean
  /** A queue that is full may refuse it. */
  readonly mayRefuse?: boolean
}

const HOUR_MS = 3_600_000
const LENGTH_MAX = 80

export interface TopologyOptions {
  /** How many queues one message goes to. Default 20. */
  readonly fanQueues?: number
  /** How long the delaying exchange keeps messages back. Default 20 to 400 ms. */
  readonly delayMs?: readonly [number, number]
  /** How long messages live in the queue that they soon leave as dead letters. Default 200. */
  readonly ttlMs?: number
}

/** The queues that stand throughout, of all kinds; each has a line in the ledger. */
export class Topology {
  readonly targets: readonly Target[]
  /** Queues that consumers may take from under load. */
  readonly consumed: readonly Line[]
  /** Where rejected messages go, by the queue they were rejected in. */
  readonly graves: ReadonlyMap<Line, Line>
  /** Two queues that a transaction fills, and the one it takes from. */
  readonly transaction: { readonly from: Line; readonly to: readonly [Line, Line] }
  /** Consumers publish here, to know that their acks were read. */
  readonly barrier: Line
  /** Routes to the queues that come and go. */
  readonly comings = 'comings'
  /** Messages put at most into the queue that refuses more. */
  readonly lengthMax = LENGTH_MAX
  readonly #queues: { readonly name: string; readonly args: Record<string, unknown> }[] = []
  readonly #ledger: Ledger
  readonly #exchanges: { readonly name: string; readonly type: string; readonly args: Record<string, unknown> }[] = []
  readonly #bindings: { exchange: string; queue: string; key: string; args: Record<string, unknown> }[] = []

  constructor(ledger: Ledger, { fanQueues = 20, delayMs = [20, 400], ttlMs = 200 }: TopologyOptions = {}) {
    this.#ledger = ledger
    const plain = ['plain.0', 'plain.1', 'plain.2', 'plain.3'].map((name) => this.#queue(name))
    const quorum = ['quorum.0', 'quorum.1'].map((name) => this.#quorum(name))
    const priority = this.#queue('priority', { 'x-max-priority': 5 }, { priorityMax: 5 })
    const ttl = this.#queue('ttl', { 'x-message-ttl': HOUR_MS })
    const full = this.#queue('full', { 'x-max-length': LENGTH_MAX, 'x-overflow': 'reject-publish' })
    const grave = this.#queue('grave', {}, { repeats: true, isUnordered: true })
    const toGrave = { 'x-dead-letter-exchange': 'graves', 'x-dead-letter-routing-key': 'grave' }
    const work = this.#queue('work', toGrave)
    const quorumWork = this.#quorum('quorum.work', toGrave)
    const short = { 'x-message-ttl': ttlMs, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'short.dead' }
    this.#queue('short', short)
    const shortDead = this.#queue('short.dead', {}, { isUnordered: true, repeats: true })
    const fan = Array.from({ length: fanQueues }, (_, at) =>
      at % 5 === 0 ? this.#quorum(`fan.${at}`) : this.#queue(`fan.${at}`),
    )
    const later = this.#queue('later', {}, { isUnordered: true })
    const once = this.#queue('once')
    const heads = [this.#queue('heads.0'), this.#queue('heads.1')] as const
    const transaction = [this.#queue('tx.0'), this.#queue('tx.1'), this.#quorum('tx.2')] as const
    this.barrier = this.#queue('barrier')
    this.transaction = { from: transaction[0], to: [transaction[1], transaction[2]] }

    this.#exchange('graves', 'direct')
    this.#bind('graves', grave, 'grave')
    this.#exchange('fan', 'fanout')
    for (const line of fan) this.#bind('fan', line, '')
    this.#exchange('topics', 'topic')
    this.#bind('topics', plain[0] as Line, 'a.*')
    this.#bind('topics', quorum[0] as Line, '#.z')
    this.#exchange('heads', 'headers')
    this.#bind('heads', heads[0], '', { kind: 'a', 'x-match': 'all' })
    this.#bind('heads', heads[1], '', { kind: 'a', other: 1, 'x-match': 'any' })
    this.#exchange('delays', 'x-delayed-message', { 'x-delayed-type': 'direct' })
    this.#bind('delays', later, 'later')
    this.#exchange('dedup', 'direct', { 'x-message-deduplication': true, 'x-cache-size': 1_000_000 })
    this.#bind('dedup', once, 'once')
    this.#exchange(this.comings, 'direct')

    const all = [...plain, ...quorum, ttl, work, quorumWork]
    this.targets = [
      ...all.map((line) => ({ exchange: '', routingKey: line.name, lines: [line], weight: 6 })),
      { exchange: '', routingKey: 'priority', lines: [priority], weight: 6, priorityMax: 5 },
      { exchange: '', routingKey: 'full', lines: [full], weight: 4, mayRefuse: true },
      { exchange: '', routingKey: 'short', lines: [shortDead], weight: 3, delayMs: [ttlMs, ttlMs] },
      { exchange: '', routingKey: transaction[0].name, lines: [transaction[0]], weight: 4 },
      { exchange: 'fan', routingKey: '', lines: fan, weight: 3 },
      { exchange: 'topics', routingKey: 'a.b', lines: [plain[0] as Line], weight: 3 },
      { exchange: 'topics', routingKey: 'never.mind', lines: fan, weight: 1 },
      { exchange: 'topics', routingKey: 'a.z', lines: [plain[0] as Line, quorum[0] as Line], weight: 3 },
      { exchange: 'heads', routingKey: '', lines: [...heads], weight: 3, headers: { kind: 'a' } },
      { exchange: 'heads', routingKey: '', lines: [heads[1]], weight: 3, headers: { other: 1 } },
      { exchange: 'delays', routingKey: 'later', lines: [later], weight: 3, delayMs },
      { exchange: 'dedup', routingKey: 'once', lines: [once], weight: 3, isDeduplicated: true },
    ]
    this.consumed = [...all, priority, full, ...fan, ...heads, later, shortDead]
    this.graves = new Map([
      [work, grave],
      [quorumWork, grave],
    ])
  }

  get names(): string[] {
    return this.#queues.map(({ name }) => name)
  }

  /** Declares and binds everything. */
  async declare(channel: Channel): Promise<void> {
    await this.#redeclare(channel)
    const calls: Promise<unknown>[] = []
    for (const { exchange, queue, key, args } of this.#bindings) {
      const fields = { exchange, queue, routingKey: key, arguments: fromObject(args) }
      calls.push(channel.call(encodeQueueBind(channel.id, fields), QUEUE_BIND_OK))
    }
    const bind = { destination: 'fan', source: 'topics', routingKey: 'never.#' }
    calls.push(channel.call(encodeExchangeBind(channel.id, bind), EXCHANGE_BIND_OK))
    await Promise.all(calls)
  }

  /**
   * Checks that everything is there as it was declared; bindings show when something is published.
   * @throws Closed in the broker's words when not.
   * @returns how many messages each queue has.
   */
  async check(channel: Channel): Promise<Map<string, number>> {
    const counts = await countMessages(channel, this.names)
    const passive = this.#exchanges.map(({ name }) =>
      channel.call(encodeExchangeDeclare(channel.id, { exchange: name, passive: true }), EXCHANGE_DECLARE_OK),
    )
    await Promise.all(passive)
    await this.#redeclare(channel)
    return counts
  }

  async #redeclare(channel: Channel): Promise<void> {
    const calls: Promise<unknown>[] = []
    for (const { name, args } of this.#queues) {
      const frame = encodeQueueDeclare(channel.id, { queue: name, durable: true, arguments: fromObject(args) })
      calls.push(channel.call(frame, QUEUE_DECLARE_OK))
    }
    for (const { name, type, args } of this.#exchanges) {
      const fields = { exchange: name, type, durable: true, arguments: fromObject(args) }
      calls.push(channel.call(encodeExchangeDeclare(channel.id, fields), EXCHANGE_DECLARE_OK))
    }
    await Promise.all(calls)
  }

  #queue(name: string, args: Record<string, unknown> = {}, options: LineOptions = {}): Line {
    this.#queues.push({ name, args })
    return this.#ledger.line(name, options)
  }

  #quorum(name: string, args: Record<string, unknown> = {}): Line {
    return this.#queue(name, { ...args, 'x-queue-type': 'quorum', 'x-delivery-limit': -1 }, { keepsAll: true })
  }

  #exchange(name: string, type: string, args: Record<string, unknown> = {}): void {
    this.#exchanges.push({ name, type, args })
  }

  #bind(exchange: string, line: Line, key: string, args: Record<string, unknown> = {}): void {
    this.#bindings.push({ exchange, queue: line.name, key, args })
  }
}

/** How many messages are ready in each of these queues. @throws Closed when one is not there. */
export async function countMessages(channel: Channel, names: readonly string[]): Promise<Map<string, number>> {
  const answers = names.map(async (name): Promise<[string, number]> => {
    const frame = encodeQueueDeclare(channel.id, { queue: name, passive: true })
    return [name, (await channel.call(frame, QUEUE_DECLARE_OK)).fields.messageCount]
  })
  return new Map(await Promise.all(answers))
}
