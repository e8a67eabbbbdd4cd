import { totalmem } from 'node:os'
import { type Logger, silentLogger } from '../base/index.ts'
import type { SyncMode } from '../store/index.ts'
import { type BrokerAmopOptions, type ResolvedAmopOptions, resolveAmopOptions } from './amop/options.ts'
import { OptionError } from './option-error.ts'
import { findPortClash, type WantedPort } from './wanted-ports.ts'

/** What a broker may be told; everything has a default. Given once, at the start. */
export interface BrokerOptions {
  /** Address to listen on. Default `127.0.0.1`; `0.0.0.0` or `::` for all. */
  readonly host?: string
  /** Port for AMQP. Default 0: any free one, see `Broker.port`. */
  readonly port?: number
  /** Opens a second port for AMQP over TLS (AMQPS). */
  readonly tls?: BrokerTlsOptions
  /**
   * Makes it an AMOP node, too: FISCO BCOS 2.x SDKs connect, and what they send and what queues hold meet in the exchange
   * `amq.amop`. Default: none. See docs/amop.md.
   */
  readonly amop?: BrokerAmopOptions
  /** The user that exists from the start, an administrator with all permissions. Default `guest`. */
  readonly user?: string
  /** Default `guest`. */
  readonly password?: string
  /** The virtual host that exists from the start. Default `/`. */
  readonly vhost?: string
  /** Users who may only connect from this host; `none` lets everybody in from everywhere. Default `['guest']`. */
  readonly loopbackUsers?: readonly string[] | 'none'
  /** Where log lines go. Default: nowhere. */
  readonly log?: Logger
  /** Directory for what must survive the process; made if missing. Default: none, everything is in memory. */
  readonly dataDir?: string
  /**
   * When what is written to the data directory counts as safe, and is confirmed: `always` once it is synced, `interval`
   * and `off` once it is written, which a killed process survives but a power cut does not. Default `always`.
   */
  readonly sync?: SyncMode
  /** Between two syncs of `interval`, in ms, 1 to 60000. Default 100. */
  readonly syncIntervalMs?: number
  /**
   * Bytes of messages kept in memory before those of long queues go to disk, 64 KiB or more; never more than half of the
   * high watermark. Only with a data directory. Default 32 MiB.
   */
  readonly messageMemory?: number
  /**
   * Free bytes on the data directory's disk below which publishers are blocked; 0 for never. Default 50 MB, as RabbitMQ.
   */
  readonly diskFreeLimit?: number
  /**
   * Called once when the data directory can promise nothing any more: a sync has failed. What was confirmed is on disk, and
   * nothing is confirmed from here on. By then the broker has closed its ports, and its connections with 541
   * `INTERNAL_ERROR`; all that is left is to stop it, and to start another on the same directory.
   */
  readonly onFatal?: (error: Error) => void
  /** Largest body a publish may carry, in bytes, up to 512 MiB. Default 16 MiB, as RabbitMQ 4.0. */
  readonly maxMessageSize?: number
  /** How long a delivery may stay unacknowledged, in ms; 0 for ever. Default 30 minutes, as RabbitMQ. */
  readonly consumerTimeoutMs?: number
  /**
   * Memory for messages above which publishers are blocked: up to 1 a share of the memory this process may use, above
   * 1 a number of bytes. Default 0.4.
   */
  readonly memoryHighWatermark?: number
  /** Largest frame, in bytes, 4096 to 128 MiB; a client may ask for less. Default 131072. */
  readonly frameMax?: number
  /** Most channels a connection may open, 1 to 65535. Default 2047. */
  readonly channelMax?: number
  /** Heartbeat interval proposed to clients, in seconds; 0 for none. Default 60. */
  readonly heartbeatSeconds?: number
  /** How long a client may take from connecting to an open virtual host, in ms. Default 10000. */
  readonly handshakeTimeoutMs?: number
  /** Most consumers a channel may have; 0 for any number. Default 0. */
  readonly consumersPerChannelMax?: number
  /**
   * What `server-properties` call this broker. Default `RabbitMQ`: several clients take any other product for one whose
   * prefetch means something else.
   */
  readonly announceProduct?: string
  /** The version that `server-properties` announce, as x.y.z. Default `3.13.7`. */
  readonly announceVersion?: string
}

export interface BrokerTlsOptions {
  /** Default 0: any free one, see `Broker.tlsPort`. */
  readonly port?: number
  /** The server's certificate, and those between it and its authority, as PEM. */
  readonly cert: string | Buffer
  /** The certificate's private key, as PEM. */
  readonly key: string | Buffer
  /** When given, every client must show a certificate signed by this authority (PEM). */
  readonly ca?: string | Buffer
}

type Settled = Required<Omit<BrokerOptions, 'tls' | 'amop' | 'dataDir' | 'onFatal'>>

/** The options with every default filled in. */
export interface ResolvedOptions extends Settled {
  readonly tls: (Required<Pick<BrokerTlsOptions, 'port' | 'cert' | 'key'>> & Pick<BrokerTlsOptions, 'ca'>) | undefined
  readonly amop: ResolvedAmopOptions | undefined
  readonly dataDir: string | undefined
  readonly onFatal: ((error: Error) => void) | undefined
  /** The watermark in bytes. */
  readonly memoryHighWatermark: number
  /** At most half of the watermark: what can go to disk goes there before publishers are blocked. */
  readonly messageMemory: number
}

/** The least and the most that a numeric option may be; all but the watermark are whole numbers. */
export const OPTION_RANGES = {
  port: [0, 65_535],
  syncIntervalMs: [1, 60_000],
  messageMemory: [64 * 1024, Number.MAX_SAFE_INTEGER],
  diskFreeLimit: [0, Number.MAX_SAFE_INTEGER],
  maxMessageSize: [1, 512 * 1024 * 1024],
  consumerTimeoutMs: [0, Number.MAX_SAFE_INTEGER],
  memoryHighWatermark: [0, Number.MAX_SAFE_INTEGER],
  frameMax: [4096, 128 * 1024 * 1024],
  channelMax: [1, 65_535],
  heartbeatSeconds: [0, 65_535],
  handshakeTimeoutMs: [1, 3_600_000],
  consumersPerChannelMax: [0, Number.MAX_SAFE_INTEGER],
} as const satisfies Partial<Record<keyof BrokerOptions, readonly [number, number]>>

/** What `sync` may be. */
export const SYNC_MODES = ['always', 'interval', 'off'] as const satisfies readonly SyncMode[]

export const DEFAULT_OPTIONS = {
  host: '127.0.0.1',
  port: 0,
  user: 'guest',
  password: 'guest',
  vhost: '/',
  loopbackUsers: ['guest'],
  log: silentLogger,
  sync: 'always',
  syncIntervalMs: 100,
  messageMemory: 32 * 1024 * 1024,
  diskFreeLimit: 50_000_000,
  maxMessageSize: 16 * 1024 * 1024,
  consumerTimeoutMs: 30 * 60_000,
  memoryHighWatermark: 0.4,
  frameMax: 131_072,
  channelMax: 2047,
  heartbeatSeconds: 60,
  handshakeTimeoutMs: 10_000,
  consumersPerChannelMax: 0,
  announceProduct: 'RabbitMQ',
  announceVersion: '3.13.7',
} as const satisfies Settled

const OPTION_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(DEFAULT_OPTIONS),
  ...['tls', 'amop', 'dataDir', 'onFatal'],
])

/** @throws OptionError */
export function resolveOptions(options: BrokerOptions): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  const settled: Settled = { ...DEFAULT_OPTIONS, ...given }
  const { tls, amop, dataDir, onFatal } = options
  for (const name of Object.keys(given)) {
    if (!OPTION_NAMES.has(name)) throw new OptionError(name, given[name], 'an option of Broker.start')
  }
  for (const [name, [minimum, maximum]] of Object.entries(OPTION_RANGES)) {
    checkNumber(name, settled[name as keyof typeof OPTION_RANGES], minimum, maximum)
  }
  if (!SYNC_MODES.includes(settled.sync)) throw new OptionError('sync', settled.sync, `one of ${SYNC_MODES.join(', ')}`)
  checkName('user', settled.user)
  checkName('vhost', settled.vhost)
  // Longer, connection.start would not fit into a frame.
  checkName('announceProduct', settled.announceProduct)
  checkName('announceVersion', settled.announceVersion)
  if (onFatal !== undefined && typeof onFatal !== 'function') throw new OptionError('onFatal', onFatal, 'a function')
  if (settled.password === '') throw new OptionError('password', '', 'a password: nobody could log in with it')
  if (tls?.port !== undefined) checkNumber('tls.port', tls.port, ...OPTION_RANGES.port)
  const memoryHighWatermark = watermarkBytes(settled.memoryHighWatermark)
  const resolved = {
    ...settled,
    tls: tls === undefined ? undefined : { ...tls, port: tls.port ?? 0 },
    amop: amop === undefined ? undefined : resolveAmopOptions(amop, { ...settled, dataDir }),
    dataDir,
    onFatal,
    memoryHighWatermark,
    messageMemory: Math.min(settled.messageMemory, Math.floor(memoryHighWatermark / 2)),
  }
  checkPorts(resolved)
  return resolved
}

function checkPorts({ host, port, tls, amop }: ResolvedOptions): void {
  const wanted: WantedPort[] = [{ option: 'port', host, port }]
  if (tls !== undefined) wanted.push({ option: 'tls.port', host, port: tls.port })
  for (const amopPort of amop?.ports ?? []) {
    wanted.push({ option: 'amop.ports', host: amop?.host ?? host, port: amopPort })
  }
  const clash = findPortClash(wanted)
  if (clash !== undefined) throw new OptionError(clash.option, clash.port, clash.allowed)
}

function checkNumber(name: string, value: number, minimum: number, maximum: number): void {
  const whole = name !== 'memoryHighWatermark'
  const valid = typeof value === 'number' && value >= minimum && value <= maximum
  if (valid && (!whole || Number.isInteger(value))) return
  const limits = maximum === Number.MAX_SAFE_INTEGER ? `${minimum} or more` : `from ${minimum} to ${maximum}`
  throw new OptionError(name, value, `a ${whole ? 'whole ' : ''}number ${limits}`)
}

function checkName(name: string, value: string): void {
  const bytes = Buffer.byteLength(value)
  if (bytes < 1 || bytes > 255) throw new OptionError(name, value, 'a name of 1 to 255 bytes')
}

function watermarkBytes(watermark: number): number {
  return Math.floor(watermark <= 1 ? watermark * availableMemory() : watermark)
}

/** What this process may use: the machine's memory, or less where a container limits it. */
function availableMemory(): number {
  // 0 where nothing limits it, or a number beyond all memory, depending on the version of Node.
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
