import { PropertyView, type Table, textOf, typeName } from '../../codec/index.ts'
import { preconditionFailed } from '../errors.ts'
import type { Message } from '../message.ts'
import type { Binding } from './binding.ts'
import { erlangTerm } from './erlang-term.ts'
import { type ExchangeType, type Router, type RouteTargets, validateExchangeArguments } from './exchange.ts'
import { valueKey } from './value-key.ts'

const MODES = new Set(['all', 'any', 'all-with-x', 'any-with-x'])

/** A header that must be there; with a value (`valueKey`) unless the binding gives void. */
interface Condition {
  readonly name: string
  readonly value: string | undefined
}

/** What one binding asks of a message's headers. */
interface Pattern {
  readonly binding: Binding
  /** One condition is enough. */
  readonly any: boolean
  readonly conditions: readonly Condition[]
  /** The sets that hold it, chosen when it was bound. */
  filed: readonly Condition[]
}

/** What bindings ask about headers of one name. */
interface NamedHeader {
  /** How many conditions name it. */
  conditions: number
  /** The patterns to look at when a message has it, whatever its value. */
  readonly present: Set<Pattern>
  /** The patterns to look at when it has this value. */
  readonly withValue: Map<string, Set<Pattern>>
}

function patternOf(binding: Binding): Pattern {
  const mode = textOf(binding.arguments.get('x-match')) ?? 'all'
  const withX = mode.endsWith('-with-x')
  const conditions: Condition[] = []
  for (const [name, value] of binding.arguments.entries) {
    if (withX ? name === 'x-match' : name.startsWith('x-')) continue
    conditions.push({ name, value: value.type === 'V' ? undefined : valueKey(value) })
  }
  return { binding, any: mode.startsWith('any'), conditions, filed: [] }
}

/**
 * Bindings are filed under the headers they ask for: one of mode `any` under each, one of mode `all` under the header
 * that the fewest others ask for. So a message is compared with the bindings its own headers lead to, not with all.
 */
class HeadersRouter implements Router {
  readonly byKeyOnly = false
  readonly #patterns = new Map<Binding, Pattern>()
  /** Bindings of mode `all` without a condition: they match whatever comes. */
  readonly #unconditional = new Set<Binding>()
  readonly #names = new Map<string, NamedHeader>()
  // Reused from route to route: the message's headers that some binding asks for.
  readonly #found = new Map<string, string>()
  readonly #view = new PropertyView()

  validateBinding(_routingKey: string, args: Table): void {
    const mode = args.get('x-match')
    if (mode === undefined) return
    if (mode.type !== 'S')
      throw preconditionFailed(
        `Invalid x-match field type ${typeName(mode)} (value ${erlangTerm(mode)}); expected longstr`,
      )
    if (!MODES.has(textOf(mode) as string))
      throw preconditionFailed(
        `Invalid x-match field value ${erlangTerm(mode)}; expected all, any, all-with-x, or any-with-x`,
      )
  }

  bind(binding: Binding): void {
    const pattern = patternOf(binding)
    this.#patterns.set(binding, pattern)
    if (pattern.conditions.length === 0) {
      if (!pattern.any) this.#unconditional.add(binding)
      return
    }
    for (const { name } of pattern.conditions) this.#name(name).conditions++
    pattern.filed = pattern.any ? pattern.conditions : [this.#rarest(pattern.conditions)]
    for (const condition of pattern.filed) this.#file(pattern, condition)
  }

  unbind(binding: Binding): void {
    const pattern = this.#patterns.get(binding)
    if (pattern === undefined) return
    this.#patterns.delete(binding)
    this.#unconditional.delete(binding)
    for (const condition of pattern.filed) this.#unfile(pattern, condition)
    for (const { name } of pattern.conditions) {
      const header = this.#name(name)
      if (--header.conditions === 0) this.#names.delete(name)
    }
  }

  route(_routingKey: string, message: Message, into: RouteTargets): void {
    for (const binding of this.#unconditional) into.add(binding)
    if (this.#names.size === 0) return
    const headers = message.properties(this.#view).headers
    if (headers === undefined) return
    const found = this.#found
    for (const [name, value] of headers.entries)
      if (this.#names.has(name) && !found.has(name)) found.set(name, valueKey(value))
    for (const [name, value] of found) {
      const header = this.#names.get(name) as NamedHeader
      this.#addMatches(header.present, into)
      const withValue = header.withValue.get(value)
      if (withValue !== undefined) this.#addMatches(withValue, into)
    }
    found.clear()
  }

  #addMatches(patterns: Set<Pattern>, into: RouteTargets): void {
    // Being found under one of its conditions is all that `any` asks.
    for (const pattern of patterns) if (pattern.any || this.#holdsAll(pattern.conditions)) into.add(pattern.binding)
  }

  #holdsAll(conditions: readonly Condition[]): boolean {
    for (const { name, value } of conditions) {
      const found = this.#found.get(name)
      if (found === undefined || (value !== undefined && value !== found)) return false
    }
    return true
  }

  #rarest(conditions: readonly Condition[]): Condition {
    let rarest = conditions[0] as Condition
    for (const condition of conditions) if (this.#crowd(condition) < this.#crowd(rarest)) rarest = condition
    return rarest
  }

  /** How many patterns are filed under a condition. */
  #crowd({ name, value }: Condition): number {
    const header = this.#name(name)
    return (value === undefined ? header.present : header.withValue.get(value))?.size ?? 0
  }

  #name(name: string): NamedHeader {
    let header = this.#names.get(name)
    if (header === undefined) {
      header = { conditions: 0, present: new Set(), withValue: new Map() }
      this.#names.set(name, header)
    }
    return header
  }

  #file(pattern: Pattern, { name, value }: Condition): void {
    const header = this.#name(name)
    if (value === undefined) {
      header.present.add(pattern)
      return
    }
    const patterns = header.withValue.get(value)
    if (patterns === undefined) header.withValue.set(value, new Set([pattern]))
    else patterns.add(pattern)
  }

  #unfile(pattern: Pattern, { name, value }: Condition): void {
    const header = this.#name(name)
    if (value === undefined) {
      header.present.delete(pattern)
      return
    }
    const patterns = header.withValue.get(value)
    patterns?.delete(pattern)
    if (patterns?.size === 0) header.withValue.delete(value)
  }
}

export const headersExchange: ExchangeType = {
  name: 'headers',
  validate: validateExchangeArguments,
  create: () => new HeadersRouter(),
}
