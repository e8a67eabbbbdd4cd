import {
  array,
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeBasicQos,
  encodeBasicRecover,
  encodeBasicReject,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeExchangeUnbind,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeQueueUnbind,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  fromObject,
  longstr,
  type Properties,
  Table,
  textOf,
} from '../../src/codec/index.ts'
import { publish } from './harness.ts'
import type { Random } from './random.ts'

const QUEUES = ['q1', 'q2', 'q3', 'q4']
const EXCHANGES = ['', 'x1', 'x2', 'x3', 'amq.topic', 'amq.headers']
const NAMED_EXCHANGES = EXCHANGES.slice(1)
const KEYS = ['q1', 'q2', 'q3', 'q4', 'a.b', 'a.#', '*.b', '']
const TYPES = ['direct', 'fanout', 'topic', 'headers', 'x-delayed-message', 'x-consistent-hash']

function queueArguments(random: Random): Table {
  const type = random.pick(['classic', 'classic', 'quorum'])
  const all: Record<string, unknown> = {
    'x-message-ttl': random.pick([0, 5, 500]),
    'x-max-length': random.pick([0, 1, 5]),
    'x-max-length-bytes': 300,
    'x-overflow': random.pick(['drop-head', 'reject-publish', 'reject-publish-dlx']),
    'x-dead-letter-exchange': random.pick(EXCHANGES),
    'x-single-active-consumer': true,
    'x-expires': random.pick([10, 1000]),
    'x-message-deduplication': true,
    ...(type === 'classic' ? { 'x-max-priority': 3 } : {}),
  }
  return fromObject({ ...some(random, all), 'x-queue-type': type })
}

function exchangeArguments(random: Random, type: string): Table {
  const all: Record<string, unknown> = {
    'alternate-exchange': random.pick(EXCHANGES),
    'x-message-deduplication': true,
  }
  const chosen = some(random, all)
  if (type === 'x-delayed-message') chosen['x-delayed-type'] = random.pick(['direct', 'fanout', 'topic'])
  return fromObject(chosen)
}

function some(random: Random, all: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(() => random.below(4) === 0))
}

function properties(random: Random): Properties {
  if (random.below(2) === 0) return {}
  const headers = new Table()
  if (random.below(3) === 0) headers.set('CC', array(longstr(random.pick(KEYS)), longstr(random.pick(KEYS))))
  if (random.below(3) === 0) headers.set('BCC', array(longstr(random.pick(KEYS))))
  if (random.below(4) === 0) headers.set('x-delay', { type: 'I', value: random.pick([1, 20]) })
  if (random.below(4) === 0) headers.set('x-deduplication-header', longstr(random.pick(['k1', 'k2'])))
  return {
    headers,
    ...(random.below(2) === 0 ? { deliveryMode: 2 } : {}),
    ...(random.below(4) === 0 ? { expiration: random.pick(['0', '3', '100']) } : {}),
    ...(random.below(4) === 0 ? { priority: random.below(6) } : {}),
    ...(random.below(40) === 0 ? { replyTo: 'amq.rabbitmq.reply-to' } : {}),
  }
}

/** What one channel of a client knows, as far as it is needed to go on in a sensible way. */
export class ChannelState {
  /** Deliveries not settled. */
  readonly tags: number[] = []
  readonly consumers = new Set<string>()
}

/** Does what clients do, in any order, within one small topology: names are few, so that they meet. */
export class Operator {
  readonly #random: Random
  readonly #queues: { queue: string; durable: boolean; autoDelete: boolean; arguments: Table }[]
  readonly #exchanges: { exchange: string; type: string; autoDelete: boolean; arguments: Table }[]
  #consumers = 0

  constructor(random: Random) {
    this.#random = random
    this.#queues = QUEUES.map((queue) => {
      const args = queueArguments(random)
      const quorum = textOf(args.get('x-queue-type')) === 'quorum'
      return {
        queue,
        durable: quorum || random.below(2) === 0,
        autoDelete: !quorum && random.below(4) === 0,
        arguments: args,
      }
    })
    this.#exchanges = ['x1', 'x2', 'x3'].map((exchange) => {
      const type = random.pick(TYPES)
      return { exchange, type, autoDelete: random.below(4) === 0, arguments: exchangeArguments(random, type) }
    })
  }

  /** Declares all there is. */
  topology(channel: number): Buffer {
    return Buffer.concat([
      ...this.#queues.map((queue) => encodeQueueDeclare(channel, queue)),
      ...this.#exchanges.map((exchange) => encodeExchangeDeclare(channel, exchange)),
      ...Array.from({ length: 8 }, () => encodeQueueBind(channel, this.#binding())),
    ])
  }

  /** What a channel does first: some are transactional, some confirm. */
  opening(channel: number): Buffer {
    const mode = this.#random.pick([Buffer.alloc(0), encodeConfirmSelect(channel, {}), encodeTxSelect(channel)])
    return Buffer.concat([encodeChannelOpen(channel), mode])
  }

  next(channel: number, state: ChannelState): Buffer {
    const random = this.#random
    const kind = random.below(100)
    if (kind < 35) return this.#publish(channel)
    if (kind < 60) return this.#settle(channel, state)
    if (kind < 68) return encodeBasicGet(channel, { queue: random.pick(QUEUES), noAck: random.below(3) === 0 })
    if (kind < 75) return this.#consume(channel, state)
    if (kind < 78) return this.topology(channel)
    return this.#rarer(channel, state)
  }

  #publish(channel: number): Buffer {
    const random = this.#random
    return publish(channel, {
      exchange: random.pick(['', '', ...EXCHANGES]),
      routingKey: random.pick(KEYS),
      mandatory: random.below(4) === 0,
      properties: properties(random),
      body: Buffer.alloc(random.pick([0, 1, 100, 5000]), 'b'),
    })
  }

  #settle(channel: number, state: ChannelState): Buffer {
    const random = this.#random
    const { tags } = state
    if (tags.length === 0) return encodeBasicGet(channel, { queue: random.pick(QUEUES) })
    const index = random.below(tags.length)
    const multiple = random.below(3) === 0
    const all = multiple && random.below(3) === 0
    const deliveryTag = all ? 0 : (tags[index] as number)
    if (all) tags.length = 0
    else if (multiple) tags.splice(0, index + 1)
    else tags.splice(index, 1)
    const requeue = random.below(2) === 0
    if (random.below(2) === 0) return encodeBasicAck(channel, { deliveryTag, multiple })
    if (multiple || random.below(2) === 0) return encodeBasicNack(channel, { deliveryTag, multiple, requeue })
    return encodeBasicReject(channel, { deliveryTag, requeue })
  }

  #consume(channel: number, state: ChannelState): Buffer {
    const random = this.#random
    const consumerTag = `c${this.#consumers++}`
    const replies = random.below(12) === 0
    state.consumers.add(consumerTag)
    return encodeBasicConsume(channel, {
      queue: replies ? 'amq.rabbitmq.reply-to' : random.pick(QUEUES),
      consumerTag,
      noAck: replies || random.below(3) === 0,
      exclusive: random.below(8) === 0,
      arguments: random.below(4) === 0 ? fromObject({ 'x-priority': random.below(3) }) : new Table(),
    })
  }

  #binding(): { queue: string; exchange: string; routingKey: string; arguments: Table } {
    const random = this.#random
    const exchange = random.pick(NAMED_EXCHANGES)
    const type = this.#exchanges.find((declared) => declared.exchange === exchange)?.type
    return {
      queue: random.pick(QUEUES),
      exchange,
      routingKey: type === 'x-consistent-hash' ? random.pick(['1', '2']) : random.pick(KEYS),
      arguments: random.below(4) === 0 ? fromObject({ 'x-match': 'any', kind: 'news' }) : new Table(),
    }
  }

  #rarer(channel: number, state: ChannelState): Buffer {
    const random = this.#random
    const queue = random.pick(QUEUES)
    const binding = this.#binding()
    const source = binding.exchange
    const destination = random.pick(NAMED_EXCHANGES)
    const { exchange, routingKey } = binding
    return random.pick([
      () => encodeChannelOpen(channel),
      () => encodeChannelCloseOk(channel),
      () => encodeBasicAck(channel, { deliveryTag: random.below(10) }),
      () => Buffer.concat([encodeChannelClose(channel, { replyCode: 200 }), this.opening(channel)]),
      ...Array.from({ length: 8 }, () => () => {
        const consumerTag = random.pick([...state.consumers, 'none'])
        state.consumers.delete(consumerTag)
        return encodeBasicCancel(channel, { consumerTag })
      }),
      ...Array.from({ length: 4 }, () => () => {
        return encodeBasicQos(channel, { prefetchCount: random.below(4), global: random.below(3) === 0 })
      }),
      ...Array.from({ length: 6 }, () => () => encodeQueueBind(channel, binding)),
      ...Array.from(
        { length: 8 },
        () => () => random.pick([encodeTxCommit, encodeTxCommit, encodeTxRollback])(channel),
      ),
      () => encodeBasicRecover(channel, { requeue: true }),
      () => encodeQueuePurge(channel, { queue }),
      () => encodeQueueDelete(channel, { queue, ifEmpty: random.below(4) === 0, ifUnused: random.below(4) === 0 }),
      () => encodeQueueUnbind(channel, binding),
      () => encodeExchangeDelete(channel, { exchange, ifUnused: random.below(2) === 0 }),
      () => encodeExchangeBind(channel, { source, destination, routingKey }),
      () => encodeExchangeBind(channel, { source, destination, routingKey }),
      () => encodeExchangeUnbind(channel, { source, destination, routingKey }),
    ])()
  }
}
