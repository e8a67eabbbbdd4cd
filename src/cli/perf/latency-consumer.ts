import type { Client } from '../client/client.ts'
import { Consumer } from './consumer.ts'
import type { Flow } from './flow.ts'
import type { Histogram } from './histogram.ts'

/** A consumer that measures how long each message was under way, by the send time its body starts with. */
export class LatencyConsumer extends Consumer {
  /** Only messages sent from this time on are measured, in ms of `performance.now()`. */
  measureFromMs = Number.POSITIVE_INFINITY
  readonly #latencies: Histogram
  #firstFrame = false

  constructor(client: Client, flow: Flow, channel: number, ackEvery: number, latencies: Histogram) {
    super(client, flow, channel, ackEvery)
    this.#latencies = latencies
  }

  override header(channel: number, bodyBytes: number): void {
    this.#firstFrame = true
    super.header(channel, bodyBytes)
  }

  override body(channel: number, buffer: Buffer, from: number, to: number): void {
    if (this.#firstFrame) {
      const sentMs = buffer.readDoubleBE(from)
      if (sentMs >= this.measureFromMs) this.#latencies.record(performance.now() - sentMs)
      this.#firstFrame = false
    }
    super.body(channel, buffer, from, to)
  }
}
