import {
  BASIC_GET_OK,
  EXCHANGE_DECLARE_OK,
  EXCHANGE_DELETE_OK,
  encodeBasicAck,
  encodeBasicGet,
  encodeBasicNack,
  encodeExchangeDeclare,
  encodeExchangeDelete,
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
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  QUEUE_DELETE_OK,
  QUEUE_PURGE_OK,
  QUEUE_UNBIND_OK,
  TX_COMMIT_OK,
  TX_ROLLBACK_OK,
  TX_SELECT_OK,
} from '../../src/codec/index.ts'
import type { BrokerNode } from '../../src/server/node.ts'
import { makeBody } from './body.ts'
import { type Answer, type Channel, type Client, GET_ANSWERS, type Received } from './client.ts'
import type { ModelExchangeOptions, ModelMessage, ModelPublishing, ModelQueue, ModelQueueOptions } from './model.ts'

/** A message that somebody has and has not settled, in the broker and in the model. */
export interface Held {
  readonly tag: number
  readonly queue: ModelQueue
  readonly message: ModelMessage
  readonly isInTransaction: boolean
}

/** One client's two channels, one with confirms and one with transactions: each call returns when the answer has come. */
export class Actor {
  readonly client: Client
  readonly #channel: Channel
  readonly #transacting: Channel
  /** For questions whose answer no closes the channel. */
  #asking: Channel | undefined
  readonly #confirms: ((isAck: boolean) => void)[] = []

  private constructor(client: Client, channel: Channel, transacting: Channel) {
    this.client = client
    this.#channel = channel
    this.#transacting = transacting
    channel.onConfirm = (_tag, _multiple, isAck) => this.#confirms.shift()?.(isAck)
  }

  static async open(client: Client): Promise<Actor> {
    const transacting = await client.openChannel()
    await transacting.call(encodeTxSelect(transacting.id), TX_SELECT_OK)
    return new Actor(client, await client.openChannel(true), transacting)
  }

  async declareQueue(queue: string, options: ModelQueueOptions): Promise<void> {
    const { isDurable, isQuorum, priorityMax, ttlMs, lengthMax, overflow, deadTo, isDeduplicating } = options
    const args = fromObject({
      'x-max-priority': priorityMax,
      'x-message-ttl': ttlMs,
      'x-max-length': lengthMax,
      'x-overflow': overflow,
      ...(isQuorum ? { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 } : {}),
      ...(deadTo === undefined ? {} : { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': deadTo }),
      ...(isDeduplicating ? { 'x-message-deduplication': true, 'x-cache-size': 4 } : {}),
    })
    const frame = encodeQueueDeclare(this.#channel.id, { queue, durable: isDurable, arguments: args })
    await this.#channel.call(frame, QUEUE_DECLARE_OK)
  }

  async deleteQueue(queue: string): Promise<void> {
    await this.#channel.call(encodeQueueDelete(this.#channel.id, { queue }), QUEUE_DELETE_OK)
  }

  /** @returns how many there were. */
  async purge(queue: string): Promise<number> {
    const answer = await this.#channel.call(encodeQueuePurge(this.#channel.id, { queue }), QUEUE_PURGE_OK)
    return answer.fields.messageCount
  }

  async declareExchange(exchange: string, { type, isDurable, isDeduplicating }: ModelExchangeOptions): Promise<void> {
    const args = fromObject({
      ...(type === 'delayed' ? { 'x-delayed-type': 'direct' } : {}),
      ...(isDeduplicating ? { 'x-message-deduplication': true, 'x-cache-size': 4 } : {}),
    })
    const name = type === 'delayed' ? 'x-delayed-message' : type
    const fields = { exchange, type: name, durable: isDurable, arguments: args }
    await this.#channel.call(encodeExchangeDeclare(this.#channel.id, fields), EXCHANGE_DECLARE_OK)
  }

  async deleteExchange(exchange: string): Promise<void> {
    await this.#channel.call(encodeExchangeDelete(this.#channel.id, { exchange }), EXCHANGE_DELETE_OK)
  }

  async bind(exchange: string, queue: string, routingKey: string): Promise<void> {
    await this.#channel.call(encodeQueueBind(this.#channel.id, { exchange, queue, routingKey }), QUEUE_BIND_OK)
  }

  async unbind(exchange: string, queue: string, routingKey: string): Promise<void> {
    await this.#channel.call(encodeQueueUnbind(this.#channel.id, { exchange, queue, routingKey }), QUEUE_UNBIND_OK)
  }

  /** @returns whether it was acknowledged. */
  publish(exchange: string, routingKey: string, publishing: ModelPublishing, bytes: number): Promise<boolean> {
    const confirmed = new Promise<boolean>((resolve) => this.#confirms.push(resolve))
    this.#channel.publish(exchange, routingKey, propertiesOf(publishing), makeBody(publishing.id, bytes))
    return confirmed
  }

  /** Publishes and acknowledges in one transaction. */
  async transact(
    publishings: readonly { readonly queue: string; readonly publishing: ModelPublishing; readonly bytes: number }[],
    acknowledged: readonly Held[],
    isCommitted: boolean,
  ): Promise<void> {
    const channel = this.#transacting
    for (const { queue, publishing, bytes } of publishings) {
      channel.publish('', queue, propertiesOf(publishing), makeBody(publishing.id, bytes))
    }
    for (const { tag } of acknowledged) channel.write(encodeBasicAck(channel.id, { deliveryTag: tag }))
    if (isCommitted) await channel.call(encodeTxCommit(channel.id), TX_COMMIT_OK)
    else await channel.call(encodeTxRollback(channel.id), TX_ROLLBACK_OK)
  }

  async get(queue: string, isInTransaction = false): Promise<Received | undefined> {
    const channel = isInTransaction ? this.#transacting : this.#channel
    const answer = await channel.call(encodeBasicGet(channel.id, { queue }), ...GET_ANSWERS)
    return answer.method === BASIC_GET_OK ? answer.message : undefined
  }

  acknowledge({ tag }: Held): void {
    this.#channel.write(encodeBasicAck(this.#channel.id, { deliveryTag: tag }))
  }

  reject({ tag }: Held, requeue: boolean): void {
    this.#channel.write(encodeBasicNack(this.#channel.id, { deliveryTag: tag, requeue }))
  }

  /** Ready messages of a queue; undefined when there is no such queue. */
  async count(queue: string): Promise<number | undefined> {
    const answer = await this.#ask((id) => encodeQueueDeclare(id, { queue, passive: true }), QUEUE_DECLARE_OK)
    return answer?.fields.messageCount
  }

  async hasExchange(exchange: string): Promise<boolean> {
    const ask = (id: number) => encodeExchangeDeclare(id, { exchange, passive: true })
    return (await this.#ask(ask, EXCHANGE_DECLARE_OK)) !== undefined
  }

  async #ask(frame: (channel: number) => Buffer, answer: number): Promise<Answer | undefined> {
    this.#asking ??= await this.client.openChannel()
    try {
      return await this.#asking.call(frame(this.#asking.id), answer)
    } catch (error) {
      if (this.client.failure !== undefined) throw error
      this.#asking = undefined
      return undefined
    }
  }
}

/** What is changed without AMQP: users and virtual hosts. */
export class Administrator {
  readonly #node: BrokerNode

  constructor(node: BrokerNode) {
    this.#node = node
  }

  addUser(name: string, password: string): void {
    this.#change(() => this.#node.users.add(name, password))
  }

  allow(name: string, vhost: string): void {
    this.#change(() => this.#node.users.setPermissions(name, vhost, { configure: '.*', write: '.*', read: '.*' }))
  }

  deleteUser(name: string): void {
    this.#change(() => this.#node.users.delete(name))
  }

  addVirtualHost(name: string): void {
    this.#change(() => this.#node.addVirtualHost(name))
  }

  deleteVirtualHost(name: string): void {
    this.#change(() => this.#node.deleteVirtualHost(name))
  }

  /** What a client would find: who may log in with which password, and where to. */
  describe(passwords: ReadonlyMap<string, string>): string[] {
    const { users, virtualHosts } = this.#node
    const lines = virtualHosts.names().map((name) => `vhost ${name}`)
    for (const [name, password] of passwords) {
      const user = users.authenticate(name, password)
      if (user === undefined) continue
      const vhosts = virtualHosts.names().filter((vhost) => users.permissions(user, vhost) !== undefined)
      lines.push(`user ${name} in ${vhosts.sort().join(' ')}`)
    }
    return lines.sort()
  }

  #change(act: () => void): void {
    this.#node.context.clock.refresh()
    this.#node.context.turn.schedule()
    act()
  }
}

function propertiesOf(publishing: ModelPublishing): Properties {
  const { isPersistent, priority, expirationMs, delayMs, key, id } = publishing
  const headers = fromObject({ 'x-delay': delayMs, 'x-deduplication-header': key, id })
  return {
    headers,
    priority,
    messageId: String(id),
    ...(isPersistent ? { deliveryMode: 2 } : {}),
    ...(expirationMs === undefined ? {} : { expiration: String(expirationMs) }),
  }
}
