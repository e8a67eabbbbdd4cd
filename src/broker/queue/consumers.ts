import type { Consumer } from '../consumer.ts'
import { accessRefused, entity } from '../errors.ts'

/** Consumers of the same priority, served in turn. */
interface Group {
  readonly priority: number
  readonly consumers: Consumer[]
  /** Index of the one that is asked first. */
  turn: number
}

/**
 * Who consumes from a queue and whose turn it is: the highest priority that is ready, in turn among equals; or, with a
 * single active consumer, that one alone. Source: RabbitMQ's consumer priorities and single active consumer.
 */
export class Consumers {
  count = 0
  readonly singleActive: boolean
  /**
   * The broker's own: it has what nobody else is ready for, and nothing while one consumer has it all, exclusively or as
   * the single active one. It is not counted: the queue is not in use by it.
   */
  internal: Consumer | undefined
  /** Highest priority first. */
  readonly #groups: Group[] = []
  #active: Consumer | undefined
  #exclusive: Consumer | undefined
  /** Nobody was ready when last asked; whoever becomes ready has the queue drained, and that asks again. */
  #blocked = false

  constructor(singleActive: boolean) {
    this.singleActive = singleActive
  }

  /** The one that gets the messages of a queue with a single active consumer. */
  get active(): Consumer | undefined {
    return this.#active
  }

  /** The one that consumes exclusively. */
  get exclusive(): Consumer | undefined {
    return this.#exclusive
  }

  /** All of them, highest priority first, oldest first among equals. */
  *[Symbol.iterator](): IterableIterator<Consumer> {
    for (const group of this.#groups) yield* group.consumers
  }

  /**
   * @param name,vhost of the queue, for the error's text.
   * @throws AmqpError 403 when it wants to be, or another one is, the only one.
   */
  add(consumer: Consumer, name: string, vhost: string): void {
    const alone = consumer.exclusive && (this.count > 0 || this.singleActive)
    if (alone || this.#exclusive !== undefined) {
      throw accessRefused(`${entity('queue', name, vhost)} in exclusive use`)
    }
    if (consumer.exclusive) this.#exclusive = consumer
    this.#group(consumer.priority).consumers.push(consumer)
    this.count++
    this.#blocked = false
    if (this.singleActive) this.#active ??= consumer
  }

  /** @returns false when it was not there. */
  remove(consumer: Consumer): boolean {
    const groupIndex = this.#groups.findIndex((group) => group.priority === consumer.priority)
    const group = this.#groups[groupIndex]
    const index = group?.consumers.indexOf(consumer) ?? -1
    if (group === undefined || index < 0) return false
    group.consumers.splice(index, 1)
    if (group.turn > index) group.turn--
    if (group.consumers.length === 0) this.#groups.splice(groupIndex, 1)
    this.count--
    this.#blocked = false
    if (this.#exclusive === consumer) this.#exclusive = undefined
    if (this.#active === consumer) this.#active = this.#groups[0]?.consumers[0]
    return true
  }

  /** Removes all. @returns those there were, the internal one too. */
  clear(): Consumer[] {
    const all = [...this]
    if (this.internal !== undefined) all.push(this.internal)
    this.internal = undefined
    this.#groups.length = 0
    this.count = 0
    this.#active = undefined
    this.#exclusive = undefined
    return all
  }

  /** Somebody may have become ready. */
  unblock(): void {
    this.#blocked = false
  }

  /** The consumer to have the next message; undefined when none is ready. */
  next(): Consumer | undefined {
    if (this.#blocked) return undefined
    const consumer = (this.singleActive ? this.#readyActive() : this.#readyInTurn()) ?? this.#readyInternal()
    if (consumer === undefined) this.#blocked = true
    return consumer
  }

  /**
   * Lets a consumer of higher priority than the active one take over; quorum queues do, when nothing is unacked.
   * @returns whether the active one has changed.
   */
  promote(): boolean {
    const first = this.#groups[0]?.consumers[0]
    if (this.#active === undefined || first === undefined || first.priority <= this.#active.priority) return false
    this.#active = first
    this.#blocked = false
    return true
  }

  #readyActive(): Consumer | undefined {
    return this.#active?.ready() ? this.#active : undefined
  }

  #readyInternal(): Consumer | undefined {
    if (this.internal === undefined || this.#exclusive !== undefined || this.#active !== undefined) return undefined
    return this.internal.ready() ? this.internal : undefined
  }

  #readyInTurn(): Consumer | undefined {
    for (let groupIndex = 0; groupIndex < this.#groups.length; groupIndex++) {
      const group = this.#groups[groupIndex] as Group
      const { consumers } = group
      let index = group.turn
      for (let asked = consumers.length; asked > 0; asked--) {
        if (index >= consumers.length) index = 0
        const consumer = consumers[index++] as Consumer
        if (!consumer.ready()) continue
        group.turn = index
        return consumer
      }
    }
    return undefined
  }

  #group(priority: number): Group {
    let index = 0
    for (; index < this.#groups.length; index++) {
      const group = this.#groups[index] as Group
      if (group.priority === priority) return group
      if (group.priority < priority) break
    }
    const group: Group = { priority, consumers: [], turn: 0 }
    this.#groups.splice(index, 0, group)
    return group
  }
}
