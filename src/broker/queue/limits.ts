import { integerOf, type Table, textOf } from '../../codec/index.ts'

/** The kinds of queue there are; both live on one node, a quorum queue is one with the promises of that kind. */
export type QueueType = 'classic' | 'quorum'

/** What happens when a queue is full: the oldest message goes, or the new one is refused (and dead-lettered). */
export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx'

/** Returns a quorum queue allows when nothing else is said. Source: RabbitMQ 4.0. */
export const DELIVERY_LIMIT_DEFAULT = 20

const NONE = Number.POSITIVE_INFINITY

/** How much and how long a queue keeps, and what becomes of the rest; read from its arguments. */
export class QueueLimits {
  /** ms a message may wait, Infinity for ever. */
  messageTtl: number
  /** ms the queue may be unused, Infinity for ever. */
  expires: number
  /** Ready messages, Infinity for any number. */
  maxLength: number
  /** Body bytes of ready messages, Infinity for any number. */
  maxLengthBytes: number
  overflow: Overflow
  deadLetterExchange: string | undefined
  /** Undefined: dead letters keep their keys. */
  deadLetterRoutingKey: string | undefined
  /** Times a message may come back before it is dropped, Infinity for any number. */
  deliveryLimit: number

  /** @param args that `validateQueueArguments` has let pass. */
  constructor(type: QueueType, args: Table) {
    this.messageTtl = integerOf(args.get('x-message-ttl')) ?? NONE
    this.expires = integerOf(args.get('x-expires')) ?? NONE
    this.maxLength = integerOf(args.get('x-max-length')) ?? NONE
    this.maxLengthBytes = integerOf(args.get('x-max-length-bytes')) ?? NONE
    this.overflow = overflowOf(type, textOf(args.get('x-overflow')))
    this.deadLetterExchange = textOf(args.get('x-dead-letter-exchange'))
    this.deadLetterRoutingKey = textOf(args.get('x-dead-letter-routing-key'))
    this.deliveryLimit = type === 'quorum' ? deliveryLimitOf(integerOf(args.get('x-delivery-limit'))) : NONE
  }

  /** Whether length or bytes are limited at all. */
  get bounded(): boolean {
    return this.maxLength !== NONE || this.maxLengthBytes !== NONE
  }
}

/** Quorum queues take reject-publish-dlx at declaration but do not know it. Source: RabbitMQ. */
function overflowOf(type: QueueType, text: string | undefined): Overflow {
  if (text === 'reject-publish') return text
  return text === 'reject-publish-dlx' && type === 'classic' ? text : 'drop-head'
}

function deliveryLimitOf(value: number | undefined): number {
  if (value === undefined) return DELIVERY_LIMIT_DEFAULT
  return value < 0 ? NONE : value
}
