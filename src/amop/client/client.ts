import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { Clock, Timers } from '../../base/index.ts'
import { type Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { fitsTopicBody, makeTopicPacket, TOPIC_BYTES_MAX } from '../packet/topic-body.ts'
import { Seqs } from '../seqs.ts'
import { challengeTopicOf, isBlockNotice, isReservedTopic, privateTopicOf } from '../topic-names.ts'
import { AmopError } from './amop-error.ts'
import { type CallOptions, Calls } from './calls.ts'
import { ClientAlarm } from './client-alarm.ts'
import type { Dial, NodeAddress } from './dial.ts'
import { type AmopKey, privateKeyBytes, publicKeyHex } from './keys.ts'
import type { ConnectionOwner, NodeConnection } from './node-connection.ts'
import { NodeLink } from './node-link.ts'
import { PrivatePublisher } from './private-publisher.ts'
import { type ClientSettings, DEFAULT_CLIENT_SETTINGS } from './settings.ts'
import { type AmopHandler, Subscribers } from './subscribers.ts'

export interface ClientOptions {
  readonly nodes: readonly NodeAddress[]
  readonly dial: Dial
  /** What is left out is as in `DEFAULT_CLIENT_SETTINGS`. */
  readonly settings?: Partial<ClientSettings>
  /** For tests that own the time; both together. */
  readonly clock?: Clock
  readonly timers?: Timers
  /** Draws from 0 to 1, exclusive. Default `Math.random`. */
  readonly random?: () => number
}

/** What a client tells beside the results of calls. */
export interface ClientEvents {
  /** Messages can be sent to the node, and the subscriptions are in force there. */
  connected: [node: string]
  /** The connection to the node has gone; the client tries to connect again. */
  disconnected: [node: string, reason: string]
  /** A subscriber of a private topic that is published here has signed with this key, 128 hex digits. */
  verified: [topic: string, publicKey: string, node: string]
  /** One has not signed with any of the keys. */
  refused: [topic: string, node: string]
  /** A handler threw, a message was dropped: worth a line in a log. */
  warning: [error: Error]
}

/** How a client stands with one of its nodes. */
export interface NodeState {
  /** `host:port`. */
  readonly node: string
  readonly connected: boolean
  /** What the node says of itself; undefined while there is no connection. */
  readonly version: string | undefined
  /** Why there is no connection. */
  readonly failure: string | undefined
}

/** An AMOP client without its sockets: nodes, topics with their handlers, calls with their answers. */
export class Client extends EventEmitter<ClientEvents> implements AsyncDisposable {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #ownsTimers: boolean
  readonly #settings: ClientSettings
  readonly #seqs = new Seqs()
  readonly #links: readonly NodeLink[]
  /** Replaced, never changed: a call keeps the one that it has begun with. */
  #ready: readonly NodeConnection[] = []
  readonly #calls: Calls
  readonly #subscribers: Subscribers
  readonly #publisher: PrivatePublisher
  /** Challenge topics of the private topics subscribed to. */
  readonly #challengeTopics = new Map<string, string>()
  #checkedTopic: string | undefined
  #announcing: Promise<void> | undefined
  #closed: Promise<void> | undefined
  /** Told of each connection that ends while the first is waited for. */
  #opening: ((error?: Error) => void) | undefined

  constructor({ nodes, dial, settings, clock, timers, random = Math.random }: ClientOptions) {
    super()
    if (nodes.length === 0) throw new RangeError('a client needs at least one node')
    this.#clock = clock ?? new Clock()
    this.#ownsTimers = timers === undefined
    this.#timers = timers ?? new Timers(this.#clock, new ClientAlarm())
    this.#settings = { ...DEFAULT_CLIENT_SETTINGS, ...settings }
    const context = {
      clock: this.#clock,
      timers: this.#timers,
      seqs: this.#seqs,
      settings: this.#settings,
      dial,
      random,
    }
    const { timeoutMs } = this.#settings
    this.#calls = new Calls({ ...context, timeoutMs })
    this.#subscribers = new Subscribers(this.#clock, this.#settings, (error) => this.emit('warning', error))
    this.#publisher = new PrivatePublisher({
      ...context,
      timeoutMs,
      verified: (topic, publicKey, { node }) => this.emit('verified', topic, publicKey, node),
      refused: (topic, { node }) => this.emit('refused', topic, node),
    })
    const owner = this.#owner()
    this.#links = nodes.map((node) => new NodeLink(node, context, owner))
  }

  get nodes(): NodeState[] {
    return this.#links.map(({ name, connection, failure }) => ({
      node: name,
      connected: connection?.state === 'ready',
      version: connection?.version,
      failure,
    }))
  }

  /**
   * Connects to all nodes; fulfilled as soon as one is connected, while the others go on trying.
   * @throws AmopError 99 when the first attempt to each of them has failed, or the signal's reason; it is closed then.
   */
  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#clock.refresh()
    const abort = (): void => this.#opening?.(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        this.#opening = (error) => (error === undefined ? resolve() : reject(error))
        for (const link of this.#links) link.connect()
      })
    } catch (error) {
      await this.close()
      throw error
    } finally {
      this.#opening = undefined
      signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * Has the messages of a topic handled; `AmopHandler` says what becomes of the result. A node that comes back is told
   * again. Fulfilled when all nodes that are connected now have taken note.
   * @param topic at most 254 bytes of UTF-8, compared exactly: there are no wildcards.
   * @throws RangeError for a topic that cannot be; Error when it has a handler.
   */
  async subscribe(topic: string, handler: AmopHandler): Promise<void> {
    checkTopic(topic)
    this.#subscribe(topic, topic, handler)
    await this.#announce()
  }

  /** Ends a subscription; handlers that run may still answer. @returns false when there was none. */
  async unsubscribe(topic: string): Promise<boolean> {
    if (!this.#subscribers.remove(topic)) return false
    await this.#announce()
    return true
  }

  /**
   * Sends a message to one of those who subscribe to the topic, and waits for the answer. Each connected node is tried in
   * turn: the next one when it knows nobody, or when the connection is lost before the answer; so a message may be
   * delivered twice, under the same seq.
   * @returns the answer, empty when the subscriber has answered without data.
   * @throws AmopError with one of the codes of `ResultCode` (99 no node took it, 100 nobody listens, 102 no answer in
   *   time, 104 everybody who listens failed) or the subscriber's own; RangeError for a topic that cannot be or a body
   *   that is too long; the signal's reason.
   */
  unicast(topic: string, data: Uint8Array | string, options?: CallOptions): Promise<Buffer> {
    return this.#unicast(topic, topic, data, options)
  }

  /**
   * Sends a message to all who subscribe to the topic, through every connected node; who is connected to several gets it
   * once. Fulfilled when those nodes have taken it, whether or not anybody listens.
   * @throws as `unicast`; 103 when the nodes refused it because of their limits.
   */
  multicast(topic: string, data: Uint8Array | string, options?: CallOptions): Promise<void> {
    return this.#multicast(topic, topic, data, options)
  }

  /**
   * As `subscribe`, to a private topic: its publishers learn by a signature that one of the keys they trust is here.
   * @param topic at most 185 bytes of UTF-8.
   * @param privateKey on secp256k1; publishers have it sign what they like, so use it for nothing else.
   * @throws TypeError for another key.
   */
  async subscribePrivate(topic: string, privateKey: AmopKey, handler: AmopHandler): Promise<void> {
    const key = privateKeyBytes(privateKey)
    const wireTopic = privateTopicOf(topic)
    const challengeTopic = challengeTopicOf(wireTopic, randomBytes(16).toString('hex'))
    checkPrivateTopic(topic, challengeTopic)
    const { signChallenge } = await loadSignatures()
    this.#subscribe(wireTopic, topic, handler)
    this.#challengeTopics.set(wireTopic, challengeTopic)
    this.#subscribe(challengeTopic, challengeTopic, ({ data }) => signChallenge(data, key))
    await this.#announce()
  }

  async unsubscribePrivate(topic: string): Promise<boolean> {
    const wireTopic = privateTopicOf(topic)
    if (!this.#subscribers.remove(wireTopic)) return false
    this.#subscribers.remove(this.#challengeTopics.get(wireTopic) ?? '')
    this.#challengeTopics.delete(wireTopic)
    await this.#announce()
    return true
  }

  /**
   * Makes this client a publisher of a private topic: nodes have its subscribers challenged by it, and give messages only
   * to those who have signed with one of these keys; the event `verified` tells of each. Called again, it replaces the
   * keys for those who are challenged from then on.
   * @param publicKeys on secp256k1.
   * @throws TypeError for another key.
   */
  async publishPrivate(topic: string, publicKeys: readonly AmopKey[]): Promise<void> {
    checkPrivateTopic(topic)
    const trusted = new Set(publicKeys.map(publicKeyHex))
    const { newChallenge, signerOf } = await loadSignatures()
    this.#publisher.add(topic, {
      newChallenge,
      check: (challenge, signature) => {
        const signer = signerOf(challenge, signature)
        return signer !== undefined && trusted.has(signer) ? signer : undefined
      },
    })
    await this.#announce()
  }

  async unpublishPrivate(topic: string): Promise<boolean> {
    if (!this.#publisher.remove(topic)) return false
    await this.#announce()
    return true
  }

  /** As `unicast`, to one of the verified subscribers; 100 when there is none. */
  unicastPrivate(topic: string, data: Uint8Array | string, options?: CallOptions): Promise<Buffer> {
    return this.#unicast(privateTopicOf(topic), topic, data, options)
  }

  /** As `multicast`, to all verified subscribers. */
  multicastPrivate(topic: string, data: Uint8Array | string, options?: CallOptions): Promise<void> {
    return this.#multicast(privateTopicOf(topic), topic, data, options)
  }

  /**
   * Ends all connections; calls that wait fail with code 99. Handlers that run may still answer for `closeTimeoutMs`.
   * Fulfilled when no socket is left.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#clock.refresh()
    this.#subscribers.clear()
    if (this.#subscribers.running > 0) {
      // So that the nodes send new messages to somebody else.
      for (const connection of this.#ready) connection.announce(() => {})
      await this.#handlersEnd()
    }
    // All before the first is closed: a call that waits there must not go on to another.
    for (const link of this.#links) link.retire()
    await Promise.all(this.#links.map((link) => link.close('the client is closed')))
    if (this.#ownsTimers) this.#timers.clear()
  }

  async #handlersEnd(): Promise<void> {
    const { closeTimeoutMs } = this.#settings
    await new Promise<void>((resolve) => {
      const timer = this.#timers.schedule(this.#clock.now + closeTimeoutMs, resolve)
      void this.#subscribers.idle().then(() => {
        this.#timers.cancel(timer)
        resolve()
      })
    })
  }

  #subscribe(wireTopic: string, topic: string, handler: AmopHandler): void {
    if (this.#closed !== undefined) throw closedError()
    if (this.#subscribers.has(wireTopic)) throw new Error(`topic '${topic}' has a handler; unsubscribe it first`)
    this.#subscribers.add(wireTopic, { name: topic, handler })
  }

  #unicast(
    wireTopic: string,
    topic: string,
    data: Uint8Array | string,
    options: CallOptions | undefined,
  ): Promise<Buffer> {
    try {
      const packet = this.#packet(PacketType.UNICAST, wireTopic, topic, data)
      return this.#calls.unicast(packet, topic, this.#ready, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #multicast(
    wireTopic: string,
    topic: string,
    data: Uint8Array | string,
    options: CallOptions | undefined,
  ): Promise<void> {
    try {
      const packet = this.#packet(PacketType.MULTICAST, wireTopic, topic, data)
      return this.#calls.multicast(packet, topic, this.#ready, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #packet(type: number, wireTopic: string, topic: string, data: Uint8Array | string): Packet {
    if (this.#closed !== undefined) throw closedError()
    // Many are sent to the same topic.
    if (wireTopic !== this.#checkedTopic) {
      if (wireTopic === topic) checkTopic(topic)
      else checkPrivateTopic(topic)
      this.#checkedTopic = wireTopic
    }
    return makeTopicPacket(type, this.#seqs.next(), 0, wireTopic, typeof data === 'string' ? Buffer.from(data) : data)
  }

  /** Once for all that is subscribed to in one go: a node gets the whole list each time. */
  #announce(): Promise<void> {
    this.#announcing ??= Promise.resolve().then(async () => {
      this.#announcing = undefined
      this.#clock.refresh()
      await Promise.all(this.#ready.map((connection) => new Promise<void>((resolve) => connection.announce(resolve))))
    })
    return this.#announcing
  }

  #owner(): ConnectionOwner {
    return {
      announcedTopics: () => [...this.#subscribers.topics(), ...this.#publisher.topics()],
      ready: (connection) => {
        this.#ready = [...this.#ready, connection]
        this.#opening?.()
        this.emit('connected', connection.node)
      },
      pushed: (connection, packet) => this.#subscribers.push(connection, packet),
      verificationRequested: (connection, packet) => this.#publisher.verify(connection, packet),
      ended: (connection, reason) => this.#ended(connection, reason),
      warn: (text) => this.emit('warning', new Error(text)),
    }
  }

  #ended(connection: NodeConnection, reason: string): void {
    if (this.#ready.includes(connection)) {
      this.#ready = this.#ready.filter((other) => other !== connection)
      this.emit('disconnected', connection.node, reason)
    }
    if (this.#opening === undefined || this.#links.some(({ failure }) => failure === undefined)) return
    const failures = this.#links.map(({ name, failure }) => `${name}: ${failure}`).join('; ')
    this.#opening(new AmopError(ResultCode.NOT_SENT, `no node could be reached: ${failures}`))
  }
}

function loadSignatures(): Promise<typeof import('./signature.ts')> {
  // Not before they are needed: the curve takes longer to load than all the rest.
  return import('./signature.ts')
}

function closedError(): AmopError {
  return new AmopError(ResultCode.NOT_SENT, `${ResultCode.NOT_SENT}: the client is closed`)
}

function checkTopic(topic: string): void {
  if (isBlockNotice(topic)) throw new RangeError(`topic '${topic}' is for block notices, no message is delivered to it`)
  if (isReservedTopic(topic)) {
    throw new RangeError(
      `topic '${topic}' belongs to a private topic; the methods with Private in their names take its own`,
    )
  }
  if (fitsTopicBody(topic)) return
  const bytes = Buffer.byteLength(topic)
  if (bytes <= TOPIC_BYTES_MAX) throw new RangeError('a topic is text, and this one has half a character in it')
  throw new RangeError(`a topic has at most ${TOPIC_BYTES_MAX} bytes of UTF-8, '${topic.slice(0, 40)}…' has ${bytes}`)
}

/** A private topic is as long as the name of its challenges lets it be. */
function checkPrivateTopic(
  topic: string,
  challengeTopic = challengeTopicOf(privateTopicOf(topic), '0'.repeat(32)),
): void {
  if (fitsTopicBody(challengeTopic)) return
  const bytes = Buffer.byteLength(topic)
  const bytesMax = TOPIC_BYTES_MAX - Buffer.byteLength(challengeTopic) + bytes
  throw new RangeError(`a private topic has at most ${bytesMax} bytes of UTF-8, '${topic.slice(0, 40)}…' has ${bytes}`)
}
