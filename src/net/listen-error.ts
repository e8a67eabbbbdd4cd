import { hostAndPort } from '../base/index.ts'

/** Why a port could not be opened, in one line that an operator can act on. */
export class ListenError extends Error {
  /** The system's name for it, such as `EADDRINUSE`. */
  readonly code: string
  /** As it was given, like the port. */
  readonly host: string
  readonly port: number

  constructor(host: string, port: number, cause: NodeJS.ErrnoException) {
    super(`cannot listen on ${hostAndPort(host, port)}: ${reason(cause)}`, { cause })
    this.name = 'ListenError'
    this.code = cause.code ?? 'UNKNOWN'
    this.host = host
    this.port = port
  }
}

function reason(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'the port is in use; is another broker running?'
    case 'EACCES':
      return 'this user may not open that port'
    case 'EADDRNOTAVAIL':
      return 'this host has no such address'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'that host name is unknown'
    default:
      return error.message
  }
}
