import {
  EXCHANGE_DECLARE_OK,
  EXCHANGE_DELETE_OK,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  fromObject,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  QUEUE_DELETE_OK,
  QueueDeclareOk,
  Table,
} from '../../codec/index.ts'
import type { Client } from '../client/client.ts'
import type { Route } from './message-block.ts'

export const EXCHANGE_TYPES = ['direct', 'fanout', 'topic', 'headers', 'unbound'] as const

export interface TopologyOptions {
  readonly exchangeType: (typeof EXCHANGE_TYPES)[number]
  /** Prefix of all names. */
  readonly name: string
  readonly queues: number
  /** 0: as many as queues; a direct exchange of its own is only made when they are asked for. */
  readonly bindings: number
  readonly durable: boolean
  readonly queueArguments: Readonly<Record<string, unknown>>
}

const CHANNEL = 1

/** What a run publishes to and consumes from. */
export interface Topology {
  readonly queues: readonly string[]
  readonly routes: readonly Route[]
  /** Queues that get each message. */
  readonly copies: number
  /** Waits until the broker has taken what was published before on this connection. */
  sync(client: Client): Promise<void>
}

/** Names of the queues: the prefix itself when there is only one, so that it can be drained by name. */
export function queueNames(name: string, count: number): string[] {
  return count === 1 ? [name] : Array.from({ length: count }, (_, i) => `${name}.${i}`)
}

export async function declareTopology(client: Client, options: TopologyOptions): Promise<Topology> {
  const { exchangeType, durable } = options
  const queues = exchangeType === 'unbound' ? [] : queueNames(options.name, options.queues)
  for (const queue of queues) await declareQueue(client, queue, durable, options.queueArguments)
  const own = ownExchange(options)
  if (own !== '') {
    const type = exchangeType === 'unbound' ? 'fanout' : exchangeType
    await client.call(
      CHANNEL,
      encodeExchangeDeclare(CHANNEL, { exchange: own, type, durable, autoDelete: false }),
      EXCHANGE_DECLARE_OK,
    )
  }
  const bindings = bindingsOf(options, queues)
  for (const { queue, routingKey, headers } of bindings) {
    const fields = { queue, exchange: own, routingKey, arguments: headers ?? Table.empty }
    await client.call(CHANNEL, encodeQueueBind(CHANNEL, fields), QUEUE_BIND_OK)
  }
  return {
    queues,
    routes: routesOf(options, own, queues),
    copies: exchangeType === 'fanout' ? queues.length : exchangeType === 'unbound' ? 0 : 1,
    sync: (publisher) => sync(publisher, queues[0], own),
  }
}

/** Removes what `declareTopology` has made, as far as the connection still allows. */
export async function removeTopology(client: Client, options: TopologyOptions): Promise<void> {
  const queues = options.exchangeType === 'unbound' ? [] : queueNames(options.name, options.queues)
  const exchange = ownExchange(options)
  const calls = queues.map((queue) => client.call(CHANNEL, encodeQueueDelete(CHANNEL, { queue }), QUEUE_DELETE_OK))
  if (exchange !== '') calls.push(client.call(CHANNEL, encodeExchangeDelete(CHANNEL, { exchange }), EXCHANGE_DELETE_OK))
  // After a failure the channel may have gone, and the failure is what has to be told.
  await Promise.allSettled(calls)
}

export async function declareQueue(
  client: Client,
  queue: string,
  durable: boolean,
  queueArguments: Readonly<Record<string, unknown>>,
): Promise<void> {
  const frame = encodeQueueDeclare(CHANNEL, { queue, durable, arguments: fromObject(queueArguments) })
  await client.call(CHANNEL, frame, QUEUE_DECLARE_OK)
}

/** Ready messages in a queue that exists. */
export async function countReady(client: Client, queue: string): Promise<number> {
  const payload = await client.call(CHANNEL, encodeQueueDeclare(CHANNEL, { queue, passive: true }), QUEUE_DECLARE_OK)
  const ok = new QueueDeclareOk()
  ok.decode(payload, 4, payload.length)
  return ok.messageCount
}

async function sync(client: Client, queue: string | undefined, exchange: string): Promise<void> {
  if (queue !== undefined) await countReady(client, queue)
  else {
    const frame = encodeExchangeDeclare(CHANNEL, { exchange, type: 'fanout', passive: true })
    await client.call(CHANNEL, frame, EXCHANGE_DECLARE_OK)
  }
}

/** The name of the exchange the run makes; '' when it uses the default exchange. */
function ownExchange(options: TopologyOptions): string {
  const { exchangeType, name, bindings } = options
  return exchangeType === 'direct' && bindings === 0 ? '' : `${name}.${exchangeType}`
}

interface BindingPlan {
  readonly queue: string
  readonly routingKey: string
  readonly headers?: Table
}

function bindingsOf(options: TopologyOptions, queues: readonly string[]): BindingPlan[] {
  const { exchangeType } = options
  if (exchangeType === 'unbound' || ownExchange(options) === '') return []
  if (exchangeType === 'fanout') return queues.map((queue) => ({ queue, routingKey: '' }))
  return Array.from({ length: bindingCount(options) }, (_, i) => {
    const queue = queues[i % queues.length] as string
    if (exchangeType === 'direct') return { queue, routingKey: keyOf(i) }
    if (exchangeType === 'headers') return { queue, routingKey: '', headers: fromObject({ 'x-match': 'all', part: i }) }
    // Half of the patterns with one wildcard of each kind.
    return { queue, routingKey: i % 2 === 0 ? `${keyOf(i)}.*.t` : `${keyOf(i)}.#` }
  })
}

/** One route for each binding, so that every message matches exactly one of them. */
function routesOf(options: TopologyOptions, exchange: string, queues: readonly string[]): Route[] {
  if (exchange === '') return queues.map((routingKey) => ({ exchange, routingKey }))
  switch (options.exchangeType) {
    case 'fanout':
    case 'unbound':
      return [{ exchange, routingKey: 'x' }]
    default:
      return Array.from({ length: bindingCount(options) }, (_, i) => routeOf(options.exchangeType, exchange, i))
  }
}

function routeOf(type: string, exchange: string, i: number): Route {
  if (type === 'headers') return { exchange, routingKey: '', headers: fromObject({ part: i }) }
  return { exchange, routingKey: type === 'topic' ? `${keyOf(i)}.m.t` : keyOf(i) }
}

function bindingCount(options: TopologyOptions): number {
  return options.bindings === 0 ? options.queues : options.bindings
}

function keyOf(i: number): string {
  return `s${String(i).padStart(3, '0')}`
}
