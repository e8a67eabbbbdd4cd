import { entity } from '../errors.ts'
import type { VirtualHost } from '../virtual-host.ts'
import type { VirtualHosts } from '../virtual-hosts.ts'
import type { FoundBinding, FoundVirtualHost } from './definition-replay.ts'

/**
 * Makes virtual hosts, exchanges, queues and bindings as the journal had them, and lets them know their deduplication
 * keys. What cannot be made any more is left out, and the log says so.
 */
export function restoreDefinitions(found: ReadonlyMap<string, FoundVirtualHost>, virtualHosts: VirtualHosts): void {
  virtualHosts.context.storage.definitions.quietly(() => {
    for (const [name, vhost] of found) restoreVirtualHost(vhost, virtualHosts.add(name))
  })
}

function restoreVirtualHost(found: FoundVirtualHost, vhost: VirtualHost): void {
  const { log, clock } = vhost.context
  for (const { definition, keys } of found.exchanges.values()) {
    if (definition === undefined) continue
    try {
      const { deduplicator } = vhost.declareExchange(definition)
      for (const [key, expiry] of keys?.storedKeys(clock.now) ?? []) deduplicator?.restore(key, expiry)
    } catch (error) {
      log.error(`${entity('exchange', definition.name, vhost.name)} is left out: ${reasonOf(error)}`)
    }
  }
  for (const { definition, keys } of found.queues.values()) {
    if (definition === undefined) continue
    const { name } = definition
    try {
      // The name was checked when it was given.
      const declaration = { ...definition, exclusive: false, serverNamed: name.startsWith('amq.') }
      const { deduplicator } = vhost.declareQueue(declaration, undefined)
      for (const [key, expiry] of keys?.storedKeys(clock.now) ?? []) deduplicator?.restore(key, expiry)
    } catch (error) {
      log.error(`${entity('queue', name, vhost.name)} is left out, with its messages: ${reasonOf(error)}`)
    }
  }
  for (const exchange of found.exchanges.values()) {
    for (const binding of exchange.outgoing.values()) restoreBinding(binding, vhost)
  }
}

function restoreBinding({ definition }: FoundBinding, vhost: VirtualHost): void {
  const { destinationKind, destination: name, routingKey } = definition
  try {
    const source = vhost.exchange(definition.source)
    const destination = destinationKind === 'queue' ? vhost.queue(name, undefined) : vhost.exchange(name)
    vhost.bind(source, destination, routingKey, definition.arguments)
  } catch (error) {
    const ends = `exchange '${definition.source}' to ${entity(destinationKind, name, vhost.name)}`
    vhost.context.log.warn(`a binding from ${ends} is left out: ${reasonOf(error)}`)
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
