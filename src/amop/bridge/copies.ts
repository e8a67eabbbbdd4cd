import { Queue } from '../../broker/index.ts'
import { PacketType } from '../packet/packet.ts'
import type { Message } from '../router/message.ts'
import { type BoundListener, refusalIn } from './bound-listener.ts'
import type { Bridge } from './bridge.ts'

type Refusals = Map<BoundListener, string>

/**
 * Hands multicasts, and taps' copies of unicasts, to queues: once for all that listen to the topic, so that the journal
 * has the message once, when the router comes to the first of them.
 */
export class Copies {
  readonly #bridge: Bridge

  constructor(bridge: Bridge) {
    this.#bridge = bridge
  }

  copy(listener: BoundListener, message: Message): true | string {
    message.handover ??= this.#deliver(message)
    return (message.handover as Refusals).get(listener) ?? true
  }

  /** @returns those that have not taken it, and why. */
  #deliver(message: Message): Refusals {
    const refusals: Refusals = new Map()
    const listeners = this.#listenersFor(message).filter((listener) => {
      const refusal = listener.refusal(message)
      if (refusal !== undefined) refusals.set(listener, refusal)
      return refusal === undefined
    })
    for (const group of groupsOf(withoutDoubles(listeners))) {
      const reason = refusalIn(this.#bridge.deliver(group, message))
      if (reason !== undefined) for (const listener of group) refusals.set(listener, reason)
    }
    return refusals
  }

  #listenersFor({ publisher, packet, topic }: Message): BoundListener[] {
    const isMulticast = packet.type === PacketType.MULTICAST
    return this.#bridge.listenersOf(topic as string).filter((listener) => {
      return (isMulticast || listener.role === 'tap') && publisher.excludes?.(listener) !== true
    })
  }
}

/** Of a queue that is bound itself and behind an exchange that is: it gets one message, not two. */
function withoutDoubles(listeners: readonly BoundListener[]): readonly BoundListener[] {
  const exchanges = listeners.filter(({ queue }) => queue === undefined)
  if (exchanges.length === 0) return listeners
  return listeners.filter(({ queue }) => queue === undefined || !exchanges.some((other) => other.leadsTo(queue)))
}

/** Those that get the very same message together; who may refuse it gets it alone, so that it is known who did. */
function groupsOf(listeners: readonly BoundListener[]): BoundListener[][] {
  const groups = new Map<unknown, BoundListener[]>()
  for (const listener of listeners) {
    const { source, destination } = listener.binding
    let key: unknown = `exchange ${source.name}`
    if (destination instanceof Queue) key = mayRefuse(destination) ? listener : `${destination.durable} ${source.name}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [listener])
    else group.push(listener)
  }
  return [...groups.values()]
}

function mayRefuse({ limits }: Queue): boolean {
  return limits.bounded && limits.overflow !== 'drop-head'
}
