export type { Binding, BindingDestination } from './binding.ts'
export type { Bindings } from './bindings.ts'
export { BUILT_IN_EXCHANGES, isBuiltIn } from './built-in.ts'
export { DELAY_MAX_MS, DelayedMessages } from './delayed.ts'
export { checkExchangeEquivalence } from './equivalence.ts'
export {
  Exchange,
  type ExchangeOptions,
  type ExchangeType,
  type Router,
  type RouteTargets,
  validateExchangeArguments,
} from './exchange.ts'
export { createExchangeTypes, findExchangeType } from './types.ts'
