import {
  AmqpError,
  Message,
  notFound,
  type PendingOutcome,
  preconditionFailed,
  type VirtualHost,
} from '../broker/index.ts'
import { encodeProperties, fromObject, ReplyCode } from '../codec/index.ts'
import type { Journal, Position } from '../store/index.ts'
import type { MessageProperties } from './message-snapshot.ts'

/** A message to publish, in plain values. */
export interface Publishing {
  /** Default: the default exchange, which takes the routing key for the name of a queue. */
  readonly exchange?: string
  readonly routingKey?: string
  /** Text goes as UTF-8; anything but text and bytes goes as JSON, and says so in `contentType`. Default: empty. */
  readonly body?: unknown
  readonly properties?: MessageProperties
  /** Whole numbers become 32- or 64-bit integers, Buffers byte arrays, Dates timestamps, objects tables. */
  readonly headers?: Record<string, unknown>
  /** When true, it is an error if the message reaches no queue. Default false. */
  readonly mandatory?: boolean
}

/** What became of a message. */
export interface PublishOutcome {
  /** At least one queue has taken it. */
  readonly routed: boolean
  /** A queue refused it because it was full (`x-overflow: reject-publish`), or nobody has taken it who had to answer. */
  readonly rejected: boolean
}

/**
 * Publishes as a connection would, and waits until the message is as safe as this broker makes it.
 * @param failed aborted when nothing will be safe any more.
 * @throws AmqpError 404 no such exchange, 406 body too large, 312 `NO_ROUTE` when mandatory and it reached no queue; the
 * reason of `failed`.
 */
export async function publish(
  vhost: VirtualHost,
  publishing: Publishing,
  failed?: AbortSignal,
): Promise<PublishOutcome> {
  const { exchange = '', routingKey = '', mandatory = false } = publishing
  const { journal, limits } = vhost.context
  const message = messageOf(exchange, routingKey, publishing)
  if (message.bodyLength > limits.maxMessageSize) {
    throw preconditionFailed(
      `message size ${message.bodyLength} is larger than configured max size ${limits.maxMessageSize}`,
    )
  }
  const route = vhost.findRoute(message.buffer, message.exchangeAt, message.exchangeAt + message.addressLength)
  if (route === undefined) throw notFound('exchange', exchange, vhost.name)
  const { routed, rejected, position, pending } = vhost.publish(route, message)
  if (mandatory && !routed) throw new AmqpError(ReplyCode.NO_ROUTE, 'NO_ROUTE')
  await completed(journal, position, failed)
  if (rejected || pending === undefined) return { routed, rejected }
  return { routed, rejected: !(await isAccepted(pending, failed)) }
}

function messageOf(exchange: string, routingKey: string, publishing: Publishing): Message {
  const { body, properties = {}, headers } = publishing
  const encoded = encodeProperties({
    ...(isJson(body) ? { contentType: 'application/json' } : {}),
    ...properties,
    ...(headers === undefined ? {} : { headers: fromObject(headers) }),
  })
  return Message.of(exchange, routingKey, encoded, bodyOf(body))
}

function isJson(body: unknown): boolean {
  return body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array)
}

function bodyOf(body: unknown): Buffer {
  if (body === undefined) return Buffer.alloc(0)
  if (body instanceof Uint8Array) return Buffer.from(body)
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

function isAccepted(outcome: PendingOutcome, failed: AbortSignal | undefined): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      outcome.waiter = undefined
      reject(failed?.reason)
    }
    const outcomeSettled = (): void => {
      failed?.removeEventListener('abort', fail)
      resolve(outcome.state === 'accepted')
    }
    if (outcome.state !== 'pending') {
      outcomeSettled()
      return
    }
    outcome.waiter = { outcomeSettled }
    failed?.addEventListener('abort', fail)
    if (failed?.aborted) fail()
  })
}

function completed(journal: Journal, position: Position, failed: AbortSignal | undefined): Promise<void> {
  if (position <= journal.completed) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      journal.removeWaiter(waiter)
      failed?.removeEventListener('abort', fail)
    }
    const fail = (): void => {
      leave()
      reject(failed?.reason)
    }
    const waiter = {
      journalCompleted(): void {
        if (position > journal.completed) return
        leave()
        resolve()
      },
    }
    journal.addWaiter(waiter)
    failed?.addEventListener('abort', fail)
    if (failed?.aborted) fail()
  })
}
