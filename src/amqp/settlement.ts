import { preconditionFailed, type Queue } from '../broker/index.ts'
import type { Channel } from './channel.ts'
import type { AmqpConsumer } from './consumer.ts'

/** What a client says of a delivery. */
export const Settlement = { ACK: 0, REQUEUE: 1, REJECT: 2 } as const
export type Settlement = (typeof Settlement)[keyof typeof Settlement]

/**
 * Settles one delivery, or all up to a tag. With `multiple` the tag itself must still wait, unless it is 0, which
 * means all there are. Source: RabbitMQ.
 * @throws AmqpError 406 for a tag that does not wait.
 */
export function settle(channel: Channel, deliveryTag: number, multiple: boolean, settlement: Settlement): void {
  const { unacked } = channel
  if (!multiple) {
    const slot = unacked.find(deliveryTag)
    if (slot < 0) throw unknownDeliveryTag(deliveryTag)
    settleSlot(channel, slot, settlement)
    return
  }
  if (deliveryTag !== 0 && unacked.find(deliveryTag) < 0) throw unknownDeliveryTag(deliveryTag)
  // What is rejected may come back as a dead letter before this ends; that is not meant.
  const lastTag = deliveryTag === 0 ? channel.deliveryTag : deliveryTag
  for (let slot = unacked.oldest(); slot >= 0; slot = unacked.oldest()) {
    if (unacked.tagAt(slot) > lastTag) break
    settleSlot(channel, slot, settlement)
  }
}

function settleSlot(channel: Channel, slot: number, settlement: Settlement): void {
  const { unacked, transaction } = channel
  const deliveryTag = unacked.tagAt(slot)
  const queue = unacked.queueAt(slot)
  const place = unacked.placeAt(slot)
  const consumer = unacked.consumerAt(slot)
  if (transaction !== undefined) {
    transaction.settle(deliveryTag, queue, place, consumer, settlement)
    unacked.remove(slot)
    return
  }
  unacked.remove(slot)
  applySettlement(channel, deliveryTag, queue, place, consumer, settlement)
}

/** Tells the queue, and lets a consumer go on that was at its prefetch limit. */
export function applySettlement(
  channel: Channel,
  deliveryTag: number,
  queue: Queue,
  place: number,
  consumer: AmqpConsumer | undefined,
  settlement: Settlement,
): void {
  if (settlement === Settlement.ACK) queue.acknowledge(place)
  else if (settlement === Settlement.REQUEUE) queue.requeue(place)
  else queue.reject(place)
  channel.uncount(deliveryTag, consumer)
  if (consumer === undefined) return
  if (consumer.inFlight-- === consumer.prefetchCount) channel.connection.turn.drain(queue)
}

function unknownDeliveryTag(deliveryTag: number): Error {
  return preconditionFailed(`unknown delivery tag ${deliveryTag}`)
}
