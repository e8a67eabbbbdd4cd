import { type ValueReader, ValueRecord } from '../../codec/index.ts'

/*
 * A deduplication key that is remembered; longstr texts, see codec/values.ts. A key that is forgotten, because its time
 * is over or younger ones need its place, is found out by whoever reads them in order.
 *
 *     of an exchange    vhost  exchange  expiry:8  key
 *     of a queue        uid:4  expiry:8  key
 *
 * Expiry: ms since the epoch, 0 for never.
 */

const NEVER = Number.POSITIVE_INFINITY

export function exchangeKeyRecord(vhost: string, exchange: string, key: string, expiry: number): ValueRecord {
  return new ValueRecord((values) => values.text(vhost).text(exchange).longlong(stored(expiry)).text(key))
}

export function queueKeyRecord(uid: number, key: string, expiry: number): ValueRecord {
  return new ValueRecord((values) => values.long(uid).longlong(stored(expiry)).text(key))
}

/** What both records end with. */
export function readKey(values: ValueReader): { key: string; expiry: number } {
  const expiry = values.longlong()
  return { expiry: expiry === 0 ? NEVER : expiry, key: values.text() }
}

// A time to live that nobody can live to see would not be exact in the record.
function stored(expiry: number): number {
  return Number.isSafeInteger(expiry) ? Math.max(expiry, 1) : 0
}
