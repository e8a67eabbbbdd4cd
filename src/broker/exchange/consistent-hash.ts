import { PropertyView, type Table, textOf, typeName } from '../../codec/index.ts'
import { entity, preconditionFailed } from '../errors.ts'
import type { Message } from '../message.ts'
import type { Binding, BindingDestination } from './binding.ts'
import { erlangBinary } from './erlang-term.ts'
import { Exchange, type ExchangeType, type Router, type RouteTargets, validateExchangeArguments } from './exchange.ts'
import { valueKey } from './value-key.ts'

/** A larger weight counts as this one, so that sums of weights stay exact. */
const WEIGHT_MAX = 1_000_000_000

function weightOf(binding: Binding): number {
  return Math.min(Number(binding.routingKey), WEIGHT_MAX)
}

/** Spreads every bit over all 32 (MurmurHash3's finalizer). */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** FNV-1a over the text's UTF-16 units. */
function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** A destination in the contest for keys. */
class Contender {
  readonly bindings = new Set<Binding>()
  /** The sum of its bindings' weights. */
  weight = 0
  // Two seeds: with one of 32 bits, two in some thousand destinations would share theirs, and one of them its keys.
  readonly #seed: number
  readonly #secondSeed: number

  constructor(identity: string) {
    this.#seed = hashOf(identity, 0)
    this.#secondSeed = hashOf(identity, 1)
  }

  /** How long this destination takes to claim a key; the quickest gets it. */
  claimTime(keyHash: number): number {
    const drawn = (mix(mix(keyHash ^ this.#seed) + this.#secondSeed) >>> 0) + 0.5
    return -Math.log(drawn / 0x1_0000_0000) / this.weight
  }
}

/**
 * Exactly one destination gets a key, by weighted rendezvous hashing: each destination draws a time for the key from
 * its own name, exponentially distributed with its weight, and the shortest wins. RabbitMQ's jump hash over buckets in
 * binding order was not taken: there the removal of a binding renumbers all later buckets, and the result depends on
 * the order of declaration. Here the shares are exactly the weights, a removed destination's keys are all that move, a
 * new one takes keys only for itself, and restarts, other nodes and huge weights change nothing. A route looks at each
 * destination once, some 20 ns each.
 */
class ConsistentHashRouter implements Router {
  readonly byKeyOnly: boolean
  readonly #header: string | undefined
  readonly #property: string | undefined
  readonly #contenders = new Map<BindingDestination, Contender>()
  readonly #view = new PropertyView()

  constructor(args: Table) {
    this.#header = textOf(args.get('hash-header'))
    this.#property = textOf(args.get('hash-property'))
    this.byKeyOnly = this.#header === undefined && this.#property === undefined
  }

  validateBinding(routingKey: string): void {
    if (!/^[+-]?\d+$/.test(routingKey))
      throw preconditionFailed(`The binding key must be an integer: ${erlangBinary(routingKey)}`)
    if (Number(routingKey) < 1) throw preconditionFailed('The binding key must be greater than 0')
  }

  bind(binding: Binding): void {
    const { destination } = binding
    let contender = this.#contenders.get(destination)
    if (contender === undefined) {
      contender = new Contender(`${destination instanceof Exchange ? 'exchange' : 'queue'} ${destination.name}`)
      this.#contenders.set(destination, contender)
    }
    contender.bindings.add(binding)
    contender.weight += weightOf(binding)
  }

  unbind(binding: Binding): void {
    const contender = this.#contenders.get(binding.destination)
    if (contender === undefined) return
    contender.bindings.delete(binding)
    contender.weight -= weightOf(binding)
    if (contender.bindings.size === 0) this.#contenders.delete(binding.destination)
  }

  route(routingKey: string, message: Message, into: RouteTargets): void {
    const keyHash = hashOf(this.byKeyOnly ? routingKey : this.#keyOf(message), 0)
    let winner: Contender | undefined
    let shortest = Number.POSITIVE_INFINITY
    for (const contender of this.#contenders.values()) {
      const time = contender.claimTime(keyHash)
      if (time >= shortest) continue
      shortest = time
      winner = contender
    }
    if (winner === undefined) return
    for (const binding of winner.bindings) {
      into.add(binding)
      return
    }
  }

  /** Messages without the header or property share one key, so one destination gets them all. */
  #keyOf(message: Message): string {
    const view = message.properties(this.#view)
    if (this.#header !== undefined) {
      const value = view.headers?.get(this.#header)
      return value === undefined ? '' : valueKey(value)
    }
    switch (this.#property) {
      case 'correlation_id':
        return view.correlationId ?? ''
      case 'message_id':
        return view.messageId ?? ''
      default:
        return view.timestamp?.toString() ?? ''
    }
  }
}

const PROPERTIES = ['correlation_id', 'message_id', 'timestamp']

/** @throws AmqpError 406 */
function validateHashArguments(vhost: string, name: string, args: Table): void {
  validateExchangeArguments(vhost, name, args)
  for (const argument of ['hash-header', 'hash-property']) {
    const value = args.get(argument)
    if (value !== undefined && value.type !== 'S')
      throw preconditionFailed(
        `invalid type '${typeName(value)}' for arg '${argument}' in ${entity('exchange', name, vhost)}`,
      )
  }
  const property = textOf(args.get('hash-property'))
  if (property === undefined) return
  if (args.has('hash-header')) throw preconditionFailed('hash-header and hash-property are mutually exclusive')
  if (!PROPERTIES.includes(property)) throw preconditionFailed(`Unsupported property: ${property}`)
}

export const consistentHashExchange: ExchangeType = {
  name: 'x-consistent-hash',
  comparedArguments: ['hash-header', 'hash-property'],
  validate: validateHashArguments,
  create: (exchange) => new ConsistentHashRouter(exchange.arguments),
}
