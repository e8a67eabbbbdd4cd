import { preconditionFailed } from '../errors.ts'
import { consistentHashExchange } from './consistent-hash.ts'
import { delayedExchange } from './delayed-exchange.ts'
import { directExchange } from './direct.ts'
import type { ExchangeType } from './exchange.ts'
import { fanoutExchange } from './fanout.ts'
import { headersExchange } from './headers.ts'
import { topicExchange } from './topic.ts'

/**
 * The built-in exchange types by name. Each call makes a new map, so that a broker may add types of its own, which
 * then also serve as `x-delayed-type`.
 */
export function createExchangeTypes(): Map<string, ExchangeType> {
  const types = new Map<string, ExchangeType>()
  const builtIn = [
    directExchange,
    fanoutExchange,
    topicExchange,
    headersExchange,
    consistentHashExchange,
    delayedExchange(types),
  ]
  for (const type of builtIn) types.set(type.name, type)
  return types
}

/** @throws AmqpError 406 `unknown exchange type 'zzz'` */
export function findExchangeType(types: ReadonlyMap<string, ExchangeType>, name: string): ExchangeType {
  const type = types.get(name)
  if (type === undefined) throw preconditionFailed(`unknown exchange type '${name}'`)
  return type
}
