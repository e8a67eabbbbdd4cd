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
} as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]
