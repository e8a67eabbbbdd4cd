import { UsageError } from '../errors.ts'

/** Where a client connects to and as whom. */
export interface Target {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string
  readonly password: string
  readonly virtualHost: string
}

const PORT = 5672
const TLS_PORT = 5671

/**
 * Reads `amqp://user:password@host:port/vhost` (or `amqps://`). What is left out is guest, guest, localhost, 5672 (5671)
 * and `/`; a path of a lone slash names the virtual host with the empty name. Query parameters are not looked at.
 * Source: RabbitMQ's URI specification.
 * @throws UsageError when it is none.
 */
export function parseUri(text: string): Target {
  const match =
    /^(amqps?):\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\[[^\]]*\]|[^:/?]*)(?::(\d+))?(?:\/([^/?]*))?(?:\?.*)?$/.exec(text)
  if (match === null) throw new UsageError(`not an AMQP URI: ${text} (amqp://user:password@host:port/vhost)`)
  const [, scheme, username, password, host, port, path] = match
  const tls = scheme === 'amqps'
  const number = port === undefined ? (tls ? TLS_PORT : PORT) : Number(port)
  if (number < 1 || number > 65_535) throw new UsageError(`no such port: ${port}`)
  return {
    host: decode(host || 'localhost').replace(/^\[|\]$/g, ''),
    port: number,
    tls,
    username: decode(username ?? 'guest'),
    password: decode(password ?? 'guest'),
    virtualHost: path === undefined ? '/' : decode(path),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new UsageError(`bad percent-encoding in the URI: ${text}`)
  }
}
