import type { Journal, JournalRecord, Position } from '../store/index.ts'
import type { Deduplicator } from './deduplication.ts'
import type { Exchange } from './exchange/index.ts'
import type { Queue } from './queue/index.ts'
import { exchangeKeyRecord, queueKeyRecord, RecordType } from './storage/index.ts'

/** A deduplication key that an exchange or a queue has come to know with a message. */
export interface FreshKey {
  readonly deduplicator: Deduplicator
  readonly key: string
  readonly type: RecordType
  readonly record: JournalRecord
}

/** The key that the exchange has just come to know, if a restart is not to make it forget. */
export function freshKeyOfExchange(exchange: Exchange): FreshKey | undefined {
  const { deduplicator, durable, host } = exchange
  const key = deduplicator?.freshKey
  if (deduplicator === undefined || key === undefined || !durable) return undefined
  const record = exchangeKeyRecord(host.name, exchange.name, key, deduplicator.freshExpiry)
  return { deduplicator, key, type: RecordType.EXCHANGE_KEY, record }
}

/** The key of a message that the queue has just accepted and the journal is to have. */
export function freshKeyOfQueue(queue: Queue): FreshKey | undefined {
  const { deduplicator, uid } = queue
  const key = deduplicator?.freshKey
  if (deduplicator === undefined || key === undefined) return undefined
  return { deduplicator, key, type: RecordType.QUEUE_KEY, record: queueKeyRecord(uid, key, deduplicator.freshExpiry) }
}

/** Tells the journal of keys, once it has their message. @returns the position of the last; there is one. */
export function appendKeys(keys: readonly FreshKey[], journal: Journal): Position {
  let position: Position = 0
  for (const { deduplicator, key, type, record } of keys) {
    position = journal.append(record, type)
    deduplicator.noteStored(key)
  }
  return position
}
