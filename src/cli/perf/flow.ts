/** What the producers and consumers of one run know of each other. */
export interface FlowLimits {
  /** Messages published that consumers may lag behind; 0 for no bound. Keeps the queues short. */
  readonly lead: number
  /** Unconfirmed messages a producer may have; 0 without confirms. */
  readonly confirms: number
  /** Messages a second all producers publish together; 0 for as fast as it goes. */
  readonly rate: number
  /** Queues that get each message. */
  readonly copies: number
}

/** Counts of a run, and how many more messages may be published at this moment. */
export class Flow {
  published = 0
  delivered = 0
  confirmed = 0
  refused = 0
  /** Publishing ends at this many messages. */
  publishMax = Number.POSITIVE_INFINITY
  stopped = true
  readonly limits: FlowLimits
  readonly #producers: { pump(): void }[] = []
  #first = 0
  #rateSince = 0
  #rateBase = 0

  constructor(limits: FlowLimits) {
    this.limits = limits
  }

  add(producer: { pump(): void }): void {
    this.#producers.push(producer)
  }

  start(): void {
    this.stopped = false
    this.#rateSince = performance.now()
    this.#rateBase = this.published
    this.wake()
  }

  /** Messages that may be published by whom nothing else holds back. */
  room(): number {
    const { lead, rate, copies } = this.limits
    let room = this.publishMax - this.published
    if (lead > 0) room = Math.min(room, Math.ceil(lead + this.delivered / copies - this.published))
    if (rate > 0) {
      const due = Math.floor(((performance.now() - this.#rateSince) * rate) / 1000)
      room = Math.min(room, this.#rateBase + due - this.published)
    }
    return room
  }

  /** Lets every producer publish what it may; each time another one comes first, so that none is left out. */
  wake(): void {
    if (this.stopped) return
    const count = this.#producers.length
    this.#first = this.#first + 1 < count ? this.#first + 1 : 0
    for (let i = 0; i < count; i++) {
      const index = this.#first + i
      this.#producers[index < count ? index : index - count]?.pump()
    }
  }

  /** Messages that should have been delivered by now and were not. */
  get missing(): number {
    return (this.published - this.refused) * this.limits.copies - this.delivered
  }
}
