import type { Journal, JournalRecord, Position } from '../../store/index.ts'
import type { Binding, BindingDestination } from '../exchange/binding.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Queue } from '../queue/queue.ts'
import {
  type BindingDefinition,
  bindingRecord,
  type ExchangeDefinition,
  exchangeRecord,
  nameRecord,
  type QueueDefinition,
  queueDeletedRecord,
  queueRecord,
} from './definition.ts'
import { RecordType } from './record-type.ts'

/**
 * Tells the journal what is declared and deleted, as far as it comes back after a restart. A journal keeps its order:
 * a message can be confirmed only after the declaration of its queue is safe, and nothing that is said of a deleted
 * queue counts, since its uid is never given again.
 */
export class DefinitionLog {
  /** Of the last record appended; who must not say that something is done before it is safe waits for it. */
  position: Position = 0
  /** While true nothing is appended: what is there is being restored, or dropped because the broker stops. */
  muted = false
  readonly #journal: Journal

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Appends a record of a definition; other rooms' too. */
  append(record: JournalRecord, type: number): void {
    if (this.muted) return
    this.position = this.#journal.append(record, type)
  }

  /** What is declared and deleted meanwhile is not told of. */
  quietly<T>(act: () => T): T {
    const { muted } = this
    this.muted = true
    try {
      return act()
    } finally {
      this.muted = muted
    }
  }

  virtualHostAdded(name: string): void {
    this.append(nameRecord(name), RecordType.VHOST_ADDED)
  }

  /** All that was in it is gone with it. */
  virtualHostDeleted(name: string): void {
    this.append(nameRecord(name), RecordType.VHOST_DELETED)
  }

  exchangeDeclared(exchange: Exchange): void {
    if (exchange.durable) this.append(exchangeRecord(exchangeDefinition(exchange)), RecordType.EXCHANGE_DECLARED)
  }

  /** Its bindings are gone with it. */
  exchangeDeleted(exchange: Exchange): void {
    if (exchange.durable) this.append(nameRecord(exchange.host.name, exchange.name), RecordType.EXCHANGE_DELETED)
  }

  queueDeclared(queue: Queue): void {
    if (queue.stored) this.append(queueRecord(queueDefinition(queue)), RecordType.QUEUE_DECLARED)
  }

  /** Its messages and bindings are gone with it. */
  queueDeleted(queue: Queue): void {
    if (queue.stored) this.append(queueDeletedRecord(queue.uid), RecordType.QUEUE_DELETED)
  }

  bound(binding: Binding): void {
    if (isStored(binding)) this.append(bindingRecord(bindingDefinition(binding)), RecordType.BOUND)
  }

  unbound(binding: Binding): void {
    if (isStored(binding)) this.append(bindingRecord(bindingDefinition(binding)), RecordType.UNBOUND)
  }
}

/** A binding lasts as long as both its ends. */
export function isStored({ source, destination }: Binding): boolean {
  return source.durable && (isQueue(destination) ? destination.stored : destination.durable)
}

export function exchangeDefinition(exchange: Exchange): ExchangeDefinition {
  const { name, durable, autoDelete, internal, arguments: args, delayed } = exchange
  const options = { durable, autoDelete, internal, arguments: args }
  const uid = delayed === undefined ? {} : { uid: delayed.uid }
  return { vhost: exchange.host.name, name, type: exchange.type.name, ...options, ...uid }
}

export function queueDefinition(queue: Queue): QueueDefinition {
  const { name, uid, durable, autoDelete, arguments: args } = queue
  return { vhost: queue.host.name, name, uid, durable, autoDelete, arguments: args }
}

export function bindingDefinition(binding: Binding): BindingDefinition {
  const { source, destination, routingKey, arguments: args } = binding
  return {
    vhost: source.host.name,
    source: source.name,
    destinationKind: isQueue(destination) ? 'queue' : 'exchange',
    destination: destination.name,
    routingKey,
    arguments: args,
  }
}

// By what only a queue has: the class itself imports from here.
function isQueue(destination: BindingDestination): destination is Queue {
  return 'uid' in destination
}
