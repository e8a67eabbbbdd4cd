import { type Message, MessageMark } from '../../broker/index.ts'
import { findHeader, PropertyFlag, PropertyView, type Table, textOf } from '../../codec/index.ts'
import type { Listener } from '../router/listener.ts'
import { Header } from './amqp-message.ts'

const SESSION_HEADER = Buffer.from(Header.SESSION)

/** The topic that a routing key of an exchange means; undefined when that is no exchange of the bridge. */
export type FindTopic = (exchange: string, routingKey: string) => string | undefined

/**
 * Where a message has been that comes to an exchange of the bridge, so that it does not go back there:
 *
 * - the SDK's session that sent it never gets it;
 * - a dead letter does not go to a bound queue in which it has died;
 * - what has gone through the bridge to this topic's queues does not go to any of them again. Of a dead letter its deaths
 *   tell whether it has; of what a client publishes with the headers of an AMOP message nothing tells from which queue
 *   the client had it, so it is taken for one of them.
 */
export class Origin {
  readonly #node: string | undefined
  readonly #session: string | undefined
  readonly #queues: ReadonlySet<string>
  /** Whoever listens to the topic on the AMQP side has had it. */
  readonly #hasBeenQueued: boolean

  private constructor(headers: Table, queues: ReadonlySet<string>, hasBeenQueued: boolean) {
    this.#node = textOf(headers.get(Header.NODE))
    this.#session = textOf(headers.get(Header.SESSION))
    this.#queues = queues
    this.#hasBeenQueued = hasBeenQueued
  }

  /** @returns undefined for a message that comes from nowhere. */
  static of(message: Message, topic: string, findTopic: FindTopic): Origin | undefined {
    const view = message.properties(new PropertyView())
    const at = view.find(PropertyFlag.HEADERS)
    if (at < 0) return undefined
    const isLetter = (message.marks & MessageMark.DEAD_LETTER) !== 0
    if (!isLetter && findHeader(message.buffer, at, SESSION_HEADER) < 0) return undefined
    const headers = view.headers as Table
    if (!isLetter) {
      return headers.has(Header.SEQ) ? new Origin(headers, new Set(), true) : undefined
    }
    const deaths = deathsIn(headers)
    const queues = new Set<string>()
    let hasBeenQueued = false
    for (const death of deaths) {
      queues.add(textOf(death.get('queue')) ?? '')
      const exchange = textOf(death.get('exchange')) ?? ''
      hasBeenQueued ||= keysIn(death).some((key) => findTopic(exchange, key) === topic)
    }
    return new Origin(headers, queues, hasBeenQueued)
  }

  /** @param node what this node is called. */
  excludes(listener: Listener, node: string): boolean {
    const { kind, name, queue } = listener
    if (kind === 'queue') return this.#hasBeenQueued || (queue !== undefined && this.#queues.has(queue.name))
    return kind === 'node' ? name === this.#node : this.#node === node && this.#session === name
  }
}

function deathsIn(headers: Table): Table[] {
  const deaths = headers.get('x-death')
  return deaths?.type === 'A' ? deaths.value.flatMap((death) => (death.type === 'F' ? [death.value] : [])) : []
}

function keysIn(death: Table): string[] {
  const keys = death.get('routing-keys')
  return keys?.type === 'A' ? keys.value.flatMap((key) => textOf(key) ?? []) : []
}
