import type { Queue } from '../../broker/index.ts'
import type { Message } from './message.ts'
import type { Unicast } from './unicast.ts'

/**
 * What a listener is for a unicast: one of those it may go to, one that gets it only when there is no such, or one that
 * gets a copy of every and never answers. It may change at any time.
 */
export type ListenerRole = 'subscriber' | 'fallback' | 'tap'

/** Whoever has topics: an SDK's session, a queue of the bridge, another node. */
export interface Listener {
  /** What it is called in logs. */
  readonly name: string
  /** A node is given more time, and its answer is final, since it tries its own sessions itself. */
  readonly kind: 'session' | 'queue' | 'node'
  readonly role: ListenerRole
  /** The queue that it puts its messages into, if it does. */
  readonly queue?: Queue
  /** Whether it is an exchange from which messages come to that queue. */
  leadsTo?(queue: Queue): boolean
  /** Unicasts that it has and has not answered. */
  readonly outstanding: number
  /**
   * Takes a unicast. What becomes of it is said once by `unicast.answer` or `unicast.fail`, now or later, unless
   * `withdraw` comes first.
   * @returns false, or why not, when it cannot take it now; then nothing must follow.
   */
  push(unicast: Unicast): boolean | string
  /** The time for it is over: an answer to it would no longer be heard. */
  withdraw(unicast: Unicast): void
  /**
   * Takes a multicast, or a tap's copy of a unicast.
   * @returns false, or why not, when it cannot take it now.
   */
  copy(message: Message): boolean | string
}
