import type { Consumer, Message, Queue } from '../broker/index.ts'
import { encodeBasicCancel, type Table } from '../codec/index.ts'
import type { Channel } from './channel.ts'
import { shortstrOf, writeDelivery } from './delivery.ts'

/** One `basic.consume` of a channel. */
export class AmqpConsumer implements Consumer {
  readonly channel: Channel
  readonly queue: Queue
  readonly consumerTag: string
  readonly noAck: boolean
  readonly exclusive: boolean
  readonly priority: number
  readonly arguments: Table
  /** Deliveries it may have outstanding; 0 for any number. Fixed at consume, as RabbitMQ does. */
  readonly prefetchCount: number
  /** Deliveries outstanding. */
  inFlight = 0
  readonly #tagBytes: Buffer

  constructor(
    channel: Channel,
    queue: Queue,
    consumerTag: string,
    options: { noAck: boolean; exclusive: boolean; priority: number; arguments: Table; prefetchCount: number },
  ) {
    this.channel = channel
    this.queue = queue
    this.consumerTag = consumerTag
    this.noAck = options.noAck
    this.exclusive = options.exclusive
    this.priority = options.priority
    this.arguments = options.arguments
    this.prefetchCount = options.prefetchCount
    this.#tagBytes = shortstrOf(consumerTag)
  }

  ready(): boolean {
    const channel = this.channel
    if (!channel.connection.acceptsDeliveries()) {
      channel.connection.wakeLater(this.queue)
      return false
    }
    if (this.noAck) return true
    if (this.prefetchCount !== 0 && this.inFlight >= this.prefetchCount) return false
    return channel.globalPrefetch === 0 || channel.outstanding < channel.globalPrefetch
  }

  deliver(queue: Queue, message: Message, place: number, redelivered: boolean): void {
    const channel = this.channel
    const deliveryTag = ++channel.deliveryTag
    if (!this.noAck) {
      this.inFlight++
      channel.track(deliveryTag, queue, place, this)
    }
    writeDelivery(channel, this.#tagBytes, deliveryTag, message, redelivered)
  }

  cancelled(): void {
    const { channel } = this
    channel.consumers.delete(this.consumerTag)
    if (!channel.connection.capabilities.consumerCancelNotify) return
    channel.connection.out.append(encodeBasicCancel(channel.number, { consumerTag: this.consumerTag, noWait: true }))
  }
}
