import type { Binding, Exchange, Message, Router, RouteTargets } from '../../broker/index.ts'
import type { Table } from '../../codec/index.ts'
import { readBindingArguments, readPrefix } from './arguments.ts'
import type { Bridge } from './bridge.ts'

/** The bindings of one `x-amop` exchange. */
export class TopicBindings implements Router {
  readonly byKeyOnly = false
  readonly hasOutlets = true
  readonly bridge: Bridge
  readonly prefix: string
  readonly #bindings = new Map<string, Set<Binding>>()

  constructor(bridge: Bridge, { host, name, arguments: args }: Exchange) {
    this.bridge = bridge
    this.prefix = readPrefix(host.name, name, args)
  }

  validateBinding(_routingKey: string, args: Table): void {
    readBindingArguments(args)
  }

  bind(binding: Binding): void {
    const bindings = this.#bindings.get(binding.routingKey)
    if (bindings === undefined) this.#bindings.set(binding.routingKey, new Set([binding]))
    else bindings.add(binding)
  }

  unbind(binding: Binding): void {
    const bindings = this.#bindings.get(binding.routingKey)
    bindings?.delete(binding)
    if (bindings?.size === 0) this.#bindings.delete(binding.routingKey)
  }

  route(routingKey: string, _message: Message, into: RouteTargets): void {
    for (const binding of this.#bindings.get(routingKey) ?? []) into.add(binding)
  }
}
