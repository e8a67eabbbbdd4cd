import { entity, preconditionFailed, type Queue } from '../broker/index.ts'
import { integerOf, type Table, typeName } from '../codec/index.ts'

/** Arguments that only mean something on streams; other queue types refuse them. Source: RabbitMQ. */
const STREAM_ARGUMENTS = ['x-stream-offset', 'x-stream-filter', 'x-stream-match-unfiltered']

/**
 * Checks the arguments of basic.consume; unknown ones are ignored.
 * @returns the consumer's `x-priority`, 0 by default.
 * @throws AmqpError 406
 */
export function validateConsumerArguments(queue: Queue, vhost: string, args: Table): number {
  for (const name of STREAM_ARGUMENTS) {
    if (!args.has(name)) continue
    throw preconditionFailed(
      `invalid arg '${name}' for ${entity('queue', queue.name, vhost)} of queue type rabbit_${queue.type}_queue`,
    )
  }
  const value = args.get('x-priority')
  if (value === undefined) return 0
  const priority = integerOf(value)
  if (priority === undefined) {
    throw preconditionFailed(
      `invalid arg 'x-priority' for ${entity('queue', queue.name, vhost)}: "expected integer, got ${typeName(value)}"`,
    )
  }
  return priority
}
