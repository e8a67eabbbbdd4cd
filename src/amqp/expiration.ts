import { preconditionFailed } from '../broker/index.ts'

/** Ten years: RabbitMQ's limit for every time to live. */
const EXPIRATION_MAX_MS = 315_360_000_000

/** Checks a message's `expiration`. @throws AmqpError 406 with the reason as RabbitMQ's Erlang words it. */
export function checkExpiration(expiration: string): void {
  const match = /^([+-]?\d+)([\s\S]*)$/.exec(expiration)
  if (match === null) throw invalid(expiration, 'no_integer')
  const rest = match[2] as string
  if (rest !== '') throw invalid(expiration, `{leftover_string,${JSON.stringify(rest)}}`)
  const milliseconds = Number(match[1])
  if (milliseconds < 0) throw invalid(expiration, `{value_negative,${milliseconds}}`)
  if (milliseconds > EXPIRATION_MAX_MS) throw invalid(expiration, `{value_too_large,${match[1]}}`)
}

function invalid(expiration: string, reason: string): Error {
  return preconditionFailed(`invalid expiration '${expiration}': ${reason}`)
}
