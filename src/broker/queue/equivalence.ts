import { type FieldValue, longstr, type Table, textOf, typeName } from '../../codec/index.ts'
import { inequivalent, resourceLocked } from '../errors.ts'
import { erlangTerm } from '../exchange/erlang-term.ts'
import { sameValue } from '../exchange/value-key.ts'
import { comparedArguments } from './arguments.ts'
import type { Queue } from './queue.ts'

/**
 * Checks a declare of a queue that exists, in RabbitMQ's order and words. Arguments that its type does not know may
 * differ.
 * @param owner the connection that declares.
 * @throws AmqpError 405 when exclusive differs or it is another connection's; 406 when something else differs.
 */
export function checkQueueEquivalence(
  queue: Queue,
  durable: boolean,
  exclusive: boolean,
  autoDelete: boolean,
  args: Table,
  owner: object | undefined,
): void {
  if (queue.exclusiveOwner !== (exclusive ? owner : undefined)) throw resourceLocked(queue.name, queue.host.name)
  // An exclusive queue ends with its connection, durable or not.
  if (!exclusive) checkProperty(queue, 'durable', String(durable), String(queue.durable))
  checkProperty(queue, 'auto_delete', String(autoDelete), String(queue.autoDelete))
  for (const name of comparedArguments(queue.type)) checkArgument(queue, name, args)
}

function checkProperty(queue: Queue, property: string, received: string, current: string): void {
  if (received === current) return
  throw inequivalent(property, 'queue', queue.name, queue.host.name, `'${received}'`, `'${current}'`)
}

function checkArgument(queue: Queue, name: string, args: Table): void {
  const current = queue.arguments.get(name)
  // Absent means classic, and that is how it was stored.
  const received = args.get(name) ?? (name === 'x-queue-type' ? longstr('classic') : undefined)
  if (received === undefined && current === undefined) return
  if (received !== undefined && current !== undefined) {
    if (sameValue(received, current)) return
    throw inequivalent(
      name,
      'queue',
      queue.name,
      queue.host.name,
      `'${valueText(received)}'`,
      `'${valueText(current)}'`,
    )
  }
  throw inequivalent(name, 'queue', queue.name, queue.host.name, typedText(received), typedText(current))
}

function typedText(value: FieldValue | undefined): string {
  return value === undefined ? 'none' : `the value '${valueText(value)}' of type '${typeName(value)}'`
}

function valueText(value: FieldValue): string {
  return textOf(value) ?? erlangTerm(value)
}
