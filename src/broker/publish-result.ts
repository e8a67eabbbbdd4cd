import type { Position } from '../store/index.ts'
import type { Message } from './message.ts'
import type { PendingOutcome } from './pending-outcome.ts'
import type { Route } from './route.ts'

/** What became of one publish. Reused by the vhost: read it before the next publish. */
export class PublishResult {
  /** At least one queue (or a direct reply's requester, or a delaying exchange) has taken charge of it. */
  routed = false
  /** A queue refused it: a confirm becomes a nack. */
  rejected = false
  /** The message as it was stored where that differs from what was published: without BCC. */
  stored: Message | undefined = undefined
  /** What a confirm waits for; 0 when nothing was journalled. */
  position: Position = 0
  /** What a confirm waits for beside `position`, and what decides about it; undefined for nearly every publish. */
  pending: PendingOutcome | undefined = undefined

  clear(): this {
    this.routed = false
    this.rejected = false
    this.stored = undefined
    this.position = 0
    this.pending = undefined
    return this
  }
}

/** A publish whose queues are fixed and that has not taken effect. */
export interface ResolvedPublish {
  readonly route: Route
  /** As it is to be stored: without BCC. */
  readonly message: Message
}
