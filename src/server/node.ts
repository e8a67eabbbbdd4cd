import { hostname } from 'node:os'
import type { AmopContext } from '../amop/index.ts'
import { AmqpContext } from '../amqp/index.ts'
import { createMechanisms, Users } from '../auth/index.ts'
import { Clock, Timers, Turn } from '../base/index.ts'
import { Alarms, type BrokerContext, MemoryAccount, Storage, VirtualHosts } from '../broker/index.ts'
import { fromObject, PropertyView, ReplyCode, type Table } from '../codec/index.ts'
import { MemoryJournal } from '../store/index.ts'
import { findAmop } from './amop/found.ts'
import { loadAmopRoom } from './amop/load.ts'
import type { AmopRoom } from './amop/room.ts'
import type { DataStore, DefinitionsFound, Machine } from './data-store.ts'
import type { ResolvedOptions } from './options.ts'
import { StartWatch } from './start-watch.ts'
import { packageVersion } from './version.ts'

const AFTER_DAMAGE =
  'as at a first start; the journal is damaged: if there is a copy of the data directory, stop the broker and use that'

const EVERYTHING = { configure: '.*', write: '.*', read: '.*' }

/** A broker without its ports: clock, journal, users, virtual hosts, and what its connections share. */
export class BrokerNode {
  readonly context: BrokerContext
  readonly alarms: Alarms
  readonly users: Users
  readonly virtualHosts: VirtualHosts
  readonly amqp: AmqpContext
  readonly #options: ResolvedOptions
  readonly #store: DataStore | undefined
  #amopRoom: AmopRoom | undefined

  /**
   * A broker with what its data directory has, or with its defaults alone.
   * @param machine what a test puts in place of the machine's own files.
   * @throws JournalError, SegmentError when the data directory cannot be opened.
   */
  static async open(options: ResolvedOptions, machine?: Machine): Promise<BrokerNode> {
    const { dataDir } = options
    if (dataDir === undefined) {
      const node = new BrokerNode(options)
      if (options.amop !== undefined) await node.#loadAmop()
      node.#addDefaults()
      node.#amopRoom?.bridge.start()
      return node
    }
    // Loaded only now: a broker in memory does without.
    const { DataStore } = await import('./data-store.ts')
    const watch = new StartWatch(options.log)
    let store: DataStore | undefined
    let node: BrokerNode | undefined
    try {
      store = await DataStore.open(options, dataDir, machine)
      node = new BrokerNode(options, store)
      if (options.amop !== undefined) await node.#loadAmop()
      await store.recover(node, watch)
      node.#completeDefaults(store.isDamaged)
      node.#addAmopVirtualHost()
      node.#amopRoom?.bridge.start()
      watch.enters(() => 'waiting for the disk to take the first record')
      await store.start()
      return node
    } catch (error) {
      // Its timers and turns must not meet a closed journal.
      await (node ?? store)?.close().catch(() => undefined)
      throw error
    } finally {
      watch.end()
    }
  }

  private constructor(options: ResolvedOptions, store?: DataStore) {
    const { log, maxMessageSize, consumerTimeoutMs } = options
    const clock = new Clock()
    // Messages that expire make room, too, and the memory alarm is looked at by a turn.
    const timers = new Timers(clock, undefined, () => turn.schedule())
    const journal = store?.journal ?? new MemoryJournal()
    const storage = new Storage(journal, store?.segments)
    const memory = new MemoryAccount()
    const alarms = new Alarms({
      memory,
      memoryLimit: options.memoryHighWatermark,
      journal,
      clock,
      timers,
      log,
      ...(store === undefined
        ? {}
        : {
            disk: {
              freeLimit: options.diskFreeLimit,
              space: () => store.journal.space(),
              relieve: (freeBytes) => store.relieve(freeBytes),
            },
            reserveBytes: store.reserveBytes,
            unwritten: () => store.unwritten,
          }),
    })
    const turn = new Turn(() => {
      // On a full disk they are gathered for longer: one at a time they might take more room than they free.
      if (!storage.isTight) storage.settlements.flush()
      journal.commit()
      storage.sweep()
      store?.check()
      alarms.check()
    })
    this.#options = options
    this.#store = store
    this.alarms = alarms
    const limits = { maxMessageSize, consumerTimeoutMs }
    const shared = { storage, propertyView: new PropertyView() }
    this.context = { clock, timers, turn, journal, log, memory, limits, ...shared }
    this.users = new Users({ loopbackUsers: options.loopbackUsers, log: storage.definitions })
    this.virtualHosts = new VirtualHosts(this.context)
    this.amqp = new AmqpContext({
      virtualHosts: this.virtualHosts,
      users: this.users,
      mechanisms: createMechanisms(this.users),
      alarms,
      serverProperties: serverProperties(options),
      frameMax: options.frameMax,
      channelMax: options.channelMax,
      heartbeatSeconds: options.heartbeatSeconds,
      handshakeTimeoutMs: options.handshakeTimeoutMs,
      consumersPerChannelMax: options.consumersPerChannelMax,
    })
    if (store !== undefined) {
      store.events = {
        journalFailed: (error) => alarms.journalFailed(error),
        journalRestored: () => alarms.journalRestored(),
        reserveChanged: (isGone) => alarms.reserveChanged(isGone),
        fatal: (error) => options.onFatal?.(error),
      }
    }
  }

  /** What the sessions of SDKs share; undefined where nothing has to do with AMOP. */
  get amop(): AmopContext | undefined {
    return this.#amopRoom?.context
  }

  /** What comes back may need AMOP, whether or not anybody connects who speaks it. */
  async prepare(found: DefinitionsFound): Promise<void> {
    const { isThere, vhosts } = findAmop(found)
    if (this.#amopRoom === undefined && isThere) await this.#loadAmop()
    this.#amopRoom?.bridge.keepExchangeIn(vhosts)
  }

  /** Makes a virtual host and lets the default user do everything there. */
  addVirtualHost(name: string): void {
    const { user } = this.#options
    this.virtualHosts.add(name)
    // Who came with the data directory may be others.
    if (this.users.find(user) !== undefined) this.users.setPermissions(user, name, EVERYTHING)
  }

  /** Drops a virtual host with all that is in it, and closes the connections to it. */
  deleteVirtualHost(name: string): boolean {
    const host = this.virtualHosts.find(name)
    if (host === undefined) return false
    for (const connection of [...this.amqp.connections]) {
      if (connection.vhost === host) connection.close(320, `CONNECTION_FORCED - vhost '${name}' is deleted`)
    }
    this.context.turn.schedule()
    return this.context.storage.group(() => {
      this.users.forgetVirtualHost(name)
      return this.virtualHosts.delete(name)
    })
  }

  addUser(name: string, password: string, vhosts: readonly string[]): void {
    this.users.add(name, password)
    for (const vhost of vhosts) this.users.setPermissions(name, vhost, EVERYTHING)
  }

  /** Sends every client a close method that says why. @param text begins with the code's name. */
  closeConnections(text: string): void {
    this.context.clock.refresh()
    for (const connection of [...this.amqp.connections]) connection.close(ReplyCode.CONNECTION_FORCED, text)
  }

  /** As `closeConnections`, when nothing will be safe any more: nobody waits for the journal to say goodbye. */
  abortConnections(text: string): void {
    this.context.clock.refresh()
    for (const connection of [...this.amqp.connections]) connection.abort(ReplyCode.INTERNAL_ERROR, text)
  }

  /** Forgets every user, virtual host, queue and message; then it is as after construction. */
  reset(): void {
    // A start between the one and the other would find a broker that lets nobody in.
    this.context.storage.group(() => {
      for (const name of this.virtualHosts.names()) this.virtualHosts.delete(name)
      for (const name of this.users.names()) this.users.delete(name)
      this.#addDefaults()
    })
    // An alarm that the messages had raised is over at the turn's end.
    this.context.turn.schedule()
  }

  /** Lets go of everything that could still call back. */
  async close(): Promise<void> {
    // Nothing more expires or is let go: the last checkpoint is the end of it.
    this.alarms.close()
    this.context.timers.clear()
    this.virtualHosts.stop()
    this.#amopRoom?.bridge.close()
    try {
      await this.#store?.stop(this.context)
    } finally {
      const { definitions } = this.context.storage
      definitions.quietly(() => {
        for (const name of this.virtualHosts.names()) this.virtualHosts.delete(name)
      })
      this.context.timers.clear()
      await (this.#store ?? this.context.journal).close()
    }
  }

  /** A broker that has nothing to do with it starts without. */
  async #loadAmop(): Promise<void> {
    const { openAmopRoom } = await loadAmopRoom()
    const { amop, vhost } = this.#options
    const options = amop ?? { vhost, settings: {}, permissions: undefined }
    this.#amopRoom = await openAmopRoom(this.context, this.virtualHosts, this.alarms, options)
  }

  #addDefaults(): void {
    this.#addDefaultUser()
    this.addVirtualHost(this.#options.vhost)
    this.#addAmopVirtualHost()
  }

  /** May do everything in the virtual hosts that are there. */
  #addDefaultUser(): void {
    const { user, password } = this.#options
    this.users.add(user, password, ['administrator'])
    for (const name of this.virtualHosts.names()) this.users.setPermissions(user, name, EVERYTHING)
  }

  /**
   * Makes what a first start makes. Later only damage is reason enough, since whoever deleted the users meant it: with none
   * left nobody could log in, with no virtual host nobody could open one.
   */
  #completeDefaults(isDamaged: boolean): void {
    const { user, vhost, log } = this.#options
    const hasUsers = this.users.names().length > 0
    const hasVirtualHosts = this.virtualHosts.names().length > 0
    if (!hasUsers && !hasVirtualHosts) {
      if (isDamaged)
        log.error(`no user and no virtual host is left: '${user}' and '${vhost}' are made, ${AFTER_DAMAGE}`)
      this.#addDefaults()
    } else if (!hasUsers && isDamaged) {
      log.error(`no user is left: '${user}' is made, with all rights in every virtual host, ${AFTER_DAMAGE}`)
      this.#addDefaultUser()
    } else if (!hasVirtualHosts && isDamaged) {
      log.error(`no virtual host is left: '${vhost}' is made, ${AFTER_DAMAGE}`)
      this.addVirtualHost(vhost)
    }
    if (this.users.find(user) === undefined) {
      log.warn(`there is no user '${user}': the default user is only made at the first start`)
    }
  }

  /** Nobody else could make it before SDKs connect: from outside a broker that runs has no virtual hosts made. */
  #addAmopVirtualHost(): void {
    const { amop, log } = this.#options
    if (amop === undefined || this.virtualHosts.find(amop.vhost) !== undefined) return
    this.addVirtualHost(amop.vhost)
    log.info(`amop: virtual host '${amop.vhost}' was made: AMOP belongs to it`)
  }
}

/** Sorted by name, as RabbitMQ sends them. */
function serverProperties(options: ResolvedOptions): Table {
  const version = packageVersion()
  return fromObject({
    cluster_name: `leveret@${hostname()}`,
    copyright: 'Copyright (c) the Leveret contributors',
    information: 'Licensed under the Apache License 2.0',
    leveret_version: version,
    platform: `Leveret ${version}`,
    product: options.announceProduct,
    version: options.announceVersion,
  })
}
