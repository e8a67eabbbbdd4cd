import {
  encodeBasicAck,
  encodeBasicCancel,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicNack,
  encodeBasicQos,
  encodeBasicRecover,
  encodeBasicReject,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelOpen,
  encodeConfirmSelect,
  encodeExchangeDeclare,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  encodeQueuePurge,
  encodeTxCommit,
  encodeTxRollback,
  encodeTxSelect,
  FrameType,
  fromObject,
  METHODS,
  type Properties,
  readUint32,
} from '../../src/codec/index.ts'
import { openClient, publish, type TestClient, TestNode } from './harness.ts'
import type { Random } from './random.ts'

const QUEUES = ['a', 'b', 'c', 'd']
const DELAYED = 'later'
const CLIENTS = 3
/** Bytes of messages that a run may well come to hold. */
const LOW_WATERMARK = 100_000

/** Several clients of one node do everything at once to the same few queues. */
export class Chaos {
  readonly node: TestNode
  /** What came of it, by name, to see that it was not all errors. */
  readonly seen: Map<string, number>
  readonly #random: Random
  readonly #clients: TestClient[]
  readonly #declarations = new Map<string, Buffer>()

  constructor(random: Random, seen: Map<string, number>) {
    this.#random = random
    this.seen = seen
    this.node = new TestNode({ watermark: random.pick([LOW_WATERMARK, 2 ** 40]) })
    this.#clients = Array.from({ length: CLIENTS }, () => openClient(this.node))
    const args = fromObject({ 'x-delayed-type': 'direct' })
    this.#clients[0]?.send(encodeExchangeDeclare(1, { exchange: DELAYED, type: 'x-delayed-message', arguments: args }))
  }

  /** One client does one thing; the turn is left open as often as not. */
  step(): void {
    const index = this.#random.below(CLIENTS)
    const client = this.#revived(index)
    const { transport } = client
    const kind = this.#random.below(20)
    if (kind === 0) this.node.advance(this.#random.below(60))
    else if (kind === 1) transport.stuck = true
    else if (kind === 2) this.#unstick(client)
    else if (kind === 3 && this.#oneIn(3)) this.#replace(index)
    else this.#do(client, kind < 7 ? this.#publish() : this.#frames(client, kind))
    this.#listen(client)
    if (this.node.alarms.raised) this.#count('alarm')
  }

  /** All clients go away, whether their sockets are stuck or not. */
  disconnect(): void {
    for (const client of this.#clients) {
      client.disconnect()
      this.#listen(client)
    }
  }

  /** The client, whose channel is opened again when it was closed for an error, or which is another when it was lost. */
  #revived(index: number): TestClient {
    const client = this.#clients[index] as TestClient
    if (client.connection.state !== 'running') return this.#replace(index)
    const channel = client.connection.channels.get(1)
    if (channel?.state === 'closing') client.receive(encodeChannelCloseOk(1))
    if (channel?.state !== 'open') client.receive(encodeChannelOpen(1))
    return client
  }

  #replace(index: number): TestClient {
    this.#clients[index]?.disconnect()
    const client = openClient(this.node)
    this.#clients[index] = client
    return client
  }

  #unstick({ transport, connection }: TestClient): void {
    if (transport.backlog > 0) this.#count('backlog')
    transport.drain()
    connection.writable()
  }

  /** Some frames come in two pieces, with a turn between. */
  #do(client: TestClient, frames: Buffer): void {
    const cut = this.#oneIn(4) ? this.#random.below(frames.length) : 0
    if (cut > 0) client.send(frames.subarray(0, cut))
    client.receive(frames.subarray(cut))
    if (this.#oneIn(2)) this.node.settle()
  }

  #listen(client: TestClient): void {
    for (let frame = client.nextFrame(); frame !== undefined; frame = client.nextFrame()) {
      if (frame.type === FrameType.METHOD) this.#count(METHODS.get(readUint32(frame.payload, 0))?.name ?? '')
    }
  }

  #frames(client: TestClient, kind: number): Buffer {
    const random = this.#random
    const queue = random.pick(QUEUES)
    if (kind < 9) return this.#declare(queue)
    if (kind === 9) return encodeBasicGet(1, { queue, noAck: this.#oneIn(2) })
    if (kind === 10) return this.#consume(queue)
    if (kind < 14) return this.#settlement(client)
    if (kind === 14) return encodeBasicQos(1, { prefetchCount: random.below(4), global: this.#oneIn(3) })
    if (kind === 15) return encodeBasicRecover(1, { requeue: true })
    if (kind === 16) return this.#transaction(client)
    return this.#rarer(client, queue)
  }

  /** Mostly as it was before: whoever asks for another kind of queue only gets its channel closed. */
  #declare(queue: string): Buffer {
    let declare = this.#declarations.get(queue)
    if (declare === undefined || this.#oneIn(8)) {
      declare = this.#declaration(queue)
      this.#declarations.set(queue, declare)
    }
    const exchange = this.#random.pick(['amq.fanout', DELAYED])
    const routingKey = this.#random.pick(QUEUES)
    return Buffer.concat([declare, encodeQueueBind(1, { queue, exchange, routingKey })])
  }

  #declaration(queue: string): Buffer {
    const random = this.#random
    const quorum = this.#oneIn(3)
    const overflows = quorum ? ['drop-head', 'reject-publish'] : ['drop-head', 'reject-publish', 'reject-publish-dlx']
    const args: Record<string, unknown> = {
      ...(quorum ? { 'x-queue-type': 'quorum', 'x-delivery-limit': random.below(3) } : {}),
      ...(this.#oneIn(2) ? { 'x-dead-letter-exchange': random.pick(['', 'amq.fanout', DELAYED]) } : {}),
      ...(this.#oneIn(3) ? { 'x-message-ttl': random.below(50) } : {}),
      ...(this.#oneIn(3) ? { 'x-max-length': random.below(5) } : {}),
      ...(this.#oneIn(3) ? { 'x-overflow': random.pick(overflows) } : {}),
      ...(!quorum && this.#oneIn(4) ? { 'x-max-priority': 3 } : {}),
      ...(this.#oneIn(4) ? { 'x-single-active-consumer': true } : {}),
      ...(this.#oneIn(8) ? { 'x-expires': 1 + random.below(100) } : {}),
    }
    if ('x-dead-letter-exchange' in args && this.#oneIn(2)) args['x-dead-letter-routing-key'] = random.pick(QUEUES)
    return encodeQueueDeclare(1, {
      queue,
      durable: quorum || this.#oneIn(2),
      autoDelete: !quorum && this.#oneIn(6),
      exclusive: !quorum && this.#oneIn(8),
      arguments: fromObject(args),
    })
  }

  #consume(queue: string): Buffer {
    const args = this.#oneIn(3) ? { 'x-priority': this.#random.below(3) } : {}
    return encodeBasicConsume(1, { queue, noAck: this.#oneIn(3), arguments: fromObject(args) })
  }

  /** The oldest delivery, or all of them. */
  #settlement({ connection }: TestClient): Buffer {
    const unacked = connection.channels.get(1)?.unacked
    if (unacked === undefined || unacked.count === 0) return this.#publish()
    const deliveryTag = unacked.tagAt(unacked.oldest())
    const requeue = this.#oneIn(2)
    return this.#random.pick([
      encodeBasicAck(1, { deliveryTag, multiple: this.#oneIn(2) }),
      encodeBasicNack(1, { deliveryTag: this.#oneIn(2) ? 0 : deliveryTag, multiple: true, requeue }),
      encodeBasicReject(1, { deliveryTag, requeue }),
    ])
  }

  #transaction({ connection }: TestClient): Buffer {
    const select = this.#random.pick([encodeTxSelect, encodeConfirmSelect])(1)
    const end = this.#random.pick([encodeTxCommit, encodeTxCommit, encodeTxRollback])(1)
    return connection.channels.get(1)?.transaction === undefined ? select : end
  }

  #rarer({ connection }: TestClient, queue: string): Buffer {
    const tags = [...(connection.channels.get(1)?.consumers.keys() ?? [])]
    if (tags.length > 0 && this.#oneIn(2)) return encodeBasicCancel(1, { consumerTag: this.#random.pick(tags) })
    if (this.#oneIn(3)) return encodeQueuePurge(1, { queue })
    if (this.#oneIn(4)) return encodeQueueDelete(1, { queue })
    if (this.#oneIn(3)) return Buffer.concat([encodeChannelClose(1, { replyCode: 200 }), encodeChannelOpen(1)])
    return this.#publish()
  }

  #publish(): Buffer {
    const random = this.#random
    return Buffer.concat(
      Array.from({ length: 1 + random.below(6) }, () =>
        publish(1, {
          exchange: random.pick(['', '', 'amq.fanout', DELAYED]),
          routingKey: random.pick(QUEUES),
          mandatory: this.#oneIn(3),
          properties: this.#properties(),
          body: Buffer.alloc(this.#oneIn(8) ? 3000 + random.below(40_000) : random.below(700), 'b'),
        }),
      ),
    )
  }

  #properties(): Properties {
    const random = this.#random
    const headers = {
      ...(this.#oneIn(4) ? { CC: [random.pick(QUEUES)] } : {}),
      ...(this.#oneIn(4) ? { BCC: [random.pick(QUEUES)] } : {}),
      ...(this.#oneIn(3) ? { 'x-delay': random.below(40) } : {}),
    }
    return {
      deliveryMode: 1 + random.below(2),
      ...(this.#oneIn(2) ? { headers: fromObject(headers) } : {}),
      ...(this.#oneIn(3) ? { expiration: String(random.below(50)) } : {}),
      ...(this.#oneIn(3) ? { priority: random.below(8) } : {}),
    }
  }

  #oneIn(count: number): boolean {
    return this.#random.below(count) === 0
  }

  #count(name: string): void {
    this.seen.set(name, (this.seen.get(name) ?? 0) + 1)
  }
}
