import { setMaxListeners } from 'node:events'
import type { AmopPermissions } from '../amop/index.ts'
import { Connection, type ConnectionState } from '../amqp/index.ts'
import { hostAndPort } from '../base/index.ts'
import { notAllowed, type VirtualHost } from '../broker/index.ts'
import { type AmqpListenerOptions, type Listener, openAmqpListener } from '../net/index.ts'
import type { AmopNode, AmopSessionView } from './amop/amop-node.ts'
import { loadAmop } from './amop/load.ts'
import type { AmopCertificates } from './amop/own-certificates.ts'
import { explainStoreError, openDataDirectory } from './data-directory.ts'
import type { Machine } from './data-store.ts'
import {
  type BindingOptions,
  bind,
  declareExchange,
  declareQueue,
  type ExchangeOptions,
  type QueueOptions,
} from './declaring.ts'
import { BrokerNode } from './node.ts'
import { type BrokerOptions, type ResolvedOptions, resolveOptions } from './options.ts'
import { type Publishing, type PublishOutcome, publish } from './publishing.ts'
import { QueueView } from './queue-view.ts'
import { reachable } from './reachable.ts'

/** One client's connection, as it is when somebody looks. */
export interface ConnectionView {
  /** `127.0.0.1:54321 -> 127.0.0.1:5672` */
  readonly name: string
  readonly state: ConnectionState
  /** Undefined until the client has logged in. */
  readonly user: string | undefined
  /** Undefined until the client has opened it. */
  readonly vhost: string | undefined
  readonly channelCount: number
}

export interface StopOptions {
  /** How long clients may take to answer their close, in ms; then their sockets are dropped. Default 5000. */
  readonly timeoutMs?: number
}

/** How long `reset` and `closeConnections` wait for clients to go before their sockets are dropped, in ms. */
const FAREWELL_MS = 1000

/**
 * A whole broker inside this process, for tests and for programs that bring their own.
 *
 * ```ts
 * await using broker = await Broker.start()
 * const connection = await amqplib.connect(broker.url)
 * ```
 *
 * Brokers share nothing: start as many as you like. Each keeps the process alive until it is stopped.
 */
export class Broker implements AsyncDisposable {
  /** The address it listens on, as given. */
  readonly host: string
  /** The port for AMQP. */
  readonly port: number
  /** The port for AMQP over TLS; undefined without the option `tls`. */
  readonly tlsPort: number | undefined
  readonly #amop: AmopNode | undefined
  readonly #options: ResolvedOptions
  readonly #node: BrokerNode
  readonly #listeners: readonly Listener[]
  readonly #stopping = new AbortController()
  /** Aborted, with the reason, when the data directory can promise nothing any more. */
  readonly #failed = new AbortController()
  #stopped: Promise<void> | undefined

  private constructor(
    options: ResolvedOptions,
    node: BrokerNode,
    listeners: readonly Listener[],
    amop: AmopNode | undefined,
  ) {
    // Any number of publishes may wait for the disk, and of tests for a queue.
    setMaxListeners(0, this.#failed.signal, this.#stopping.signal)
    this.#options = options
    this.#node = node
    this.#listeners = listeners
    this.#amop = amop
    this.host = options.host
    this.port = listeners.find(({ tls }) => !tls)?.port ?? 0
    this.tlsPort = listeners.find(({ tls }) => tls)?.port
  }

  /**
   * Starts a broker; when this resolves, clients can connect.
   * @param machine what a test of Leveret's own puts in place of the machine's files; not for others.
   * @throws OptionError for an option out of its range.
   * @throws ListenError when a port cannot be opened, such as `cannot listen on 127.0.0.1:5672: the port is in use…`.
   * @throws DataDirectoryError when `dataDir` cannot be used.
   * @throws Error when certificate or key are no good.
   */
  static async start(options: BrokerOptions = {}, machine?: Machine): Promise<Broker> {
    const resolved = resolveOptions(options)
    if (resolved.dataDir !== undefined) openDataDirectory(resolved.dataDir)
    let failure: Error | undefined
    let fail = (error: Error): void => {
      failure = error
    }
    const node = await openNode({ ...resolved, onFatal: (error) => fail(error) }, machine)
    const listeners: Listener[] = []
    let amop: AmopNode | undefined
    try {
      await openListeners(resolved, node, listeners)
      amop = await openAmop(resolved, node)
      if (failure !== undefined) throw failure
    } catch (error) {
      await Promise.all([...listeners.map((listener) => listener.close()), amop?.close()])
      // Why it did not start counts, whatever else the disk has to say.
      await node.close().catch(() => undefined)
      throw error
    }
    const broker = new Broker(resolved, node, listeners, amop)
    fail = (error) => broker.#fail(error)
    return broker
  }

  /** Where a client of this host connects, user and password included: `amqp://guest:guest@127.0.0.1:5672`. */
  get url(): string {
    return this.#url('amqp', this.port)
  }

  /** As `url`, over TLS: `amqps://…`. @throws Error without the option `tls`. */
  get tlsUrl(): string {
    if (this.tlsPort === undefined) throw new Error('this broker was started without the option `tls`')
    return this.#url('amqps', this.tlsPort)
  }

  /** Who is connected now. */
  get connections(): ConnectionView[] {
    return [...this.#node.amqp.connections].map(({ name, state, user, vhost, channels }) => ({
      name,
      state,
      user: user?.name,
      vhost: vhost?.name,
      channelCount: channels.size,
    }))
  }

  /** The ports for FISCO BCOS SDKs, in the order of the option `amop.ports`; empty without the option `amop`. */
  get amopPorts(): readonly number[] {
    return this.#amop?.ports ?? []
  }

  /**
   * What an SDK, or `AmopClient`, connects with, as PEM; undefined without the option `amop`, over plain TCP, and when
   * somebody else made the certificates.
   */
  get amopCertificates(): AmopCertificates | undefined {
    return this.#amop?.certificates
  }

  /** Which SDKs are connected now. */
  get amopSessions(): AmopSessionView[] {
    return this.#amop?.sessions ?? []
  }

  /**
   * Sets anew who may publish and subscribe to which AMOP topics; holds at once, also for those who are connected.
   * @param permissions as the option `amop.permissions`; undefined: everybody may do everything.
   * @throws Error without the option `amop`; OptionError that says where they are wrong.
   */
  setAmopPermissions(permissions: AmopPermissions | undefined): void {
    if (this.#amop === undefined) throw new Error('this broker was started without the option `amop`')
    this.#node.context.clock.refresh()
    this.#node.context.turn.schedule()
    this.#amop.setPermissions(permissions)
  }

  /** Names of the virtual hosts. */
  get vhosts(): string[] {
    return this.#node.virtualHosts.names()
  }

  /** A look into a queue, whether it exists yet or not; without `vhost` in the default virtual host. */
  queue(name: string): QueueView
  queue(vhost: string, name: string): QueueView
  queue(vhostOrName: string, name?: string): QueueView {
    const { virtualHosts } = this.#node
    return name === undefined
      ? new QueueView(virtualHosts, this.#options.vhost, vhostOrName, this.#stopping.signal)
      : new QueueView(virtualHosts, vhostOrName, name, this.#stopping.signal)
  }

  /**
   * Publishes without a connection; resolves when the message is in its queues, as safe as a confirm would say.
   * @throws AmqpError 404 no such exchange, 406 body larger than `maxMessageSize`, 312 `NO_ROUTE` when `mandatory` and
   * no queue has taken it; what `onFatal` is told, when it is not known whether the message is safe.
   */
  async publish(publishing: Publishing & { readonly vhost?: string }): Promise<PublishOutcome> {
    return publish(this.#vhost(publishing.vhost), publishing, this.#failed.signal)
  }

  /**
   * Declares a queue, or checks it when it exists. An empty name has the broker make one.
   * @throws AmqpError 403 reserved name, 405 somebody's exclusive queue, 406 bad or other arguments. Source: RabbitMQ.
   */
  declareQueue(name: string, options: QueueOptions = {}): QueueView {
    const vhost = this.#vhost(options.vhost)
    return this.queue(vhost.name, declareQueue(vhost, name, options).name)
  }

  /** Deletes a queue with what is in it. @returns false when there was none. */
  deleteQueue(name: string, options: { readonly vhost?: string } = {}): boolean {
    const vhost = this.#vhost(options.vhost)
    const queue = vhost.queues.get(name)
    if (queue !== undefined) vhost.deleteQueue(queue)
    return queue !== undefined
  }

  /**
   * Declares an exchange, or checks it when it exists.
   * @param type `direct`, `fanout`, `topic`, `headers`, `x-consistent-hash` or `x-delayed-message`.
   * @throws AmqpError 403 reserved name, 406 unknown type, bad or other arguments.
   */
  declareExchange(name: string, type = 'direct', options: ExchangeOptions = {}): void {
    declareExchange(this.#vhost(options.vhost), name, type, options)
  }

  /** Binds a queue, or another exchange, to an exchange. @throws AmqpError 404, 406 */
  bind(options: BindingOptions): void {
    bind(this.#vhost(options.vhost), options)
  }

  /** Makes a virtual host, if it is missing; the default user may do everything there. */
  addVirtualHost(name: string): void {
    this.#node.addVirtualHost(name)
  }

  /** Deletes a virtual host and closes the connections to it. @returns false when there was none. */
  deleteVirtualHost(name: string): boolean {
    return this.#node.deleteVirtualHost(name)
  }

  /** Adds a user who may do everything in the given virtual hosts; by default in the default one. */
  addUser(name: string, password: string, vhosts: readonly string[] = [this.#options.vhost]): void {
    this.#node.addUser(name, password, vhosts)
  }

  /**
   * Closes every connection, as an operator would: 320 `CONNECTION_FORCED`, and SDKs without a word, since AMOP has none.
   * For tests of a client that reconnects. Resolves when all sockets that were open have gone.
   */
  async closeConnections(reason = 'Closed via management plugin'): Promise<void> {
    this.#node.closeConnections(`CONNECTION_FORCED - ${reason}`)
    this.#amop?.closeSessions(reason)
    await this.#drain(FAREWELL_MS)
  }

  /**
   * Back to the state just after the start, on the same port: closes all connections and drops every queue, message,
   * binding, declared exchange, added user and added virtual host. For the time between two tests.
   */
  async reset(): Promise<void> {
    this.#node.closeConnections('CONNECTION_FORCED - the broker was reset')
    this.#amop?.closeSessions('the broker was reset')
    // At once, so that who reconnects while others are still leaving finds the new state.
    this.#node.reset()
    await this.#drain(FAREWELL_MS)
  }

  /**
   * Closes the ports, and the connections politely with 320 `CONNECTION_FORCED - broker forced connection closure with
   * reason 'shutdown'`; resolves when nothing is left that would keep the process alive. Stopping twice is fine.
   */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopped ??= this.#stop(options)
    return this.#stopped
  }

  /** Stops the broker at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #stop({ timeoutMs = 5000 }: StopOptions): Promise<void> {
    this.#stopping.abort()
    this.#stopAccepting()
    this.#node.closeConnections("CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
    this.#amop?.closeSessions('the broker is stopped')
    await this.#drain(timeoutMs)
    await Promise.all([...this.#listeners.map((listener) => listener.close()), this.#amop?.close()])
    try {
      await this.#node.close()
    } catch (error) {
      // That is known already.
      if (!this.#failed.signal.aborted) throw error
    }
  }

  /** The data directory can promise nothing any more: nobody is served who would take silence for a promise. */
  #fail(error: Error): void {
    const { log, onFatal } = this.#options
    log.error(`the broker closes all connections and serves nobody any more: ${error.message}`)
    this.#stopAccepting()
    this.#amop?.closeSessions('the data directory cannot be synced')
    this.#node.abortConnections('INTERNAL_ERROR - the data directory cannot be synced')
    this.#failed.abort(error)
    onFatal?.(error)
  }

  #stopAccepting(): void {
    for (const listener of this.#listeners) listener.stopAccepting()
    this.#amop?.stopAccepting()
  }

  async #drain(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#listeners.map((listener) => listener.drain(timeoutMs)), this.#amop?.drain(timeoutMs)])
  }

  /** Enters the broker from outside, as a read from a socket does: the time is looked at, and the turn has an end. */
  #vhost(name: string = this.#options.vhost): VirtualHost {
    this.#node.context.clock.refresh()
    this.#node.context.turn.schedule()
    const vhost = this.#node.virtualHosts.find(name)
    if (vhost === undefined) throw notAllowed(`vhost ${name} not found`)
    return vhost
  }

  #url(scheme: string, port: number): string {
    const { user, password, vhost } = this.#options
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
    const path = vhost === '/' ? '' : `/${encodeURIComponent(vhost)}`
    return `${scheme}://${credentials}@${hostAndPort(reachable(this.host), port)}${path}`
  }
}

async function openNode(options: ResolvedOptions, machine: Machine | undefined): Promise<BrokerNode> {
  try {
    return await BrokerNode.open(options, machine)
  } catch (error) {
    throw explainStoreError(options.dataDir, error)
  }
}

async function openListeners(options: ResolvedOptions, node: BrokerNode, opened: Listener[]): Promise<void> {
  const { host, port, tls, handshakeTimeoutMs, log } = options
  const { clock, timers } = node.context
  const shared = {
    host,
    clock,
    timers,
    log,
    handshakeTimeoutMs,
    create: (peer, transport) => new Connection(node.amqp, peer, transport),
  } satisfies Partial<AmqpListenerOptions>
  opened.push(await openAmqpListener({ ...shared, port }))
  if (tls !== undefined) opened.push(await openAmqpListener({ ...shared, port: tls.port, tls }))
}

async function openAmop(options: ResolvedOptions, node: BrokerNode): Promise<AmopNode | undefined> {
  const { amop } = node
  if (options.amop === undefined || amop === undefined) return undefined
  const { AmopNode } = await loadAmop()
  const { turn, log } = node.context
  return AmopNode.open(options.amop, { amop, turn, log, handshakeTimeoutMs: options.handshakeTimeoutMs })
}
