/** What has happened in one queue since it was declared, in messages unless said. */
export class QueueStats {
  /** Taken in: neither refused nor a duplicate. */
  published = 0
  /** Delivered to consumers that acknowledge. */
  delivered = 0
  /** Delivered to consumers that do not. */
  deliveredNoAck = 0
  /** Delivered or got, and flagged redelivered. */
  redelivered = 0
  /** Handed out by basic.get, to be acknowledged. */
  got = 0
  gotNoAck = 0
  /** basic.gets that found nothing. */
  getEmpty = 0
  acknowledged = 0
  requeued = 0
  /** Rejected by a consumer and not to be requeued. */
  rejected = 0
  expired = 0
  /** Dropped from the head, or refused on arrival, because the queue was full. */
  overflowed = 0
  /** Came back more often than the delivery limit allows. */
  deliveryLimited = 0
  /** Dropped on arrival because the same had been there before. */
  duplicates = 0
  purged = 0
  /** Handed to the dead-letter exchange, for whatever reason. */
  deadLettered = 0
}
