import { UserReplay } from '../../src/auth/index.ts'
import type { Exchange, Queue } from '../../src/broker/index.ts'
import { DefinitionReplay } from '../../src/broker/storage/definition-replay.ts'
import { MessageReplay } from '../../src/broker/storage/replay.ts'
import { encodeTable } from '../../src/codec/index.ts'
import { TestNode } from '../amqp/node.ts'
import { type Recorded, RecordingJournal } from './recording-journal.ts'

export interface RestartedNode {
  readonly node: TestNode
  readonly journal: RecordingJournal
  /** Queues that the journal says were deleted. */
  readonly gone: number[]
}

/**
 * A node that comes back with what the records say, as after a crash.
 * @param prepare is handed the node before anything has come back.
 */
export function restart(
  records: readonly Recorded[],
  now?: number,
  prepare: (node: TestNode) => void = () => {},
): RestartedNode {
  const journal = new RecordingJournal()
  const node = new TestNode({ journal, empty: true, ...(now === undefined ? {} : { now }) })
  prepare(node)
  const gone: number[] = []
  const definitions = new DefinitionReplay(node.log, (uid) => gone.push(uid))
  const users = new UserReplay(node.log)
  const messages = new MessageReplay()
  for (const { type, bytes } of records) {
    // Somewhere in a larger buffer that is soon used for something else, as when a journal is read.
    const buffer = Buffer.concat([Buffer.alloc(7, 0xaa), bytes, Buffer.alloc(5, 0xbb)])
    const takers = [
      messages.record(type, buffer, 7),
      definitions.record(type, buffer, 7, 7 + bytes.length),
      users.record(type, buffer, 7, 7 + bytes.length),
    ]
    if (takers.filter((taken) => taken).length !== 1) throw new Error(`whose are records of type ${type}?`)
    buffer.fill(0xcc)
  }
  users.apply(node.users)
  definitions.apply(node.virtualHosts)
  for (const vhost of node.virtualHosts.all()) {
    for (const queue of vhost.queues.values()) {
      const restored = messages.take(queue.uid)
      if (restored !== undefined) queue.restore(restored)
    }
  }
  for (const vhost of node.virtualHosts.all()) {
    for (const { delayed } of vhost.exchanges.values()) {
      const restored = delayed && messages.take(delayed.uid)
      if (restored !== undefined) delayed?.restore(restored)
    }
  }
  return { node, journal, gone }
}

/** All that is declared and has to come back, one line a thing. */
export function storedState(node: TestNode): string[] {
  const lines: string[] = []
  for (const vhost of node.virtualHosts.all()) {
    lines.push(`vhost ${vhost.name}`)
    for (const exchange of vhost.exchanges.values()) {
      if (!exchange.durable) continue
      lines.push(describeExchange(exchange))
      for (const { destination, routingKey, arguments: args } of exchange.bindings.all()) {
        const stored = 'stored' in destination ? destination.stored : destination.durable
        if (!stored) continue
        const kind = 'stored' in destination ? 'queue' : 'exchange'
        const table = encodeTable(args).toString('hex')
        lines.push(`binding ${vhost.name} ${exchange.name} ${kind} ${destination.name} ${routingKey} ${table}`)
      }
    }
    for (const queue of vhost.queues.values()) if (queue.stored) lines.push(describeQueue(queue))
  }
  return lines.sort()
}

function describeExchange({ host, name, type, autoDelete, internal, arguments: args }: Exchange): string {
  const table = encodeTable(args).toString('hex')
  return `exchange ${host.name} ${name} ${type.name} ${autoDelete} ${internal} ${table}`
}

function describeQueue({ host, name, uid, type, durable, autoDelete, arguments: args }: Queue): string {
  return `queue ${host.name} ${name} ${uid} ${type} ${durable} ${autoDelete} ${encodeTable(args).toString('hex')}`
}

/** The bodies that wait in each queue, in order, in all virtual hosts. */
export function bodies(node: TestNode): Record<string, string[]> {
  const found: Record<string, string[]> = {}
  for (const vhost of node.virtualHosts.all()) {
    for (const queue of vhost.queues.values()) {
      const messages = queue.peek(Number.MAX_SAFE_INTEGER).map((message) => message.body.toString())
      if (messages.length > 0) found[queue.name] = messages
    }
  }
  return found
}
