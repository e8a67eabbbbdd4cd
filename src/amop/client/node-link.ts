import { hostAndPort, type Timer } from '../../base/index.ts'
import type { Dial, NodeAddress } from './dial.ts'
import { type ConnectionContext, type ConnectionOwner, NodeConnection } from './node-connection.ts'

export interface LinkContext extends ConnectionContext {
  readonly dial: Dial
  /** From 0 to 1, exclusive. */
  readonly random: () => number
}

/** One of a client's nodes, with the connection to it that is made anew whenever it has gone. */
export class NodeLink {
  /** `host:port`. */
  readonly name: string
  connection: NodeConnection | undefined
  /** Why the last connection ended; undefined while there is one that is ready. */
  failure: string | undefined
  readonly #address: NodeAddress
  readonly #context: LinkContext
  readonly #owner: ConnectionOwner
  readonly #leaving = new Set<Promise<void>>()
  #attempts = 0
  #readyAt = 0
  #timer: Timer | undefined
  #closed = false

  constructor(address: NodeAddress, context: LinkContext, owner: ConnectionOwner) {
    this.name = hostAndPort(address.host, address.port)
    this.#address = address
    this.#context = context
    this.#owner = owner
  }

  connect(): void {
    this.#timer = undefined
    const owner: ConnectionOwner = {
      announcedTopics: () => this.#owner.announcedTopics(),
      ready: (connection) => {
        this.failure = undefined
        this.#readyAt = this.#context.clock.now
        this.#owner.ready(connection)
      },
      pushed: (connection, packet) => this.#owner.pushed(connection, packet),
      verificationRequested: (connection, packet) => this.#owner.verificationRequested(connection, packet),
      ended: (connection, reason) => this.#ended(connection, reason),
      warn: (text) => this.#owner.warn(text),
    }
    const connection = new NodeConnection(this.name, this.#context, owner)
    this.connection = connection
    this.#leaving.add(connection.gone)
    void connection.gone.then(() => this.#leaving.delete(connection.gone))
    connection.begin(this.#context.dial(this.#address, connection))
  }

  /** Takes no further messages. */
  retire(): void {
    this.#closed = true
    this.connection?.retire()
  }

  /** Ends it for good; fulfilled when no socket is left. */
  async close(reason: string): Promise<void> {
    this.retire()
    this.#context.timers.cancel(this.#timer)
    this.connection?.close(reason)
    await Promise.all(this.#leaving)
  }

  #ended(connection: NodeConnection, reason: string): void {
    const { clock, timers, settings } = this.#context
    this.connection = undefined
    this.failure = reason
    // A node that takes connections and drops them is not to be stormed either.
    if (this.#readyAt > 0 && clock.now - this.#readyAt >= settings.reconnectMaxMs) this.#attempts = 0
    this.#readyAt = 0
    if (!this.#closed) this.#timer = timers.schedule(clock.now + this.#wait(), () => this.connect())
    this.#owner.ended(connection, reason)
  }

  /** Half of it is drawn, so that the clients of a node that was restarted do not come all at once. */
  #wait(): number {
    const { settings, random } = this.#context
    const longest = Math.min(settings.reconnectMaxMs, settings.reconnectMinMs * 2 ** this.#attempts)
    this.#attempts = Math.min(this.#attempts + 1, 30)
    return Math.round(longest * (0.5 + random() / 2))
  }
}
