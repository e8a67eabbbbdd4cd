import type { Table } from '../../codec/index.ts'
import { type Binding, type BindingDestination, bindingIdentity } from './binding.ts'
import { Exchange, type Router } from './exchange.ts'

/** The bindings of one exchange as a source, by identity; its router hears of each change. */
export class Bindings {
  readonly #router: Router
  readonly #bindings = new Map<string, Binding>()

  constructor(router: Router) {
    this.#router = router
  }

  get size(): number {
    return this.#bindings.size
  }

  find(destination: BindingDestination, routingKey: string, args: Table): Binding | undefined {
    return this.#bindings.get(identityOf(destination, routingKey, args))
  }

  /** Adds a binding of this source; false, and nothing happens, when there is one equal to it. */
  add(binding: Binding): boolean {
    const identity = identityOf(binding.destination, binding.routingKey, binding.arguments)
    if (this.#bindings.has(identity)) return false
    this.#bindings.set(identity, binding)
    this.#router.bind(binding)
    return true
  }

  /** Removes the binding equal to the given one; false when there is none. */
  remove(binding: Binding): boolean {
    const identity = identityOf(binding.destination, binding.routingKey, binding.arguments)
    const held = this.#bindings.get(identity)
    if (held === undefined) return false
    this.#bindings.delete(identity)
    this.#router.unbind(held)
    return true
  }

  /** All of them, oldest first. */
  all(): IterableIterator<Binding> {
    return this.#bindings.values()
  }
}

function identityOf(destination: BindingDestination, routingKey: string, args: Table): string {
  return bindingIdentity(destination instanceof Exchange ? 'exchange' : 'queue', destination.name, routingKey, args)
}
