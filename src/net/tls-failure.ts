import type { TLSSocket } from 'node:tls'
import type { LogFields, Logger } from '../base/index.ts'
import { plainAddress } from './peer.ts'

/** Says who could not finish a TLS handshake, and why. @param more what else goes into the line. */
export function logTlsFailure(log: Logger, error: NodeJS.ErrnoException, socket: TLSSocket, more?: LogFields): void {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  const fields = { peer, error: error.code ?? error.message, ...more }
  // A health check that connects and goes away says nothing about anybody's certificates.
  if (error.code === 'ECONNRESET') log.debug('connection closed during the TLS handshake', fields)
  else log.warn('TLS handshake failed', fields)
}
