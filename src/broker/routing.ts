import {
  type FieldValue,
  findHeader,
  PropertyFlag,
  type PropertyView,
  replaceProperties,
  typeName,
} from '../codec/index.ts'
import type { Position } from '../store/index.ts'
import { preconditionFailed } from './errors.ts'
import type { Binding, Exchange, RouteTargets } from './exchange/index.ts'
import type { FreshKey } from './fresh-key.ts'
import { Message } from './message.ts'
import type { Outlet } from './outlet.ts'
import { Queue } from './queue/index.ts'

const CC = Buffer.from('CC')
const BCC = Buffer.from('BCC')

/** What one message's walk through the exchanges has found. Reused; `clear` before each walk. */
export class RoutingTargets implements RouteTargets {
  readonly queues = new Set<Queue>()
  readonly exchanges: Exchange[] = []
  /** First those that matched: the others can see whether anybody else has the message. */
  readonly outlets: Outlet[] = []
  readonly visited = new Set<Exchange>()
  /** Bindings and outlets of the exchange now visited that matched. */
  matched = 0
  /** Every exchange visited decided by routing key alone. */
  cacheable = true
  /** An exchange has kept the message back, to route it later. */
  held = false
  /** What a confirm has to wait for because an exchange kept the message back, or dropped it; 0 for nothing. */
  position: Position = 0
  /** Deduplication keys that exchanges on the way have come to know. */
  readonly keys: FreshKey[] = []
  /** Only asking where the message would go: an exchange that might keep it back only says so, by `held`. */
  resolving = false
  #matchedOutlets = 0

  add(binding: Binding): void {
    this.matched++
    const destination = binding.destination
    if (destination instanceof Queue) this.queues.add(destination)
    else if (!this.visited.has(destination)) this.exchanges.push(destination)
  }

  addOutlet(outlet: Outlet, matches = true): void {
    if (!matches) {
      this.outlets.push(outlet)
      return
    }
    this.matched++
    this.outlets.splice(this.#matchedOutlets++, 0, outlet)
  }

  clear(): void {
    this.queues.clear()
    this.exchanges.length = 0
    this.outlets.length = 0
    this.#matchedOutlets = 0
    this.visited.clear()
    this.cacheable = true
    this.held = false
    this.position = 0
    this.keys.length = 0
    this.resolving = false
  }
}

/** Further routing keys a sender put into the headers, and the message as it is to be stored. */
export interface SenderSelection {
  readonly keys: readonly string[]
  readonly message: Message
}

/**
 * Sender-selected distribution: the keys of the headers CC and BCC, and the message without BCC.
 * @returns undefined when neither header is there.
 * @throws AmqpError 406 when one is not an array.
 */
export function senderSelection(message: Message, view: PropertyView): SenderSelection | undefined {
  const at = message.properties(view).find(PropertyFlag.HEADERS)
  if (at < 0) return undefined
  const { buffer } = message
  const hasBcc = findHeader(buffer, at, BCC) >= 0
  if (!hasBcc && findHeader(buffer, at, CC) < 0) return undefined
  const headers = view.headers
  if (headers === undefined) return undefined
  const keys: string[] = []
  for (const name of ['CC', 'BCC']) collectKeys(name, headers.get(name), keys)
  if (!hasBcc) return { keys, message }
  headers.delete('BCC')
  const properties = replaceProperties(buffer, message.propertiesAt, message.propertiesLength, { headers })
  return { keys, message: withProperties(message, properties) }
}

function collectKeys(name: string, value: FieldValue | undefined, keys: string[]): void {
  if (value === undefined) return
  if (value.type !== 'A') throw unacceptableType(name, value)
  // What is no long string is passed over. Source: RabbitMQ.
  for (const key of value.value) {
    if (key.type === 'S') keys.push(key.value.toString())
  }
}

function unacceptableType(name: string, value: FieldValue): Error {
  return preconditionFailed(`invalid message: {unacceptable_type_in_header,"${name}",${typeName(value)}}`)
}

/** The same message with other properties (flags word and list), in a buffer of its own. */
export function withProperties(message: Message, properties: Buffer): Message {
  const { buffer, exchangeAt, bodyAt } = message
  const addressLength = message.addressLength
  const changed = new Message()
  changed.buffer = Buffer.concat([
    buffer.subarray(exchangeAt, exchangeAt + addressLength),
    properties,
    buffer.subarray(bodyAt, bodyAt + message.bodyLength),
  ])
  changed.routingKeyAt = message.routingKeyAt - exchangeAt
  changed.propertiesAt = addressLength
  changed.propertiesLength = properties.length
  changed.bodyAt = addressLength + properties.length
  changed.bodyLength = message.bodyLength
  changed.owned = true
  changed.marks = message.marks
  return changed
}
