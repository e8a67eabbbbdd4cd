import { resolve } from 'node:path'
import { type AmopContext, type AmopPermissions, SdkSession, TopicPermissions } from '../../amop/index.ts'
import { hostAndPort, type Logger, type Turn } from '../../base/index.ts'
import { type AmopListenerOptions, type Listener, loadAmopNet } from '../../net/index.ts'
import { reachable } from '../reachable.ts'
import type { KeyType, ResolvedAmopOptions } from './options.ts'
import {
  type AmopCertificates,
  findCertificates,
  type OwnCertificates,
  warnOfExpiry,
  warnOfKeyType,
} from './own-certificates.ts'
import { readRules } from './permissions.ts'

/** One SDK's connection, as it is when somebody looks. */
export interface AmopSessionView {
  /** `127.0.0.1:54321` */
  readonly name: string
  /** What the program calls itself: `Go-SDK`, `java-sdk`; empty until it has. */
  readonly clientType: string
  /** Its certificate's subject, as `CN=sdk,O=fisco-bcos,OU=sdk`; undefined over plain TCP. */
  readonly subject: string | undefined
  /** What it has announced and may subscribe to, names of private topics as on the wire. */
  readonly topics: readonly string[]
}

/** What a node needs of the broker it belongs to. */
export interface AmopSurroundings {
  readonly amop: AmopContext
  readonly turn: Pick<Turn, 'schedule'>
  readonly log: Logger
  readonly handshakeTimeoutMs: number
}

/** The ports of an AMOP node, with the certificates it shows there. */
export class AmopNode {
  readonly ports: readonly number[]
  /** Undefined over plain TCP, and with certificates that somebody else made. */
  readonly certificates: AmopCertificates | undefined
  readonly #amop: AmopContext
  readonly #listeners: readonly Listener[]

  private constructor(amop: AmopContext, listeners: readonly Listener[], own: OwnCertificates | undefined) {
    this.#amop = amop
    this.#listeners = listeners
    this.ports = listeners.map(({ port }) => port)
    this.certificates = own?.forSdks
  }

  /**
   * Opens the ports; certificates are made when there are none.
   * @throws ListenError when a port cannot be opened; Error when certificates cannot be read, written or used.
   */
  static async open(options: ResolvedAmopOptions, surroundings: AmopSurroundings): Promise<AmopNode> {
    const { amop, log } = surroundings
    const own = options.plain ? undefined : await findCertificates(options)
    const listeners = await openListeners(options, surroundings, own)
    if (own === undefined) log.warn('amop: the AMOP ports are plain TCP, which is for tests only')
    else announce(own, options.keyType, listeners, amop, log)
    return new AmopNode(amop, listeners, own)
  }

  get sessions(): AmopSessionView[] {
    return [...this.#amop.sessions].map(({ name, clientType, subject, topics }) => ({
      name,
      clientType,
      subject,
      topics: [...topics],
    }))
  }

  /**
   * New permissions hold at once, also for those who are connected.
   * @param permissions undefined: everybody may do everything. @throws OptionError
   */
  setPermissions(permissions: AmopPermissions | undefined): void {
    const rules = permissions === undefined ? undefined : readRules('permissions', permissions)
    this.#amop.setPermissions(rules === undefined ? undefined : new TopicPermissions(rules))
  }

  /** Ends every session; what little waits for it is still sent. */
  closeSessions(reason: string): void {
    this.#amop.clock.refresh()
    for (const session of [...this.#amop.sessions]) session.close(reason, 'debug')
  }

  stopAccepting(): void {
    for (const listener of this.#listeners) listener.stopAccepting()
  }

  async drain(timeoutMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain(timeoutMs)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()))
  }
}

async function openListeners(
  options: ResolvedAmopOptions,
  { amop, turn, log, handshakeTimeoutMs }: AmopSurroundings,
  own: OwnCertificates | undefined,
): Promise<Listener[]> {
  const { AddressLimits, openAmopListener } = await loadAmopNet()
  const { clock, timers } = amop
  const { host, ports, connectionsPerAddress, reconnectRate, checkIssuer } = options
  const shared: Omit<AmopListenerOptions, 'port'> = {
    host,
    tls: own === undefined ? undefined : { ...own.files, checkIssuer },
    clock,
    timers,
    turn,
    log,
    limits: new AddressLimits({ clock, log, connectionsMax: connectionsPerAddress, reconnectRate }),
    create: (peer, transport) => new SdkSession(amop, peer, transport),
    handshakeTimeoutMs,
  }
  const listeners: Listener[] = []
  try {
    for (const port of ports) listeners.push(await openAmopListener({ ...shared, port }))
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()))
    throw error
  }
  return listeners
}

/** Says where an SDK's files are, and writes the configuration that goes with new ones: only now are the ports known. */
function announce(
  { files, forSdks, directory, made }: OwnCertificates,
  keyType: KeyType,
  listeners: readonly Listener[],
  { settings }: AmopContext,
  log: Logger,
): void {
  warnOfExpiry(files.cert, log)
  if (directory === undefined) return
  warnOfKeyType(directory.path, files.cert, keyType, log)
  const nodes = listeners.map(({ host, port }) => hostAndPort(reachable(host), port))
  const { chainId, groups } = settings
  if (made) directory.writeConfiguration('sdk', { nodes, chainId, group: groups[0] ?? 1 })
  if (forSdks === undefined) return
  log.info(`amop: ${made ? 'certificates were made: ' : ''}SDKs connect with the files in ${resolve(directory.sdk)}`)
}
