import { once } from 'node:events'
import { Command, Option } from 'commander'
import type { AmopMessage, Client } from '../../amop/index.ts'
import { wholeNumber } from '../settings/parsers.ts'
import { addConnectionOptions, type ConnectionFlags, connect } from './connection.ts'
import { printable } from './printable.ts'
import { valueFor } from './value-for.ts'

interface Flags extends ConnectionFlags {
  readonly reply?: string
  readonly count?: number
}

export function subCommand(): Command {
  const command = new Command('sub')
    .description(
      'Subscribe to a topic and print each message: unicast or multicast, its seq, its body. Runs until SIGINT or SIGTERM.',
    )
    .argument('<topic>', 'at most 254 bytes')
    .option('--reply <TEXT>', 'what unicasts are answered with; nothing when left out')
    .addOption(
      new Option('--count <N>', 'end after so many messages').argParser(
        valueFor('--count', wholeNumber(1, Number.MAX_SAFE_INTEGER)),
      ),
    )
  return addConnectionOptions(command).action(async (topic: string, flags: Flags) => {
    const client = await connect(flags)
    try {
      tellConnections(client)
      await subscribe(client, topic, flags)
    } finally {
      client.removeAllListeners('disconnected')
      await client.close()
    }
  })
}

async function subscribe(client: Client, topic: string, { reply, count = Number.POSITIVE_INFINITY }: Flags) {
  const ended = new AbortController()
  const { signal } = ended
  // Also when whoever reads the output has seen enough. Listened for before anybody knows that it has begun.
  const stops = [once(process, 'SIGINT', { signal }), once(process, 'SIGTERM', { signal })]
  const stopped = Promise.race([...stops, once(process.stdout, 'error', { signal })]).catch(() => {})
  let left = count
  await client.subscribe(topic, (message) => {
    if (left > 0) print(message)
    if (--left === 0) ended.abort()
    return reply
  })
  const nodes = client.nodes.filter(({ connected }) => connected).map((each) => each.node)
  process.stderr.write(`subscribed to '${topic}' at ${nodes.join(', ')}\n`)
  await stopped
  ended.abort()
  await Promise.allSettled(stops)
}

function print({ multicast, seq, data }: AmopMessage): void {
  process.stdout.write(`${multicast ? 'multicast' : 'unicast'} ${seq} ${printable(data)}\n`)
}

function tellConnections(client: Client): void {
  client.on('connected', (node) => process.stderr.write(`connected to ${node}\n`))
  client.on('disconnected', (node, reason) => process.stderr.write(`disconnected from ${node}: ${reason}\n`))
  client.on('warning', ({ message }) => process.stderr.write(`${message}\n`))
}
