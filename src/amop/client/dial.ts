import type { AmopTransport } from '../transport.ts'

export interface NodeAddress {
  readonly host: string
  readonly port: number
}

/** What the socket of one connection tells. Nothing follows `closed`, which always comes in the end. */
export interface ConnectionEvents {
  /** Bytes can be written; over TLS the node's certificate has been checked. */
  opened(transport: AmopTransport): void
  /** One read, cut anywhere; the buffer is the receiver's only during the call. */
  received(chunk: Buffer): void
  /** Bytes that were pending have been taken. */
  writable(): void
  /** @param reason in words, such as `connection refused`. */
  closed(reason: string): void
}

/**
 * Begins to connect; says nothing before it has returned.
 * @returns a function that gives up the connection at any time.
 */
export type Dial = (address: NodeAddress, events: ConnectionEvents) => () => void
