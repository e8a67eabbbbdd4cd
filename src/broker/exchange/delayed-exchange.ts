import { textOf } from '../../codec/index.ts'
import { preconditionFailed } from '../errors.ts'
import { type ExchangeType, validateExchangeArguments } from './exchange.ts'
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
    create(exchange) {
      return findExchangeType(types, textOf(exchange.arguments.get('x-delayed-type')) ?? '').create(exchange)
    },
  }
}
