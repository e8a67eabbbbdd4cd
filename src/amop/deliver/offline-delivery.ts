import { entity, preconditionFailed, type Queue, type QueueWatcher, type VirtualHosts } from '../../broker/index.ts'
import type { Table } from '../../codec/index.ts'
import type { AmopContext } from '../context.ts'
import { isReservedTopic } from '../topic-names.ts'
import { UserAuthority } from '../user-authority.ts'
import { type DeliverArguments, readDeliverArguments } from './arguments.ts'
import { OutgoingBytes } from './outgoing-bytes.ts'
import { QueueDeliverer } from './queue-deliverer.ts'

/** Body bytes that all queues together may have handed out for one turn; see `OutgoingBytes`. */
const OUTGOING_BYTES_MAX = 16 * 1024 * 1024

/**
 * Delivers the messages of queues that were declared with `x-amop-deliver` to their topics. So a durable queue keeps what
 * an SDK will get that is away.
 */
export class OfflineDelivery implements QueueWatcher {
  readonly #amop: AmopContext
  readonly #virtualHosts: VirtualHosts
  readonly #vhost: string
  readonly #authority: UserAuthority
  readonly #outgoing: OutgoingBytes
  readonly #deliverers = new Map<Queue, QueueDeliverer>()

  /** @param options with the virtual host that AMOP belongs to; queues of others are not delivered. */
  constructor(amop: AmopContext, virtualHosts: VirtualHosts, { vhost }: { readonly vhost: string }) {
    this.#amop = amop
    this.#virtualHosts = virtualHosts
    this.#vhost = vhost
    this.#authority = new UserAuthority(amop)
    this.#outgoing = new OutgoingBytes(virtualHosts.context.turn, OUTGOING_BYTES_MAX)
  }

  /** How many queues are delivered. */
  get queueCount(): number {
    return this.#deliverers.size
  }

  /** From here on queues are delivered: those that are there, and those to come; before or after a recovery. */
  start(): void {
    this.#virtualHosts.watchQueues(this)
  }

  /** What is on its way goes back to its queue. */
  close(): void {
    this.#virtualHosts.unwatchQueues(this)
    for (const deliverer of this.#deliverers.values()) deliverer.close()
    this.#deliverers.clear()
  }

  declaring(user: string | undefined, name: string, vhost: string, args: Table): void {
    const deliver = this.#read(name, vhost, args)
    if (deliver !== undefined) this.#authority.check(user, 'publish', deliver.topic)
  }

  declared(queue: Queue): void {
    const deliver = this.#argumentsOf(queue)
    if (deliver === undefined) return
    const deliverer = new QueueDeliverer(this.#amop, this.#virtualHosts.context, queue, deliver, this.#outgoing)
    this.#deliverers.set(queue, deliverer)
    deliverer.start()
  }

  deleted(queue: Queue): void {
    this.#deliverers.get(queue)?.close()
    this.#deliverers.delete(queue)
  }

  /** A queue that was declared while AMOP was off may have any arguments: it is kept, and nothing is delivered. */
  #argumentsOf({ name, host, arguments: args }: Queue): DeliverArguments | undefined {
    try {
      const deliver = this.#read(name, host.name, args)
      if (deliver === undefined || !isReservedTopic(deliver.topic)) return deliver
      this.#logRefused(name, host.name, `topic '${deliver.topic}' is reserved for SDKs`)
    } catch (error) {
      this.#logRefused(name, host.name, (error as Error).message)
    }
    return undefined
  }

  /** @throws AmqpError 406 */
  #read(name: string, vhost: string, args: Table): DeliverArguments | undefined {
    const deliver = readDeliverArguments(name, vhost, args)
    if (deliver === undefined || vhost === this.#vhost) return deliver
    throw preconditionFailed(
      `${entity('queue', name, vhost)} cannot have 'x-amop-deliver': AMOP belongs to vhost '${this.#vhost}'`,
    )
  }

  #logRefused(name: string, vhost: string, reason: string): void {
    this.#amop.log.error(`amop: ${entity('queue', name, vhost)} is not delivered to any topic: ${reason}`)
  }
}
