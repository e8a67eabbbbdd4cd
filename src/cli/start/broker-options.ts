import { readFileSync } from 'node:fs'
import type { Logger } from '../../base/index.ts'
import type { BrokerOptions, BrokerTlsOptions } from '../../server/index.ts'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'
import type { StartSettings } from './settings.ts'

/** What the settings mean to the broker. @throws UsageError when TLS is asked for by halves, or a file cannot be read. */
export function brokerOptions(settings: StartSettings, log: Logger): BrokerOptions {
  const tls = tlsOptions(settings)
  return {
    host: settings.bind,
    port: settings.port,
    ...(tls === undefined ? {} : { tls }),
    user: settings.defaultUser,
    password: settings.defaultPass,
    vhost: settings.defaultVhost,
    loopbackUsers: settings.loopbackUsers,
    log,
    dataDir: settings.dataDir,
    sync: settings.sync,
    syncIntervalMs: settings.syncInterval,
    messageMemory: settings.messageMemory,
    diskFreeLimit: settings.diskFreeLimit,
    maxMessageSize: settings.maxMessageSize,
    consumerTimeoutMs: settings.consumerTimeout,
    memoryHighWatermark: settings.memoryHighWatermark,
    frameMax: settings.frameMax,
    channelMax: settings.channelMax,
    heartbeatSeconds: settings.heartbeat,
    handshakeTimeoutMs: settings.handshakeTimeout,
    consumersPerChannelMax: settings.consumersPerChannelMax,
    announceProduct: settings.announceProduct,
    announceVersion: settings.announceVersion,
  }
}

function tlsOptions({ tlsPort, tlsCert, tlsKey, tlsCa }: StartSettings): BrokerTlsOptions | undefined {
  if (tlsPort === undefined) {
    const lonely = Object.entries({ tlsCert, tlsKey, tlsCa }).find(([, file]) => file !== undefined)
    if (lonely !== undefined) throw new UsageError(`${flagOf(lonely[0])} needs --tls-port`)
    return undefined
  }
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new UsageError('--tls-port needs --tls-cert and --tls-key')
  }
  return {
    port: tlsPort,
    cert: readPem('tlsCert', tlsCert),
    key: readPem('tlsKey', tlsKey),
    ...(tlsCa === undefined ? {} : { ca: readPem('tlsCa', tlsCa) }),
  }
}

function readPem(key: string, path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason =
      code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : message
    throw new UsageError(`${flagOf(key)}: cannot read ${path}: ${reason}`)
  }
}
