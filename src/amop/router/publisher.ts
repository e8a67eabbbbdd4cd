import type { Packet } from '../packet/packet.ts'
import type { TopicAccess } from '../permissions/permissions.ts'
import type { Listener } from './listener.ts'
import type { Message } from './message.ts'

/** Whoever sends messages: an SDK's session, the bridge, another node for its own SDKs. */
export interface Publisher {
  /** What it is called in logs. */
  readonly name: string
  /** The same for all connections of one certificate; other than that of everybody else. */
  readonly identity: string
  readonly access: TopicAccess
  /** Unicasts of its that wait for an answer; kept by the router. */
  unanswered: number
  /** The node that its SDK is connected to; left out for this one. */
  readonly node?: string
  /** True when it sends no multicast twice and wants to hear of those only that are refused. */
  readonly sendsOnce?: boolean
  /** True for a listener that must get none of its messages, as they would come back to where they came from. */
  excludes?(listener: Listener): boolean
  /** The queues through which that message of its has come to topics, oldest first; left out for none. */
  pathOf?(message: Message): readonly string[]
  /**
   * The answer to a unicast, or what is said at once of a multicast: a 0x31 with the message's seq.
   * A publisher that has gone ignores it.
   */
  answered(message: Message, answer: Packet): void
  /** It sends more than can be stored: asks it to wait, as far as it can, until `goOn`. */
  holdBack?(): void
  goOn?(): void
}
