import { type Table, type ValueReader, ValueRecord } from '../../codec/index.ts'

/*
 * What is declared, as records; longstr texts, see codec/values.ts. Each says the whole of its thing, so that saying it
 * again does no harm. A later version may put more behind.
 *
 *     virtual host    name
 *     exchange        vhost  name  type  flags:1  arguments  [uid:4]         deleted: vhost  name
 *     queue           vhost  name  uid:4  flags:1  arguments                 deleted: uid:4
 *     binding         vhost  source  destination's kind:1  destination  routing key  arguments
 *
 * Flags: 0x01 durable, 0x02 auto-delete, 0x04 internal, 0x08 there is a uid: of the messages that it delays. Kind: 0 a queue, 1 an exchange.
 */

const DURABLE = 0x01
const AUTO_DELETE = 0x02
const INTERNAL = 0x04
const HAS_UID = 0x08

export interface ExchangeDefinition {
  readonly vhost: string
  readonly name: string
  readonly type: string
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: Table
  /** Stands for it in the records of the messages that it delays; undefined when it delays none. */
  readonly uid?: number
}

export interface QueueDefinition {
  readonly vhost: string
  readonly name: string
  /** Stands for it in the records of its messages. */
  readonly uid: number
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly arguments: Table
}

export type DestinationKind = 'queue' | 'exchange'

export interface BindingDefinition {
  readonly vhost: string
  readonly source: string
  readonly destinationKind: DestinationKind
  readonly destination: string
  readonly routingKey: string
  readonly arguments: Table
}

export function nameRecord(...names: string[]): ValueRecord {
  return new ValueRecord((values) => {
    for (const name of names) values.text(name)
  })
}

export function exchangeRecord(exchange: ExchangeDefinition): ValueRecord {
  return new ValueRecord((values) => {
    values.text(exchange.vhost).text(exchange.name).text(exchange.type)
    const { uid, internal } = exchange
    const flags = flagsOf(exchange) | (internal ? INTERNAL : 0) | (uid === undefined ? 0 : HAS_UID)
    values.octet(flags).table(exchange.arguments)
    if (uid !== undefined) values.long(uid)
  })
}

export function readExchange(values: ValueReader): ExchangeDefinition {
  const vhost = values.text()
  const name = values.text()
  const type = values.text()
  const flags = values.octet()
  const internal = (flags & INTERNAL) !== 0
  const definition = { vhost, name, type, ...readFlags(flags), internal, arguments: values.table() }
  return (flags & HAS_UID) === 0 ? definition : { ...definition, uid: values.long() }
}

export function queueRecord(queue: QueueDefinition): ValueRecord {
  return new ValueRecord((values) => {
    values.text(queue.vhost).text(queue.name).long(queue.uid).octet(flagsOf(queue)).table(queue.arguments)
  })
}

export function readQueue(values: ValueReader): QueueDefinition {
  const vhost = values.text()
  const name = values.text()
  const uid = values.long()
  return { vhost, name, uid, ...readFlags(values.octet()), arguments: values.table() }
}

export function queueDeletedRecord(uid: number): ValueRecord {
  return new ValueRecord((values) => values.long(uid))
}

export function bindingRecord(binding: BindingDefinition): ValueRecord {
  return new ValueRecord((values) => {
    values.text(binding.vhost).text(binding.source)
    values.octet(binding.destinationKind === 'queue' ? 0 : 1).text(binding.destination)
    values.text(binding.routingKey).table(binding.arguments)
  })
}

export function readBinding(values: ValueReader): BindingDefinition {
  const vhost = values.text()
  const source = values.text()
  const destinationKind = values.octet() === 0 ? 'queue' : 'exchange'
  const destination = values.text()
  const routingKey = values.text()
  return { vhost, source, destinationKind, destination, routingKey, arguments: values.table() }
}

function flagsOf(entity: { readonly durable: boolean; readonly autoDelete: boolean }): number {
  return (entity.durable ? DURABLE : 0) | (entity.autoDelete ? AUTO_DELETE : 0)
}

function readFlags(flags: number): { durable: boolean; autoDelete: boolean } {
  return { durable: (flags & DURABLE) !== 0, autoDelete: (flags & AUTO_DELETE) !== 0 }
}
