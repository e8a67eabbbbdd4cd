import type { Message } from '../message.ts'
import type { Binding } from './binding.ts'
import { type ExchangeType, type Router, type RouteTargets, validateExchangeArguments } from './exchange.ts'

/** Every binding matches, whatever its key. */
class FanoutRouter implements Router {
  readonly byKeyOnly = true
  readonly #bindings = new Set<Binding>()

  bind(binding: Binding): void {
    this.#bindings.add(binding)
  }

  unbind(binding: Binding): void {
    this.#bindings.delete(binding)
  }

  route(_routingKey: string, _message: Message, into: RouteTargets): void {
    for (const binding of this.#bindings) into.add(binding)
  }
}

export const fanoutExchange: ExchangeType = {
  name: 'fanout',
  validate: validateExchangeArguments,
  create: () => new FanoutRouter(),
}
