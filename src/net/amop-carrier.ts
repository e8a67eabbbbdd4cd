import type { Socket } from 'node:net'
import { type AmopPeer, type AmopTransport, CLIENT_TYPE, FRAME_COST_BYTES } from '../amop/index.ts'
import type { Turn } from '../base/index.ts'
import type { AmopMachine, AmopMachineFactory } from './amop-machine.ts'
import { Carrier, type CarrierContext } from './carrier.ts'
import { JoinedWrites } from './joined-writes.ts'

/** Bytes that may wait and are still sent when our side ends the connection. */
const FAREWELL_BYTES_MAX = 65_536

export interface AmopCarrierContext extends CarrierContext {
  readonly turn: Pick<Turn, 'schedule'>
}

interface WithoutWritev {
  _writev?: null
}

/**
 * Carries one SDK's session; each frame is a write of its own, and so begins a TLS record of its own. Our own client reads
 * a stream, and gets the frames of a turn together.
 */
export class AmopCarrier extends Carrier implements AmopTransport {
  readonly #turn: Pick<Turn, 'schedule'>
  readonly #machine: AmopMachine
  #joined: JoinedWrites | undefined
  #frames = 0
  readonly #taken = (): void => this.#afterWrite()

  constructor(context: AmopCarrierContext, socket: Socket, peer: AmopPeer, create: AmopMachineFactory) {
    super(context, socket, false)
    this.#turn = context.turn
    // Writes that wait for one another would be joined and leave as one record, of which go-sdk reads one frame.
    ;(socket as unknown as WithoutWritev)._writev = null
    this.#machine = create(peer, this)
    this.start()
  }

  get clientType(): string {
    return this.#machine.clientType
  }

  get onlyGreeted(): boolean {
    return this.#machine.onlyGreeted
  }

  get pendingBytes(): number {
    return this.socket.writableLength + this.#frames * FRAME_COST_BYTES
  }

  write(frame: Buffer): void {
    const { socket } = this
    if (this.ended || socket.destroyed) return
    this.#frames++
    if (this.#joined !== undefined || this.#mayJoin()) this.#joined?.write(frame, this.#taken)
    else socket.write(frame, this.#taken)
  }

  #mayJoin(): boolean {
    if (this.#machine.clientType !== CLIENT_TYPE) return false
    delete (this.socket as unknown as WithoutWritev)._writev
    this.#joined = new JoinedWrites(this.socket)
    return true
  }

  close(_reason: string): void {
    // Whoever does not read need not get the rest, and must not keep it here.
    if (this.pendingBytes > FAREWELL_BYTES_MAX) this.destroy()
    else this.end()
  }

  protected override handOn(chunk: Buffer): void {
    // Whatever the message does to queues belongs to a turn, which has to end.
    this.#turn.schedule()
    this.#machine.receive(chunk)
  }

  protected override handEnd(): void {
    this.#turn.schedule()
    this.#machine.disconnected()
  }

  #afterWrite(): void {
    this.#frames--
    if (this.disconnected) return
    this.context.clock.refresh()
    this.#machine.writable()
  }
}
