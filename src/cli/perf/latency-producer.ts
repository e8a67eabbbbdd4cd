import type { Client, Traffic } from '../client/client.ts'
import { ConfirmWindow } from './confirm-window.ts'
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
  readonly #window: ConfirmWindow
  readonly #confirms: Histogram
  readonly #sentAt: Float64Array
  readonly #settled: (tag: number) => void
  /** Only messages sent from this time on are measured, in ms of `performance.now()`. */
  measureFromMs = Number.POSITIVE_INFINITY
  #nowMs = 0

  constructor(client: Client, flow: Flow, route: Route, shape: MessageShape, confirms: Histogram) {
    this.#client = client
    this.#flow = flow
    this.#confirms = confirms
    this.#message = encodePublish(1, route, Buffer.alloc(shape.bodyBytes, 'x'), shape)
    this.#bodyAt = this.#message.indexOf('x'.repeat(SEND_TIME_BYTES), encodedHeadBytes(route, shape))
    this.#window = new ConfirmWindow(flow.limits.confirms)
    // As large as the window's own ring, whose room bounds what is in flight.
    this.#sentAt = new Float64Array(this.#window.room + 1)
    this.#settled = (tag) => {
      const sentMs = this.#sentAt[tag & (this.#sentAt.length - 1)] as number
      if (sentMs >= this.measureFromMs) this.#confirms.record(this.#nowMs - sentMs)
    }
    client.traffic = this
    flow.add(this)
  }

  get unconfirmed(): number {
    return this.#flow.limits.confirms === 0 ? 0 : this.#window.pending
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
      if (this.#flow.limits.confirms > 0) {
        this.#sentAt[this.#window.nextTag & (this.#sentAt.length - 1)] = nowMs
        this.#window.publish(1)
      }
    }
    this.#flow.published += count
    this.#client.write(bytes)
  }

  #confirmRoom(): number {
    const { confirms } = this.#flow.limits
    // What has not been due for a second is never sent in one heap.
    if (confirms === 0) return this.#flow.limits.rate
    return Math.min(confirms - this.#window.pending, this.#window.room)
  }

  settled(_channel: number, tag: number, multiple: boolean, positive: boolean): void {
    this.#nowMs = performance.now()
    const count = this.#window.settle(tag, multiple, this.#settled)
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
