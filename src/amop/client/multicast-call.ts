import type { Timer } from '../../base/index.ts'
import { type Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { resultError } from './amop-error.ts'
import type { NodeConnection, Waiter } from './node-connection.ts'

/** A multicast that every node has got and whose word is waited for. */
export class MulticastCall implements Waiter {
  readonly answerType = PacketType.RESPONSE
  timer: Timer | undefined
  readonly #packet: Packet
  readonly #topic: string
  readonly #waitedFor = new Set<NodeConnection>()
  readonly #done: (error: Error | undefined) => void
  #taken = 0
  #code: number = ResultCode.NOT_SENT
  #settled = false

  /** @param topic as the application calls it. */
  constructor(packet: Packet, topic: string, done: (error: Error | undefined) => void) {
    this.#packet = packet
    this.#topic = topic
    this.#done = done
  }

  sendTo(connections: readonly NodeConnection[]): void {
    for (const connection of connections) {
      if (connection.request(this.#packet, this)) this.#waitedFor.add(connection)
    }
    this.#look()
  }

  answered(connection: NodeConnection, { result }: Packet): void {
    this.#waitedFor.delete(connection)
    if (result === ResultCode.SUCCESS) this.#taken++
    else this.#code = result
    this.#look()
  }

  lost(connection: NodeConnection): void {
    this.#waitedFor.delete(connection)
    this.#look()
  }

  /** Its time is over: success when one node at least has taken it. */
  expire(error: Error): void {
    this.#forget()
    this.#settle(this.#taken > 0 ? undefined : error)
  }

  fail(error: Error): void {
    this.#forget()
    this.#settle(error)
  }

  #forget(): void {
    for (const connection of this.#waitedFor) connection.forget(this.#packet.seq)
    this.#waitedFor.clear()
  }

  #look(): void {
    if (this.#waitedFor.size > 0) return
    const refused = (): Error => resultError(this.#code, { topic: this.#topic, seq: this.#packet.seq })
    this.#settle(this.#taken > 0 ? undefined : refused())
  }

  #settle(error: Error | undefined): void {
    if (this.#settled) return
    this.#settled = true
    this.#done(error)
  }
}
