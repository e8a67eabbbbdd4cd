import type { Timer } from '../../base/index.ts'
import { type Packet, PacketType } from '../packet/packet.ts'
import { ResultCode } from '../packet/result-code.ts'
import { findTopic } from '../packet/topic-body.ts'
import { resultError } from './amop-error.ts'
import type { NodeConnection, Waiter } from './node-connection.ts'

/** Answers that say that nobody has had the message: another node may find somebody. */
const ASK_THE_NEXT: ReadonlySet<number> = new Set([ResultCode.NOT_SENT, ResultCode.NO_LISTENER])

/** A unicast on its way over one connection after the other, until somebody has answered it. */
export class UnicastCall implements Waiter {
  readonly answerType = PacketType.RESPONSE
  timer: Timer | undefined
  readonly #packet: Packet
  /** As the application calls it. */
  readonly #topic: string
  readonly #connections: readonly NodeConnection[]
  readonly #done: (error: Error | undefined, data: Buffer | undefined) => void
  readonly #first: number
  #tried = 0
  #at: NodeConnection | undefined
  #code: number = ResultCode.NOT_SENT
  #settled = false

  /**
   * @param connections those that are ready; not changed by others.
   * @param first which of them is asked first.
   */
  constructor(
    packet: Packet,
    topic: string,
    connections: readonly NodeConnection[],
    first: number,
    done: (error: Error | undefined, data: Buffer | undefined) => void,
  ) {
    this.#packet = packet
    this.#topic = topic
    this.#connections = connections
    this.#first = first
    this.#done = done
  }

  /** Hands it to the next that takes it. */
  next(): void {
    const connections = this.#connections
    this.#at = undefined
    while (this.#tried < connections.length) {
      const connection = connections[(this.#first + this.#tried++) % connections.length] as NodeConnection
      if (!connection.request(this.#packet, this)) continue
      this.#at = connection
      return
    }
    this.#settle(resultError(this.#code, { topic: this.#topic, seq: this.#packet.seq }), undefined)
  }

  answered(_connection: NodeConnection, answer: Packet): void {
    const { seq } = this.#packet
    const { result, frame } = answer
    const topic = this.#topic
    if (ASK_THE_NEXT.has(result)) {
      this.#code = result
      this.next()
      return
    }
    const place = findTopic(frame)
    const data = place && frame.subarray(place.dataAt)
    if (result !== ResultCode.SUCCESS) {
      this.#settle(resultError(result, { topic, seq, ...(data && { data }) }), undefined)
    } else if (data === undefined) {
      this.#settle(resultError(ResultCode.NOT_DECODED, { topic, seq }), undefined)
    } else {
      this.#settle(undefined, data)
    }
  }

  /** The message may have been delivered; a subscriber that gets it again gets it under the same seq. */
  lost(): void {
    this.next()
  }

  fail(error: Error): void {
    if (this.#settled) return
    this.#at?.forget(this.#packet.seq)
    this.#settle(error, undefined)
  }

  #settle(error: Error | undefined, data: Buffer | undefined): void {
    if (this.#settled) return
    this.#settled = true
    this.#done(error, data)
  }
}
