import type { PermissionRules } from '../../amop/index.ts'
import type { BrokerAmopOptions } from '../../server/index.ts'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'
import { readFileOf } from './read-file.ts'
import type { StartSettings } from './settings.ts'

/** What the settings mean to the AMOP node; undefined when there is none. @throws UsageError */
export async function amopOptions(settings: StartSettings): Promise<BrokerAmopOptions | undefined> {
  const { amopPort, amopBind, amopCa, amopCert, amopKey, amopCerts, amopPermissions, amopVhost } = settings
  const files = { amopCa, amopCert, amopKey }
  if (amopPort === undefined) {
    const lonely = Object.entries({ ...files, amopPermissions }).find(([, file]) => file !== undefined)
    if (lonely !== undefined) throw new UsageError(`${flagOf(lonely[0])} needs --amop-port`)
    return undefined
  }
  return {
    ports: amopPort,
    ...(amopBind === undefined ? {} : { host: amopBind }),
    ...pemFiles(files),
    ...(amopCerts === undefined ? {} : { certificatesDir: amopCerts }),
    keyType: settings.amopKeyType,
    plain: settings.amopPlain,
    checkIssuer: settings.amopCheckIssuer,
    ...(amopPermissions === undefined ? {} : { permissions: await readPermissions(amopPermissions) }),
    ...(amopVhost === undefined ? {} : { vhost: amopVhost }),
    choice: settings.amopChoice,
    chainId: settings.amopChainId,
    version: settings.amopVersion,
    sessionTimeoutMs: settings.amopSessionTimeout,
    nodeTimeoutMs: settings.amopNodeTimeout,
    outputBytesMax: settings.amopOutputMax,
    outputTimeoutMs: settings.amopOutputTimeout,
    bandwidthMbits: settings.amopBandwidth,
    connectionsPerAddress: settings.amopConnectionsPerAddress,
    reconnectRate: settings.amopReconnectRate,
  }
}

function pemFiles(files: Pick<StartSettings, 'amopCa' | 'amopCert' | 'amopKey'>): BrokerAmopOptions {
  const { amopCa, amopCert, amopKey } = files
  if (amopCa !== undefined && amopCert !== undefined && amopKey !== undefined) {
    return {
      ca: readFileOf('amopCa', amopCa),
      cert: readFileOf('amopCert', amopCert),
      key: readFileOf('amopKey', amopKey),
    }
  }
  const entries = Object.entries(files)
  const given = entries.filter(([, file]) => file !== undefined).map(([key]) => flagOf(key))
  const missing = entries.filter(([, file]) => file === undefined).map(([key]) => flagOf(key))
  if (given.length > 0) throw new UsageError(`${given.join(' and ')} needs ${missing.join(' and ')}`)
  return {}
}

/** Reads the file of permissions. @throws UsageError that says where it is wrong. */
export async function readPermissions(path: string): Promise<PermissionRules> {
  const text = readFileOf('amopPermissions', path).toString()
  const { PermissionFileError, parsePermissions } = await import('../../amop/index.ts')
  try {
    return parsePermissions(text)
  } catch (error) {
    if (error instanceof PermissionFileError) throw new UsageError(`--amop-permissions: ${path}: ${error.message}`)
    throw error
  }
}
