import { notAllowed, notImplemented, preconditionFailed, type Queue, REPLY_TO } from '../broker/index.ts'
import {
  type BasicAck,
  type BasicCancel,
  type BasicConsume,
  type BasicGet,
  type BasicNack,
  type BasicQos,
  type BasicRecover,
  type BasicReject,
  encodeBasicCancelOk,
  encodeBasicConsumeOk,
  encodeBasicGetEmpty,
  encodeBasicGetOk,
  encodeBasicQosOk,
  encodeBasicRecoverOk,
  type Table,
} from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { AmqpConsumer } from './consumer.ts'
import { validateConsumerArguments } from './consumer-arguments.ts'
import { writeContent } from './content-writer.ts'
import { DirectReply } from './direct-reply.ts'
import { meantQueue } from './names.ts'
import { checkAccess } from './permissions.ts'
import { Settlement, settle } from './settlement.ts'

export function basicQos(channel: Channel, method: BasicQos): void {
  if (method.prefetchSize !== 0) throw notImplemented(`prefetch_size!=0 (${method.prefetchSize})`)
  if (method.global) {
    channel.limitPrefetch(method.prefetchCount)
  } else {
    channel.prefetchCount = method.prefetchCount
  }
  channel.send(encodeBasicQosOk(channel.number, {}))
}

export function basicConsume(channel: Channel, method: BasicConsume): void {
  const { connection, vhost } = channel
  const name = meantQueue(channel, method.queue)
  const asked = method.consumerTag
  if (name === REPLY_TO) {
    consumeReplies(channel, asked, method)
    return
  }
  const consumerTag = newConsumerTag(channel, asked)
  const limit = connection.amqp.settings.consumersPerChannelMax
  if (limit > 0 && channel.consumers.size >= limit) {
    throw notAllowed(`reached maximum (${limit}) of consumers per channel`)
  }
  checkAccess(channel, 'read', 'queue', name)
  const queue = vhost.queue(name, connection)
  if (queue.type === 'quorum' && channel.globalPrefetch > 0) {
    throw notImplemented(`queue '${name}' in vhost '${vhost.name}' does not support global qos`)
  }
  const args: Table = method.arguments
  const { noAck, exclusive } = method
  const priority = validateConsumerArguments(queue, vhost.name, args)
  const { prefetchCount } = channel
  const consumer = new AmqpConsumer(channel, queue, consumerTag, {
    noAck,
    exclusive,
    priority,
    arguments: args,
    prefetchCount,
  })
  queue.addConsumer(consumer)
  channel.consumers.set(consumerTag, consumer)
  if (!method.noWait) channel.send(encodeBasicConsumeOk(channel.number, { consumerTag }))
  queue.drain()
}

/** @throws AmqpError 530 when the tag is taken. */
function newConsumerTag(channel: Channel, asked: string): string {
  if (asked === '') return channel.vhost.generateConsumerTag()
  if (channel.consumers.has(asked) || channel.directReply?.consumerTag === asked) {
    throw notAllowed(`attempt to reuse consumer tag '${asked}'`)
  }
  return asked
}

function consumeReplies(channel: Channel, asked: string, method: BasicConsume): void {
  if (channel.directReply !== undefined) throw preconditionFailed('reply consumer already set')
  if (!method.noAck) throw preconditionFailed('reply consumer cannot acknowledge')
  const consumerTag = newConsumerTag(channel, asked)
  channel.directReply = new DirectReply(channel, consumerTag)
  if (!method.noWait) channel.send(encodeBasicConsumeOk(channel.number, { consumerTag }))
}

/** Cancelling what is not there is no error. What the consumer has not acked stays ackable on the channel. */
export function basicCancel(channel: Channel, method: BasicCancel): void {
  const { consumerTag } = method
  const consumer = channel.consumers.get(consumerTag)
  if (consumer !== undefined) {
    channel.consumers.delete(consumerTag)
    consumer.queue.removeConsumer(consumer)
  } else if (channel.directReply?.consumerTag === consumerTag) {
    channel.directReply.cancel()
    channel.directReply = undefined
  }
  if (!method.noWait) channel.send(encodeBasicCancelOk(channel.number, { consumerTag }))
}

export function basicGet(channel: Channel, method: BasicGet): void {
  const { connection, vhost } = channel
  const name = meantQueue(channel, method.queue)
  checkAccess(channel, 'read', 'queue', name)
  const queue: Queue = vhost.queue(name, connection)
  const { noAck } = method
  const { got } = connection.amqp
  const place = queue.get(got, noAck)
  if (place < 0) {
    channel.send(encodeBasicGetEmpty(channel.number, {}))
    return
  }
  const deliveryTag = ++channel.deliveryTag
  if (!noAck) channel.track(deliveryTag, queue, place, undefined)
  channel.send(
    encodeBasicGetOk(channel.number, {
      deliveryTag,
      redelivered: queue.lastRedelivered,
      exchange: got.exchange,
      routingKey: got.routingKey,
      messageCount: queue.messageCount,
    }),
  )
  writeContent(connection.out, channel.number, got, connection.frameMax)
  got.release()
  connection.answered()
}

export function basicAck(channel: Channel, method: BasicAck): void {
  settle(channel, method.deliveryTag, method.multiple, Settlement.ACK)
}

export function basicNack(channel: Channel, method: BasicNack): void {
  settle(channel, method.deliveryTag, method.multiple, method.requeue ? Settlement.REQUEUE : Settlement.REJECT)
}

export function basicReject(channel: Channel, method: BasicReject): void {
  settle(channel, method.deliveryTag, false, method.requeue ? Settlement.REQUEUE : Settlement.REJECT)
}

export function basicRecover(channel: Channel, method: BasicRecover, answered: boolean): void {
  if (!method.requeue) throw notImplemented('requeue=false')
  channel.requeueAll()
  if (answered) channel.send(encodeBasicRecoverOk(channel.number, {}))
}
