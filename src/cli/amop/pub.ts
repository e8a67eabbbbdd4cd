import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { AmopError, type Client } from '../../amop/index.ts'
import { complain, ExitCode } from '../errors.ts'
import { duration, wholeNumber } from '../settings/parsers.ts'
import { addConnectionOptions, type ConnectionFlags, connect } from './connection.ts'
import { printable } from './printable.ts'
import { valueFor } from './value-for.ts'

interface Flags extends ConnectionFlags {
  readonly multicast?: true
  readonly count: number
  readonly interval: number
  readonly timeout: number
}

export function pubCommand(): Command {
  const command = new Command('pub')
    .description(
      'Send a message to a topic and print how long the answer took, and the answer. Exits with 1 when one was not delivered.',
    )
    .argument('<topic>', 'at most 254 bytes')
    .argument('<text>', 'the body')
    .option('--multicast', 'to all who subscribe, instead of to one of them')
    .addOption(
      new Option('--count <N>', 'how many, one after the other')
        .argParser(valueFor('--count', wholeNumber(1, Number.MAX_SAFE_INTEGER)))
        .default(1),
    )
    .addOption(
      new Option('--interval <MS>', 'from the beginning of one to that of the next')
        .argParser(valueFor('--interval', duration(0, 86_400_000)))
        .default(0),
    )
    .addOption(
      new Option('--timeout <MS>', 'how long an answer may take')
        .argParser(valueFor('--timeout', duration(1, 3_600_000)))
        .default(5000),
    )
  return addConnectionOptions(command).action(async (topic: string, text: string, flags: Flags) => {
    const client = await connect(flags)
    try {
      await publish(client, topic, text, flags)
    } finally {
      await client.close()
    }
  })
}

async function publish(client: Client, topic: string, text: string, flags: Flags): Promise<void> {
  const { count, interval } = flags
  const startedAt = performance.now()
  for (let i = 0; i < count; i++) {
    const wait = startedAt + i * interval - performance.now()
    if (wait > 0) await sleep(wait)
    await send(client, topic, text, flags)
  }
}

/** One that fails does not keep the others from being sent. */
async function send(client: Client, topic: string, text: string, { multicast, timeout: timeoutMs }: Flags) {
  const sentAt = performance.now()
  try {
    const answer = multicast
      ? await client.multicast(topic, text, { timeoutMs })
      : await client.unicast(topic, text, { timeoutMs })
    const latency = `${(performance.now() - sentAt).toFixed(3)} ms`
    process.stdout.write(answer === undefined ? `${latency}\n` : `${latency} ${printable(answer)}\n`)
  } catch (error) {
    if (!(error instanceof AmopError)) throw error
    complain(error.message)
    process.exitCode = ExitCode.FAILED
  }
}
