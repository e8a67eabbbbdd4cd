import { DEFAULT_OPTIONS, OPTION_RANGES, SYNC_MODES } from '../../server/index.ts'
import {
  byteSize,
  duration,
  name,
  namesOrNone,
  notEmpty,
  oneOf,
  shareOrSize,
  wholeNumber,
} from '../settings/parsers.ts'
import type { SettingsOf, SettingTable } from '../settings/table.ts'
import { AMOP_SETTINGS } from './amop-settings.ts'

/** The one list of what `leveret start` can be told. */
export const START_SETTINGS = {
  bind: {
    value: 'ADDRESS',
    help: 'address to listen on; 0.0.0.0 or :: for all',
    fallback: DEFAULT_OPTIONS.host,
    parse: notEmpty('an address'),
  },
  port: {
    value: 'PORT',
    help: 'port for AMQP; 0 takes a free one and prints it',
    fallback: '5672',
    parse: wholeNumber(...OPTION_RANGES.port),
  },
  dataDir: {
    value: 'DIR',
    help: 'directory for what must survive a restart; made if missing',
    fallback: './leveret-data',
    parse: notEmpty('a directory'),
  },
  sync: {
    value: 'WHEN',
    help: 'when what was written is safe and confirmed: always once it is synced, interval or off once it is written',
    fallback: DEFAULT_OPTIONS.sync,
    parse: oneOf(...SYNC_MODES),
  },
  syncInterval: {
    value: 'MS',
    help: 'between two syncs of --sync interval',
    fallback: String(DEFAULT_OPTIONS.syncIntervalMs),
    parse: duration(...OPTION_RANGES.syncIntervalMs),
  },
  messageMemory: {
    value: 'BYTES',
    help: 'messages kept in memory before those of long queues go to disk; at most half of --memory-high-watermark',
    fallback: String(DEFAULT_OPTIONS.messageMemory),
    parse: byteSize(...OPTION_RANGES.messageMemory),
  },
  diskFreeLimit: {
    value: 'BYTES',
    help: "free room on the data directory's disk below which publishers are blocked; 0 for never",
    fallback: String(DEFAULT_OPTIONS.diskFreeLimit),
    parse: byteSize(...OPTION_RANGES.diskFreeLimit),
  },
  logLevel: {
    value: 'LEVEL',
    help: 'least important lines to log: error, warn, info or debug; stack traces only at debug',
    fallback: 'info',
    parse: oneOf('error', 'warn', 'info', 'debug'),
  },
  logFormat: {
    value: 'FORMAT',
    help: 'pretty for people, json for machines',
    fallback: 'pretty',
    parse: oneOf('pretty', 'json'),
  },
  tlsPort: {
    value: 'PORT',
    help: 'port for AMQP over TLS, usually 5671; needs certificate and key',
    parse: wholeNumber(...OPTION_RANGES.port),
  },
  tlsCert: { value: 'FILE', help: "the server's certificate chain, PEM", parse: notEmpty('a file') },
  tlsKey: { value: 'FILE', help: "the certificate's private key, PEM", parse: notEmpty('a file') },
  tlsCa: {
    value: 'FILE',
    help: 'authority, PEM, whose certificate every TLS client must then show',
    parse: notEmpty('a file'),
  },
  ...AMOP_SETTINGS,
  defaultUser: {
    value: 'NAME',
    help: 'user that an empty data directory gets, an administrator',
    fallback: DEFAULT_OPTIONS.user,
    aliases: ['RABBITMQ_DEFAULT_USER'],
    parse: name,
  },
  defaultPass: {
    value: 'PASSWORD',
    help: 'its password; in the environment it does not show in the list of processes',
    fallback: DEFAULT_OPTIONS.password,
    aliases: ['RABBITMQ_DEFAULT_PASS'],
    parse: notEmpty('a password'),
  },
  defaultVhost: {
    value: 'NAME',
    help: 'virtual host that an empty data directory gets',
    fallback: DEFAULT_OPTIONS.vhost,
    aliases: ['RABBITMQ_DEFAULT_VHOST'],
    parse: name,
  },
  loopbackUsers: {
    value: 'NAMES',
    help: 'users who may only connect from this host, between commas; none lets everybody in from everywhere',
    fallback: 'guest',
    parse: namesOrNone,
  },
  frameMax: {
    value: 'BYTES',
    help: 'largest frame',
    fallback: String(DEFAULT_OPTIONS.frameMax),
    parse: byteSize(...OPTION_RANGES.frameMax),
  },
  channelMax: {
    value: 'COUNT',
    help: 'most channels a connection may open',
    fallback: String(DEFAULT_OPTIONS.channelMax),
    parse: wholeNumber(...OPTION_RANGES.channelMax),
  },
  heartbeat: {
    value: 'SECONDS',
    help: 'heartbeat interval proposed to clients; 0 for none',
    fallback: String(DEFAULT_OPTIONS.heartbeatSeconds),
    parse: wholeNumber(...OPTION_RANGES.heartbeatSeconds),
  },
  handshakeTimeout: {
    value: 'MS',
    help: 'how long a client may take to log in',
    fallback: String(DEFAULT_OPTIONS.handshakeTimeoutMs),
    parse: duration(...OPTION_RANGES.handshakeTimeoutMs),
  },
  maxMessageSize: {
    value: 'BYTES',
    help: 'largest body a publish may carry',
    fallback: String(DEFAULT_OPTIONS.maxMessageSize),
    parse: byteSize(...OPTION_RANGES.maxMessageSize),
  },
  consumerTimeout: {
    value: 'MS',
    help: 'how long a delivery may stay unacknowledged; 0 for ever',
    fallback: String(DEFAULT_OPTIONS.consumerTimeoutMs),
    parse: duration(...OPTION_RANGES.consumerTimeoutMs),
  },
  consumersPerChannelMax: {
    value: 'COUNT',
    help: 'most consumers a channel may have; 0 for any number',
    fallback: String(DEFAULT_OPTIONS.consumersPerChannelMax),
    parse: wholeNumber(...OPTION_RANGES.consumersPerChannelMax),
  },
  memoryHighWatermark: {
    value: 'SHARE|BYTES',
    help: 'memory for messages above which publishers are blocked: a share of what the process may use, or a size',
    fallback: String(DEFAULT_OPTIONS.memoryHighWatermark),
    parse: shareOrSize,
  },
  announceProduct: {
    value: 'NAME',
    help: 'what clients are told this broker is; several behave differently with any other',
    fallback: DEFAULT_OPTIONS.announceProduct,
    parse: name,
  },
  announceVersion: {
    value: 'X.Y.Z',
    help: 'the version clients are told',
    fallback: DEFAULT_OPTIONS.announceVersion,
    parse: name,
  },
} as const satisfies SettingTable

export type StartSettings = SettingsOf<typeof START_SETTINGS>
