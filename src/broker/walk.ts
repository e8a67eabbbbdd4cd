import type { DelayedMessages, Exchange } from './exchange/index.ts'
import { appendKeys, freshKeyOfExchange } from './fresh-key.ts'
import type { BrokerContext } from './host.ts'
import type { Message } from './message.ts'
import type { Queue } from './queue/index.ts'
import type { RoutingTargets } from './routing.ts'

/** The way of messages through the exchanges of a vhost, from one to those bound to it and to alternates. */
export class Walk {
  readonly #context: BrokerContext
  readonly #exchanges: ReadonlyMap<string, Exchange>
  readonly #queues: ReadonlyMap<string, Queue>

  constructor(context: BrokerContext, exchanges: ReadonlyMap<string, Exchange>, queues: ReadonlyMap<string, Queue>) {
    this.#context = context
    this.#exchanges = exchanges
    this.#queues = queues
  }

  /** Follows a key that alone decides; false when some exchange on the way wants to see the message. */
  byKey(exchange: Exchange, routingKey: string, targets: RoutingTargets): boolean {
    const keys = [routingKey]
    targets.visited.add(exchange)
    this.visit(exchange, keys, undefined, targets)
    this.go(keys, undefined, targets)
    return targets.cacheable
  }

  /** Visits the exchanges that the targets name, and all that they lead to. */
  go(keys: readonly string[], message: Message | undefined, targets: RoutingTargets): void {
    for (let next = targets.exchanges.pop(); next !== undefined; next = targets.exchanges.pop()) {
      if (targets.visited.has(next)) continue
      targets.visited.add(next)
      if (message !== undefined && this.#keptBack(next, message, targets)) continue
      this.visit(next, keys, message, targets)
    }
  }

  /** @param message undefined while finding out whether the key alone decides. */
  visit(exchange: Exchange, keys: readonly string[], message: Message | undefined, targets: RoutingTargets): void {
    if (!exchange.cacheable) {
      targets.cacheable = false
      if (message === undefined) return
    }
    targets.matched = 0
    for (const key of keys) {
      if (exchange.name === '') this.#visitDefault(key, targets)
      else exchange.router.route(key, message as Message, targets)
    }
    // The default exchange as an alternate leads nowhere. Source: RabbitMQ.
    if (targets.matched > 0 || exchange.alternateExchange === undefined || exchange.alternateExchange === '') return
    const alternate = this.#exchanges.get(exchange.alternateExchange)
    if (alternate !== undefined) targets.exchanges.push(alternate)
  }

  /** True when the exchange drops the message as a duplicate or keeps it for later. */
  #keptBack(exchange: Exchange, message: Message, targets: RoutingTargets): boolean {
    if (targets.resolving) {
      targets.held ||=
        exchange.deduplicator !== undefined || exchange.delayed !== undefined || exchange.router.hasOutlets === true
      return targets.held
    }
    if (exchange.deduplicator?.isDuplicate(message, this.#context.clock.now)) {
      // Where the first went it may not be safe yet.
      targets.position = this.#context.journal.appended
      return true
    }
    const key = freshKeyOfExchange(exchange)
    if (key !== undefined) targets.keys.push(key)
    return exchange.delayed !== undefined && this.#heldBack(exchange.delayed, message, targets)
  }

  #heldBack(delayed: DelayedMessages, message: Message, targets: RoutingTargets): boolean {
    const { storage, journal } = this.#context
    storage.settlements.flush()
    return storage.group(() => {
      if (!delayed.hold(message)) return false
      targets.held = true
      if (delayed.heldPosition === 0) return true
      targets.position = delayed.heldPosition
      if (targets.keys.length > 0) targets.position = appendKeys(targets.keys.splice(0), journal)
      return true
    })
  }

  #visitDefault(routingKey: string, targets: RoutingTargets): void {
    const queue = this.#queues.get(routingKey)
    if (queue === undefined) return
    targets.matched++
    targets.queues.add(queue)
  }
}
