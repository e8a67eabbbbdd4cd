import { accessRefused, type Exchange, type VirtualHost } from '../broker/index.ts'
import {
  type ExchangeBind,
  type ExchangeDeclare,
  type ExchangeDelete,
  type ExchangeUnbind,
  encodeExchangeBindOk,
  encodeExchangeDeclareOk,
  encodeExchangeDeleteOk,
  encodeExchangeUnbindOk,
  textOf,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { cleanName } from './names.ts'
import { checkAccess, checkAuthority, checkTopicAccess } from './permissions.ts'

export function exchangeDeclare(channel: Channel, method: ExchangeDeclare): void {
  const { vhost } = channel
  const name = cleanName(method.exchange)
  checkNotDefault(name)
  if (method.passive) {
    vhost.exchange(name)
  } else {
    const type = method.type
    const exchangeType = vhost.exchangeType(type)
    checkAccess(channel, 'configure', 'exchange', name)
    const args = method.arguments
    const alternate = textOf(args.get('alternate-exchange'))
    if (alternate !== undefined && !vhost.exchanges.has(name)) {
      checkAccess(channel, 'read', 'exchange', name)
      checkAccess(channel, 'write', 'exchange', alternate)
      checkAuthority(channel, 'publish', vhost.exchanges.get(alternate), undefined)
    }
    if (exchangeType.authorize !== undefined && isAwaited(vhost, name)) {
      // Whoever made those was not asked: there was no exchange yet.
      exchangeType.validate(vhost.name, name, args)
      const user = channel.connection.user?.name ?? ''
      exchangeType.authorize({ host: vhost, name, arguments: args }, user, 'publish', undefined)
    }
    const { durable, autoDelete, internal } = method
    vhost.declareExchange({ name, type, durable, autoDelete, internal, arguments: args })
  }
  if (!method.noWait) channel.send(encodeExchangeDeclareOk(channel.number, {}))
}

/** Whether it is yet to be made, and messages will come to it at once: dead letters, or what other exchanges cannot route. */
function isAwaited(vhost: VirtualHost, name: string): boolean {
  if (vhost.exchanges.has(name)) return false
  for (const { deadLetterExchange } of vhost.queues.values()) if (deadLetterExchange === name) return true
  for (const { alternateExchange } of vhost.exchanges.values()) if (alternateExchange === name) return true
  return false
}

export function exchangeDelete(channel: Channel, method: ExchangeDelete): void {
  const name = cleanName(method.exchange)
  checkNotDefault(name)
  checkAccess(channel, 'configure', 'exchange', name)
  channel.vhost.deleteExchange(name, method.ifUnused)
  if (!method.noWait) channel.send(encodeExchangeDeleteOk(channel.number, {}))
}

export function exchangeBind(channel: Channel, method: ExchangeBind): void {
  const { vhost } = channel
  const names = checkBinding(channel, method)
  const source = vhost.exchange(names.source)
  const destination = vhost.exchange(names.destination)
  const routingKey = method.routingKey
  checkTopicAccess(channel, 'read', source, routingKey)
  checkAuthority(channel, 'subscribe', source, routingKey)
  // The binding's key says little of the keys that messages will have: a fanout exchange does not look at it.
  checkAuthority(channel, 'publish', destination, undefined)
  vhost.bind(source, destination, routingKey, method.arguments)
  if (!method.noWait) channel.send(encodeExchangeBindOk(channel.number, {}))
}

export function exchangeUnbind(channel: Channel, method: ExchangeUnbind): void {
  const { vhost } = channel
  const names = checkBinding(channel, method)
  const destination: Exchange | undefined = vhost.exchanges.get(names.destination)
  const source = vhost.exchanges.get(names.source)
  if (source !== undefined) checkTopicAccess(channel, 'read', source, method.routingKey)
  if (source !== undefined && destination !== undefined) {
    vhost.unbind(source, destination, method.routingKey, method.arguments)
  }
  if (!method.noWait) channel.send(encodeExchangeUnbindOk(channel.number, {}))
}

function checkBinding(
  channel: Channel,
  method: { readonly destination: string; readonly source: string },
): { destination: string; source: string } {
  const destination = cleanName(method.destination)
  const source = cleanName(method.source)
  checkNotDefault(destination)
  checkNotDefault(source)
  checkAccess(channel, 'write', 'exchange', destination)
  checkAccess(channel, 'read', 'exchange', source)
  return { destination, source }
}

/** @throws AmqpError 403 */
export function checkNotDefault(exchange: string): void {
  if (exchange === '') throw accessRefused('operation not permitted on the default exchange')
}
