import type { Table } from '../codec/index.ts'
import type { Message } from './message.ts'
import type { Queue } from './queue/queue.ts'

/** What a queue asks of whoever consumes from it. */
export interface Consumer {
  readonly consumerTag: string
  /** True when a delivery counts as settled the moment it is handed over. */
  readonly noAck: boolean
  readonly exclusive: boolean
  /** Higher is served first; `x-priority`, 0 by default. */
  readonly priority: number
  readonly arguments: Table
  /** False while prefetch or a full socket holds it back; whoever lifts that marks the queue for draining. */
  ready(): boolean
  /**
   * Takes one message. The view is only good during the call.
   * @param place names the message in its queue for `acknowledge`, `requeue` and `reject`; -1 for a no-ack delivery.
   */
  deliver(queue: Queue, message: Message, place: number, redelivered: boolean): void
  /** The queue has gone: no more deliveries will come, and the client is told if it asked to be. */
  cancelled(): void
}
