import { textOf } from '../../codec/index.ts'
import { preconditionFailed } from '../errors.ts'
import { type AuthorizedExchange, type ExchangeType, validateExchangeArguments } from './exchange.ts'
import { findExchangeType } from './types.ts'

const NAME = 'x-delayed-message'

/** An exchange that holds messages back (`DelayedMessages`) and then routes like the type in `x-delayed-type`. */
export function delayedExchange(types: ReadonlyMap<string, ExchangeType>): ExchangeType {
  return {
    name: NAME,
    delays: true,
    comparedArguments: ['x-delayed-type'],
    validate(vhost, name, args) {
      validateExchangeArguments(vhost, name, args)
      const inner = textOf(args.get('x-delayed-type'))
      if (inner === undefined)
        throw preconditionFailed("Invalid argument, 'x-delayed-type' must be an existing exchange type")
      if (inner === NAME) throw preconditionFailed(`Invalid argument, '${NAME}' can't be used for 'x-delayed-type'`)
      findExchangeType(types, inner).validate(vhost, name, args)
    },
    // Which type is behind it is another thing for each exchange: a change of any counts.
    get authorityGeneration() {
      let generations = 0
      for (const type of types.values()) if (type.name !== NAME) generations += type.authorityGeneration ?? 0
      return generations
    },
    authorize(exchange, user, action, routingKey) {
      innerType(types, exchange).authorize?.(exchange, user, action, routingKey)
    },
    create(exchange) {
      return innerType(types, exchange).create(exchange)
    },
  }
}

function innerType(types: ReadonlyMap<string, ExchangeType>, exchange: AuthorizedExchange): ExchangeType {
  return findExchangeType(types, textOf(exchange.arguments.get('x-delayed-type')) ?? '')
}
