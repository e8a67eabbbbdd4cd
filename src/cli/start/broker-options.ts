import type { Logger } from '../../base/index.ts'
import type { BrokerOptions, BrokerTlsOptions } from '../../server/index.ts'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'
import { amopOptions } from './amop-options.ts'
import { checkPorts } from './ports.ts'
import { readFileOf } from './read-file.ts'
import type { StartSettings } from './settings.ts'

/**
 * What the settings mean to the broker.
 * @throws UsageError when TLS or AMOP is asked for by halves, two ports are one, or a file cannot be read or says something that cannot be.
 */
export async function brokerOptions(settings: StartSettings, log: Logger): Promise<BrokerOptions> {
  checkPorts(settings)
  const tls = tlsOptions(settings)
  const amop = await amopOptions(settings)
  return {
    host: settings.bind,
    port: settings.port,
    ...(tls === undefined ? {} : { tls }),
    ...(amop === undefined ? {} : { amop }),
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
    cert: readFileOf('tlsCert', tlsCert),
    key: readFileOf('tlsKey', tlsKey),
    ...(tlsCa === undefined ? {} : { ca: readFileOf('tlsCa', tlsCa) }),
  }
}
