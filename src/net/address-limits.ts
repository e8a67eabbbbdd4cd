import type { Clock, Logger } from '../base/index.ts'

/** A connection that ends within this counts as one that did not last. */
const LASTING_MS = 5000
/** How many may fail to last at once, in seconds of the rate. */
const BURST_SECONDS = 5
/** What one costs that was of use, or never got so far: health checks and short programs do no harm by that. */
const BRIEF_COST = 0.1
/** Addresses remembered; beyond it those are forgotten that nothing is held against. */
const ADDRESSES_MAX = 10_000

export interface AddressLimitsOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Connections that one address may have at a time; 0 for any number. */
  readonly connectionsMax: number
  /**
   * Connections that one address may begin, greet and end at once, or have refused, per second in the long run; ten times
   * as many others. 0 for any number.
   */
  readonly reconnectRate: number
}

/** What is known of one address. */
class Visitor {
  connections = 0
  /** How many more of its connections need not last. */
  credit: number
  creditedAt: number
  clientType = ''
  /** What has been said of it, and is not said again until it is over. */
  toldOfMany = false
  toldOfStorm = false

  constructor(credit: number, now: number) {
    this.credit = credit
    this.creditedAt = now
  }
}

/**
 * Who may connect, by address. A client that has gone wrong connects and goes away dozens of times a second, each time with
 * a whole TLS handshake: go-sdk 1.1.1 does once its node has been restarted, and greets each time. Connections that last
 * cost nothing, so that a thousand programs behind one address may come at once.
 */
export class AddressLimits {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #connectionsMax: number
  readonly #rate: number
  readonly #burst: number
  readonly #visitors = new Map<string, Visitor>()

  constructor({ clock, log, connectionsMax, reconnectRate }: AddressLimitsOptions) {
    this.#clock = clock
    this.#log = log
    this.#connectionsMax = connectionsMax
    this.#rate = reconnectRate
    this.#burst = Math.max(1, reconnectRate * BURST_SECONDS)
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#visitors.size
  }

  /**
   * A connection has come. The clock must have been refreshed.
   * @returns false when it has to be turned away; otherwise `left` has to be called for it.
   */
  admit(address: string): boolean {
    const visitor = this.#visitorAt(address)
    if (this.#connectionsMax > 0 && visitor.connections >= this.#connectionsMax) {
      this.#tellOfMany(address, visitor)
      return false
    }
    if (this.#rate > 0 && visitor.credit < 1) {
      this.#tellOfStorm(address, visitor)
      return false
    }
    visitor.connections++
    return true
  }

  /** A connection that was admitted has said what its program calls itself. */
  named(address: string, clientType: string): void {
    const visitor = this.#visitors.get(address)
    if (visitor !== undefined && clientType !== '') visitor.clientType = clientType
  }

  /** One that is gone, or about to, was for nothing: it has said who it is and no more, or its certificate was refused. */
  wasted(address: string, since: number): void {
    this.#charge(this.#visitorAt(address), since, 1 - BRIEF_COST)
  }

  /** A connection that was admitted has gone. @param since when it was. */
  left(address: string, since: number): void {
    const visitor = this.#visitorAt(address)
    visitor.connections--
    if (visitor.connections <= this.#connectionsMax / 2) visitor.toldOfMany = false
    this.#charge(visitor, since, BRIEF_COST)
    if (this.#isBlameless(visitor)) this.#visitors.delete(address)
  }

  #charge(visitor: Visitor, since: number, cost: number): void {
    if (this.#clock.now - since < LASTING_MS) visitor.credit = Math.max(0, visitor.credit - cost)
  }

  #visitorAt(address: string): Visitor {
    const { now } = this.#clock
    let visitor = this.#visitors.get(address)
    if (visitor === undefined) {
      if (this.#visitors.size >= ADDRESSES_MAX) this.#forget()
      visitor = new Visitor(this.#burst, now)
      this.#visitors.set(address, visitor)
      return visitor
    }
    const seconds = (now - visitor.creditedAt) / 1000
    visitor.credit = Math.min(this.#burst, visitor.credit + seconds * this.#rate)
    visitor.creditedAt = now
    if (visitor.credit >= this.#burst) visitor.toldOfStorm = false
    return visitor
  }

  #isBlameless({ connections, credit }: Visitor): boolean {
    return connections === 0 && (credit >= this.#burst || this.#rate === 0)
  }

  /** Lets go of those who have paid their debt, and, when many come, of all who are not connected. */
  #forget(): void {
    for (const [address, { connections, creditedAt }] of this.#visitors) {
      const paid = (this.#clock.now - creditedAt) / 1000 >= BURST_SECONDS
      if (connections === 0 && paid) this.#visitors.delete(address)
    }
    if (this.#visitors.size < ADDRESSES_MAX) return
    for (const [address, { connections }] of this.#visitors) {
      if (connections === 0) this.#visitors.delete(address)
    }
  }

  #tellOfMany(address: string, visitor: Visitor): void {
    if (visitor.toldOfMany) return
    visitor.toldOfMany = true
    this.#log.warn('amop: an address has as many connections as it may; more of them are turned away', {
      peer: address,
      connections: visitor.connections,
      clientType: visitor.clientType || undefined,
    })
  }

  #tellOfStorm(address: string, visitor: Visitor): void {
    if (visitor.toldOfStorm) return
    visitor.toldOfStorm = true
    this.#log.warn('amop: an address connects and leaves again and again; it is turned away until that is over', {
      peer: address,
      clientType: visitor.clientType || undefined,
      perSecond: this.#rate,
      hint: visitor.clientType === 'Go-SDK' ? 'go-sdk has to be restarted once its node was' : undefined,
    })
  }
}
