import type { AmopPeer, AmopTransport } from '../amop/index.ts'

/** What a socket of the AMOP port carries. */
export interface AmopMachine {
  /** What the program at the other end calls itself; empty until it has. */
  readonly clientType: string
  /** One read, cut anywhere. The buffer belongs to the machine only during the call. */
  receive(chunk: Buffer): void
  /** The socket has taken something of what was pending. */
  writable(): void
  /** The peer has gone, or the socket has failed; called once, after which nothing more comes. */
  disconnected(): void
}

/** Makes the machine for a connection just accepted. */
export type AmopMachineFactory = (peer: AmopPeer, transport: AmopTransport) => AmopMachine
