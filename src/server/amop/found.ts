import type { DefinitionsFound } from '../data-store.ts'

const AMOP_EXCHANGE = 'amq.amop'

/** What of the definitions in a data directory has to do with AMOP. */
export interface AmopFound {
  /** Something has: without AMOP it could not come back. */
  readonly isThere: boolean
  /** Virtual hosts that have bindings of `amq.amop`. */
  readonly vhosts: readonly string[]
}

export function findAmop(found: DefinitionsFound): AmopFound {
  const vhosts = found.virtualHostsWith(AMOP_EXCHANGE)
  const isMentioned = found.mentions({ exchangeType: 'x-amop', queueArgument: 'x-amop-deliver' })
  return { isThere: isMentioned || vhosts.length > 0, vhosts }
}
