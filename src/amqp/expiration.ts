import { preconditionFailed, readExpiration } from '../broker/index.ts'

/**
 * Checks a message's `expiration`.
 * @param at where the short string's length is
 * @throws AmqpError 406 with the reason as RabbitMQ's Erlang words it.
 */
export function checkExpiration(buffer: Buffer, at: number): void {
  if (readExpiration(buffer, at) !== Number.POSITIVE_INFINITY) return
  const expiration = buffer.toString('utf8', at + 1, at + 1 + (buffer[at] as number))
  throw preconditionFailed(`invalid expiration '${expiration}': ${reasonAgainst(expiration)}`)
}

function reasonAgainst(expiration: string): string {
  const match = /^([+-]?\d+)([\s\S]*)$/.exec(expiration)
  if (match === null) return 'no_integer'
  const rest = match[2] as string
  if (rest !== '') return `{leftover_string,${JSON.stringify(rest)}}`
  // Erlang's integers have no limit.
  const milliseconds = BigInt(match[1] as string)
  return milliseconds < 0n ? `{value_negative,${milliseconds}}` : `{value_too_large,${milliseconds}}`
}
