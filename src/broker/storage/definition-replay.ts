import type { Logger } from '../../base/index.ts'
import { CodecError, textOf, ValueReader } from '../../codec/index.ts'
import { Deduplicator } from '../deduplication.ts'
import { bindingIdentity } from '../exchange/binding.ts'
import type { VirtualHosts } from '../virtual-hosts.ts'
import {
  type BindingDefinition,
  type ExchangeDefinition,
  type QueueDefinition,
  readBinding,
  readExchange,
  readQueue,
} from './definition.ts'
import { restoreDefinitions } from './definition-restore.ts'
import { readKey } from './key-record.ts'
import { RecordType } from './record-type.ts'

/** A binding between two ends that need not be there: an exchange that every vhost has is never declared. */
export interface FoundBinding {
  readonly identity: string
  readonly definition: BindingDefinition
  readonly source: FoundExchange
  readonly destination: FoundExchange | FoundQueue
}

export class FoundExchange {
  /** Undefined for one that bindings or keys speak of and that was never declared. */
  definition: ExchangeDefinition | undefined
  readonly outgoing = new Map<string, FoundBinding>()
  readonly incoming = new Set<FoundBinding>()
  keys: Deduplicator | undefined
}

export class FoundQueue {
  definition: QueueDefinition | undefined
  readonly incoming = new Set<FoundBinding>()
  keys: Deduplicator | undefined
}

export class FoundVirtualHost {
  readonly exchanges = new Map<string, FoundExchange>()
  readonly queues = new Map<string, FoundQueue>()

  exchange(name: string): FoundExchange {
    return this.exchanges.get(name) ?? set(this.exchanges, name, new FoundExchange())
  }

  queue(name: string): FoundQueue {
    return this.queues.get(name) ?? set(this.queues, name, new FoundQueue())
  }
}

/**
 * What a journal says of definitions and deduplication keys, gathered record by record. What is said
 * again, as an unfinished checkpoint does, replaces what was known; the end of something unknown is ignored.
 */
export class DefinitionReplay {
  readonly #vhosts = new Map<string, FoundVirtualHost>()
  readonly #queues = new Map<number, FoundQueue>()
  /** The largest number that stands for a queue, also for one that is gone. */
  #lastUid = 0
  readonly #log: Logger
  readonly #queueGone: (uid: number) => void

  /** @param queueGone called for each queue or delaying exchange that was deleted: its messages can be forgotten. */
  constructor(log: Logger, queueGone: (uid: number) => void = () => {}) {
    this.#log = log
    this.#queueGone = queueGone
  }

  /**
   * Takes one record; the bytes are only read during the call. Content that no broker has written is passed over.
   * @returns false for a type that is none of these.
   */
  record(type: number, buffer: Buffer, from: number, to: number): boolean {
    try {
      return this.#definition(type, new ValueReader(buffer, from, to))
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#log.error(`a record of type ${type} cannot be read and is left out: ${error.message}`)
    }
    return true
  }

  /**
   * Makes what there was at the end, once, with nothing there before; the journal is not told. Each queue has the uid
   * it had, and gets its messages from whoever knows them.
   */
  apply(virtualHosts: VirtualHosts): void {
    const { storage, clock } = virtualHosts.context
    // Reading has taken its time, and queues may expire.
    clock.refresh()
    storage.uids.seen(this.#lastUid)
    restoreDefinitions(this.#vhosts, virtualHosts)
  }

  /** Whether there are exchanges of that type, or queues with that argument. */
  mentions(wanted: { exchangeType: string; queueArgument: string }): boolean {
    for (const { exchanges, queues } of this.#vhosts.values()) {
      for (const { definition } of exchanges.values()) {
        const inner = textOf(definition?.arguments.get('x-delayed-type'))
        if (definition?.type === wanted.exchangeType || inner === wanted.exchangeType) return true
      }
      for (const { definition } of queues.values()) {
        if (definition?.arguments.has(wanted.queueArgument)) return true
      }
    }
    return false
  }

  /** The virtual hosts that have an exchange of that name, or bindings of one that is never declared. */
  virtualHostsWith(exchange: string): string[] {
    return [...this.#vhosts].filter(([, { exchanges }]) => exchanges.has(exchange)).map(([name]) => name)
  }

  #definition(type: number, values: ValueReader): boolean {
    switch (type) {
      case RecordType.VHOST_ADDED:
        this.#vhost(values.text())
        return true
      case RecordType.VHOST_DELETED:
        this.#deleteVirtualHost(values.text())
        return true
      case RecordType.EXCHANGE_DECLARED:
        this.#declareExchange(readExchange(values))
        return true
      case RecordType.EXCHANGE_DELETED:
        this.#deleteExchange(values.text(), values.text())
        return true
      case RecordType.QUEUE_DECLARED:
        this.#declareQueue(readQueue(values))
        return true
      case RecordType.QUEUE_DELETED:
        this.#deleteQueue(values.long())
        return true
      case RecordType.BOUND:
        this.#bind(readBinding(values))
        return true
      case RecordType.UNBOUND:
        this.#unbind(readBinding(values))
        return true
      case RecordType.EXCHANGE_KEY:
        this.#rememberAtExchange(values)
        return true
      case RecordType.QUEUE_KEY:
        this.#rememberAtQueue(values)
        return true
      default:
        return false
    }
  }

  #vhost(name: string): FoundVirtualHost {
    return this.#vhosts.get(name) ?? set(this.#vhosts, name, new FoundVirtualHost())
  }

  #deleteVirtualHost(name: string): void {
    const vhost = this.#vhosts.get(name)
    if (vhost === undefined) return
    for (const exchange of vhost.exchanges.values()) this.#dropDelayed(exchange)
    for (const { definition } of vhost.queues.values()) if (definition !== undefined) this.#forget(definition.uid)
    this.#vhosts.delete(name)
  }

  #deleteExchange(vhostName: string, name: string): void {
    const vhost = this.#vhosts.get(vhostName)
    const exchange = vhost?.exchanges.get(name)
    if (exchange === undefined) return
    vhost?.exchanges.delete(name)
    for (const binding of [...exchange.outgoing.values(), ...exchange.incoming]) remove(binding)
    this.#dropDelayed(exchange)
  }

  #declareExchange(definition: ExchangeDefinition): void {
    const { vhost, name, uid = 0 } = definition
    this.#lastUid = Math.max(this.#lastUid, uid)
    const exchange = this.#vhost(vhost).exchange(name)
    // That another of this name was deleted has not come down to us.
    if (exchange.definition !== undefined && exchange.definition.uid !== uid) this.#dropDelayed(exchange)
    exchange.definition = definition
  }

  #dropDelayed({ definition }: FoundExchange): void {
    if (definition?.uid !== undefined) this.#queueGone(definition.uid)
  }

  #declareQueue(definition: QueueDefinition): void {
    const { vhost, name, uid } = definition
    this.#lastUid = Math.max(this.#lastUid, uid)
    let queue = this.#vhost(vhost).queue(name)
    const before = queue.definition
    if (before !== undefined && before.uid !== uid) {
      // That it was deleted has not come down to us.
      this.#deleteQueue(before.uid)
      queue = this.#vhost(vhost).queue(name)
    }
    queue.definition = definition
    this.#queues.set(uid, queue)
  }

  #deleteQueue(uid: number): void {
    const queue = this.#queues.get(uid)
    if (queue === undefined) return
    const { vhost, name } = queue.definition as QueueDefinition
    this.#vhosts.get(vhost)?.queues.delete(name)
    for (const binding of [...queue.incoming]) remove(binding)
    this.#forget(uid)
  }

  #forget(uid: number): void {
    this.#queues.delete(uid)
    this.#queueGone(uid)
  }

  #bind(definition: BindingDefinition): void {
    const { vhost: vhostName, destinationKind, destination: name } = definition
    const vhost = this.#vhost(vhostName)
    const source = vhost.exchange(definition.source)
    const identity = identityOf(definition)
    if (source.outgoing.has(identity)) return
    const destination = destinationKind === 'queue' ? vhost.queue(name) : vhost.exchange(name)
    const binding = { identity, definition, source, destination }
    source.outgoing.set(identity, binding)
    destination.incoming.add(binding)
  }

  #unbind(definition: BindingDefinition): void {
    const source = this.#vhosts.get(definition.vhost)?.exchanges.get(definition.source)
    const binding = source?.outgoing.get(identityOf(definition))
    if (binding !== undefined) remove(binding)
  }

  #rememberAtExchange(values: ValueReader): void {
    const exchange = this.#vhosts.get(values.text())?.exchanges.get(values.text())
    if (exchange?.definition !== undefined) remember(exchange, values)
  }

  #rememberAtQueue(values: ValueReader): void {
    const queue = this.#queues.get(values.long())
    if (queue !== undefined) remember(queue, values)
  }
}

function identityOf({ destinationKind, destination, routingKey, arguments: args }: BindingDefinition): string {
  return bindingIdentity(destinationKind, destination, routingKey, args)
}

function remove(binding: FoundBinding): void {
  binding.source.outgoing.delete(binding.identity)
  binding.destination.incoming.delete(binding)
}

/** The keys are kept as the exchange or queue itself will: only as many, and the oldest forgotten first. */
function remember(found: FoundExchange | FoundQueue, values: ValueReader): void {
  const { definition } = found
  if (definition === undefined) return
  found.keys ??= Deduplicator.from(definition.arguments)
  const { key, expiry } = readKey(values)
  found.keys?.restore(key, expiry)
}

function set<V>(map: Map<string, V>, name: string, value: V): V {
  map.set(name, value)
  return value
}
