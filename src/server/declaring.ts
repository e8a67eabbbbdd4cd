import type { Exchange, Queue, VirtualHost } from '../broker/index.ts'
import { fromObject } from '../codec/index.ts'

/**
 * How a queue is declared from outside AMQP; what is left out is as in `QueueOptions`' own words. A declaration takes
 * effect at once. What of it is durable is on disk a moment later, and always before a message published after it.
 */
export interface QueueOptions {
  /** Default: the broker's default virtual host. */
  readonly vhost?: string
  /** Comes back after a restart, when the broker has a data directory. Default true. */
  readonly durable?: boolean
  /** Deleted with its last consumer. Default false. */
  readonly autoDelete?: boolean
  /** Such as `{ 'x-message-ttl': 1000 }`. */
  readonly arguments?: Record<string, unknown>
}

export interface ExchangeOptions extends QueueOptions {
  /** Takes messages from other exchanges only. Default false. */
  readonly internal?: boolean
}

/** A binding from an exchange to a queue, or to another exchange. It comes back after a restart when both ends do. */
export interface BindingOptions {
  readonly vhost?: string
  readonly source: string
  readonly destination: string
  /** Default `queue`. */
  readonly destinationType?: 'queue' | 'exchange'
  readonly routingKey?: string
  readonly arguments?: Record<string, unknown>
}

export function declareQueue(vhost: VirtualHost, name: string, options: QueueOptions): Queue {
  const { durable = true, autoDelete = false } = options
  return vhost.declareQueue(
    {
      name: name === '' ? vhost.generateQueueName() : name,
      serverNamed: name === '',
      durable,
      exclusive: false,
      autoDelete,
      arguments: fromObject(options.arguments ?? {}),
    },
    undefined,
  )
}

export function declareExchange(vhost: VirtualHost, name: string, type: string, options: ExchangeOptions): Exchange {
  const { durable = true, autoDelete = false, internal = false } = options
  return vhost.declareExchange({
    name,
    type,
    durable,
    autoDelete,
    internal,
    arguments: fromObject(options.arguments ?? {}),
  })
}

export function bind(vhost: VirtualHost, options: BindingOptions): void {
  const { destination: name, destinationType = 'queue', routingKey = '' } = options
  const destination = destinationType === 'queue' ? vhost.queue(name, undefined) : vhost.exchange(name)
  vhost.bind(vhost.exchange(options.source), destination, routingKey, fromObject(options.arguments ?? {}))
}
