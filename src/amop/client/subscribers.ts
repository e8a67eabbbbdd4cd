import type { Clock } from '../../base/index.ts'
import { Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { findTopic, makeTopicPacket } from '../packet/topic-body.ts'
import { MulticastMemory } from '../router/multicast-memory.ts'
import { AmopError, HANDLER_FAILED } from './amop-error.ts'
import type { NodeConnection } from './node-connection.ts'
import type { ClientSettings } from './settings.ts'

/** A message as a handler gets it. */
export interface AmopMessage {
  /** As it was subscribed to. */
  readonly topic: string
  /** Never changed by others; a small one shares memory with some, so copy what is kept for long. */
  readonly data: Buffer
  /** 32 characters, by which it can be followed in the logs of its node. */
  readonly seq: string
  /** True when all who subscribe get it; then no answer is sent. */
  readonly multicast: boolean
  /** The node it came from, `host:port`. */
  readonly from: string
}

/** What a handler answers with; nothing is an empty body. */
export type AmopReply = Uint8Array | string | undefined

/**
 * Handles the messages of a topic. What it returns, or what its promise comes to, is the answer to a unicast. When it
 * throws, the publisher gets a result other than 0: code and text of an AmopError, otherwise 1 without a text. Messages
 * are handled at the same time when it returns promises, and in their order otherwise.
 */
export type AmopHandler =
  | ((message: AmopMessage) => AmopReply | PromiseLike<AmopReply>)
  | ((message: AmopMessage) => void)

export interface Subscription {
  /** The topic as its handler knows it. */
  readonly name: string
  readonly handler: AmopHandler
}

/** The topics that a client listens to, and what runs because of them. */
export class Subscribers {
  readonly #settings: ClientSettings
  readonly #warn: (error: Error) => void
  readonly #byTopic = new Map<string, Subscription>()
  readonly #multicasts: MulticastMemory
  /** Connections that are not read until less is running. */
  readonly #held = new Set<NodeConnection>()
  #running = 0
  #runningBytes = 0
  #idle: (() => void)[] = []

  constructor(clock: Clock, settings: ClientSettings, warn: (error: Error) => void) {
    this.#settings = settings
    this.#warn = warn
    this.#multicasts = new MulticastMemory(clock, settings.multicastMemoryMs, settings.multicastsRemembered)
  }

  /** As on the wire. */
  topics(): IterableIterator<string> {
    return this.#byTopic.keys()
  }

  /** Handlers whose promises are not settled. */
  get running(): number {
    return this.#running
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  add(topic: string, subscription: Subscription): void {
    this.#byTopic.set(topic, subscription)
  }

  remove(topic: string): boolean {
    return this.#byTopic.delete(topic)
  }

  clear(): void {
    this.#byTopic.clear()
  }

  /** Fulfilled when no handler runs. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Takes a 0x30 or 0x35. */
  push(connection: NodeConnection, packet: Packet): void {
    const place = findTopic(packet.frame)
    if (place?.topic === undefined) {
      this.#warn(new Error(`${connection.node} sent a message whose topic is malformed; its seq is ${packet.seq}`))
      return
    }
    const { topic, dataAt } = place
    const multicast = packet.type === PacketType.MULTICAST
    const subscription = this.#byTopic.get(topic)
    if (subscription === undefined) {
      // It has been unsubscribed from, and the node did not know yet.
      if (!multicast)
        connection.answer(Packet.make(PacketType.RESPONSE, packet.seq, ResultCode.LISTENERS_FAILED, NO_BODY))
      return
    }
    if (multicast) {
      if (this.#multicasts.knows(topic, packet.seq)) return
      this.#multicasts.remember(topic, packet.seq)
    }
    const data = packet.frame.subarray(dataAt)
    const message = { topic: subscription.name, data, seq: packet.seq, multicast, from: connection.node }
    this.#handle(connection, topic, message, subscription.handler)
  }

  #handle(connection: NodeConnection, topic: string, message: AmopMessage, handler: AmopHandler): void {
    let reply: unknown
    try {
      reply = handler(message)
    } catch (error) {
      this.#failed(connection, topic, message, error)
      return
    }
    if (isPromiseLike(reply)) this.#await(connection, topic, message, reply)
    else this.#answer(connection, topic, message, reply)
  }

  #await(connection: NodeConnection, topic: string, message: AmopMessage, promise: PromiseLike<unknown>): void {
    const bytes = message.data.length
    this.#running++
    this.#runningBytes += bytes
    if (this.#full) {
      this.#held.add(connection)
      connection.hold()
    }
    promise.then(
      (reply) => {
        this.#answer(connection, topic, message, reply)
        this.#ended(bytes)
      },
      (error) => {
        this.#failed(connection, topic, message, error)
        this.#ended(bytes)
      },
    )
  }

  get #full(): boolean {
    return this.#running >= this.#settings.handlersMax || this.#runningBytes >= this.#settings.handledBytesMax
  }

  #ended(bytes: number): void {
    this.#running--
    this.#runningBytes -= bytes
    if (this.#held.size > 0 && !this.#full) {
      for (const connection of this.#held) connection.release()
      this.#held.clear()
    }
    if (this.#running > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  #answer(connection: NodeConnection, topic: string, message: AmopMessage, reply: unknown): void {
    if (message.multicast) return
    try {
      const packet = makeTopicPacket(PacketType.RESPONSE, message.seq, ResultCode.SUCCESS, topic, bytesOf(reply))
      if (!connection.answer(packet)) this.#warn(new Error(`the answer to ${message.seq} was dropped: no connection`))
    } catch (error) {
      this.#failed(connection, topic, message, error)
    }
  }

  #failed(connection: NodeConnection, topic: string, message: AmopMessage, error: unknown): void {
    // Only what was meant for the publisher reaches it, and only what a frame can say: whole numbers of 32 bits.
    const meant = error instanceof AmopError && error.code !== ResultCode.SUCCESS && error.code === (error.code | 0)
    if (!meant || message.multicast) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#warn(new Error(`the handler of topic '${message.topic}' failed: ${reason}`, { cause: error }))
    }
    if (message.multicast) return
    const code = meant ? error.code : HANDLER_FAILED
    const text = Buffer.from(meant ? error.message : '')
    connection.answer(makeTopicPacket(PacketType.RESPONSE, message.seq, code, topic, text))
  }
}

const NO_BODY = Buffer.alloc(0)

function bytesOf(reply: unknown): Uint8Array {
  if (reply === undefined) return NO_BODY
  if (typeof reply === 'string') return Buffer.from(reply)
  if (reply instanceof Uint8Array) return reply
  throw new TypeError(`a handler returns bytes, a string or nothing, not ${reply === null ? 'null' : typeof reply}`)
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
