import type { Message } from './message.ts'
import type { PublishResult } from './publish-result.ts'

/** Where a message goes that an exchange has routed out of the broker. */
export interface Outlet {
  /**
   * Takes the message, when the queues that the same publish reached have it; never throws.
   * @param message only good during the call.
   * @param result is told what became of it, by `routed`, `rejected` or `pending`.
   */
  take(message: Message, result: PublishResult): void
}
