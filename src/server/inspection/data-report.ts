/** What is in a data directory, as a start would find it. */
export interface DataReport {
  readonly directory: string
  /** What is lost, or cannot be read: a line each. None when the directory is sound. */
  readonly problems: readonly string[]
  /** What is worth knowing and takes nothing away, such as a last write that a crash cut short. */
  readonly notes: readonly string[]
  /** The broker that used it was stopped in order. */
  readonly clean: boolean
  readonly journal: { readonly files: number; readonly bytes: number; readonly records: number }
  readonly segments: { readonly files: number; readonly bytes: number }
  readonly users: readonly UserReport[]
  readonly vhosts: readonly VirtualHostReport[]
}

export interface UserReport {
  readonly name: string
  readonly tags: readonly string[]
}

export interface VirtualHostReport {
  readonly name: string
  /** Declared ones. */
  readonly exchanges: readonly ExchangeReport[]
  readonly queues: readonly QueueReport[]
  /** How many there are, between things that last. */
  readonly bindings: number
}

export interface ExchangeReport {
  readonly name: string
  readonly type: string
  /** Messages that it keeps back until their time. */
  readonly delayed: number
}

export interface QueueReport {
  readonly name: string
  /** `classic` or `quorum`. */
  readonly type: string
  readonly messages: number
  /** Of their bodies. */
  readonly bytes: number
  /** Segment files that hold some of them. */
  readonly segments: number
  /** Messages that the journal vouches for and that cannot be read. */
  readonly lost: number
}
