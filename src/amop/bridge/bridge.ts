import {
  type AlarmListener,
  type Alarms,
  type Binding,
  Exchange,
  type ExchangeType,
  type Follower,
  type PublishResult,
  type VirtualHost,
  type VirtualHosts,
} from '../../broker/index.ts'
import type { PropertyChanges } from '../../codec/index.ts'
import type { AmopContext } from '../context.ts'
import type { Message } from '../router/message.ts'
import type { Publisher } from '../router/publisher.ts'
import { AmqpMessages } from './amqp-message.ts'
import { Answers } from './answers.ts'
import { BoundListener } from './bound-listener.ts'
import { Copies } from './copies.ts'
import { Departure } from './departure.ts'
import { Departures } from './departures.ts'
import { amopExchangeType } from './exchange-type.ts'
import { Replies } from './replies.ts'
import { TopicBindings } from './topic-bindings.ts'

/** The exchange that the bridge's virtual host has from the start. */
export const AMOP_EXCHANGE = 'amq.amop'

/**
 * Exchanges with prefixes may lead from topic to topic in a circle: how often a message goes from a topic to queues. Small, as
 * each time there may be several ways on.
 */
const HOPS_MAX = 4

export interface BridgeOptions {
  /** The virtual host that AMOP belongs to; exchanges of another do not listen. */
  readonly vhost: string
  /** What this node is called in messages' `x-amop-node`. */
  readonly node: string
  /** What holds publishers back; left out, nothing does. */
  readonly alarms?: Alarms
}

/**
 * Joins topics of AMOP and queues of AMQP: registers the exchange type `x-amop`, whose bindings listen to topics and whose
 * messages go to them. Made before virtual hosts are added or recovered.
 */
export class Bridge implements AlarmListener {
  readonly amop: AmopContext
  readonly virtualHosts: VirtualHosts
  readonly vhost: string
  readonly node: string
  readonly exchangeType: ExchangeType
  readonly answers: Answers
  readonly replies: Replies
  readonly copies = new Copies(this)
  readonly departures: Departures
  /** The topic that a routing key of an exchange means; undefined when it is none of the bridge's. */
  readonly findTopic = (exchange: string, routingKey: string): string | undefined => {
    const router = this.host?.exchanges.get(exchange)?.router
    return router instanceof TopicBindings ? router.prefix + routingKey : undefined
  }
  readonly #alarms: Alarms | undefined
  readonly #messages: AmqpMessages
  /** Who listens on the AMQP side, by topic and destination. */
  readonly #listeners = new Map<string, Map<Binding['destination'], BoundListener>>()
  /** Virtual hosts that have `amq.amop` with bindings, from a time when AMOP belonged to them. */
  readonly #former = new Set<string>()
  /** Publishers that wait for the disk. */
  readonly #heldBack = new Set<Publisher>()
  /** The bridge's exchanges, as of which state of the topology. */
  readonly #byPrefix = new Map<string, Exchange[]>()
  #generation = -1
  #hops = 0

  constructor(amop: AmopContext, virtualHosts: VirtualHosts, { vhost, node, alarms }: BridgeOptions) {
    this.amop = amop
    this.virtualHosts = virtualHosts
    this.vhost = vhost
    this.node = node
    this.answers = new Answers(virtualHosts.context)
    this.replies = new Replies(amop)
    this.departures = new Departures(amop.settings.outstandingMax)
    this.#messages = new AmqpMessages(node)
    this.#alarms = alarms
    alarms?.addListener(this)
    this.exchangeType = amopExchangeType(this)
    virtualHosts.exchangeTypes.set(this.exchangeType.name, this.exchangeType)
  }

  /** The virtual host that AMOP belongs to, while it is there. */
  get host(): VirtualHost | undefined {
    return this.virtualHosts.find(this.vhost)
  }

  /** How often the message that is being delivered has gone from a topic to queues; 0 while none is. */
  get hops(): number {
    return this.#hops
  }

  /** These have bindings of `amq.amop` in a data directory; called before they come back. */
  keepExchangeIn(vhosts: readonly string[]): void {
    for (const vhost of vhosts) this.#former.add(vhost)
  }

  hasExchangeIn(vhost: string): boolean {
    return vhost === this.vhost || this.#former.has(vhost)
  }

  /** All that was there before is there again. */
  start(): void {
    const { log } = this.amop
    if (this.host === undefined) {
      log.warn(`amop: there is no virtual host '${this.vhost}': nothing joins topics and queues until it is made`)
    }
    for (const vhost of this.#former) {
      if (vhost === this.vhost) continue
      log.warn(
        `amop: what is bound to '${AMOP_EXCHANGE}' in vhost '${vhost}' does not listen: AMOP belongs to '${this.vhost}'`,
      )
    }
  }

  close(): void {
    this.#alarms?.removeListener(this)
    this.answers.close()
    this.#heldBack.clear()
  }

  alarmsChanged(): void {
    if (this.#alarms?.flow || this.#heldBack.size === 0) return
    const publishers = [...this.#heldBack]
    this.#heldBack.clear()
    for (const publisher of publishers) publisher.goOn?.()
  }

  listenersOf(topic: string): BoundListener[] {
    return [...(this.#listeners.get(topic)?.values() ?? [])]
  }

  /** A binding has been made: its destination listens to the topic. */
  listen(topic: string, binding: Binding): void {
    let listeners = this.#listeners.get(topic)
    if (listeners === undefined) {
      listeners = new Map()
      this.#listeners.set(topic, listeners)
    }
    let listener = listeners.get(binding.destination)
    if (listener === undefined) {
      listener = new BoundListener(this, topic, binding.destination)
      listeners.set(binding.destination, listener)
    }
    listener.addBinding(binding)
    this.amop.router.subscribe(listener, topic)
  }

  leave(topic: string, binding: Binding): void {
    const { destination } = binding
    const listeners = this.#listeners.get(topic)
    const listener = listeners?.get(destination)
    if (listeners === undefined || listener === undefined) return
    listener.removeBinding(binding)
    if (listener.isBound) return
    listeners.delete(destination)
    if (listeners.size === 0) this.#listeners.delete(topic)
    this.amop.router.unsubscribe(listener, topic)
    if (!this.#isThere(destination)) this.answers.add({ say: () => listener.gone() })
  }

  /** Why no queue can take that message now; undefined when one may. */
  refusal(message: Message): string | undefined {
    const bytes = message.packet.frame.length - message.dataAt
    const { maxMessageSize } = this.virtualHosts.context.limits
    if (bytes > maxMessageSize) return `it has ${bytes} bytes, over the limit of ${maxMessageSize} for messages`
    if (hopsOf(message.publisher) >= HOPS_MAX) return 'exchanges with prefixes lead it round in a circle'
    const reason = this.#alarms?.reason
    return reason === undefined ? undefined : `the broker is ${reason}`
  }

  /**
   * Puts a message into what some listeners stand for, in one go.
   * @param listeners bound to the same exchange.
   * @param changes to its properties.
   */
  deliver(
    listeners: readonly BoundListener[],
    message: Message,
    changes?: PropertyChanges,
    follower?: Follower,
  ): PublishResult {
    const bindings = listeners.map(({ binding }) => binding)
    const [{ source, routingKey, destination }] = bindings as [Binding]
    const { publisher } = message
    const { clock, turn } = this.virtualHosts.context
    turn.schedule()
    const published =
      publisher instanceof Departure
        ? publisher.original(message, changes)
        : this.#messages.make(message, source.name, routingKey, destination.durable, clock.now, changes)
    const { hops } = this
    this.#hops = hopsOf(publisher) + 1
    try {
      const besides = destination instanceof Exchange ? this.#sameTopic(source) : []
      return (source.host as VirtualHost).deliver(bindings, published, besides, follower)
    } finally {
      this.#hops = hops
      if (this.#alarms?.flow) this.#holdBack(publisher)
    }
  }

  /** Exchanges for which a routing key is the same topic: through them the message would only come back. */
  #sameTopic(source: Exchange): readonly Exchange[] {
    const { host } = this
    if (host === undefined) return []
    if (this.#generation !== host.generation) {
      this.#generation = host.generation
      this.#byPrefix.clear()
      for (const exchange of host.exchanges.values()) {
        const { router } = exchange
        if (!(router instanceof TopicBindings)) continue
        const exchanges = this.#byPrefix.get(router.prefix)
        if (exchanges === undefined) this.#byPrefix.set(router.prefix, [exchange])
        else exchanges.push(exchange)
      }
    }
    return this.#byPrefix.get((source.router as TopicBindings).prefix) ?? []
  }

  #isThere(destination: Binding['destination']): boolean {
    const { host } = this
    const { name } = destination
    return host?.queues.get(name) === destination || host?.exchanges.get(name) === destination
  }

  #holdBack(publisher: Publisher): void {
    if (publisher.holdBack === undefined || this.#heldBack.has(publisher)) return
    this.#heldBack.add(publisher)
    publisher.holdBack()
  }
}

function hopsOf(publisher: Publisher): number {
  return publisher instanceof Departure ? publisher.hops : 0
}
