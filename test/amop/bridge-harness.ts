import { Bridge } from '../../src/amop/bridge/bridge.ts'
import { AmopContext, type AmopOptions, type AmopSettings, type Certificate } from '../../src/amop/index.ts'
import type { VirtualHost } from '../../src/broker/index.ts'
import {
  BASIC_CONSUME_OK,
  BASIC_GET_EMPTY,
  CONFIRM_SELECT_OK,
  EXCHANGE_BIND_OK,
  EXCHANGE_DECLARE_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicReject,
  encodeConfirmSelect,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeQueueBind,
  fromObject,
  type Properties,
  QUEUE_BIND_OK,
  type Table,
  textOf,
} from '../../src/codec/index.ts'
import { type Delivery, publish, TestClient, TestNode, type TestNodeOptions } from '../amqp/harness.ts'
import { CarriedSdk, type CarryingHost, type Received } from './harness.ts'

export interface BridgeNodeOptions extends TestNodeOptions {
  readonly settings?: Partial<AmopSettings>
  readonly permissions?: AmopOptions['permissions']
  readonly random?: () => number
}

type Arguments = Record<string, unknown>

/** A node that speaks AMQP and AMOP, with time and turns in the test's hand. */
export class BridgeNode implements CarryingHost {
  readonly node: TestNode
  readonly context: AmopContext
  readonly bridge: Bridge
  #port = 40000

  constructor({ settings, permissions, random, ...options }: BridgeNodeOptions = {}) {
    const node = new TestNode({ ...options, empty: true })
    const { clock, timers, log, alarms, users } = node
    this.node = node
    this.context = new AmopContext({
      clock,
      timers,
      log,
      ...(settings && { settings }),
      ...(permissions && { permissions }),
      ...(random && { random }),
    })
    this.bridge = new Bridge(this.context, node.virtualHosts, { vhost: '/', node: 'here', alarms })
    node.virtualHosts.add('/')
    for (const name of ['guest', 'billing']) {
      users.add(name, name, [])
      users.setPermissions(name, '/', { configure: '.*', write: '.*', read: '.*' })
    }
    this.bridge.start()
  }

  get clock(): AmopContext['clock'] {
    return this.node.clock
  }

  get vhost(): VirtualHost {
    return this.node.vhost
  }

  get warnings(): string[] {
    const lines = this.node.log.lines.filter(({ level }) => level === 'warn' || level === 'error')
    return lines.map(({ message }) => message)
  }

  /** An SDK that listens to these topics. */
  sdk(...topics: string[]): BridgeSdk {
    const sdk = this.sdkWith(undefined)
    if (topics.length > 0) sdk.subscribe(...topics)
    return sdk
  }

  sdkWith(certificate: Certificate | undefined): BridgeSdk {
    return new BridgeSdk(this, { address: '127.0.0.1', port: ++this.#port, certificate })
  }

  client(user = 'guest'): BridgeClient {
    return new BridgeClient(this.node).handshake({ user, password: user }).openChannel()
  }

  advance(ms: number): void {
    this.node.advance(ms)
  }
}

export class BridgeSdk extends CarriedSdk {
  /** Sends a unicast and takes its answer, which has to be there. */
  ask(topic: string, data: Buffer | string = ''): Received {
    return this.expectAnswer(this.unicast(topic, data))
  }
}

export interface SentMessage {
  readonly body?: Buffer | string
  readonly properties?: Omit<Properties, 'headers'>
  readonly headers?: Arguments
  readonly mandatory?: boolean
  readonly exchange?: string
}

/** An AMQP client with channel 1. */
export class BridgeClient extends TestClient {
  queue(name: string, args: Arguments = {}, durable = false): this {
    this.declareQueue(1, name, { durable, arguments: fromObject(args) })
    return this
  }

  exchange(name: string, type: string, args: Arguments = {}, durable = false): this {
    this.send(encodeExchangeDeclare(1, { exchange: name, type, durable, arguments: fromObject(args) }))
    this.expect(EXCHANGE_DECLARE_OK)
    return this
  }

  bind(queue: string, routingKey: string, args: Arguments = {}, exchange = 'amq.amop'): this {
    this.sendBind(queue, routingKey, args, exchange)
    this.expect(QUEUE_BIND_OK)
    return this
  }

  sendBind(queue: string, routingKey: string, args: Arguments = {}, exchange = 'amq.amop'): void {
    this.send(encodeQueueBind(1, { queue, exchange, routingKey, arguments: fromObject(args) }))
  }

  bindExchange(destination: string, source: string, routingKey = '', args: Arguments = {}): this {
    this.send(encodeExchangeBind(1, { destination, source, routingKey, arguments: fromObject(args) }))
    this.expect(EXCHANGE_BIND_OK)
    return this
  }

  confirms(): this {
    this.send(encodeConfirmSelect(1))
    this.expect(CONFIRM_SELECT_OK)
    return this
  }

  publish(routingKey: string, message: SentMessage = {}): void {
    const { body = '', properties = {}, headers, mandatory = false, exchange = 'amq.amop' } = message
    const all = headers === undefined ? properties : { ...properties, headers: fromObject(headers) }
    this.send(publish(1, { exchange, routingKey, mandatory, body, properties: all }))
  }

  /** Publishes through the default exchange. */
  reply(request: Delivery, body: string, headers?: Arguments): void {
    const { replyTo = '', correlationId = '' } = request.properties
    this.publish(replyTo, { exchange: '', body, properties: { correlationId }, ...(headers && { headers }) })
  }

  consume(queue: string, noAck = false): this {
    this.send(encodeBasicConsume(1, { queue, noAck, consumerTag: `of ${queue}` }))
    this.expect(BASIC_CONSUME_OK)
    return this
  }

  ack(delivery: Delivery): void {
    this.send(encodeBasicAck(1, { deliveryTag: delivery.fields.deliveryTag }))
  }

  reject(delivery: Delivery, requeue = false): void {
    this.send(encodeBasicReject(1, { deliveryTag: delivery.fields.deliveryTag, requeue }))
  }

  /** Takes the first message of a queue, which has to be there. */
  get(queue: string): Delivery {
    this.send(encodeBasicGet(1, { queue, noAck: true }))
    return this.expectGetOk()
  }

  expectEmpty(queue: string): void {
    this.send(encodeBasicGet(1, { queue, noAck: true }))
    this.expect(BASIC_GET_EMPTY)
  }

  /** Bodies of all that waits in a queue. */
  bodies(queue: string): string[] {
    const found = this.node.vhost.queue(queue, undefined).peek(1000)
    return found.map((message) => message.body.toString())
  }
}

/** The headers as plain texts. */
export function textHeaders(delivery: Delivery): Record<string, string | undefined> {
  const headers: Table | undefined = delivery.properties.headers
  return Object.fromEntries((headers?.entries ?? []).map(([name, value]) => [name, textOf(value)]))
}
