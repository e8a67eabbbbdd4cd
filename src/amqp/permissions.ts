import { accessRefused, type Exchange, entity } from '../broker/index.ts'
import type { Channel } from './channel.ts'

type Access = 'configure' | 'write' | 'read'

/** @throws AmqpError 403 in RabbitMQ 4's words. The default exchange is checked as `amq.default`. */
export function checkAccess(channel: Channel, access: Access, kind: 'queue' | 'exchange', name: string): void {
  const resource = kind === 'exchange' && name === '' ? 'amq.default' : name
  if (channel.permissions[access](resource)) return
  throw accessRefused(
    `${access} access to ${entity(kind, resource, channel.vhost.name)} refused for user '${channel.connection.user?.name ?? ''}'`,
  )
}

/** Topic permissions: asked for topic exchanges only. @throws AmqpError 403 */
export function checkTopicAccess(
  channel: Channel,
  access: 'write' | 'read',
  exchange: { readonly name: string; readonly type: { readonly name: string } },
  routingKey: string,
): void {
  const { permissions } = channel
  if (exchange.type.name !== 'topic' || !permissions.topics) return
  const allowed =
    access === 'write'
      ? permissions.writeTopic(exchange.name, routingKey)
      : permissions.readTopic(exchange.name, routingKey)
  if (allowed) return
  throw accessRefused(
    `${access} access to topic '${routingKey}' in ${entity('exchange', exchange.name, channel.vhost.name)} refused for user '${channel.connection.user?.name ?? ''}'`,
  )
}

/** What the type of an exchange itself allows a user. @param routingKey undefined for every one. @throws AmqpError 403 */
export function checkAuthority(
  channel: Channel,
  action: 'publish' | 'subscribe',
  exchange: Exchange | undefined,
  routingKey: string | undefined,
): void {
  exchange?.type.authorize?.(exchange, channel.connection.user?.name ?? '', action, routingKey)
}
