import type { Table } from '../../codec/index.ts'
import type { Queue } from '../queue/queue.ts'
import type { Exchange } from './exchange.ts'
import { tableKey } from './value-key.ts'

/** What a binding leads to. */
export type BindingDestination = Queue | Exchange

/** The rule that messages go from one exchange to one destination; all four fields together are its identity. */
export interface Binding {
  readonly source: Exchange
  readonly destination: BindingDestination
  readonly routingKey: string
  readonly arguments: Table
}

/** All bindings filed under one key. Nearly always it is one, so a set is made for the second only. */
export type BindingGroup = Binding | Set<Binding>

export function withBinding(group: BindingGroup | undefined, binding: Binding): BindingGroup {
  if (group === undefined) return binding
  return group instanceof Set ? group.add(binding) : new Set([group, binding])
}

/** What is left of the group; undefined when that is nothing. */
export function withoutBinding(group: BindingGroup | undefined, binding: Binding): BindingGroup | undefined {
  if (!(group instanceof Set)) return group === binding ? undefined : group
  group.delete(binding)
  return group.size === 0 ? undefined : group
}

/**
 * What tells two bindings of one source apart, as one text, so that finding one among ten thousand is one look. Kind
 * and name stand for the destination: whoever deletes a destination removes its bindings before the name is used again.
 */
export function bindingIdentity(kind: 'queue' | 'exchange', name: string, routingKey: string, args: Table): string {
  const address = `${kind === 'queue' ? 'q' : 'e'}${name.length}:${name}${routingKey.length}:${routingKey}`
  return args.size === 0 ? address : address + tableKey(args)
}
