import { type Table, textOf, typeName } from '../../codec/index.ts'
import { Deduplicator, validateDeduplication } from '../deduplication.ts'
import { entity, preconditionFailed } from '../errors.ts'
import type { EntityHost, EntityOptions } from '../host.ts'
import type { Message } from '../message.ts'
import type { Outlet } from '../outlet.ts'
import type { Binding } from './binding.ts'
import { Bindings } from './bindings.ts'
import { DelayedMessages } from './delayed.ts'

/** What a router tells its matches to; adding one twice does no harm. */
export interface RouteTargets {
  add(binding: Binding): void
  /** @param matches whether the message counts as routed by it, default true; those that it does not come last. */
  addOutlet(outlet: Outlet, matches?: boolean): void
}

/** The part of an exchange that knows its bindings in the shape its type needs, and picks among them. */
export interface Router {
  /** The routing key alone decides, so a route may be remembered by exchange and key. */
  readonly byKeyOnly: boolean
  /** Messages may leave the broker here: they are routed when they take effect, not before. */
  readonly hasOutlets?: boolean
  /**
   * Refuses what a client publishes straight to this exchange; not asked when the routing key alone decides.
   * @throws AmqpError 403, 406
   */
  checkPublish?(routingKey: string, message: Message): void
  /**
   * Refuses what this type cannot be bound with; not asked for an unbind.
   * @throws AmqpError 406
   */
  validateBinding?(routingKey: string, args: Table): void
  /** Takes a binding that it does not have yet. */
  bind(binding: Binding): void
  /** Gives up a binding that it has. */
  unbind(binding: Binding): void
  /**
   * Adds each binding that the message follows.
   * @param message only good during the call, and not looked at when the routing key alone decides.
   */
  route(routingKey: string, message: Message, into: RouteTargets): void
}

/** What an exchange is, or will be, as far as `authorize` looks at it. */
export type AuthorizedExchange = Pick<Exchange, 'host' | 'name' | 'arguments'>

/** A kind of exchange; `createExchangeTypes` has the built-in ones, other rooms register theirs beside them. */
export interface ExchangeType {
  readonly name: string
  /** Every message is asked for its `x-delay` first, whatever the exchange's arguments say. */
  readonly delays?: boolean
  /** Arguments that a re-declaration must repeat, besides those of every exchange. */
  readonly comparedArguments?: readonly string[]
  /** What the exchange of this type is called that such a vhost has from the start; undefined for none. */
  builtInName?(vhost: string): string | undefined
  /** Another number whenever `authorize` may say otherwise than before, for those who keep its answers. */
  readonly authorityGeneration?: number
  /**
   * Asked before a user publishes to such an exchange (once for each routing key, those of CC and BCC too), binds
   * something to it, or has messages come to it another way.
   * @param routingKey undefined for every one: the messages will come with keys of their own.
   * @throws AmqpError 403
   */
  authorize?(
    exchange: AuthorizedExchange,
    user: string,
    action: 'publish' | 'subscribe',
    routingKey: string | undefined,
  ): void
  /** @throws AmqpError 406 when an exchange of this type cannot have these arguments. */
  validate(vhost: string, name: string, args: Table): void
  create(exchange: Exchange): Router
}

export interface ExchangeOptions extends EntityOptions {
  readonly internal: boolean
  /** The number that its delayed messages had in the journal before a restart. */
  readonly uid?: number
}

/**
 * Checks the arguments that any exchange may have; `validate` of every type begins with it.
 * @throws AmqpError 406
 */
export function validateExchangeArguments(vhost: string, name: string, args: Table): void {
  const alternate = args.get('alternate-exchange')
  if (alternate !== undefined && alternate.type !== 'S')
    throw preconditionFailed(
      `invalid type '${typeName(alternate)}' for arg 'alternate-exchange' in ${entity('exchange', name, vhost)}`,
    )
  validateDeduplication('exchange', name, vhost, args)
}

/** An exchange; its arguments have been validated by its type. */
export class Exchange {
  readonly host: EntityHost
  readonly name: string
  readonly type: ExchangeType
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: Table
  /** The name of the exchange to try when this one routes a message nowhere; it need not exist. */
  readonly alternateExchange: string | undefined
  readonly router: Router
  /** The bindings with this exchange as their source. */
  readonly bindings: Bindings
  /** Asked once for each message that a client publishes here, before `delayed`. */
  readonly deduplicator: Deduplicator | undefined
  /** Asked for each message that arrives here, before `router`; not for one that it has let go itself. */
  readonly delayed: DelayedMessages | undefined
  /** The bindings that lead here from other exchanges; maintained by the vhost. */
  readonly incoming = new Set<Binding>()
  deleted = false

  constructor(host: EntityHost, name: string, type: ExchangeType, options: ExchangeOptions) {
    const args = options.arguments
    this.host = host
    this.name = name
    this.type = type
    this.durable = options.durable
    this.autoDelete = options.autoDelete
    this.internal = options.internal
    this.arguments = args
    this.alternateExchange = textOf(args.get('alternate-exchange'))
    this.deduplicator = Deduplicator.from(args)
    const asked = args.get('x-delayed-exchange')
    const delays = type.delays === true || (asked?.type === 't' && asked.value)
    this.delayed = delays ? new DelayedMessages(this, options.uid) : undefined
    this.router = type.create(this)
    this.bindings = new Bindings(this.router)
  }

  /** A message's destinations follow from its routing key alone, as long as no binding changes. */
  get cacheable(): boolean {
    return this.router.byKeyOnly && this.deduplicator === undefined && this.delayed === undefined
  }

  /** Called once by the vhost: what the exchange still holds back is dropped and its memory given back. */
  markDeleted(): void {
    this.deleted = true
    this.delayed?.clear()
  }
}
