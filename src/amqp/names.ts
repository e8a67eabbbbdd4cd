import { AmqpError, REPLY_TO, ReplyConsumers } from '../broker/index.ts'
import { ReplyCode } from '../codec/index.ts'
import type { Channel } from './channel.ts'

/** A name as RabbitMQ takes it: line ends are removed. */
export function cleanName(name: string): string {
  return name.replace(/[\r\n]/g, '')
}

/** The queue a method means: an empty name is the queue declared last on the channel. @throws AmqpError 404 */
export function meantQueue(channel: Channel, name: string): string {
  if (name !== '') return cleanName(name)
  if (channel.lastQueue !== '') return channel.lastQueue
  throw new AmqpError(ReplyCode.NOT_FOUND, 'NOT_FOUND - no previously declared queue')
}

/** True for names that stand for direct replies and never for a queue. */
export function isReplyTo(name: string): boolean {
  return name === REPLY_TO || ReplyConsumers.isReplyName(name)
}
