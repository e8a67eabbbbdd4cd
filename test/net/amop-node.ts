import type { ExecutionContext } from 'ava'
import type { AmopPeer, AmopTransport } from '../../src/amop/index.ts'
import { Clock, silentLogger, Timers } from '../../src/base/index.ts'
import { AddressLimits } from '../../src/net/address-limits.ts'
import { openAmopListener } from '../../src/net/amop-listener.ts'
import type { AmopListenerOptions, AmopMachine, Listener } from '../../src/net/index.ts'
import { certificateSet, listenerFiles } from '../helpers/amop-certificates.ts'

/** A machine that notes what happens to it. */
export class FakeSession implements AmopMachine {
  readonly peer: AmopPeer
  readonly transport: AmopTransport
  clientType = 'Fake-SDK'
  onlyGreeted = true
  received = ''
  writableCalls = 0
  disconnectedCalls = 0

  constructor(peer: AmopPeer, transport: AmopTransport) {
    this.peer = peer
    this.transport = transport
  }

  receive(chunk: Buffer): void {
    this.received += chunk.toString('latin1')
  }

  writable(): void {
    this.writableCalls++
  }

  disconnected(): void {
    this.disconnectedCalls++
  }
}

export interface FakeAmopNode {
  readonly listener: Listener
  readonly sessions: FakeSession[]
  /** How often the end of a turn was asked for. */
  readonly turns: { count: number }
}

/** A listener on a free port whose sessions are fake ones; closed with the test. */
export async function listenAmop(
  t: ExecutionContext,
  options: Partial<AmopListenerOptions> & { readonly connectionsMax?: number; readonly reconnectRate?: number } = {},
): Promise<FakeAmopNode> {
  const { connectionsMax = 0, reconnectRate = 0, ...others } = options
  const clock = new Clock()
  const log = options.log ?? silentLogger
  const sessions: FakeSession[] = []
  const turns = { count: 0 }
  const listener = await openAmopListener({
    host: '127.0.0.1',
    port: 0,
    tls: { ...listenerFiles(await certificateSet()), checkIssuer: false },
    clock,
    timers: new Timers(clock),
    turn: {
      schedule: () => {
        turns.count++
      },
    },
    log,
    limits: new AddressLimits({ clock, log, connectionsMax, reconnectRate }),
    handshakeTimeoutMs: 10_000,
    create: (peer, transport) => {
      const session = new FakeSession(peer, transport)
      sessions.push(session)
      return session
    },
    ...others,
  })
  t.teardown(() => listener.close())
  return { listener, sessions, turns }
}
