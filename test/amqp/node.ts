import { AmqpContext, type Peer } from '../../src/amqp/index.ts'
import { createMechanisms, Users } from '../../src/auth/index.ts'
import { type Clock, Timers, Turn } from '../../src/base/index.ts'
import {
  Alarms,
  type DefinitionLog,
  type DiskOptions,
  MemoryAccount,
  Storage,
  type VirtualHost,
  VirtualHosts,
} from '../../src/broker/index.ts'
import { longstr, PropertyView, Table } from '../../src/codec/index.ts'
import { type Journal, MemoryJournal } from '../../src/store/index.ts'
import { ManualTime } from '../helpers/manual-time.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'

export interface TestNodeOptions {
  readonly frameMax?: number
  readonly channelMax?: number
  readonly heartbeatSeconds?: number
  readonly consumersPerChannelMax?: number
  readonly maxMessageSize?: number
  readonly consumerTimeoutMs?: number
  /** Bytes of messages above which publishers are blocked. */
  readonly watermark?: number
  readonly journal?: Journal
  readonly disk?: DiskOptions
  /** Without the default virtual host and user, as before what a restart brings back. Default false. */
  readonly empty?: boolean
  /** When it begins, in ms since the epoch. Default: 2030. */
  readonly now?: number
  /** Bytes that wait for the disk beside those of the journal. */
  readonly unwritten?: () => number
}

export const LOCAL_PEER: Peer = {
  address: '127.0.0.1',
  port: 50000,
  localAddress: '127.0.0.1',
  localPort: 5672,
  loopback: true,
  tls: false,
}

const START = Date.UTC(2030, 0, 1)

/** All that connections of one node share, with time and turns in the test's hand. */
export class TestNode {
  readonly log = new RecordingLogger()
  readonly memory = new MemoryAccount()
  readonly users: Users
  readonly clock: Clock
  readonly timers: Timers
  readonly turn: Turn
  readonly journal: Journal
  readonly alarms: Alarms
  readonly virtualHosts: VirtualHosts
  readonly amqp: AmqpContext
  readonly #time: ManualTime
  readonly #deferred: (() => void)[] = []

  constructor(options: TestNodeOptions = {}) {
    this.#time = new ManualTime(options.now ?? START)
    this.clock = this.#time.clock
    this.timers = new Timers(this.clock, this.#time, () => this.turn.schedule())
    this.journal = options.journal ?? new MemoryJournal()
    const storage = new Storage(this.journal)
    this.turn = new Turn(
      () => {
        storage.settlements.flush()
        this.journal.commit()
        this.alarms.check()
      },
      (run) => this.#deferred.push(run),
    )
    this.alarms = new Alarms({
      memory: this.memory,
      memoryLimit: options.watermark ?? 2 ** 40,
      journal: this.journal,
      clock: this.clock,
      timers: this.timers,
      log: this.log,
      ...(options.disk === undefined ? {} : { disk: options.disk }),
      ...(options.unwritten === undefined ? {} : { unwritten: options.unwritten }),
    })
    this.virtualHosts = new VirtualHosts({
      clock: this.clock,
      timers: this.timers,
      turn: this.turn,
      journal: this.journal,
      log: this.log,
      memory: this.memory,
      limits: {
        maxMessageSize: options.maxMessageSize ?? 16 * 1024 * 1024,
        consumerTimeoutMs: options.consumerTimeoutMs ?? 0,
      },
      storage,
      propertyView: new PropertyView(),
    })
    this.users = new Users({ log: storage.definitions })
    if (!options.empty) {
      this.virtualHosts.add('/')
      this.users.add('guest', 'guest', ['administrator'])
      this.users.setPermissions('guest', '/', { configure: '.*', write: '.*', read: '.*' })
    }
    this.amqp = new AmqpContext({
      virtualHosts: this.virtualHosts,
      users: this.users,
      mechanisms: createMechanisms(this.users),
      alarms: this.alarms,
      serverProperties: new Table().set('product', longstr('RabbitMQ')).set('version', longstr('3.13.7')),
      frameMax: options.frameMax ?? 131072,
      channelMax: options.channelMax ?? 2047,
      heartbeatSeconds: options.heartbeatSeconds ?? 60,
      handshakeTimeoutMs: 10_000,
      consumersPerChannelMax: options.consumersPerChannelMax ?? 0,
    })
  }

  get vhost(): VirtualHost {
    return this.virtualHosts.find('/') as VirtualHost
  }

  get definitions(): DefinitionLog {
    return this.virtualHosts.context.storage.definitions
  }

  /** Runs turns until nothing is left to do. */
  settle(): void {
    for (let left = 10_000; this.#deferred.length > 0; left--) {
      if (left === 0) throw new Error('the turns do not come to an end')
      this.runTurn()
    }
  }

  /** Runs the one turn that is due, if any. */
  runTurn(): void {
    this.#deferred.shift()?.()
  }

  /** Lets time pass, stopping at each moment for which a timer was set. */
  advance(ms: number): void {
    this.#time.advance(ms, () => this.settle())
  }

  /** What the log says of defects of our own. */
  get internalErrors(): string[] {
    return this.log.lines
      .filter((line) => line.message.includes('internal error'))
      .map((line) => `${line.message}\n${line.fields?.stack}`)
  }
}
