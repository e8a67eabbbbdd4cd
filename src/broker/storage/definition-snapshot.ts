import type { JournalRecord } from '../../store/index.ts'
import { isBuiltIn } from '../exchange/built-in.ts'
import type { DelayedMessages } from '../exchange/delayed.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Queue } from '../queue/queue.ts'
import type { VirtualHost } from '../virtual-host.ts'
import type { VirtualHosts } from '../virtual-hosts.ts'
import { crashTailRecord } from './crash-tail-record.ts'
import { bindingRecord, exchangeRecord, nameRecord, queueRecord } from './definition.ts'
import { bindingDefinition, exchangeDefinition, isStored, queueDefinition } from './definition-log.ts'
import { exchangeKeyRecord, queueKeyRecord } from './key-record.ts'
import { RecordType } from './record-type.ts'

type Append = (record: JournalRecord, type: number) => void

/**
 * Appends all that comes back after a restart, messages excepted: virtual hosts, exchanges, queues, bindings, and
 * deduplication keys. In an order in which `DefinitionReplay` can take it.
 */
export function writeDefinitions(virtualHosts: VirtualHosts, append: Append): void {
  for (const vhost of virtualHosts.all()) {
    append(nameRecord(vhost.name), RecordType.VHOST_ADDED)
    for (const exchange of vhost.exchanges.values()) writeExchange(exchange, append)
    writeQueues(vhost, append)
    for (const exchange of vhost.exchanges.values()) writeBindings(exchange, append)
  }
}

function writeExchange(exchange: Exchange, append: Append): void {
  if (!exchange.durable || isBuiltIn(exchange.name)) return
  const { host, name } = exchange
  append(exchangeRecord(exchangeDefinition(exchange)), RecordType.EXCHANGE_DECLARED)
  for (const [key, expiry] of exchange.deduplicator?.storedKeys(host.context.clock.now) ?? []) {
    append(exchangeKeyRecord(host.name, name, key, expiry), RecordType.EXCHANGE_KEY)
  }
  if (exchange.delayed !== undefined) writeCrashTail(exchange.delayed, append)
}

function writeQueues(vhost: VirtualHost, append: Append): void {
  for (const queue of vhost.queues.values()) {
    if (!queue.stored) continue
    append(queueRecord(queueDefinition(queue)), RecordType.QUEUE_DECLARED)
    writeCrashTail(queue, append)
    for (const [key, expiry] of queue.deduplicator?.storedKeys(vhost.context.clock.now) ?? []) {
      append(queueKeyRecord(queue.uid, key, expiry), RecordType.QUEUE_KEY)
    }
  }
}

function writeCrashTail(holder: Queue | DelayedMessages, append: Append): void {
  const { crashTail, uid } = holder
  if (crashTail?.concerns(holder.slabs())) append(crashTailRecord(uid, crashTail), RecordType.CRASH_TAIL)
}

function writeBindings(exchange: Exchange, append: Append): void {
  for (const binding of exchange.bindings.all()) {
    if (isStored(binding)) append(bindingRecord(bindingDefinition(binding)), RecordType.BOUND)
  }
}
