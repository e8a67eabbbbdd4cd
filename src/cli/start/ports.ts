import { ListenError } from '../../net/index.ts'
import { findPortClash, type WantedPort } from '../../server/index.ts'
import { UsageError } from '../errors.ts'
import { flagOf } from '../settings/table.ts'
import type { StartSettings } from './settings.ts'

/** @throws UsageError when two settings ask for one port. */
export function checkPorts(settings: StartSettings): void {
  const clash = findPortClash(wantedPorts(settings))
  if (clash !== undefined) throw new UsageError(`${clash.option}: ${clash.port} is not ${clash.allowed}`)
}

/** Names the flag behind a port that could not be opened; any other error is given back as it is. */
export function nameFlag(error: unknown, settings: StartSettings): unknown {
  if (!(error instanceof ListenError)) return error
  const { host, port, code, message } = error
  const wanted = wantedPorts(settings).find((candidate) => candidate.host === host && candidate.port === port)
  if (wanted === undefined) return error
  const bind = wanted.option === flagOf('amopPort') && settings.amopBind !== undefined ? 'amopBind' : 'bind'
  const isOfPort = code === 'EADDRINUSE' || code === 'EACCES'
  return new Error(`${isOfPort ? wanted.option : flagOf(bind)}: ${message}`, { cause: error })
}

function wantedPorts({ bind, port, tlsPort, amopBind = bind, amopPort = [] }: StartSettings): WantedPort[] {
  return [
    { option: flagOf('port'), host: bind, port },
    ...(tlsPort === undefined ? [] : [{ option: flagOf('tlsPort'), host: bind, port: tlsPort }]),
    ...amopPort.map((each) => ({ option: flagOf('amopPort'), host: amopBind, port: each })),
  ]
}
