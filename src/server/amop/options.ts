import { join } from 'node:path'
import type { AmopPermissions, AmopSettings, Choice } from '../../amop/index.ts'
import { OptionError } from '../option-error.ts'

/** Of the certificates that a broker makes: what SDKs have had from the start, or what needs least of them. */
export type KeyType = 'secp256k1' | 'rsa'

/** An AMOP node: ports to which FISCO BCOS 2.x SDKs connect, with what they are told and their limits. */
export interface BrokerAmopOptions extends Partial<AmopSettings> {
  /** Address to listen on. Default: the broker's `host`. */
  readonly host?: string
  /** Ports for SDKs. Default `[0]`: any free one, see `Broker.amopPorts`. */
  readonly ports?: readonly number[]
  /** PEM of the authority under which every SDK's certificate must be. `ca`, `cert` and `key` are given together. */
  readonly ca?: string | Buffer
  /** PEM of the node's certificate, and those between it and the authority. */
  readonly cert?: string | Buffer
  /** PEM of the node's private key. */
  readonly key?: string | Buffer
  /**
   * Where `ca.crt`, `node.crt` and `node.key` are when the three above are not given. Where there are none, they are made at
   * the start, with those for SDKs in the folder `sdk`. Default: the folder `amop` of the data directory; without one,
   * they are made in memory at every start, see `Broker.amopCertificates`.
   */
  readonly certificatesDir?: string
  /** What is made there. Default `secp256k1`. */
  readonly keyType?: KeyType
  /** Plain TCP: for tests, on this host only. Default false. */
  readonly plain?: boolean
  /** Takes only SDKs whose certificate has the same issuer as the node's: the same agency. Default false. */
  readonly checkIssuer?: boolean
  /** The virtual host of `amq.amop`, made when it is missing. Default: the broker's `vhost`. */
  readonly vhost?: string
  /** Who may publish and subscribe to what, as in the file of permissions (docs/amop-codes.md). Default: everybody to everything. */
  readonly permissions?: AmopPermissions
  /** Connections that one address may have at a time; 0 for any number. Default 4096. */
  readonly connectionsPerAddress?: number
  /** Connections per second that one address may begin and end within 5 s, in the long run; 0 for any number. Default 10. */
  readonly reconnectRate?: number
}

/** Certificate and key of the node, and who signs those of SDKs. */
export interface AmopFiles {
  readonly ca: string | Buffer
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

/** The options with every default filled in. */
export interface ResolvedAmopOptions {
  readonly host: string
  readonly ports: readonly number[]
  readonly files: AmopFiles | undefined
  readonly certificatesDir: string | undefined
  readonly keyType: KeyType
  readonly plain: boolean
  readonly checkIssuer: boolean
  readonly vhost: string
  readonly permissions: AmopPermissions | undefined
  readonly connectionsPerAddress: number
  readonly reconnectRate: number
  readonly settings: Partial<AmopSettings>
}

export const KEY_TYPES = ['secp256k1', 'rsa'] as const satisfies readonly KeyType[]
export const CHOICES = ['random', 'round-robin', 'least-outstanding'] as const satisfies readonly Choice[]

/** The folder of a data directory that holds the certificates made at the first start. */
export const CERTIFICATES_FOLDER = 'amop'

const MAX = Number.MAX_SAFE_INTEGER

/** The least and the most that a number may be; all are whole numbers. */
export const AMOP_RANGES = {
  ports: [0, 65_535],
  connectionsPerAddress: [0, MAX],
  reconnectRate: [0, 100_000],
  blockNumber: [0, MAX],
  sessionTimeoutMs: [1, 3_600_000],
  nodeTimeoutMs: [1, 3_600_000],
  idleTimeoutMs: [1000, 86_400_000],
  outputBytesMax: [65_536, MAX],
  outputTimeoutMs: [1, 3_600_000],
  frameBytesMax: [1024, 104_857_600],
  jsonBytesMax: [1024, 104_857_600],
  topicsPerSessionMax: [1, 1_000_000],
  outstandingMax: [1, 10_000_000],
  retainedBytesMax: [0, MAX],
  multicastMemoryMs: [0, 3_600_000],
  multicastsRemembered: [1, 10_000_000],
  verifyIntervalMs: [100, 3_600_000],
  bandwidthMbits: [0, 1_000_000],
} as const satisfies Partial<Record<keyof BrokerAmopOptions, readonly [number, number]>>

/** What the command line shows as defaults; those of AMOP's own settings are the same there. */
export const DEFAULT_AMOP_OPTIONS = {
  keyType: 'secp256k1',
  plain: false,
  checkIssuer: false,
  connectionsPerAddress: 4096,
  reconnectRate: 10,
  choice: 'random',
  version: '2.9.1',
  chainId: '1',
  sessionTimeoutMs: 5000,
  nodeTimeoutMs: 30_000,
  outputBytesMax: 67_108_864,
  outputTimeoutMs: 30_000,
  bandwidthMbits: 0,
} as const satisfies BrokerAmopOptions

/** What a value has to be, and in words. */
interface Check {
  readonly allowed: string
  readonly holds: (value: unknown) => boolean
}

function whole(name: keyof typeof AMOP_RANGES): Check {
  const [minimum, maximum] = AMOP_RANGES[name]
  const limits = maximum === MAX ? `${minimum} or more` : `from ${minimum} to ${maximum}`
  return { allowed: `a whole number ${limits}`, holds: (value) => isWhole(value, minimum, maximum) }
}

function listOf(minimum: number, maximum: number): Check {
  return {
    allowed: `a list of one or more whole numbers from ${minimum} to ${maximum}`,
    holds: (value) => {
      return Array.isArray(value) && value.length > 0 && value.every((number) => isWhole(number, minimum, maximum))
    },
  }
}

function isWhole(value: unknown, minimum: number, maximum: number): boolean {
  return Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
}

function oneOf(values: readonly string[]): Check {
  return { allowed: `one of ${values.join(', ')}`, holds: (value) => values.includes(value as string) }
}

function text(allowed: string, form: RegExp): Check {
  return { allowed, holds: (value) => typeof value === 'string' && form.test(value) }
}

const NOT_EMPTY = text('a text that is not empty', /./s)
const FLAG: Check = { allowed: 'true or false', holds: (value) => typeof value === 'boolean' }
const PEM: Check = {
  allowed: 'a text or a Buffer in PEM form',
  holds: (value) => typeof value === 'string' || Buffer.isBuffer(value),
}
// What is in it is looked at where AMOP is loaded, see `readRules`.
const PERMISSIONS: Check = {
  allowed: 'an object as in the file of permissions',
  holds: (value) => typeof value === 'object' && value !== null,
}

/** What a version and a chain's id may be; the command line says the same. */
export const AMOP_TEXTS = {
  // Below 2.1 SDKs leave out the handshake, and java-sdk fails.
  version: text('three numbers with dots, from 2.1.0 to below 3', /^2\.(0*[1-9]\d*)\.\d+$/),
  chainId: text('a whole number', /^\d+$/),
} as const

const NODE_CHECKS: Readonly<Record<Exclude<keyof BrokerAmopOptions, keyof AmopSettings>, Check>> = {
  host: NOT_EMPTY,
  ports: listOf(...AMOP_RANGES.ports),
  ca: PEM,
  cert: PEM,
  key: PEM,
  certificatesDir: NOT_EMPTY,
  keyType: oneOf(KEY_TYPES),
  plain: FLAG,
  checkIssuer: FLAG,
  vhost: NOT_EMPTY,
  permissions: PERMISSIONS,
  connectionsPerAddress: whole('connectionsPerAddress'),
  reconnectRate: whole('reconnectRate'),
}

const SETTING_CHECKS: Readonly<Record<keyof AmopSettings, Check>> = {
  version: AMOP_TEXTS.version,
  chainId: AMOP_TEXTS.chainId,
  groups: listOf(1, 32_767),
  blockNumber: whole('blockNumber'),
  choice: oneOf(CHOICES),
  sessionTimeoutMs: whole('sessionTimeoutMs'),
  nodeTimeoutMs: whole('nodeTimeoutMs'),
  idleTimeoutMs: whole('idleTimeoutMs'),
  outputBytesMax: whole('outputBytesMax'),
  outputTimeoutMs: whole('outputTimeoutMs'),
  frameBytesMax: whole('frameBytesMax'),
  jsonBytesMax: whole('jsonBytesMax'),
  topicsPerSessionMax: whole('topicsPerSessionMax'),
  outstandingMax: whole('outstandingMax'),
  retainedBytesMax: whole('retainedBytesMax'),
  multicastMemoryMs: whole('multicastMemoryMs'),
  multicastsRemembered: whole('multicastsRemembered'),
  verifyIntervalMs: whole('verifyIntervalMs'),
  bandwidthMbits: whole('bandwidthMbits'),
}

/** @throws OptionError whose option begins with `amop.` */
export function resolveAmopOptions(
  options: BrokerAmopOptions,
  broker: { readonly host: string; readonly vhost: string; readonly dataDir: string | undefined },
): ResolvedAmopOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  for (const [name, value] of given) {
    const check = { ...NODE_CHECKS, ...SETTING_CHECKS }[name]
    if (check === undefined) throw new OptionError(`amop.${name}`, value, 'an option of an AMOP node')
    if (!check.holds(value)) throw new OptionError(`amop.${name}`, value, check.allowed)
  }
  const settings = Object.fromEntries(given.filter(([name]) => name in SETTING_CHECKS))
  const { certificatesDir, permissions } = options
  const { dataDir } = broker
  return {
    host: options.host ?? broker.host,
    ports: options.ports ?? [0],
    files: filesOf(options),
    certificatesDir: certificatesDir ?? (dataDir === undefined ? undefined : join(dataDir, CERTIFICATES_FOLDER)),
    keyType: options.keyType ?? DEFAULT_AMOP_OPTIONS.keyType,
    plain: options.plain ?? DEFAULT_AMOP_OPTIONS.plain,
    checkIssuer: options.checkIssuer ?? DEFAULT_AMOP_OPTIONS.checkIssuer,
    vhost: options.vhost ?? broker.vhost,
    permissions,
    connectionsPerAddress: options.connectionsPerAddress ?? DEFAULT_AMOP_OPTIONS.connectionsPerAddress,
    reconnectRate: options.reconnectRate ?? DEFAULT_AMOP_OPTIONS.reconnectRate,
    settings,
  }
}

function filesOf({ ca, cert, key }: BrokerAmopOptions): AmopFiles | undefined {
  if (ca !== undefined && cert !== undefined && key !== undefined) return { ca, cert, key }
  const missing = Object.entries({ ca, cert, key }).filter(([, pem]) => pem === undefined)
  if (missing.length === 3) return undefined
  const [[name] = ['']] = missing
  throw new OptionError(`amop.${name}`, undefined, 'given, and ca, cert and key need each other')
}
