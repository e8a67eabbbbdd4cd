import type { Channel } from './client.ts'
import type { Copy, Ledger, Sent } from './ledger.ts'

/** An acknowledgement under way, with the letter that it makes of a rejected message. */
export interface Settling {
  readonly copy: Copy
  readonly letter?: Copy
}

interface Unconfirmed {
  readonly sent: Sent
  /** What had been settled on this channel before. */
  readonly settlings: readonly Settling[]
  readonly told: ((isAck: boolean) => void) | undefined
}

/** What a channel has published and not seen confirmed, in the order of its tags. */
export class Confirms {
  readonly #ledger: Ledger
  readonly #channel: Channel
  readonly #waiting = new Map<number, Unconfirmed>()
  readonly #settlings: Settling[] = []
  #watching: (() => void)[] = []

  constructor(ledger: Ledger, channel: Channel) {
    this.#ledger = ledger
    this.#channel = channel
    channel.onConfirm = (tag, multiple, isAck) => {
      this.#settle(tag, multiple, isAck)
      this.#moved()
    }
    channel.client.gone.then(() => this.#moved())
  }

  get count(): number {
    return this.#waiting.size
  }

  /** Something was acknowledged on the channel: the next confirm of what is published from here on proves it. */
  settle(settling: Settling): void {
    this.#settlings.push(settling)
  }

  /** How many settlements nothing has been published after. */
  get unproven(): number {
    return this.#settlings.length
  }

  /** @param tag of what was just published. */
  add(tag: number, sent: Sent, told?: (isAck: boolean) => void): void {
    // Where nobody keeps the message its confirm waits for nothing, and proves nothing.
    const isKept = sent.copies.length > 0 && sent.properties.deliveryMode === 2
    this.#waiting.set(tag, { sent, settlings: isKept ? this.#settlings.splice(0) : [], told })
  }

  /** Resolves when fewer are waiting than that, or the connection is gone. */
  async fewerThan(count: number): Promise<void> {
    while (this.#waiting.size >= count && this.#channel.failure === undefined) {
      await new Promise<void>((resolve) => this.#watching.push(resolve))
    }
  }

  #moved(): void {
    for (const tell of this.#watching.splice(0)) tell()
  }

  #settle(tag: number, multiple: boolean, isAck: boolean): void {
    if (!multiple) this.#take(tag, isAck)
    else {
      for (const waiting of this.#waiting.keys()) {
        if (waiting > tag) break
        this.#take(waiting, isAck)
      }
    }
  }

  #take(tag: number, isAck: boolean): void {
    const unconfirmed = this.#waiting.get(tag)
    if (unconfirmed === undefined) {
      this.#ledger.faults.push(`a confirm for ${tag}, which nobody waits for`)
      return
    }
    this.#waiting.delete(tag)
    const { sent, settlings, told } = unconfirmed
    this.#ledger.confirm(sent, isAck)
    if (isAck) for (const settling of settlings) this.#ledger.prove(settling)
    told?.(isAck)
  }
}
