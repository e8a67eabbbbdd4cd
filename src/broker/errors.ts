import { ReplyCode } from '../codec/index.ts'

/** How far an error reaches: it closes the channel, or the whole connection. */
export type ErrorScope = 'channel' | 'connection'

/**
 * What AMQP calls an exception. Thrown where it is known, caught in one place that closes the channel or connection.
 * The text is part of the contract: clients log and match it. Source of codes and texts: RabbitMQ 4.0.
 */
export class AmqpError extends Error {
  readonly code: number
  readonly scope: ErrorScope

  constructor(code: number, text: string, scope: ErrorScope = 'channel') {
    super(text)
    this.name = 'AmqpError'
    this.code = code
    this.scope = scope
  }
}

/** What names a thing in every text: `queue 'orders' in vhost '/'`. */
export function entity(kind: 'queue' | 'exchange', name: string, vhost: string): string {
  return `${kind} '${name}' in vhost '${vhost}'`
}

export function notFound(kind: 'queue' | 'exchange', name: string, vhost: string): AmqpError {
  return new AmqpError(ReplyCode.NOT_FOUND, `NOT_FOUND - no ${entity(kind, name, vhost)}`)
}

export function preconditionFailed(text: string): AmqpError {
  return new AmqpError(ReplyCode.PRECONDITION_FAILED, `PRECONDITION_FAILED - ${text}`)
}

export function accessRefused(text: string): AmqpError {
  return new AmqpError(ReplyCode.ACCESS_REFUSED, `ACCESS_REFUSED - ${text}`)
}

export function notImplemented(text: string): AmqpError {
  return new AmqpError(ReplyCode.NOT_IMPLEMENTED, `NOT_IMPLEMENTED - ${text}`, 'connection')
}

export function notAllowed(text: string): AmqpError {
  return new AmqpError(ReplyCode.NOT_ALLOWED, `NOT_ALLOWED - ${text}`, 'connection')
}

export function resourceLocked(name: string, vhost: string): AmqpError {
  return new AmqpError(
    ReplyCode.RESOURCE_LOCKED,
    `RESOURCE_LOCKED - cannot obtain exclusive access to locked ${entity('queue', name, vhost)}. It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.`,
  )
}

export function noGetOnSingleActive(name: string, vhost: string): AmqpError {
  return new AmqpError(
    ReplyCode.RESOURCE_LOCKED,
    `RESOURCE_LOCKED - cannot obtain access to locked ${entity('queue', name, vhost)}. basic.get operations are not supported by quorum queues with single active consumer`,
  )
}

/** @param received,current what a declare asked for and what is there, worded as RabbitMQ words it. */
export function inequivalent(
  argument: string,
  kind: 'queue' | 'exchange',
  name: string,
  vhost: string,
  received: string,
  current: string,
): AmqpError {
  return preconditionFailed(
    `inequivalent arg '${argument}' for ${entity(kind, name, vhost)}: received ${received} but current is ${current}`,
  )
}
