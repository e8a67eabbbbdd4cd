import { createExchangeTypes, type ExchangeType } from './exchange/index.ts'
import type { BrokerContext } from './host.ts'
import type { QueueWatcher } from './queue-watcher.ts'
import { VirtualHost } from './virtual-host.ts'

/** The vhosts of one node, and the exchange types that all of them know. */
export class VirtualHosts {
  readonly context: BrokerContext
  /** Other rooms may register types of their own before vhosts are added. */
  readonly exchangeTypes: Map<string, ExchangeType> = createExchangeTypes()
  /** Told of every queue; see `watchQueues`. */
  readonly queueWatchers: QueueWatcher[] = []
  readonly #hosts = new Map<string, VirtualHost>()

  constructor(context: BrokerContext) {
    this.context = context
  }

  /** Has the watcher told of the queues that there are, and of all that come and go from now on. */
  watchQueues(watcher: QueueWatcher): void {
    this.queueWatchers.push(watcher)
    for (const host of this.all()) {
      for (const queue of [...host.queues.values()]) watcher.declared(queue)
    }
  }

  unwatchQueues(watcher: QueueWatcher): void {
    const index = this.queueWatchers.indexOf(watcher)
    if (index >= 0) this.queueWatchers.splice(index, 1)
  }

  /** The vhost of that name, made when there is none. */
  add(name: string): VirtualHost {
    let host = this.#hosts.get(name)
    if (host === undefined) {
      this.context.storage.definitions.virtualHostAdded(name)
      host = new VirtualHost(name, this.context, this.exchangeTypes, this.queueWatchers)
      this.#hosts.set(name, host)
    }
    return host
  }

  find(name: string): VirtualHost | undefined {
    return this.#hosts.get(name)
  }

  /** Drops the vhost and all that is in it; connections to it are the caller's to close. */
  delete(name: string): boolean {
    const host = this.#hosts.get(name)
    if (host === undefined) return false
    const { definitions } = this.context.storage
    definitions.virtualHostDeleted(name)
    this.#hosts.delete(name)
    definitions.quietly(() => host.clear())
    return true
  }

  /** The broker stops: no exchange lets anything go any more. */
  stop(): void {
    for (const host of this.all()) {
      for (const { delayed } of host.exchanges.values()) delayed?.stop()
    }
  }

  names(): string[] {
    return [...this.#hosts.keys()]
  }

  all(): VirtualHost[] {
    return [...this.#hosts.values()]
  }
}
