import { accessRefused, notFound, type Queue, REPLY_TO } from '../broker/index.ts'
import {
  encodeQueueBindOk,
  encodeQueueDeclareOk,
  encodeQueueDeleteOk,
  encodeQueuePurgeOk,
  encodeQueueUnbindOk,
  type QueueBind,
  type QueueDeclare,
  type QueueDelete,
  type QueuePurge,
  type QueueUnbind,
  textOf,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { checkNotDefault } from './exchange.ts'
import { cleanName, isReplyTo, meantQueue } from './names.ts'
import { checkAccess, checkAuthority, checkTopicAccess } from './permissions.ts'

export function queueDeclare(channel: Channel, method: QueueDeclare): void {
  const name = cleanName(method.queue)
  if (isReplyTo(name)) {
    declareReplyTo(channel, name, method.noWait)
    return
  }
  const queue = method.passive ? passiveQueue(channel, name) : declareQueue(channel, name, method)
  channel.lastQueue = queue.name
  if (method.noWait) return
  const { messageCount, consumerCount } = queue
  channel.send(encodeQueueDeclareOk(channel.number, { queue: queue.name, messageCount, consumerCount }))
}

/** Lets a responder find out whether its requester is still there. Source: RabbitMQ's direct reply-to. */
function declareReplyTo(channel: Channel, name: string, noWait: boolean): void {
  const isThere = name === REPLY_TO || channel.vhost.replyConsumers.find(name) !== undefined
  if (!isThere) throw notFound('queue', name, channel.vhost.name)
  if (noWait) return
  channel.send(encodeQueueDeclareOk(channel.number, { queue: name, messageCount: 0, consumerCount: 1 }))
}

function passiveQueue(channel: Channel, name: string): Queue {
  const queue = channel.vhost.queue(name, channel.connection)
  queue.touch()
  return queue
}

function declareQueue(channel: Channel, name: string, method: QueueDeclare): Queue {
  const { vhost, connection } = channel
  const args = method.arguments
  const { durable, exclusive, autoDelete } = method
  const existing = vhost.queues.get(name)
  // A server-named queue is checked under the name it will get.
  const meant = name === '' ? vhost.generateQueueName() : name
  checkAccess(channel, 'configure', 'queue', meant)
  const deadLetterExchange = textOf(args.get('x-dead-letter-exchange'))
  if (existing === undefined && deadLetterExchange !== undefined) {
    checkAccess(channel, 'read', 'queue', meant)
    checkAccess(channel, 'write', 'exchange', deadLetterExchange)
    const routingKey = textOf(args.get('x-dead-letter-routing-key'))
    checkAuthority(channel, 'publish', vhost.exchanges.get(deadLetterExchange), routingKey)
  }
  const declaration = { name: meant, serverNamed: name === '', durable, exclusive, autoDelete, arguments: args }
  return vhost.declareQueue({ ...declaration, user: connection.user?.name ?? '' }, connection)
}

export function queueBind(channel: Channel, method: QueueBind): void {
  const { vhost, connection } = channel
  const names = checkBinding(channel, method)
  const exchange = vhost.exchange(names.exchange)
  const queue = vhost.queue(names.queue, connection)
  checkTopicAccess(channel, 'read', exchange, names.routingKey)
  checkAuthority(channel, 'subscribe', exchange, names.routingKey)
  vhost.bind(exchange, queue, names.routingKey, method.arguments)
  if (!method.noWait) channel.send(encodeQueueBindOk(channel.number, {}))
}

export function queueUnbind(channel: Channel, method: QueueUnbind): void {
  const { vhost, connection } = channel
  const names = checkBinding(channel, method)
  const exchange = vhost.exchanges.get(names.exchange)
  const queue = vhost.queues.get(names.queue)
  if (exchange !== undefined) checkTopicAccess(channel, 'read', exchange, names.routingKey)
  if (exchange !== undefined && queue !== undefined) {
    const args = method.arguments
    // Whose queue it is matters only when there is something to unbind. Source: RabbitMQ.
    if (exchange.bindings.find(queue, names.routingKey, args) !== undefined) {
      vhost.unbind(exchange, vhost.queue(names.queue, connection), names.routingKey, args)
    }
  }
  channel.send(encodeQueueUnbindOk(channel.number, {}))
}

interface BindingNames {
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
}

function checkBinding(
  channel: Channel,
  method: { readonly queue: string; readonly exchange: string; readonly routingKey: string },
): BindingNames {
  const asked = method.queue
  const queue = meantQueue(channel, asked)
  const exchange = cleanName(method.exchange)
  if (isReplyTo(queue)) throw accessRefused(`cannot bind '${queue}', which stands for direct replies`)
  checkNotDefault(exchange)
  checkAccess(channel, 'write', 'queue', queue)
  checkAccess(channel, 'read', 'exchange', exchange)
  // Neither named: both mean the queue declared last.
  const routingKey = method.routingKey
  return { queue, exchange, routingKey: asked === '' && routingKey === '' ? queue : routingKey }
}

export function queuePurge(channel: Channel, method: QueuePurge): void {
  const name = meantQueue(channel, method.queue)
  checkAccess(channel, 'read', 'queue', name)
  const messageCount = channel.vhost.queue(name, channel.connection).purge()
  if (!method.noWait) channel.send(encodeQueuePurgeOk(channel.number, { messageCount }))
}

export function queueDelete(channel: Channel, method: QueueDelete): void {
  const { vhost, connection } = channel
  const name = meantQueue(channel, method.queue)
  checkAccess(channel, 'configure', 'queue', name)
  const queue = vhost.queues.has(name) ? vhost.queue(name, connection) : undefined
  if (queue !== undefined) vhost.checkDeletion(queue, { ifUnused: method.ifUnused, ifEmpty: method.ifEmpty })
  // The answer goes first: a consumer on the same channel is told after it that its queue has gone.
  if (!method.noWait) channel.send(encodeQueueDeleteOk(channel.number, { messageCount: queue?.messageCount ?? 0 }))
  if (queue === undefined) return
  vhost.deleteQueue(queue)
}
