import type { AmopPeer, AmopTransport } from '../amop/index.ts'
import type { Machine } from './machine.ts'

/** What a socket of the AMOP port carries; told that it is `writable` whenever something of what was pending is taken. */
export interface AmopMachine extends Machine {
  /** What the program at the other end calls itself; empty until it has. */
  readonly clientType: string
  /** The program has said what it is, and nothing else. */
  readonly onlyGreeted: boolean
}

/** Makes the machine for a connection just accepted. */
export type AmopMachineFactory = (peer: AmopPeer, transport: AmopTransport) => AmopMachine
