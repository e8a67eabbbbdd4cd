import { BASIC_ACK, encodeBasicAck, readUint64, writeUint64 } from '../../codec/index.ts'
import type { Client, Traffic } from '../client/client.ts'
import type { Flow } from './flow.ts'

/** One basic.ack frame is 21 bytes: header 7, method 4, tag 8, multiple 1, end 1. */
const ACK_BYTES = 21
const TAG_AT = 11
const MULTIPLE_AT = 19
const ACKS_PER_BUFFER = 4096

/** Counts what one connection is sent, and acknowledges it, one write a read. */
export class Consumer implements Traffic {
  readonly client: Client
  readonly #flow: Flow
  readonly #channel: number
  /** 0 without acknowledgements; else every n-th message is acked, together with those before it. */
  readonly #ackEvery: number
  #acks: Buffer
  #acksLength = 0
  #tag = 0
  #ackedTag = 0
  #remaining = 0
  #count = 0

  constructor(client: Client, flow: Flow, channel: number, ackEvery: number) {
    this.client = client
    this.#flow = flow
    this.#channel = channel
    this.#ackEvery = ackEvery
    this.#acks = this.#ackTemplate()
    client.traffic = this
  }

  deliver(_channel: number, buffer: Buffer, from: number): void {
    this.#tag = readUint64(buffer, from + 1 + (buffer[from] as number))
  }

  header(_channel: number, bodyBytes: number): void {
    this.#remaining = bodyBytes
    if (bodyBytes === 0) this.#complete()
  }

  body(_channel: number, _buffer: Buffer, from: number, to: number): void {
    this.#remaining -= to - from
    if (this.#remaining === 0) this.#complete()
  }

  #complete(): void {
    this.#count++
    if (this.#ackEvery > 0 && this.#tag - this.#ackedTag >= this.#ackEvery) this.#ack()
  }

  #ack(): void {
    if (this.#acksLength === this.#acks.length) this.#flush()
    writeUint64(this.#acks, this.#acksLength + TAG_AT, this.#tag)
    this.#acks[this.#acksLength + MULTIPLE_AT] = this.#ackEvery > 1 ? 1 : 0
    this.#acksLength += ACK_BYTES
    this.#ackedTag = this.#tag
  }

  endOfRead(): void {
    this.#flow.delivered += this.#count
    this.#count = 0
    if (this.#acksLength > 0) this.#flush()
    this.#flow.wake()
  }

  /** Acknowledges what fewer than `ackEvery` messages at the end have left open. */
  ackRest(): void {
    if (this.#ackEvery === 0 || this.#tag === this.#ackedTag) return
    this.#ack()
    this.#flush()
  }

  #flush(): void {
    this.client.write(this.#acks.subarray(0, this.#acksLength))
    this.#acksLength = 0
    // Almost always the kernel has taken it all at once, and the buffer is free again.
    if (!this.client.flushed) this.#acks = this.#ackTemplate()
  }

  #ackTemplate(): Buffer {
    if (this.#ackEvery === 0) return Buffer.alloc(0)
    const frame = encodeBasicAck(this.#channel, { deliveryTag: 0 })
    if (frame.length !== ACK_BYTES) throw new Error(`a basic.ack (${BASIC_ACK}) of ${frame.length} bytes`)
    return Buffer.alloc(ACK_BYTES * ACKS_PER_BUFFER, frame)
  }

  settled(): void {}
}
