import type { Message } from '../message.ts'
import { type Binding, type BindingGroup, withBinding, withoutBinding } from './binding.ts'
import { type ExchangeType, type Router, type RouteTargets, validateExchangeArguments } from './exchange.ts'

/** Routing key and binding key are equal. */
class DirectRouter implements Router {
  readonly byKeyOnly = true
  readonly #groups = new Map<string, BindingGroup>()

  bind(binding: Binding): void {
    const key = binding.routingKey
    this.#groups.set(key, withBinding(this.#groups.get(key), binding))
  }

  unbind(binding: Binding): void {
    const key = binding.routingKey
    const rest = withoutBinding(this.#groups.get(key), binding)
    if (rest === undefined) this.#groups.delete(key)
    else this.#groups.set(key, rest)
  }

  route(routingKey: string, _message: Message, into: RouteTargets): void {
    const group = this.#groups.get(routingKey)
    if (group instanceof Set) for (const binding of group) into.add(binding)
    else if (group !== undefined) into.add(group)
  }
}

export const directExchange: ExchangeType = {
  name: 'direct',
  validate: validateExchangeArguments,
  create: () => new DirectRouter(),
}
