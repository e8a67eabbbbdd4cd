import type { Socket } from 'node:net'
import type { Peer, Transport } from '../amqp/index.ts'
import { Carrier, type CarrierContext } from './carrier.ts'
import type { Machine, MachineFactory } from './machine.ts'

/** Carries one AMQP machine, which writes once a turn. */
export class AmqpCarrier extends Carrier implements Transport {
  readonly #machine: Machine
  #waitingForDrain = false
  readonly #taken = (): void => this.#afterWrite()

  /** @param shared the socket was made by a {@link SharedRead} with `onRead`. */
  constructor(context: CarrierContext, socket: Socket, peer: Peer, create: MachineFactory, shared: boolean) {
    super(context, socket, shared)
    this.#machine = create(peer, this)
    this.start()
  }

  get backlog(): number {
    return this.socket.writableLength
  }

  write(bytes: Buffer): boolean {
    const { socket } = this
    if (this.ended || socket.destroyed) return true
    socket.write(bytes, this.#taken)
    if (socket.writableLength === 0) return true
    this.#waitingForDrain = true
    return false
  }

  protected override handOn(chunk: Buffer): void {
    this.#machine.receive(chunk)
  }

  protected override handEnd(): void {
    this.#machine.disconnected()
  }

  #afterWrite(): void {
    if (!this.#waitingForDrain || this.socket.writableLength > 0) return
    this.#waitingForDrain = false
    if (this.disconnected) return
    this.context.clock.refresh()
    this.#machine.writable()
  }
}
