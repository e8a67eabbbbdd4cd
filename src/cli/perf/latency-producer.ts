import type { Client, Traffic } from '../client/client.ts'
import { ConfirmTimes } from './confirm-times.ts'
import type { Flow } from './flow.ts'
import type { Histogram } from './histogram.ts'
import { encodePublish, type MessageShape, type Route } from './message-block.ts'

/** Bytes of a message's body that hold the time it was sent: a double of `performance.now()` in ms. */
export const SEND_TIME_BYTES = 8

/** Publishes messages that carry their send time, as the flow's rate makes them due; measures their confirms. */
export class LatencyProducer implements Traffic {
  readonly #client: Client
  readonly #flow: Flow
  readonly #message: Buffer
  readonly #bodyAt: number
  readonly #times: ConfirmTimes

  constructor(client: Client, flow: Flow, route: Route, shape: MessageShape, confirms: Histogram) {
    this.#client = client
    this.#flow = flow
    this.#message = encodePublish(1, route, Buffer.alloc(shape.bodyBytes, 'x'), shape)
    this.#bodyAt = this.#message.indexOf('x'.repeat(SEND_TIME_BYTES), encodedHeadBytes(route, shape))
    this.#times = new ConfirmTimes(flow.limits.confirms, confirms)
    client.traffic = this
    flow.add(this)
  }

  /** Only messages sent from this time on are measured, in ms of `performance.now()`. */
  set measureFromMs(ms: number) {
    this.#times.measureFromMs = ms
  }

  get unconfirmed(): number {
    return this.#flow.limits.confirms === 0 ? 0 : this.#times.window.pending
  }

  /** Publishes what is due, in one write. */
  pump(): void {
    const count = Math.min(this.#flow.room(), this.#confirmRoom())
    if (count <= 0) return
    const length = this.#message.length
    const bytes = Buffer.alloc(count * length, this.#message)
    for (let i = 0; i < count; i++) {
      const nowMs = performance.now()
      bytes.writeDoubleBE(nowMs, i * length + this.#bodyAt)
      if (this.#flow.limits.confirms > 0) this.#times.publish(1, nowMs)
    }
    this.#flow.published += count
    this.#client.write(bytes)
  }

  #confirmRoom(): number {
    const { confirms } = this.#flow.limits
    // What has not been due for a second is never sent in one heap.
    if (confirms === 0) return this.#flow.limits.rate
    return Math.min(confirms - this.#times.window.pending, this.#times.window.room)
  }

  settled(_channel: number, tag: number, multiple: boolean, positive: boolean): void {
    const count = this.#times.settle(tag, multiple, performance.now())
    if (positive) this.#flow.confirmed += count
    else this.#flow.refused += count
  }

  deliver(): void {}
  header(): void {}
  body(): void {}
  endOfRead(): void {}
}

/** Where the body's first frame begins: the same message without a body ends there. */
function encodedHeadBytes(route: Route, shape: MessageShape): number {
  return encodePublish(1, route, Buffer.alloc(0), shape).length
}
