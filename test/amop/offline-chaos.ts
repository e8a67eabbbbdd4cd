import { OfflineDelivery } from '../../src/amop/deliver/offline-delivery.ts'
import { Packet, PacketType, type PermissionRules, TopicPermissions } from '../../src/amop/index.ts'
import {
  array,
  BASIC_ACK,
  BASIC_DELIVER,
  BASIC_NACK,
  CHANNEL_CLOSE,
  CONNECTION_CLOSE,
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicReject,
  encodeChannelClose,
  encodeExchangeBind,
  encodeExchangeDeclare,
  encodeExchangeDelete,
  encodeExchangeUnbind,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeQueueUnbind,
  FrameType,
  fromObject,
  longstr,
  type Properties,
  PropertyView,
  readUint32,
  readUint64,
  Table,
} from '../../src/codec/index.ts'
import { publish } from '../amqp/harness.ts'
import { LateJournal } from '../amqp/late-journal.ts'
import type { Random } from '../amqp/random.ts'
import { type BridgeClient, BridgeNode, type BridgeSdk } from './bridge-harness.ts'

const TOPICS = ['a', 'b', 'p.a', 'ü', '']
const QUEUES = ['q0', 'q1', 'q2', 'q3', 'q4', 'q5']
const EXCHANGES = ['amq.amop', 'amop2', 'prefixed', 'delayed', 'topic', 'fanout']

/** A message that goes in a circle takes five hops, each of which may try its candidates for 30 s. */
const END_SECONDS = 5 * 30

const RULES: PermissionRules = {
  rules: [{ who: { user: ['guest'] }, publish: ['a', 'p.*'], subscribe: ['b', 'p.*'] }],
  others: { publish: ['a'], subscribe: ['a', 'b'] },
}

interface Held {
  readonly tag: number
  readonly replyTo: string | undefined
  readonly correlationId: string | undefined
}

/** An AMQP client that does what it likes, and keeps account of its confirms. */
class Amqp {
  readonly client: BridgeClient
  published = 0
  readonly confirmed = new Set<number>()
  readonly held: Held[] = []
  closed = false

  constructor(node: BridgeNode) {
    this.client = node.client().confirms()
  }

  publish(options: Parameters<typeof publish>[1]): void {
    this.published++
    this.client.send(publish(1, options))
  }

  read(): void {
    let delivered: number | undefined
    for (let frame = this.client.nextFrame(); frame !== undefined; frame = this.client.nextFrame()) {
      const { type, payload } = frame
      if (type === FrameType.HEADER && delivered !== undefined) {
        const { replyTo, correlationId } = new PropertyView().attach(payload, 12, payload.length - 12).toObject()
        this.held.push({ tag: delivered, replyTo, correlationId })
        delivered = undefined
      }
      if (type !== FrameType.METHOD) continue
      const id = readUint32(payload, 0)
      if (id === BASIC_DELIVER) delivered = readUint64(payload, 5 + (payload[4] as number))
      else if (id === BASIC_ACK || id === BASIC_NACK) {
        this.#confirm(readUint64(payload, 4), ((payload[12] as number) & 1) !== 0)
      } else if (id === CHANNEL_CLOSE || id === CONNECTION_CLOSE) this.closed = true
    }
  }

  /** Publishes without a confirm. */
  get unconfirmed(): number[] {
    const missing: number[] = []
    for (let tag = 1; tag <= this.published; tag++) if (!this.confirmed.has(tag)) missing.push(tag)
    return missing
  }

  #confirm(tag: number, multiple: boolean): void {
    if (!multiple) {
      if (this.confirmed.has(tag)) throw new Error(`publish ${tag} is confirmed twice`)
      this.confirmed.add(tag)
    } else for (let each = 1; each <= tag; each++) this.confirmed.add(each)
    if (tag > this.published) throw new Error(`publish ${tag} was not made`)
  }
}

/** Clients and SDKs that declare, bind, send, answer and go away at random. */
export class Chaos {
  readonly random: Random
  readonly node: BridgeNode
  readonly delivery: OfflineDelivery
  readonly journal: LateJournal | undefined
  readonly amqp: Amqp[] = []
  readonly sdks: BridgeSdk[] = []
  /** Bytes that wait for the disk: many hold publishers back. */
  unwritten = 0
  readonly pushed: { sdk: BridgeSdk; seq: string; topic: string }[] = []

  constructor(random: Random) {
    this.random = random
    this.journal = this.random.below(2) === 0 ? new LateJournal() : undefined
    this.node = new BridgeNode({
      settings: { choice: this.random.pick(['random', 'round-robin', 'least-outstanding'] as const) },
      random: () => this.random.below(1000) / 1000,
      unwritten: () => this.unwritten,
      ...(this.random.below(3) === 0 && { maxMessageSize: 30 }),
      ...(this.journal && { journal: this.journal }),
    })
    this.delivery = new OfflineDelivery(this.node.context, this.node.node.virtualHosts, { vhost: '/' })
    this.delivery.start()
    const client = this.node.client()
    client.send(
      encodeExchangeDeclare(1, { exchange: 'amop2', type: 'x-amop', noWait: true }),
      encodeExchangeDeclare(1, {
        exchange: 'prefixed',
        type: 'x-amop',
        noWait: true,
        arguments: fromObject({ 'x-amop-prefix': 'p.', 'alternate-exchange': 'fanout' }),
      }),
      encodeExchangeDeclare(1, {
        exchange: 'delayed',
        type: 'x-delayed-message',
        noWait: true,
        arguments: fromObject({ 'x-delayed-type': 'x-amop' }),
      }),
      encodeExchangeDeclare(1, { exchange: 'topic', type: 'topic', noWait: true }),
      encodeExchangeDeclare(1, { exchange: 'fanout', type: 'fanout', noWait: true }),
    )
  }

  step(): void {
    const { random } = this
    while (this.amqp.length < 3) this.amqp.push(new Amqp(this.node))
    while (this.sdks.length < 4) this.sdks.push(this.node.sdk())
    const amqp = random.pick(this.amqp)
    const sdk = random.pick(this.sdks)
    switch (random.below(24)) {
      case 0:
        amqp.client.send(this.declare())
        break
      case 1:
      case 2:
        amqp.client.send(
          encodeQueueBind(1, {
            queue: random.pick(QUEUES),
            exchange: random.pick(EXCHANGES),
            routingKey: random.pick(TOPICS),
            noWait: true,
            arguments: this.bindingArguments(),
          }),
        )
        break
      case 3:
        amqp.client.send(
          random.below(2) === 0
            ? encodeExchangeBind(1, { ...this.exchanges(), noWait: true, arguments: this.bindingArguments() })
            : encodeExchangeUnbind(1, { ...this.exchanges(), noWait: true }),
        )
        break
      case 4:
        amqp.client.send(
          random.pick([
            encodeQueueDelete(1, { queue: random.pick(QUEUES), noWait: true }),
            encodeQueuePurge(1, { queue: random.pick(QUEUES), noWait: true }),
            encodeQueueUnbind(1, {
              queue: random.pick(QUEUES),
              exchange: random.pick(EXCHANGES),
              routingKey: random.pick(TOPICS),
            }),
          ]),
        )
        break
      case 5:
        amqp.client.send(
          encodeBasicConsume(1, {
            queue: random.pick(QUEUES),
            consumerTag: random.pick(['one', 'two']),
            noAck: random.below(4) === 0,
            noWait: true,
          }),
        )
        break
      case 6:
        amqp.client.send(encodeBasicCancel(1, { consumerTag: random.pick(['one', 'two']), noWait: true }))
        break
      case 7:
      case 8:
      case 9:
        this.settle(amqp)
        break
      case 10:
      case 11:
      case 12:
        amqp.publish({
          exchange: random.pick(['', ...EXCHANGES, 'amq.amop']),
          routingKey: random.pick([...TOPICS, ...QUEUES]),
          mandatory: random.below(3) === 0,
          body: random.bytes(random.below(40)),
          properties: this.properties(),
        })
        break
      case 13:
        sdk.subscribe(...TOPICS.filter(() => random.below(2) === 0))
        break
      case 14:
      case 15:
        sdk.unicast(random.pick(TOPICS), random.bytes(random.below(40)), this.seq())
        break
      case 16:
        sdk.multicast(random.pick(TOPICS), random.bytes(random.below(40)), this.seq())
        break
      case 17:
      case 18:
        this.answer()
        break
      case 19:
        this.leave(amqp, sdk)
        break
      case 20:
        this.node.advance(random.pick([1, 50, 200, 1000, 5000, 6000]))
        break
      case 21:
        this.unwritten = random.below(3) === 0 ? 2 ** 40 : 0
        this.node.advance(10)
        break
      case 22:
        this.node.context.setPermissions(random.below(3) === 0 ? new TopicPermissions(RULES) : undefined)
        this.node.node.turn.schedule()
        this.node.node.settle()
        break
      default:
        this.journal?.complete()
        this.node.node.settle()
    }
    this.read()
  }

  /** Time for all that waits to be over; queues would try for ever. */
  end(): void {
    this.delivery.close()
    this.unwritten = 0
    for (let second = 0; second < END_SECONDS; second++) {
      this.journal?.complete()
      this.node.node.settle()
      for (const sdk of this.sdks) sdk.beat()
      this.node.advance(1000)
      this.read()
    }
  }

  /** What should not be so at the end, in words. */
  leftovers(): string[] {
    const { node, bridge, context } = this.node
    const { unanswered, retainedBytes } = context.router
    const counts = { unanswered, retainedBytes, departures: bridge.departures.count }
    return [
      ...node.internalErrors,
      ...this.amqp.flatMap(({ unconfirmed }) => unconfirmed.map((tag) => `publish ${tag} was never confirmed`)),
      ...this.sdks.flatMap(({ session: { name, unanswered: own, outstanding } }) =>
        own + outstanding === 0 ? [] : [`${name} waits for ${own} and has ${outstanding}`],
      ),
      ...this.sdks.flatMap(({ transport, name }) => (transport.paused ? [`${name} is not read any more`] : [])),
      ...Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${what} is ${count}`])),
    ]
  }

  /** What is still there when everybody has gone and every queue is deleted, in words. */
  leftoversOfNobody(): string[] {
    for (const { client } of this.amqp) client.disconnect()
    for (const sdk of this.sdks) sdk.disconnect()
    const { node, vhost, context } = this.node
    for (const queue of [...vhost.queues.values()]) vhost.deleteQueue(queue)
    for (const exchange of EXCHANGES.slice(1)) vhost.deleteExchange(exchange, false)
    // Bound to itself, perhaps.
    for (const { source, destination, routingKey, arguments: args } of [...vhost.exchange('amq.amop').incoming]) {
      vhost.unbind(source, destination, routingKey, args)
    }
    this.journal?.complete()
    this.node.advance(60_000)
    const counts = {
      timers: node.timers.size,
      sessions: context.sessions.size,
      topics: context.router.table.size,
      waitersOfTheJournal: this.journal?.waiterCount ?? 0,
    }
    return Object.entries(counts).flatMap(([what, count]) => (count === 0 ? [] : [`${what} is ${count}`]))
  }

  read(): void {
    for (const sdk of [...this.sdks]) {
      for (const { type, seq, topic } of sdk.takeAll()) {
        if (type === PacketType.UNICAST) this.pushed.push({ sdk, seq, topic: topic ?? '' })
      }
      if (sdk.transport.closedBecause !== undefined) {
        sdk.disconnect()
        this.sdks.splice(this.sdks.indexOf(sdk), 1)
      }
    }
    for (const amqp of [...this.amqp]) {
      amqp.read()
      if (!amqp.closed) continue
      amqp.client.disconnect()
      this.amqp.splice(this.amqp.indexOf(amqp), 1)
    }
  }

  leave(amqp: Amqp, sdk: BridgeSdk): void {
    const kind = this.random.below(4)
    if (kind === 0) {
      sdk.disconnect()
      this.sdks.splice(this.sdks.indexOf(sdk), 1)
    } else if (kind === 1) {
      amqp.client.disconnect()
      this.amqp.splice(this.amqp.indexOf(amqp), 1)
    } else if (kind === 2) {
      amqp.client.send(encodeChannelClose(1, { replyCode: 200 }))
      this.amqp.splice(this.amqp.indexOf(amqp), 1)
      amqp.client.disconnect()
    } else {
      const exchange = this.random.pick(EXCHANGES.slice(4))
      amqp.client.send(
        encodeExchangeDelete(1, { exchange, noWait: true }),
        encodeExchangeDeclare(1, { exchange, type: exchange, noWait: true }),
      )
    }
  }

  answer(): void {
    if (this.pushed.length === 0) return
    const [{ sdk, seq, topic }] = this.pushed.splice(this.random.below(this.pushed.length), 1) as [
      { sdk: BridgeSdk; seq: string; topic: string },
    ]
    const kind = this.random.below(6)
    if (kind === 0)
      sdk.transmit(Packet.make(PacketType.RESPONSE, seq, 0, this.random.bytes(this.random.below(3))).frame)
    else sdk.answer({ type: 0, seq, result: 0, topic, text: '' }, this.random.bytes(9), kind === 1 ? 55 : 0)
  }

  settle(amqp: Amqp): void {
    const [held] = amqp.held.splice(this.random.below(amqp.held.length), 1)
    if (held === undefined) return
    const { tag, replyTo, correlationId } = held
    if (replyTo !== undefined && this.random.below(3) > 0) {
      amqp.publish({
        exchange: '',
        routingKey: replyTo,
        body: 'answer',
        properties: {
          ...(correlationId !== undefined && { correlationId }),
          headers: this.headers(),
        },
      })
      if (amqp.closed) return
    }
    // Those of a consumer that needs none are refused, and that ends the channel, which is fine too.
    amqp.client.send(
      this.random.below(3) > 0
        ? encodeBasicAck(1, { deliveryTag: tag })
        : encodeBasicReject(1, { deliveryTag: tag, requeue: this.random.below(2) === 0 }),
    )
  }

  declare(): Buffer {
    const { random } = this
    const args: Record<string, unknown> = {}
    if (random.below(3) === 0) args['x-amop-deliver'] = random.pick(TOPICS)
    if (args['x-amop-deliver'] !== undefined && random.below(3) === 0) args['x-amop-deliver-mode'] = 'multicast'
    if (random.below(3) === 0) args['x-max-length'] = random.below(3)
    if (args['x-max-length'] !== undefined) args['x-overflow'] = random.pick(['reject-publish', 'drop-head'])
    if (random.below(3) === 0) args['x-dead-letter-exchange'] = random.pick(EXCHANGES)
    if (random.below(4) === 0) args['x-message-ttl'] = random.pick([0, 10, 1000])
    const quorum = random.below(4) === 0
    if (quorum) args['x-queue-type'] = 'quorum'
    return encodeQueueDeclare(1, {
      queue: random.pick(QUEUES),
      durable: quorum || random.below(2) === 0,
      autoDelete: !quorum && random.below(5) === 0,
      noWait: true,
      arguments: fromObject(args),
    })
  }

  exchanges(): { destination: string; source: string; routingKey: string } {
    const { random } = this
    return { destination: random.pick(EXCHANGES), source: random.pick(EXCHANGES), routingKey: random.pick(TOPICS) }
  }

  bindingArguments(): Table {
    const { random } = this
    const args: Record<string, unknown> = {}
    if (random.below(3) === 0) args['x-amop-role'] = random.pick(['subscriber', 'fallback', 'tap'])
    if (args['x-amop-role'] !== 'tap' && random.below(2) === 0) args['x-amop-reply'] = random.pick(['ack', 'consumer'])
    return fromObject(args)
  }

  properties(): Properties {
    const { random } = this
    const properties: { -readonly [Name in keyof Properties]: Properties[Name] } = {}
    if (random.below(2) === 0) properties.headers = this.headers()
    if (random.below(3) === 0) properties.replyTo = random.pick([...QUEUES, '', '\udcff'.repeat(255), 'nowhere'])
    if (random.below(3) === 0) properties.correlationId = random.pick(['', '\udcfe'.repeat(255), 'id'])
    if (random.below(2) === 0) properties.deliveryMode = 2
    if (random.below(6) === 0) properties.expiration = '100'
    return properties
  }

  headers(): Table {
    const { random } = this
    const table = new Table()
    if (random.below(3) > 0) table.set('x-amop-mode', longstr(random.pick(['unicast', 'unicast', 'multicast'])))
    if (random.below(6) === 0) table.set('CC', array(longstr(random.pick(TOPICS))))
    if (random.below(8) === 0) table.set('BCC', array(longstr(random.pick(TOPICS)), longstr('\udcff')))
    if (random.below(6) === 0) table.set('x-amop-seq', longstr('x'))
    if (random.below(6) === 0) table.set('x-amop-session', longstr(random.pick(this.sdks)?.name ?? ''))
    if (random.below(6) === 0) table.set('x-amop-node', longstr('here'))
    if (random.below(6) === 0) table.set('x-delay', longstr('10'))
    if (random.below(6) === 0) table.set('x-death', random.pick([longstr('x'), array(longstr('x'))]))
    if (random.below(6) === 0) table.set('x-amop-error', longstr(random.pick(['7', 'x', '99999999999', '-1'])))
    return table
  }

  seq(): string {
    const { random } = this
    return random.below(4) === 0 ? random.pick(['s', '\xff']).repeat(32) : random.bytes(16).toString('hex')
  }
}
