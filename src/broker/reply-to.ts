import { randomBytes } from 'node:crypto'
import type { Message } from './message.ts'

/** The queue name that stands for "answer me directly" in consume and in a publish's reply-to. */
export const REPLY_TO = 'amq.rabbitmq.reply-to'

const PREFIX = `${REPLY_TO}.`

/** A channel that waits for direct replies. */
export interface ReplyConsumer {
  /** Takes one reply; the view is only good during the call. */
  reply(message: Message): void
}

/**
 * The requesters of one vhost that wait for direct replies (no queue is made for them). A name is unguessable and
 * only good while its requester lives. Source: RabbitMQ's direct reply-to.
 */
export class ReplyConsumers {
  readonly #consumers = new Map<string, ReplyConsumer>()

  /** @returns the full name that goes into the requests' reply-to. */
  add(consumer: ReplyConsumer): string {
    const name = PREFIX + randomBytes(18).toString('base64url')
    this.#consumers.set(name, consumer)
    return name
  }

  remove(name: string): void {
    this.#consumers.delete(name)
  }

  find(name: string): ReplyConsumer | undefined {
    return this.#consumers.get(name)
  }

  /** True for the name of a requester, living or gone. */
  static isReplyName(name: string): boolean {
    return name.startsWith(PREFIX)
  }
}
