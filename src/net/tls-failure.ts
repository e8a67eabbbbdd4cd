import type { TLSSocket } from 'node:tls'
import type { LogFields, Logger } from '../base/index.ts'
import { plainAddress } from './peer.ts'

/** What was spoken in place of TLS, mostly because somebody took the wrong port. */
const HINTS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'it speaks HTTP',
}

/** Says who could not finish a TLS handshake, and why. @param more what else goes into the line. */
export function logTlsFailure(log: Logger, error: NodeJS.ErrnoException, socket: TLSSocket, more?: LogFields): void {
  const peer = socket.remoteAddress === undefined ? undefined : plainAddress(socket.remoteAddress)
  // Node drops a client whose certificate is not under the authority as if it had hung up.
  const refusal = socket.authorizationError as unknown as string | null | undefined
  const code = refusal || (error.code ?? error.message)
  const fields = { peer, error: code, ...more, hint: more?.hint ?? HINTS[code] }
  // A health check that connects and goes away says nothing about anybody's certificates.
  if (code === 'ECONNRESET') log.debug('connection closed during the TLS handshake', fields)
  else log.warn('TLS handshake failed', fields)
}
