/** What a record of the journal is: the `type` it is appended with. Numbers once given are never given another meaning. */
export const RecordType = {
  /** A published message, with every queue that took it: `MessageRecord`. */
  MESSAGE: 1,
  /** One message that a checkpoint found still in a queue: `KeptRecord`. */
  KEPT: 2,
  /** Messages of a queue that are done with: `SettledRecord`. */
  SETTLED: 3,
  /** A stretch of a queue that lies in a file of its own: `SegmentRecord`. */
  SEGMENT: 4,
  /** The broker was stopped in order; only counts as the last record there is. */
  CLEAN: 5,
  /** The broker has started: what lies before is no longer the end of an orderly stop. */
  STARTED: 6,
  /** Up to which slab of a queue dead letters may have been delivered before a crash: `crashTailRecord`. */
  CRASH_TAIL: 7,
  /** How often messages of a quorum queue came back: `CountsRecord`. */
  COUNTS: 8,
  /** A file of large messages that others refer to: `BodyFileRecord`. */
  BODY_FILE: 9,
  /** As SEGMENT, of a file that refers to body files. */
  SEGMENT_SHARING: 10,

  VHOST_ADDED: 16,
  VHOST_DELETED: 17,
  EXCHANGE_DECLARED: 18,
  EXCHANGE_DELETED: 19,
  QUEUE_DECLARED: 20,
  QUEUE_DELETED: 21,
  BOUND: 22,
  UNBOUND: 23,

  /** A deduplication key that an exchange remembers. */
  EXCHANGE_KEY: 32,
  /** A deduplication key that a queue remembers. */
  QUEUE_KEY: 33,
  // 34 and 35 were used before the first version.

  // From 48 on: users and permissions, of the room auth.
} as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]
