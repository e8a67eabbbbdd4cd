import { randomBytes } from 'node:crypto'
import { PropertyFlag, type PropertyView, Table } from '../codec/index.ts'
import { deadLetterMessage, isDeathCycle, routingKeysOf } from './dead-letter.ts'
import type { ExchangeDeclaration, QueueDeclaration } from './declaration.ts'
import { accessRefused, entity, notFound, preconditionFailed, resourceLocked } from './errors.ts'
import {
  type Binding,
  BUILT_IN_EXCHANGES,
  checkExchangeEquivalence,
  Exchange,
  type ExchangeType,
  findExchangeType,
  isBuiltIn,
} from './exchange/index.ts'
import type { BrokerContext, DeathReason, EntityHost } from './host.ts'
import { Intake } from './intake.ts'
import { type Letter, Letters } from './letters.ts'
import { type Message, MessageMark } from './message.ts'
import { PublishResult, type ResolvedPublish } from './publish-result.ts'
import { checkQueueEquivalence, type Follower, Queue, validateQueueArguments } from './queue/index.ts'
import type { QueueWatcher } from './queue-watcher.ts'
import { ReplyConsumers } from './reply-to.ts'
import { Route, RouteCache, readAddress } from './route.ts'
import { RoutingTargets, senderSelection } from './routing.ts'
import type { DefinitionLog } from './storage/index.ts'
import { Walk } from './walk.ts'

/** A name space of exchanges, queues and bindings, and the way of a message through it. */
export class VirtualHost implements EntityHost {
  readonly name: string
  readonly context: BrokerContext
  readonly replyConsumers = new ReplyConsumers()
  /** Grows with every change of exchanges, queues or bindings, so that routes resolved before are not used again. */
  generation = 1
  readonly #types: ReadonlyMap<string, ExchangeType>
  readonly #queueWatchers: readonly QueueWatcher[]
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new Map<string, Queue>()
  /** Exclusive queues by the connection that owns them. */
  readonly #exclusive = new Map<object, Set<Queue>>()
  readonly #routes = new RouteCache()
  readonly #targets = new RoutingTargets()
  readonly #view: PropertyView
  readonly #result = new PublishResult()
  readonly #walk: Walk
  readonly #letters: Letters
  readonly #intake: Intake
  readonly #definitions: DefinitionLog

  constructor(
    name: string,
    context: BrokerContext,
    types: ReadonlyMap<string, ExchangeType>,
    queueWatchers: readonly QueueWatcher[] = [],
  ) {
    this.name = name
    this.context = context
    this.#view = context.propertyView
    this.#definitions = context.storage.definitions
    this.#types = types
    this.#queueWatchers = queueWatchers
    this.#walk = new Walk(context, this.#exchanges, this.#queues)
    this.#letters = new Letters(context.storage, (letter) => this.#deliverLetter(letter))
    this.#intake = new Intake(context, this.#letters)
    this.#addBuiltIn()
  }

  get exchanges(): ReadonlyMap<string, Exchange> {
    return this.#exchanges
  }

  get queues(): ReadonlyMap<string, Queue> {
    return this.#queues
  }

  /** @throws AmqpError 404 */
  exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) throw notFound('exchange', name, this.name)
    return exchange
  }

  /**
   * @param owner the connection that asks; another connection's exclusive queue is locked to it.
   * @throws AmqpError 404, 405
   */
  queue(name: string, owner: object | undefined): Queue {
    const queue = this.#queues.get(name)
    if (queue === undefined) throw notFound('queue', name, this.name)
    if (queue.exclusiveOwner !== undefined && queue.exclusiveOwner !== owner) throw resourceLocked(name, this.name)
    return queue
  }

  /** @throws AmqpError 406 for a type nobody registered. */
  exchangeType(name: string): ExchangeType {
    return findExchangeType(this.#types, name)
  }

  /**
   * Declares an exchange, or checks it when it exists.
   * @throws AmqpError 403 reserved name, 406 unknown type, bad argument or inequivalent.
   */
  declareExchange(declaration: ExchangeDeclaration): Exchange {
    const { name } = declaration
    const type = this.exchangeType(declaration.type)
    const existing = this.#exchanges.get(name)
    if (existing !== undefined) {
      checkExchangeEquivalence(existing, type, declaration)
      return existing
    }
    if (name.startsWith('amq.')) {
      throw accessRefused(`exchange name '${name}' contains reserved prefix 'amq.*'`)
    }
    type.validate(this.name, name, declaration.arguments)
    const exchange = new Exchange(this, name, type, declaration)
    this.#definitions.exchangeDeclared(exchange)
    return this.#addExchange(exchange)
  }

  /** @throws AmqpError 403 for a reserved name, 406 when `ifUnused` and it has bindings as a source. A missing one is fine. */
  deleteExchange(name: string, ifUnused: boolean): void {
    if (isBuiltIn(name)) {
      throw accessRefused(`deletion of system ${entity('exchange', name, this.name)} not allowed`)
    }
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) return
    if (ifUnused && exchange.bindings.size > 0) {
      throw preconditionFailed(`${entity('exchange', name, this.name)} in use`)
    }
    this.context.storage.group(() => this.#removeExchange(exchange))
  }

  /** A name for a queue whose declarer gave none: `amq.gen-` and 22 characters. */
  generateQueueName(): string {
    return `amq.gen-${randomBytes(16).toString('base64url')}`
  }

  /** A tag for a consumer that gave none: `amq.ctag-` and 22 characters. */
  generateConsumerTag(): string {
    return `amq.ctag-${randomBytes(16).toString('base64url')}`
  }

  /**
   * Declares a queue, or checks it when it exists.
   * @param owner the connection that asks; it will own an exclusive queue.
   * @throws AmqpError 403 reserved name or what a watcher refuses, 405 somebody else's exclusive queue, 406 bad argument
   * or inequivalent.
   */
  declareQueue(declaration: QueueDeclaration, owner: object | undefined): Queue {
    const { name, serverNamed, durable, autoDelete, exclusive } = declaration
    // Also for a queue that exists: a server-named one can only be declared passively again.
    if (name.startsWith('amq.') && !serverNamed) {
      throw accessRefused(`queue name '${name}' contains reserved prefix 'amq.*'`)
    }
    const existing = this.#queues.get(name)
    if (existing !== undefined) {
      checkQueueEquivalence(existing, durable, exclusive, autoDelete, declaration.arguments, owner)
      existing.touch()
      return existing
    }
    validateQueueArguments(name, this.name, declaration.arguments, { durable, exclusive, autoDelete, serverNamed })
    if (declaration.uid === undefined) {
      const { user } = declaration
      for (const watcher of this.#queueWatchers) watcher.declaring?.(user, name, this.name, declaration.arguments)
    }
    const queue = new Queue(this, name, {
      durable,
      autoDelete,
      arguments: declaration.arguments,
      exclusiveOwner: exclusive ? owner : undefined,
      ...(declaration.uid === undefined ? {} : { uid: declaration.uid }),
    })
    this.#definitions.queueDeclared(queue)
    this.#queues.set(name, queue)
    if (queue.exclusiveOwner !== undefined) this.#exclusiveOf(queue.exclusiveOwner).add(queue)
    this.generation++
    for (const watcher of this.#queueWatchers) watcher.declared(queue)
    return queue
  }

  /** @throws AmqpError 406 when a condition for deleting the queue is not met. */
  checkDeletion(queue: Queue, conditions: { ifUnused: boolean; ifEmpty: boolean }): void {
    if (conditions.ifEmpty && queue.messageCount > 0) {
      throw preconditionFailed(`${entity('queue', queue.name, this.name)} not empty`)
    }
    if (conditions.ifUnused && queue.consumerCount > 0) {
      throw preconditionFailed(`${entity('queue', queue.name, this.name)} in use`)
    }
  }

  deleteQueue(queue: Queue): void {
    if (this.#queues.get(queue.name) !== queue) return
    this.context.storage.group(() => {
      this.#definitions.queueDeleted(queue)
      this.#queues.delete(queue.name)
      if (queue.exclusiveOwner !== undefined) this.#exclusive.get(queue.exclusiveOwner)?.delete(queue)
      this.generation++
      for (const binding of [...queue.bindings]) this.#removeBinding(binding)
    })
    queue.markDeleted()
    for (const watcher of this.#queueWatchers) watcher.deleted(queue)
  }

  /** The connection has ended: what was its alone goes with it. */
  deleteExclusiveQueues(owner: object): void {
    for (const queue of [...(this.#exclusive.get(owner) ?? [])]) this.deleteQueue(queue)
    this.#exclusive.delete(owner)
  }

  /** Binding again what is bound is no error and changes nothing. @throws AmqpError 406 for bad binding arguments. */
  bind(source: Exchange, destination: Queue | Exchange, routingKey: string, args: Table): void {
    source.router.validateBinding?.(routingKey, args)
    if (source.bindings.find(destination, routingKey, args) !== undefined) return
    const binding: Binding = { source, destination, routingKey, arguments: args }
    this.#definitions.bound(binding)
    source.bindings.add(binding)
    this.generation++
    if (destination instanceof Queue) destination.bindings.add(binding)
    else destination.incoming.add(binding)
  }

  /** Unbinding what is not bound is no error. */
  unbind(source: Exchange, destination: Queue | Exchange, routingKey: string, args: Table): void {
    const binding = source.bindings.find(destination, routingKey, args)
    if (binding === undefined) return
    this.context.storage.group(() => {
      this.#definitions.unbound(binding)
      this.#removeBinding(binding)
    })
  }

  /**
   * Where messages with this address go.
   * @param addressAt offset of the exchange's length octet; the routing key follows it.
   * @returns undefined when there is no such exchange.
   */
  findRoute(buffer: Buffer, addressAt: number, addressEnd: number): Route | undefined {
    const cached = this.#routes.find(buffer, addressAt, addressEnd, this.generation)
    if (cached !== undefined) return cached
    const { exchange: name, routingKey } = readAddress(buffer, addressAt)
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) return undefined
    if (name === '' && ReplyConsumers.isReplyName(routingKey)) {
      return new Route(exchange, [], this.generation, false, this.replyConsumers.find(routingKey))
    }
    const targets = this.#targets
    targets.clear()
    if (this.#walk.byKey(exchange, routingKey, targets)) {
      const route = new Route(exchange, [...targets.queues], this.generation, true)
      this.#routes.add(buffer, addressAt, addressEnd, route)
      return route
    }
    const route = new Route(exchange, [], this.generation, false)
    this.#routes.add(buffer, addressAt, addressEnd, route)
    return route
  }

  /**
   * Routes one message and puts it into every queue it reaches.
   * @param route what `findRoute` gave for the message's address.
   * @throws AmqpError 406 for malformed CC or BCC headers.
   */
  publish(route: Route, message: Message): PublishResult {
    const result = this.#result.clear()
    if (!route.cacheable || (message.propertyFlags & PropertyFlag.HEADERS) !== 0) {
      this.#publishByContent(route, message, result)
    } else {
      this.#intake.enqueue(route.queues, route.durable, message, result)
    }
    return result
  }

  /**
   * As `findRoute` and `publish`, for a message that is published inside the broker, perhaps while another one is.
   * @returns undefined when there is no such exchange.
   * @throws AmqpError 403, 406
   */
  publishInside(message: Message): PublishResult | undefined {
    const { buffer, exchangeAt } = message
    const route = this.findRoute(buffer, exchangeAt, exchangeAt + message.addressLength)
    if (route === undefined) return undefined
    const result = new PublishResult()
    this.#publishByContent(route, message, result)
    return result
  }

  /**
   * Puts a message that comes from outside the broker into what is bound to an exchange, as if that had routed it there;
   * perhaps while another one is published.
   * @param bindings of one source.
   * @param besides exchanges that the message does not go through.
   * @param follower is told what becomes of it in each queue.
   */
  deliver(
    bindings: readonly Binding[],
    message: Message,
    besides: Iterable<Exchange> = [],
    follower?: Follower,
  ): PublishResult {
    const result = new PublishResult()
    const targets = this.#targets
    targets.clear()
    for (const exchange of besides) targets.visited.add(exchange)
    for (const binding of bindings) targets.add(binding)
    if (targets.exchanges.length > 0) this.#walk.go([message.routingKey], message, targets)
    if ((message.marks & MessageMark.DEAD_LETTER) !== 0) this.#dropCycles(message)
    if (follower === undefined) this.#enqueueTargets(message, result)
    else this.#enqueueFollowed(message, result, follower)
    return result
  }

  /**
   * The queues to which an exchange routes what has this routing key.
   * @returns undefined when the key alone does not decide.
   */
  queuesBehind(exchange: Exchange, routingKey: string): ReadonlySet<Queue> | undefined {
    const targets = new RoutingTargets()
    return this.#walk.byKey(exchange, routingKey, targets) ? targets.queues : undefined
  }

  /**
   * Fixes where a message goes, for a publish that takes effect later.
   * @returns undefined when that is only known then: an exchange may keep the message back or drop it as a duplicate,
   * or it is a direct reply.
   * @throws AmqpError 406 for malformed CC or BCC headers.
   */
  resolve(route: Route, message: Message): ResolvedPublish | undefined {
    const { exchange } = route
    if (route.reply !== undefined || this.#isReply(route, message)) return undefined
    const hasHeaders = (message.propertyFlags & PropertyFlag.HEADERS) !== 0
    const selection = hasHeaders ? senderSelection(message, this.#view) : undefined
    if (selection === undefined && route.cacheable) return { route, message }
    const keys = [message.routingKey, ...(selection?.keys ?? [])]
    checkPublish(exchange, keys, message)
    const targets = this.#targets
    targets.clear()
    targets.resolving = true
    targets.exchanges.push(exchange)
    this.#walk.go(keys, message, targets)
    if (targets.held) return undefined
    return {
      route: new Route(exchange, [...targets.queues], route.generation, true),
      message: selection?.message ?? message,
    }
  }

  /** Enqueues what `resolve` has fixed. */
  publishResolved(resolved: ResolvedPublish): PublishResult {
    const result = this.#result.clear()
    const queues = resolved.route.queues.filter((queue) => !queue.deleted)
    this.#intake.enqueue(queues, resolved.route.durable, resolved.message, result)
    return result
  }

  /** A delaying exchange lets go of a message: it goes on from there, with the vhost as it is now. */
  publishFrom(exchange: Exchange, message: Message): void {
    const isLetter = (message.marks & MessageMark.DEAD_LETTER) !== 0
    const selection = isLetter ? undefined : senderSelection(message, this.#view)
    const keys = isLetter
      ? routingKeysOf(message, this.#view)
      : [message.routingKey, ...(selection === undefined ? [] : selection.keys)]
    const targets = this.#targets
    targets.clear()
    targets.visited.add(exchange)
    this.#walk.visit(exchange, keys, message, targets)
    this.#walk.go(keys, message, targets)
    this.#enqueueTargets(selection?.message ?? message, new PublishResult())
  }

  /**
   * Called before the queue is done with the message: the journal has the letter first, or both in one group, so that
   * a crash loses neither.
   */
  deadLetter(queue: Queue, message: Message, reason: DeathReason): void {
    if (queue.deadLetterExchange === undefined) return
    const exchange = this.#exchanges.get(queue.deadLetterExchange)
    if (exchange === undefined) return
    const letter = deadLetterMessage(message, {
      queue: queue.name,
      reason,
      exchange: exchange.name,
      routingKey: queue.deadLetterRoutingKey,
      now: this.context.clock.now,
    })
    const keys = routingKeysOf(letter, this.#view)
    this.#letters.add({ exchange, message: letter, keys, reason })
  }

  /** Drops everything: queues with their consumers told, exchanges that are not built in, bindings. */
  clear(): void {
    for (const queue of [...this.#queues.values()]) this.deleteQueue(queue)
    for (const exchange of [...this.#exchanges.values()]) this.#removeExchange(exchange)
    this.#addBuiltIn()
    this.#routes.clear()
  }

  #exclusiveOf(owner: object): Set<Queue> {
    let queues = this.#exclusive.get(owner)
    if (queues === undefined) {
      queues = new Set()
      this.#exclusive.set(owner, queues)
    }
    return queues
  }

  #addBuiltIn(): void {
    for (const [name, type, internal] of BUILT_IN_EXCHANGES) this.#addMissing(name, this.exchangeType(type), internal)
    for (const type of this.#types.values()) {
      const name = type.builtInName?.(this.name)
      if (name !== undefined) this.#addMissing(name, type, false)
    }
  }

  #addMissing(name: string, type: ExchangeType, internal: boolean): void {
    if (this.#exchanges.has(name)) return
    const options = { durable: true, autoDelete: false, internal, arguments: new Table() }
    this.#addExchange(new Exchange(this, name, type, options))
  }

  #addExchange(exchange: Exchange): Exchange {
    this.#exchanges.set(exchange.name, exchange)
    this.generation++
    return exchange
  }

  #removeExchange(exchange: Exchange): void {
    // Auto-delete exchanges bound one to the next go one after the other: a chain of thousands needs no stack.
    const going = [exchange]
    for (let next = going.pop(); next !== undefined; next = going.pop()) {
      if (this.#exchanges.get(next.name) !== next) continue
      this.#definitions.exchangeDeleted(next)
      this.#exchanges.delete(next.name)
      this.generation++
      next.markDeleted()
      for (const binding of [...next.bindings.all(), ...next.incoming]) {
        if (this.#unlink(binding)) going.push(binding.source)
      }
    }
  }

  #removeBinding(binding: Binding): void {
    if (this.#unlink(binding)) this.#removeExchange(binding.source)
  }

  /** @returns whether its source is to go with it, as an auto-delete exchange does with its last binding. */
  #unlink(binding: Binding): boolean {
    const { source, destination } = binding
    if (!source.bindings.remove(binding)) return false
    this.generation++
    if (destination instanceof Queue) destination.bindings.delete(binding)
    else destination.incoming.delete(binding)
    return source.autoDelete && source.bindings.size === 0
  }

  /** The way of messages whose content decides: headers exchanges, CC and BCC, delays, duplicates, direct replies. */
  #publishByContent(route: Route, message: Message, result: PublishResult): void {
    if (route.reply !== undefined || this.#isReply(route, message)) {
      // As RabbitMQ 4.2: a reply counts as routed, also when its requester has gone.
      result.routed = true
      route.reply?.reply(message)
      return
    }
    const hasHeaders = (message.propertyFlags & PropertyFlag.HEADERS) !== 0
    const selection = hasHeaders ? senderSelection(message, this.#view) : undefined
    result.stored = selection?.message
    if (selection === undefined && route.cacheable) {
      this.#intake.enqueue(route.queues, route.durable, message, result)
      return
    }
    const keys = selection === undefined ? [message.routingKey] : [message.routingKey, ...selection.keys]
    checkPublish(route.exchange, keys, message)
    const targets = this.#targets
    targets.clear()
    targets.exchanges.push(route.exchange)
    this.#walk.go(keys, message, targets)
    this.#enqueueTargets(selection?.message ?? message, result)
  }

  #isReply(route: Route, message: Message): boolean {
    return !route.cacheable && route.exchange.name === '' && ReplyConsumers.isReplyName(message.routingKey)
  }

  #enqueueTargets(message: Message, result: PublishResult): void {
    const { held, position, keys } = this.#targets
    // Whoever takes the message may publish others, which are routed by these same objects.
    const outlets = this.#targets.outlets.splice(0)
    const queues = [...this.#targets.queues]
    this.#intake.enqueue(
      queues,
      queues.some((queue) => queue.durable),
      message,
      result,
      keys.splice(0),
    )
    if (held) result.routed = true
    result.position = Math.max(result.position, position)
    for (const outlet of outlets) outlet.take(message, result)
  }

  #enqueueFollowed(message: Message, result: PublishResult, follower: Follower): void {
    const { queues, outlets } = this.#targets
    const followed = [...queues]
    queues.clear()
    const left = outlets.splice(0)
    this.#enqueueTargets(message, result)
    for (const queue of followed) this.#intake.enqueueFollowed(queue, message, result, follower)
    for (const outlet of left) outlet.take(message, result)
  }

  #deliverLetter(letter: Letter): void {
    const targets = this.#targets
    targets.clear()
    targets.exchanges.push(letter.exchange)
    this.#walk.go(letter.keys, letter.message, targets)
    if (letter.reason !== 'rejected') this.#dropCycles(letter.message)
    this.#enqueueTargets(letter.message, new PublishResult())
  }

  /** A dead letter does not come back to where it died, unless somebody rejected it. */
  #dropCycles(message: Message): void {
    const { queues } = this.#targets
    for (const queue of queues) {
      if (!isDeathCycle(message, queue.name)) continue
      queues.delete(queue)
      this.#warnOfCycle(queue)
    }
  }

  #warnOfCycle(queue: Queue): void {
    if (queue.deathCycleSeen) return
    queue.deathCycleSeen = true
    this.context.log.warn(
      `messages that died without being rejected came back to ${entity('queue', queue.name, this.name)} and were dropped there: its dead-letter exchange leads back to it`,
    )
  }
}

/** @throws AmqpError 403, 406 when the exchange itself does not take the message. */
function checkPublish({ router }: Exchange, keys: readonly string[], message: Message): void {
  if (router.checkPublish === undefined) return
  for (const key of keys) router.checkPublish(key, message)
}
