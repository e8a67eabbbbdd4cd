import type { Client, Traffic } from '../client/client.ts'
import { ConfirmTimes } from './confirm-times.ts'
import type { Flow } from './flow.ts'
import type { Histogram } from './histogram.ts'
import type { MessageBlock } from './message-block.ts'

/** Blocks written before other connections get their turn. */
const WRITES_PER_TURN = 4

/** Publishes prepared messages on one connection, as many as the flow and the socket let through. */
export class Producer implements Traffic {
  readonly client: Client
  readonly #flow: Flow
  readonly #block: MessageBlock
  readonly #times: ConfirmTimes
  // A write for less than a tenth of what may be in flight would make many small writes of one large one.
  readonly #batchMin: number
  readonly #continue: () => void
  #next = 0
  #full = false
  #scheduled = false

  /** @param confirms gets how long each confirm took, from `measureFromMs` on. */
  constructor(client: Client, flow: Flow, block: MessageBlock, confirms: Histogram) {
    this.client = client
    this.#flow = flow
    this.#block = block
    const { lead, confirms: inFlight, rate } = flow.limits
    this.#times = new ConfirmTimes(flow.limits.confirms, confirms)
    const bounds = [lead, inFlight].filter((bound) => bound > 0)
    const tenth = Math.floor(Math.min(...bounds, Number.MAX_SAFE_INTEGER) / 10)
    this.#batchMin = rate > 0 ? 1 : Math.max(1, Math.min(block.perWriteMax, tenth))
    this.#continue = () => {
      this.#scheduled = false
      this.pump()
    }
    client.traffic = this
    client.onDrain(() => {
      this.#full = false
      this.pump()
    })
    flow.add(this)
  }

  /** Only messages sent from this time on are measured, in ms of `performance.now()`. */
  set measureFromMs(ms: number) {
    this.#times.measureFromMs = ms
  }

  /** Messages without a confirm yet. */
  get unconfirmed(): number {
    return this.#flow.limits.confirms === 0 ? 0 : this.#times.window.pending
  }

  pump(): void {
    for (let writes = 0; writes < WRITES_PER_TURN; writes++) {
      if (this.#full || this.#flow.stopped) return
      const room = this.#room()
      if (room < this.#batchMin && room < this.#flow.publishMax - this.#flow.published) return
      if (room <= 0) return
      this.#publish(Math.min(room, this.#block.perWriteMax, this.#block.count - this.#next))
    }
    // The kernel takes as fast as this writes: reading must not wait for that to end.
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#continue)
  }

  #room(): number {
    const room = this.#flow.room()
    const { confirms } = this.#flow.limits
    return confirms === 0 ? room : Math.min(room, confirms - this.#times.window.pending, this.#times.window.room)
  }

  #publish(count: number): void {
    const bytes = this.#block.slice(this.#next, count)
    this.#next = this.#next + count < this.#block.count ? this.#next + count : 0
    this.#flow.published += count
    if (this.#flow.limits.confirms > 0) this.#times.publish(count, performance.now())
    this.#full = !this.client.write(bytes)
  }

  settled(_channel: number, tag: number, multiple: boolean, positive: boolean): void {
    const count = this.#times.settle(tag, multiple, performance.now())
    if (positive) this.#flow.confirmed += count
    else this.#flow.refused += count
  }

  endOfRead(): void {
    this.pump()
  }

  deliver(): void {}
  header(): void {}
  body(): void {}
}
