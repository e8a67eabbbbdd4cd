import type { Peer, Transport } from '../amqp/index.ts'

/** What a socket carries: bytes in through `receive`, bytes out through the transport it was made with. */
export interface Machine {
  /** One read, cut anywhere. The buffer belongs to the machine only during the call. */
  receive(chunk: Buffer): void
  /** What `write` could not hand over at once has now been taken. */
  writable(): void
  /** The peer has gone, or the socket has failed; called once, after which nothing more comes. */
  disconnected(): void
}

/** Makes the machine for a connection just accepted. */
export type MachineFactory = (peer: Peer, transport: Transport) => Machine
