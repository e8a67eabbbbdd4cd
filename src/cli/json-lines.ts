import { isUtf8 } from 'node:buffer'
import { StringDecoder } from 'node:string_decoder'
import type { ExportedMessage } from '../server/index.ts'

/** A multiple of three, so that the pieces of a body make one base64 text. */
const PIECE_BYTES = 3 * 64 * 1024

/** No date lies behind this, in ms since 1970. */
const LAST_DATE = 8.64e15

/**
 * The line of one message, in pieces: a body may be larger than the longest string there can be.
 *
 *     {"exchange":"","routingKey":"q","redelivered":false,…,"properties":{…},"body":"aGVsbG8=","text":"hello"}
 */
export function* messageLine(message: ExportedMessage): Generator<string> {
  const { body, expiry, properties, ...rest } = message
  const head = {
    ...rest,
    ...(expiry === undefined || expiry > LAST_DATE ? {} : { expiry: new Date(expiry).toISOString() }),
    ...(properties.priority === undefined ? {} : { priority: properties.priority }),
    properties,
  }
  yield `${JSON.stringify(plainOf(head)).slice(0, -1)},"body":"`
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.toString('base64', at, at + PIECE_BYTES)
  yield '"'
  if (isUtf8(body)) yield* textOf(body)
  yield '}\n'
}

function* textOf(body: Buffer): Generator<string> {
  const decoder = new StringDecoder('utf8')
  yield ',"text":"'
  for (let at = 0; at < body.length; at += PIECE_BYTES) {
    yield JSON.stringify(decoder.write(body.subarray(at, at + PIECE_BYTES))).slice(1, -1)
  }
  yield '"'
}

/** What JSON has no word for, in words of its own: 64-bit numbers as text, bytes as `{"base64": …}`. */
function plainOf(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return { base64: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plainOf(item)]))
}
