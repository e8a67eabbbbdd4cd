import { type Binding, Exchange, type PublishResult, Queue } from '../../broker/index.ts'
import type { PropertyChanges } from '../../codec/index.ts'
import type { Packet } from '../packet/packet.ts'
import { PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { makeTopicPacket } from '../packet/topic-body.ts'
import type { Listener, ListenerRole } from '../router/listener.ts'
import type { Message } from '../router/message.ts'
import type { Unicast } from '../router/unicast.ts'
import { AckFollower } from './ack-follower.ts'
import { type BindingArguments, readBindingArguments } from './arguments.ts'
import type { Bridge } from './bridge.ts'
import { Departure } from './departure.ts'

const NO_DATA = Buffer.alloc(0)
const NOTHING = (): void => {}

/**
 * A queue or exchange of AMQP that listens to one topic. It listens once, whatever number of bindings say so; where they
 * differ, the oldest counts.
 */
export class BoundListener implements Listener {
  readonly kind = 'queue'
  readonly name: string
  readonly topic: string
  readonly queue?: Queue
  readonly #bridge: Bridge
  readonly #bindings: Binding[] = []
  #arguments: BindingArguments = { role: undefined, reply: 'received' }
  /** Unicasts that it has not answered, each with what ends the waiting for it. */
  readonly #waiting = new Map<Unicast, () => void>()
  /** Whether somebody consumes behind an exchange, as of which state of the topology. */
  #queuesBehind: ReadonlySet<Queue> | undefined
  #generation = -1

  constructor(bridge: Bridge, topic: string, destination: Binding['destination']) {
    this.#bridge = bridge
    this.topic = topic
    const isQueue = destination instanceof Queue
    this.name = `${isQueue ? 'queue' : 'exchange'} '${destination.name}'`
    if (isQueue) this.queue = destination
  }

  /** The binding that counts. */
  get binding(): Binding {
    return this.#bindings[0] as Binding
  }

  get isBound(): boolean {
    return this.#bindings.length > 0
  }

  /** Queues that consumers take from are like SDKs; others only keep what no SDK takes. */
  get role(): ListenerRole {
    const { role } = this.#arguments
    if (role !== undefined) return role
    const { destination } = this.binding
    if (destination instanceof Queue) return destination.consumerCount > 0 ? 'subscriber' : 'fallback'
    for (const { consumerCount } of this.#findQueuesBehind(destination) ?? [])
      if (consumerCount > 0) return 'subscriber'
    return 'fallback'
  }

  /** Whether it is an exchange that surely routes its messages to that queue. */
  leadsTo(queue: Queue): boolean {
    const { destination } = this.binding
    return destination instanceof Exchange && this.#findQueuesBehind(destination)?.has(queue) === true
  }

  get outstanding(): number {
    return this.#waiting.size
  }

  addBinding(binding: Binding): void {
    this.#bindings.push(binding)
    this.#readArguments()
  }

  removeBinding(binding: Binding): void {
    const index = this.#bindings.indexOf(binding)
    if (index >= 0) this.#bindings.splice(index, 1)
    if (index === 0 && this.isBound) this.#readArguments()
  }

  /** Why it cannot take that message; undefined when it may. */
  refusal(message: Message): string | undefined {
    const { publisher } = message
    const path = publisher.pathOf?.(message)
    if (path?.some((queue) => this.#endsIn(queue))) return 'the message has come from there'
    return this.#bridge.refusal(message)
  }

  push(unicast: Unicast): true | string {
    const refusal = this.refusal(unicast)
    if (refusal !== undefined) return refusal
    this.#waiting.set(unicast, NOTHING)
    const reason = this.#handOver(unicast)
    if (reason === undefined) return true
    this.#end(unicast)
    return reason
  }

  withdraw(unicast: Unicast): void {
    this.#end(unicast)
  }

  copy(message: Message): true | string {
    return this.#bridge.copies.copy(this, message)
  }

  /** The queue has it, or a consumer has acknowledged it: that is the answer. */
  received(unicast: Unicast): void {
    // Too late: somebody else answers, and that is to be heard.
    if (!this.#waiting.has(unicast)) return
    if (unicast.publisher instanceof Departure) unicast.publisher.leaveReplyToConsumer()
    const { seq, topic } = unicast
    this.answer(unicast, makeTopicPacket(PacketType.RESPONSE, seq, ResultCode.SUCCESS, topic as string, NO_DATA))
  }

  answer(unicast: Unicast, answer: Packet): void {
    if (this.#end(unicast)) unicast.answer(this, answer)
  }

  fail(unicast: Unicast, reason: string): void {
    if (this.#end(unicast)) unicast.fail(this, reason)
  }

  /** The queue or exchange has gone: whatever it had is for the next candidate. */
  gone(): void {
    for (const unicast of [...this.#waiting.keys()]) this.fail(unicast, `${this.name} was deleted`)
  }

  /** @returns why it was not taken. */
  #handOver(unicast: Unicast): string | undefined {
    const { reply } = this.#arguments
    if (reply === 'consumer') return this.#ask(unicast)
    if (reply === 'ack') {
      const follower = new AckFollower(this, unicast, this.#bridge.answers)
      this.#waiting.set(unicast, () => follower.cancel())
      return refusalIn(this.#bridge.deliver([this], unicast, this.#expiring(unicast), follower))
    }
    const result = this.#bridge.deliver([this], unicast)
    const refusal = refusalIn(result)
    if (refusal === undefined) this.#whenSafe(unicast, result)
    return refusal
  }

  #whenSafe(unicast: Unicast, { position, pending }: PublishResult): void {
    const due = { say: () => this.received(unicast) }
    if (pending === undefined) {
      this.#bridge.answers.add(due, position)
      return
    }
    // Behind a bound exchange it has gone on to AMOP again.
    const outcomeSettled = (): void => {
      if (pending.state === 'accepted') this.#bridge.answers.add(due, position)
      else this.#bridge.answers.add({ say: () => this.fail(unicast, 'nobody has taken it further on') })
    }
    if (pending.state === 'pending') pending.waiter = { outcomeSettled }
    else outcomeSettled()
  }

  #ask(unicast: Unicast): string | undefined {
    const { replies, host } = this.#bridge
    if (host === undefined) return 'its virtual host has gone'
    const correlationId = replies.expect(this, unicast)
    this.#waiting.set(unicast, () => replies.forget(correlationId))
    const changes = { ...this.#expiring(unicast), replyTo: replies.nameIn(host), correlationId }
    return refusalIn(this.#bridge.deliver([this], unicast, changes))
  }

  /** Nobody shall work on it when the next candidate has been asked. */
  #expiring({ dueAt, localSince }: Unicast): PropertyChanges {
    const { clock, settings } = this.#bridge.amop
    const until = Math.min(dueAt, localSince + settings.nodeTimeoutMs)
    return { expiration: String(Math.max(until - clock.now, 0)) }
  }

  /** @returns whether it was waited for. */
  #end(unicast: Unicast): boolean {
    const cancel = this.#waiting.get(unicast)
    if (cancel === undefined) return false
    this.#waiting.delete(unicast)
    cancel()
    return true
  }

  /** Whether messages surely come to the queue of that name. */
  #endsIn(name: string): boolean {
    const queue = this.#bridge.host?.queues.get(name)
    return queue !== undefined && (queue === this.queue || (this.queue === undefined && this.leadsTo(queue)))
  }

  #readArguments(): void {
    this.#arguments = readBindingArguments(this.binding.arguments)
  }

  #findQueuesBehind(destination: Exchange): ReadonlySet<Queue> | undefined {
    const { host } = this.#bridge
    if (host === undefined) return undefined
    if (this.#generation !== host.generation) {
      this.#generation = host.generation
      this.#queuesBehind = host.queuesBehind(destination, this.binding.routingKey)
    }
    return this.#queuesBehind
  }
}

/** @returns why nobody has it; undefined when somebody has. */
export function refusalIn({ routed, rejected }: PublishResult): string | undefined {
  if (rejected) return 'a queue refused it, as it is full'
  return routed ? undefined : 'no queue is behind it'
}
