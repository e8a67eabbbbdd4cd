import { entity, preconditionFailed, type Queue } from '../../broker/index.ts'
import { type FieldValue, integerOf, type Table, textOf, typeName } from '../../codec/index.ts'
import { fitsTopicBody, TOPIC_BYTES_MAX } from '../packet/topic-body.ts'

const TOPIC = 'x-amop-deliver'
const MODE = 'x-amop-deliver-mode'
const PREFETCH = 'x-amop-deliver-prefetch'

/**
 * Unicasts of one queue that wait for their answers, when the queue does not say. Enough to keep one subscriber on the same
 * network busy; so many at most are handled again, or in another order, when one of them fails.
 */
const PREFETCH_DEFAULT = 8
const PREFETCH_MAX = 1000

export type DeliverMode = 'unicast' | 'multicast'

/** To which topic a queue's messages go, and how. */
export interface DeliverArguments {
  readonly topic: string
  readonly mode: DeliverMode
  /** Messages on their way at a time. */
  readonly prefetch: number
}

/**
 * Reads a queue's arguments, whose words for what is wrong are like RabbitMQ's.
 * @returns undefined when its messages go to no topic.
 * @throws AmqpError 406
 */
export function readDeliverArguments(name: string, vhost: string, args: Table): DeliverArguments | undefined {
  const check = <T>(argument: string, read: (value: FieldValue) => T | Refusal): T | undefined => {
    const value = args.get(argument)
    if (value === undefined) return undefined
    const result = read(value)
    if (!(result instanceof Refusal)) return result
    throw preconditionFailed(`invalid arg '${argument}' for ${entity('queue', name, vhost)}: ${result.reason}`)
  }
  const topic = check(TOPIC, readTopic)
  const needed = topic === undefined ? new Refusal('amop_deliver_option_but_no_topic_defined') : undefined
  const mode = check(MODE, (value) => needed ?? readMode(value))
  const prefetch = check(PREFETCH, (value) => needed ?? readPrefetch(value))
  if (topic === undefined) return undefined
  return { topic, mode: mode ?? 'unicast', prefetch: prefetch ?? PREFETCH_DEFAULT }
}

/** Where the messages of a queue go whose arguments have been read. */
export function topicOf(queue: Queue): string | undefined {
  return textOf(queue.arguments.get(TOPIC))
}

class Refusal {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

function readTopic(value: FieldValue): string | Refusal {
  if (value.type !== 'S') return unacceptable(value)
  if (value.value.length > TOPIC_BYTES_MAX) return new Refusal(`"longer than ${TOPIC_BYTES_MAX} bytes"`)
  const topic = textOf(value) as string
  return fitsTopicBody(topic) ? topic : new Refusal('"not UTF-8"')
}

function readMode(value: FieldValue): DeliverMode | Refusal {
  if (value.type !== 'S') return unacceptable(value)
  const mode = textOf(value)
  return mode === 'unicast' || mode === 'multicast' ? mode : new Refusal(`"unsupported mode '${mode}'"`)
}

function readPrefetch(value: FieldValue): number | Refusal {
  const count = integerOf(value)
  if (count === undefined) return new Refusal(`"expected integer, got ${typeName(value)}"`)
  if (count < 0) return new Refusal(`{value_negative,${count}}`)
  if (count === 0) return new Refusal('{value_zero,0}')
  return count > PREFETCH_MAX ? new Refusal(`{max_value_exceeded,${count}}`) : count
}

function unacceptable(value: FieldValue): Refusal {
  return new Refusal(`{unacceptable_type,${typeName(value)}}`)
}
