import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { hostAndPort } from '../../base/index.ts'
import { ClientError, describeSystemError } from './client-error.ts'
import type { Target } from './uri.ts'

export interface TlsTrust {
  /** PEM of the authority that signed the broker's certificate; the system's authorities when left out. */
  readonly ca?: Buffer
  /** Takes any certificate. */
  readonly insecure?: boolean
}

// One for all connections: what a read puts here has been taken before the next read begins.
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024)

/**
 * Opens a connection whose reads all go to one buffer, shared by every connection of the process.
 * @param receive called with each read; the bytes are good until it returns.
 * @throws ClientError that names the address and the reason.
 */
export function openSocket(
  target: Target,
  trust: TlsTrust,
  receive: (buffer: Buffer, length: number) => void,
): Promise<Socket> {
  const { host, port } = target
  return new Promise((resolve, reject) => {
    const socket = target.tls
      ? connectTls({
          host,
          port,
          servername: /^[\d.]+$|:/.test(host) ? '' : host,
          rejectUnauthorized: trust.insecure !== true,
          ...(trust.ca === undefined ? {} : { ca: trust.ca }),
        })
      : connect({
          host,
          port,
          onread: {
            buffer: READ_BUFFER,
            callback: (length) => {
              receive(READ_BUFFER, length)
              return true
            },
          },
        })
    socket.setNoDelay(true)
    if (target.tls) socket.on('data', (chunk: Buffer) => receive(chunk, chunk.length))
    const refused = (error: Error) =>
      reject(new ClientError(`cannot connect to ${hostAndPort(host, port)}: ${describeSystemError(error)}`))
    socket.once('error', refused)
    socket.once(target.tls ? 'secureConnect' : 'connect', () => {
      socket.off('error', refused)
      resolve(socket)
    })
  })
}
