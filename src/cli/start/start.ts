import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { hostAndPort } from '../../base/index.ts'
import { Broker, createWinstonLogger, DeferredLogger, packageVersion } from '../../server/index.ts'
import { ExitCode } from '../errors.ts'
import { readPermissions } from './amop-options.ts'
import { brokerOptions } from './broker-options.ts'
import { dieOnDefects } from './defects.ts'
import { dieOfDisk, failedSync } from './fatal.ts'
import { nameFlag } from './ports.ts'
import type { StartSettings } from './settings.ts'

/** Clients have this long to answer their close; container engines send SIGKILL ten seconds after SIGTERM. */
const STOP_TIMEOUT_MS = 5000

/** A start that takes longer shows its log, in ms. */
const SLOW_START_MS = 1900

/** Runs the broker in this process until a signal stops it. */
export async function start(settings: StartSettings): Promise<void> {
  dieOnDefects(settings.logLevel === 'debug')
  const log = new DeferredLogger(settings.logLevel === 'debug')
  const onFatal = (error: Error): void => dieOfDisk(error, settings.sync)
  const starting = brokerOptions(settings, log)
    .then((options) => Broker.start({ ...options, onFatal }))
    .catch((error) => {
      throw nameFlag(error, settings)
    })
  const { amopPermissions } = settings
  const stops: NodeJS.Signals[] = ['SIGTERM', 'SIGINT']
  if (amopPermissions !== undefined) rereadOnHangup(starting, amopPermissions, log)
  // It comes from a terminal that closes. A service that gets it is asked to read again what there is.
  else if (isatty(0)) stops.push('SIGHUP')
  else process.on('SIGHUP', () => log.warn('SIGHUP: there is nothing to read again without --amop-permissions'))
  stopOnSignals(stops, starting, log)
  const { logLevel, logFormat } = settings
  const attached = once(async () => {
    const logger = await createWinstonLogger({ level: logLevel, format: logFormat })
    log.attach(logger)
    return logger
  })
  // What a start says that takes long is not to wait for its end.
  const slow = setTimeout(attached, SLOW_START_MS)
  const broker = await starting.catch(dieOfSync(onFatal)).finally(() => clearTimeout(slow))
  if (broker === undefined) return
  warnOfOpenDoors(settings, log)
  const logger = await attached()
  // Whoever waits for the broker waits for this line: it is written whatever the level.
  const isLogged = logLevel === 'info' || logLevel === 'debug'
  const announcer = isLogged ? logger : await createWinstonLogger({ level: 'info', format: logFormat })
  announcer.info('Server startup complete', {
    amqp: hostAndPort(broker.host, broker.port),
    amqps: broker.tlsPort === undefined ? undefined : hostAndPort(broker.host, broker.tlsPort),
    amop: amopAddresses(broker, settings),
    version: packageVersion(),
    pid: process.pid,
  })
}

function once<T>(act: () => T): () => T {
  let done: { readonly value: T } | undefined
  return () => {
    done ??= { value: act() }
    return done.value
  }
}

/** A sync that fails while the broker starts ends it as later ones do. */
function dieOfSync(onFatal: (error: Error) => void): (error: unknown) => undefined {
  return (error) => {
    const failed = failedSync(error)
    if (failed === undefined) throw error
    onFatal(failed)
  }
}

function stopOnSignals(signals: readonly NodeJS.Signals[], starting: Promise<Broker>, log: DeferredLogger): void {
  let stopping = false
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    const broker = await starting
    log.info('stopping', { signal, connections: broker.connections.length })
    try {
      await broker.stop({ timeoutMs: STOP_TIMEOUT_MS })
    } catch (error) {
      // A full disk takes no last records. What was confirmed is in those before.
      log.error(`stopped, but not everything could be written: ${(error as Error).message}; nothing confirmed is lost`)
      process.exitCode = ExitCode.FAILED
      return
    }
    log.info('stopped')
    // Nothing is left to do, so the process ends by itself; this is for what nobody has thought of.
    setTimeout(() => process.exit(ExitCode.OK), 1000).unref()
  }
  for (const signal of signals) {
    process.on(signal, () => {
      // As if there were no handler: 128 and the signal's number.
      if (stopping) process.exit(128 + constants.signals[signal])
      stopping = true
      // A start that fails reports that itself.
      starting.then(
        () => stop(signal),
        () => undefined,
      )
    })
  }
}

/** SIGHUP reads the file of permissions again; one that is wrong changes nothing. */
function rereadOnHangup(starting: Promise<Broker>, file: string, log: DeferredLogger): void {
  const reread = async (): Promise<void> => {
    const broker = await starting
    try {
      const permissions = await readPermissions(file)
      broker.setAmopPermissions(permissions)
      log.info('amop: permissions were read again', { file, rules: permissions.rules.length })
    } catch (error) {
      log.error(`amop: permissions stay as they were: ${(error as Error).message}`)
    }
  }
  process.on('SIGHUP', () => {
    // A start that fails reports that itself.
    starting.then(reread, () => undefined)
  })
}

function amopAddresses({ host, amopPorts }: Broker, { amopBind = host }: StartSettings): string | undefined {
  return amopPorts.map((port) => hostAndPort(amopBind, port)).join() || undefined
}

/** The well-known password is harmless only as long as strangers cannot use it. */
function warnOfOpenDoors(settings: StartSettings, log: DeferredLogger): void {
  const { bind, defaultUser, defaultPass, loopbackUsers } = settings
  const wellKnown = defaultUser === 'guest' && defaultPass === 'guest'
  const fenced = loopbackUsers !== 'none' && loopbackUsers.includes(defaultUser)
  const local = bind === 'localhost' || bind === '::1' || bind.startsWith('127.')
  if (wellKnown && !fenced && !local) {
    log.warn('guest may log in from other hosts with its well-known password; set --default-user and --default-pass')
  }
}
