import type { Socket } from 'node:net'
import type { Peer } from '../amqp/index.ts'

const MAPPED_IPV4 = '::ffff:'

/** Who is at the other end; undefined when it has already gone and the system no longer knows. */
export function peerOf(socket: Socket, tls: boolean): Peer | undefined {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  if (localAddress === undefined || localPort === undefined) return undefined
  const address = plainAddress(remoteAddress)
  return {
    address,
    port: remotePort,
    localAddress: plainAddress(localAddress),
    localPort,
    loopback: isLoopback(address),
    tls,
  }
}

/** `::ffff:10.0.0.1`, which a socket that listens on `::` reports, is 10.0.0.1 to everybody who reads it. */
export function plainAddress(address: string): string {
  return address.startsWith(MAPPED_IPV4) && address.includes('.') ? address.slice(MAPPED_IPV4.length) : address
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}
