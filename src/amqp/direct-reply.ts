import type { Message, ReplyConsumer } from '../broker/index.ts'
import type { Channel } from './channel.ts'
import { shortstrOf, writeDelivery } from './delivery.ts'

/** The consumer of `amq.rabbitmq.reply-to` on a channel: replies come to it without a queue. */
export class DirectReply implements ReplyConsumer {
  readonly consumerTag: string
  /** What goes into the reply-to of this channel's requests. */
  readonly name: string
  readonly #channel: Channel
  readonly #tagBytes: Buffer
  /** Replies are being dropped, and the log has said so. */
  #dropping = false

  constructor(channel: Channel, consumerTag: string) {
    this.consumerTag = consumerTag
    this.#channel = channel
    this.#tagBytes = shortstrOf(consumerTag)
    this.name = channel.vhost.replyConsumers.add(this)
  }

  reply(message: Message): void {
    const channel = this.#channel
    const { connection } = channel
    // There is no queue to wait in: replies to a requester that does not read are dropped before they fill the memory.
    if (!connection.acceptsReplies()) {
      if (!this.#dropping) {
        connection.log.warn(`connection ${connection.name} does not read its direct replies: they are dropped`)
      }
      this.#dropping = true
      return
    }
    this.#dropping = false
    writeDelivery(channel, this.#tagBytes, ++channel.deliveryTag, message, false)
  }

  cancel(): void {
    this.#channel.vhost.replyConsumers.remove(this.name)
  }
}
