import {
  type AmqpError,
  type Binding,
  type Exchange,
  entity,
  type Message,
  preconditionFailed,
  type Router,
  type RouteTargets,
} from '../../broker/index.ts'
import { findHeader, PropertyFlag, PropertyView, type Table, textOf } from '../../codec/index.ts'
import { fitsTopicBody, TOPIC_BYTES_MAX, topicFrameBytes } from '../packet/topic-body.ts'
import { isReservedTopic } from '../topic-names.ts'
import { reservedTopicRefused } from '../user-authority.ts'
import { Header } from './amqp-message.ts'
import { readBindingArguments, readPrefix } from './arguments.ts'
import type { Bridge } from './bridge.ts'
import { Departure } from './departure.ts'
import { Origin } from './origin.ts'

const MODE_HEADER = Buffer.from(Header.MODE)

/** One exchange of the bridge: its bindings listen to topics, and what is published to it goes to them. */
export class TopicBindings implements Router {
  readonly byKeyOnly = false
  readonly hasOutlets = true
  readonly exchange: Exchange
  readonly prefix: string
  readonly #bridge: Bridge
  readonly #bindings = new Map<string, Set<Binding>>()

  constructor(bridge: Bridge, exchange: Exchange) {
    this.#bridge = bridge
    this.exchange = exchange
    this.prefix = readPrefix(exchange.host.name, exchange.name, exchange.arguments)
  }

  validateBinding(routingKey: string, args: Table): void {
    readBindingArguments(args)
    const problem = topicProblem(this.prefix + routingKey)
    if (problem !== undefined) throw problem
  }

  bind(binding: Binding): void {
    const { routingKey } = binding
    const bindings = this.#bindings.get(routingKey)
    if (bindings === undefined) this.#bindings.set(routingKey, new Set([binding]))
    else bindings.add(binding)
    if (this.#listens) this.#bridge.listen(this.prefix + routingKey, binding)
  }

  unbind(binding: Binding): void {
    const { routingKey } = binding
    const bindings = this.#bindings.get(routingKey)
    bindings?.delete(binding)
    if (bindings?.size === 0) this.#bindings.delete(routingKey)
    if (this.#listens) this.#bridge.leave(this.prefix + routingKey, binding)
  }

  checkPublish(routingKey: string, message: Message): void {
    const problem = this.#problem(this.prefix + routingKey, message, modeOf(message))
    if (problem !== undefined) throw problem
  }

  route(routingKey: string, message: Message, into: RouteTargets): void {
    const topic = this.prefix + routingKey
    const mode = modeOf(message)
    const problem = this.#problem(topic, message, mode)
    if (problem !== undefined) {
      // Nobody is left to tell who has sent it here through another exchange, or as a dead letter.
      const { log } = this.#bridge.amop
      log.warn(
        `amop: ${entity('exchange', this.exchange.name, this.exchange.host.name)} drops a message: ${problem.message}`,
      )
      return
    }
    if (!this.#listens) {
      for (const binding of this.#bindings.get(routingKey) ?? []) into.add(binding)
      return
    }
    const { router } = this.#bridge.amop
    const isUnicast = mode === 'unicast'
    const origin = Origin.of(message, topic, this.#bridge.findTopic)
    const departure = new Departure(this.#bridge, this.exchange.name, topic, isUnicast, origin)
    if (!isUnicast) {
      for (const listener of this.#bridge.listenersOf(topic)) {
        if (!departure.comesFrom(listener)) into.add(listener.binding)
      }
    }
    if (router.reaches(departure, topic, departure.type)) into.addOutlet(departure)
    // Taps get what finds nobody, too; and an AMQP publisher that waits for an answer is told. An SDK's request that has
    // come so far is still the next candidate's.
    else if (
      isUnicast &&
      ((departure.hops === 0 && hasReplyTo(message)) || router.table.find(topic)?.taps(departure).length)
    ) {
      into.addOutlet(departure, false)
    }
  }

  get #listens(): boolean {
    return this.exchange.host.name === this.#bridge.vhost
  }

  /** Why a message of that mode cannot go to that topic. */
  #problem(topic: string, message: Message, mode: string | undefined): AmqpError | undefined {
    const problem = topicProblem(topic)
    if (problem !== undefined) return problem
    const bytes = topicFrameBytes(topic, message.bodyLength)
    const { frameBytesMax } = this.#bridge.amop.settings
    if (bytes > frameBytesMax) {
      return preconditionFailed(
        `message of ${message.bodyLength} bytes for topic '${topic}' makes an AMOP frame of ${bytes}, over ${frameBytesMax}`,
      )
    }
    if (mode === undefined || mode === 'multicast' || mode === 'unicast') return undefined
    return preconditionFailed(`invalid header '${Header.MODE}': '${mode}' is neither 'multicast' nor 'unicast'`)
  }
}

function topicProblem(topic: string): AmqpError | undefined {
  if (isReservedTopic(topic)) return reservedTopicRefused(topic)
  if (topic !== '' && fitsTopicBody(topic)) return undefined
  const bytes = Buffer.byteLength(topic)
  const limits = `a topic of AMOP has 1 to ${TOPIC_BYTES_MAX} bytes of UTF-8`
  if (bytes > 0 && bytes <= TOPIC_BYTES_MAX) return preconditionFailed(`${limits}, and these are none`)
  // The topic last: texts of errors are cut.
  return preconditionFailed(`${limits}, not ${bytes}: '${topic}'`)
}

function hasReplyTo(message: Message): boolean {
  return (message.propertyFlags & PropertyFlag.REPLY_TO) !== 0
}

/** @returns undefined without that header, the type of a value that is no text. */
function modeOf(message: Message): string | undefined {
  if ((message.propertyFlags & PropertyFlag.HEADERS) === 0) return undefined
  const view = message.properties(new PropertyView())
  if (findHeader(message.buffer, view.find(PropertyFlag.HEADERS), MODE_HEADER) < 0) return undefined
  const value = view.headers?.get(Header.MODE)
  return textOf(value) ?? String(value?.type)
}
