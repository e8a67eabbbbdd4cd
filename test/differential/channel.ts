import {
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeBasicPublish,
  encodeBasicQos,
  encodeBasicRecover,
  encodeBasicRecoverAsync,
  encodeBasicReject,
  encodeBody,
  encodeChannelClose,
  encodeChannelFlow,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeContentHeader,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeExchangeUnbind,
  encodeProperties,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeQueueUnbind,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  fromObject,
  type Properties,
  Table,
} from '../../src/codec/index.ts'
import type { Connection } from './connection.ts'
import { renderBytes, renderMethod, renderProperties } from './render.ts'
import type { Expected } from './script.ts'
import type { WireEvent } from './wire.ts'

/** Arguments of a session: a table, or plain values as `fromObject` takes them. */
export type Arguments = Table | Record<string, unknown>

export interface QueueFlags {
  readonly passive?: boolean
  readonly durable?: boolean
  readonly exclusive?: boolean
  readonly autoDelete?: boolean
  readonly noWait?: boolean
}

export interface ExchangeFlags {
  readonly passive?: boolean
  readonly durable?: boolean
  readonly autoDelete?: boolean
  readonly internal?: boolean
  readonly noWait?: boolean
}

export interface PublishOptions {
  readonly properties?: Omit<Properties, 'headers'> & { headers?: Arguments }
  readonly mandatory?: boolean
  readonly immediate?: boolean
}

export interface ConsumeFlags {
  readonly noLocal?: boolean
  readonly noAck?: boolean
  readonly exclusive?: boolean
  readonly noWait?: boolean
}

/** A channel inside a session. Methods with an answer wait for it; publishes and settlements are only sent. */
export class Channel {
  readonly connection: Connection
  readonly number: number
  #published: number | undefined

  constructor(connection: Connection, number: number) {
    this.connection = connection
    this.number = number
  }

  /** What has arrived on this channel since the last step. */
  pending(): readonly WireEvent[] {
    return this.connection.events.filter((event) => event.channel === this.number)
  }

  /** Whether the broker has closed the channel or its connection since it was opened last. */
  isClosing(): boolean {
    return this.connection.isChannelClosing(this.number)
  }

  /** Waits for what is expected, and notes everything that arrived. */
  wait(expected: Expected): Promise<void> {
    return this.connection.script.wait([this, expected])
  }

  /** Waits for the close of this channel or its connection. */
  closed(): Promise<void> {
    return this.connection.answer(this.number)
  }

  open(): Promise<void> {
    this.#published = undefined
    return this.connection.call(encodeChannelOpen(this.number))
  }

  /** Opens the channel again after it was closed; nothing of that is noted. */
  reopen(): Promise<void> {
    return this.connection.script.silently(() => this.open())
  }

  close(code = 200, text = 'bye'): Promise<void> {
    return this.connection.call(encodeChannelClose(this.number, { replyCode: code, replyText: text }))
  }

  flow(active: boolean): Promise<void> {
    return this.connection.call(encodeChannelFlow(this.number, { active }))
  }

  declare(queue: string, flags: QueueFlags = {}, args: Arguments = {}): Promise<void> {
    return this.connection.call(encodeQueueDeclare(this.number, { queue, ...flags, arguments: tableOf(args) }))
  }

  deleteQueue(queue: string, flags: { ifUnused?: boolean; ifEmpty?: boolean; noWait?: boolean } = {}): Promise<void> {
    return this.connection.call(encodeQueueDelete(this.number, { queue, ...flags }))
  }

  purge(queue: string, flags: { noWait?: boolean } = {}): Promise<void> {
    return this.connection.call(encodeQueuePurge(this.number, { queue, ...flags }))
  }

  bind(queue: string, exchange: string, routingKey = '', args: Arguments = {}, noWait = false): Promise<void> {
    const fields = { queue, exchange, routingKey, noWait, arguments: tableOf(args) }
    return this.connection.call(encodeQueueBind(this.number, fields))
  }

  unbind(queue: string, exchange: string, routingKey = '', args: Arguments = {}): Promise<void> {
    const fields = { queue, exchange, routingKey, arguments: tableOf(args) }
    return this.connection.call(encodeQueueUnbind(this.number, fields))
  }

  declareExchange(exchange: string, type: string, flags: ExchangeFlags = {}, args: Arguments = {}): Promise<void> {
    const fields = { exchange, type, ...flags, arguments: tableOf(args) }
    return this.connection.call(encodeExchangeDeclare(this.number, fields))
  }

  deleteExchange(exchange: string, flags: { ifUnused?: boolean; noWait?: boolean } = {}): Promise<void> {
    return this.connection.call(encodeExchangeDelete(this.number, { exchange, ...flags }))
  }

  bindExchange(destination: string, source: string, routingKey = '', args: Arguments = {}): Promise<void> {
    const fields = { destination, source, routingKey, arguments: tableOf(args) }
    return this.connection.call(encodeExchangeBind(this.number, fields))
  }

  unbindExchange(destination: string, source: string, routingKey = '', args: Arguments = {}): Promise<void> {
    const fields = { destination, source, routingKey, arguments: tableOf(args) }
    return this.connection.call(encodeExchangeUnbind(this.number, fields))
  }

  qos(prefetchCount: number, global = false, prefetchSize = 0): Promise<void> {
    return this.connection.call(encodeBasicQos(this.number, { prefetchCount, global, prefetchSize }))
  }

  consume(queue: string, consumerTag: string, flags: ConsumeFlags = {}, args: Arguments = {}): Promise<void> {
    const fields = { queue, consumerTag, ...flags, arguments: tableOf(args) }
    return this.connection.call(encodeBasicConsume(this.number, fields))
  }

  cancel(consumerTag: string, noWait = false): Promise<void> {
    return this.connection.call(encodeBasicCancel(this.number, { consumerTag, noWait }))
  }

  get(queue: string, noAck = false): Promise<void> {
    return this.connection.call(encodeBasicGet(this.number, { queue, noAck }))
  }

  confirmSelect(noWait = false): Promise<void> {
    this.#published ??= 0
    return this.connection.call(encodeConfirmSelect(this.number, { noWait }))
  }

  txSelect(): Promise<void> {
    return this.connection.call(encodeTxSelect(this.number))
  }

  commit(): Promise<void> {
    return this.connection.call(encodeTxCommit(this.number))
  }

  rollback(): Promise<void> {
    return this.connection.call(encodeTxRollback(this.number))
  }

  recover(requeue: boolean): Promise<void> {
    return this.connection.call(encodeBasicRecover(this.number, { requeue }))
  }

  recoverAsync(requeue: boolean): void {
    this.connection.send(encodeBasicRecoverAsync(this.number, { requeue }))
  }

  ack(deliveryTag: number, multiple = false): void {
    this.connection.send(encodeBasicAck(this.number, { deliveryTag, multiple }))
  }

  nack(deliveryTag: number, flags: { multiple?: boolean; requeue?: boolean } = {}): void {
    this.connection.send(encodeBasicNack(this.number, { deliveryTag, requeue: false, ...flags }))
  }

  reject(deliveryTag: number, requeue: boolean): void {
    this.connection.send(encodeBasicReject(this.number, { deliveryTag, requeue }))
  }

  /** Publishes one message; in confirm mode its sequence number is counted. */
  publish(exchange: string, routingKey: string, body: string | Buffer, options: PublishOptions = {}): void {
    const { mandatory = false, immediate = false } = options
    const method = encodeBasicPublish(this.number, { exchange, routingKey, mandatory, immediate })
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const { headers, ...plain } = options.properties ?? {}
    const properties = encodeProperties(headers ? { ...plain, headers: tableOf(headers) } : plain)
    const header = encodeContentHeader(this.number, bytes.length, properties)
    const described = renderProperties(header.subarray(7, -1))
    const label = `${renderMethod(method.subarray(7, -1))}${described && ` (${described})`} ${renderBytes(bytes)}`
    this.countPublish()
    this.connection.raw(
      Buffer.concat([method, header, encodeBody(this.number, bytes, this.connection.frameMax)]),
      label,
      this.number,
    )
  }

  /** Counts a publish that is sent by other means than `publish`. */
  countPublish(): void {
    if (this.#published === undefined) return
    this.#published++
    const unconfirmed = this.connection.unconfirmed
    const tags = unconfirmed.get(this.number) ?? new Set()
    unconfirmed.set(this.number, tags.add(this.#published))
  }
}

function tableOf(args: Arguments): Table {
  return args instanceof Table ? args : fromObject(args)
}
