/** Where a connection comes from. */
export interface Peer {
  readonly address: string
  readonly port: number
  readonly localAddress: string
  readonly localPort: number
  readonly loopback: boolean
  readonly tls: boolean
}

/** What a connection is called in logs: `127.0.0.1:50000 -> 127.0.0.1:5672`. */
export function peerName(peer: Peer): string {
  return `${endpoint(peer.address, peer.port)} -> ${endpoint(peer.localAddress, peer.localPort)}`
}

function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What a connection machine asks of the socket that carries it; tests carry it without one. */
export interface Transport {
  /** Bytes handed over and not yet taken by the kernel. */
  readonly backlog: number
  /**
   * Sends one turn's bytes.
   * @param shared others hold these bytes too, and nobody will ever write to them; default false.
   * @returns true when they have been taken at once and the buffer may be used again.
   */
  write(bytes: Buffer, shared?: boolean): boolean
  /** Stops and goes on with calling `receive`: how a publisher is held back. */
  pause(): void
  resume(): void
  /** Sends what is left and closes. */
  end(): void
  /** Closes without sending what is left. */
  destroy(): void
}
