import { type FieldValue, readText, type Table, typeName } from '../../codec/index.ts'
import { type AmqpError, inequivalent } from '../errors.ts'
import { erlangAtom, erlangTerm } from './erlang-term.ts'
import type { Exchange, ExchangeOptions, ExchangeType } from './exchange.ts'
import { sameValue } from './value-key.ts'

/**
 * Checks a re-declaration of an exchange, in RabbitMQ's order. Of the arguments only `alternate-exchange` is compared,
 * and what the type names; the others may differ.
 * @throws AmqpError 406 `inequivalent arg 'type' for exchange 'x1' in vhost '/': received 'fanout' but current is 'direct'`
 */
export function checkExchangeEquivalence(exchange: Exchange, type: ExchangeType, declaration: ExchangeOptions): void {
  checkProperty(exchange, 'type', erlangAtom(type.name), erlangAtom(exchange.type.name))
  checkProperty(exchange, 'durable', declaration.durable, exchange.durable)
  checkProperty(exchange, 'auto_delete', declaration.autoDelete, exchange.autoDelete)
  checkProperty(exchange, 'internal', declaration.internal, exchange.internal)
  checkArgument(exchange, 'alternate-exchange', declaration.arguments)
  for (const argument of exchange.type.comparedArguments ?? []) checkArgument(exchange, argument, declaration.arguments)
}

function checkProperty(exchange: Exchange, property: string, received: unknown, current: unknown): void {
  if (received !== current) throw differing(exchange, property, `'${received}'`, `'${current}'`)
}

function checkArgument(exchange: Exchange, argument: string, args: Table): void {
  const received = args.get(argument)
  const current = exchange.arguments.get(argument)
  if (received !== undefined && current !== undefined) {
    if (sameValue(received, current)) return
    throw differing(exchange, argument, `'${valueText(received)}'`, `'${valueText(current)}'`)
  }
  if (received !== current) throw differing(exchange, argument, typedText(received), typedText(current))
}

function differing(exchange: Exchange, argument: string, received: string, current: string): AmqpError {
  return inequivalent(argument, 'exchange', exchange.name, exchange.host.name, received, current)
}

function typedText(value: FieldValue | undefined): string {
  return value === undefined ? 'none' : `the value '${valueText(value)}' of type '${typeName(value)}'`
}

function valueText(value: FieldValue): string {
  return value.type === 'S' || value.type === 'x' ? readText(value.value, 0, value.value.length) : erlangTerm(value)
}
