import type { Table } from '../codec/index.ts'
import type { Queue } from './queue/index.ts'

/** Whoever gives arguments of queues a meaning that the queues themselves know nothing of. */
export interface QueueWatcher {
  /**
   * Asked before a queue is made, not for one that exists or that comes back after a restart.
   * @param user who declares it; undefined for the program that the broker is embedded in.
   * @throws AmqpError 403, 406
   */
  declaring?(user: string | undefined, name: string, vhost: string, args: Table): void
  /** A queue is there: new, or come back after a restart, still without its bindings and messages. */
  declared(queue: Queue): void
  /** A queue has gone, and so has what was in it. */
  deleted(queue: Queue): void
}
