import type { ExchangeType, VirtualHosts } from '../../broker/index.ts'
import type { AmopContext } from '../context.ts'
import { amopExchangeType } from './exchange-type.ts'

/** The exchange that the bridge's virtual host has from the start. */
export const AMOP_EXCHANGE = 'amq.amop'

export interface BridgeOptions {
  /** The virtual host that AMOP belongs to; exchanges of another do not listen. */
  readonly vhost: string
}

/**
 * Joins topics of AMOP and queues of AMQP: registers the exchange type `x-amop`, whose bindings listen to topics and whose
 * messages go to them. Made before virtual hosts are added or recovered.
 */
export class Bridge {
  readonly amop: AmopContext
  readonly virtualHosts: VirtualHosts
  readonly vhost: string
  readonly exchangeType: ExchangeType
  /** Virtual hosts that have `amq.amop` with bindings, from a time when AMOP belonged to them. */
  readonly #former = new Set<string>()

  constructor(amop: AmopContext, virtualHosts: VirtualHosts, { vhost }: BridgeOptions) {
    this.amop = amop
    this.virtualHosts = virtualHosts
    this.vhost = vhost
    this.exchangeType = amopExchangeType(this)
    virtualHosts.exchangeTypes.set(this.exchangeType.name, this.exchangeType)
  }

  /** These have bindings of `amq.amop` in a data directory; called before they come back. */
  keepExchangeIn(vhosts: readonly string[]): void {
    for (const vhost of vhosts) this.#former.add(vhost)
  }

  hasExchangeIn(vhost: string): boolean {
    return vhost === this.vhost || this.#former.has(vhost)
  }

  /** All that was there before is there again. */
  start(): void {
    if (this.virtualHosts.find(this.vhost) !== undefined) return
    this.amop.log.warn(
      `amop: there is no virtual host '${this.vhost}': nothing joins topics and queues until it is made`,
    )
  }

  close(): void {}
}
