import type { ExecutionContext } from 'ava'
import type { Peer, Transport } from '../../src/amqp/index.ts'
import type { Clock, Logger } from '../../src/base/index.ts'
import { Clock as SystemClock, silentLogger, Timers } from '../../src/base/index.ts'
import { type AmqpListenerOptions, type Listener, type Machine, openAmqpListener } from '../../src/net/index.ts'

/** A machine that notes what happens to it; what it does with a chunk is up to the test. */
export class FakeMachine implements Machine {
  readonly peer: Peer
  readonly transport: Transport
  receivedBytes = 0
  writableCalls = 0
  disconnectedCalls = 0
  onReceive: (chunk: Buffer) => void = () => {}

  constructor(peer: Peer, transport: Transport) {
    this.peer = peer
    this.transport = transport
  }

  receive(chunk: Buffer): void {
    this.receivedBytes += chunk.length
    this.onReceive(chunk)
  }

  writable(): void {
    this.writableCalls++
  }

  disconnected(): void {
    this.disconnectedCalls++
  }
}

export interface FakeNode {
  readonly listener: Listener
  readonly machines: FakeMachine[]
  readonly clock: Clock
}

/** A listener on a free port whose connections are fake machines; closed with the test. */
export async function listen(
  t: ExecutionContext,
  prepare: (machine: FakeMachine) => void = () => {},
  options: Partial<AmqpListenerOptions> = {},
  log: Logger = silentLogger,
): Promise<FakeNode> {
  const clock = new SystemClock()
  const timers = new Timers(clock)
  const machines: FakeMachine[] = []
  const listener = await openAmqpListener({
    host: '127.0.0.1',
    port: 0,
    clock,
    timers,
    log,
    handshakeTimeoutMs: 10_000,
    create(peer, transport) {
      const machine = new FakeMachine(peer, transport)
      machines.push(machine)
      prepare(machine)
      return machine
    },
    ...options,
  })
  t.teardown(() => listener.close())
  return { listener, machines, clock }
}
