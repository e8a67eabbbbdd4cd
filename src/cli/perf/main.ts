import { Argument, Command, CommanderError, type CommandOptions, Option } from 'commander'
import { ClientError } from '../client/client-error.ts'
import { ExitCode, UsageError } from '../errors.ts'
import { type ChurnOptions, churn } from './churn.ts'
import { CHURN_KINDS, type ChurnKind } from './churn-subjects.ts'
import type { Context } from './context.ts'
import { drain } from './drain.ts'
import { latency } from './latency.ts'
import { SEND_TIME_BYTES } from './latency-producer.ts'
import {
  ackEveryOf,
  addCommonOptions,
  addMessageOptions,
  addQueueOptions,
  addTimeOptions,
  type CommonFlags,
  contextOf,
  freshName,
  type MessageFlags,
  type QueueFlags,
  queueOptionsOf,
  rateOption,
  timeOption,
} from './options.ts'
import type { Report } from './report.ts'
import { type ThroughputOptions, throughput } from './throughput.ts'
import { EXCHANGE_TYPES } from './topology.ts'
import { wholeNumber } from './values.ts'

const BODY_BYTES_MAX = 128 * 1024 * 1024

/** Runs `leveret-perf`; sets the exit code 1 after an error, or when messages went missing. */
export async function main(argv: readonly string[]): Promise<void> {
  if (argv[2] === '--version' || argv[2] === '-V') {
    // Loaded when asked for: the rest of this tool has no need of the server's modules.
    const { versionCommand } = await import('../version.ts')
    await versionCommand().parseAsync([], { from: 'user' })
    return
  }
  const program = new Command('leveret-perf')
    .description('Load an AMQP 0-9-1 broker and measure it.')
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  const commands: [Command, CommandOptions?][] = [
    [throughputCommand(), { isDefault: true }],
    [latencyCommand()],
    [churnCommand()],
  ]
  for (const [command, options] of commands) program.addCommand(command.copyInheritedSettings(program), options)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    if (!(error instanceof CommanderError || error instanceof UsageError)) throw error
    process.exitCode = reportUsage(error)
  }
}

/** Says in one line what is wrong with the command line. @returns the exit code. */
function reportUsage(error: CommanderError | UsageError): number {
  if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.OK
  // What commander thinks was meant is a line of its own.
  const reason = error.message.replace(/^error: |\.$/g, '').replaceAll('\n', ' ')
  process.stderr.write(`leveret-perf: ${reason}; see leveret-perf --help\n`)
  return ExitCode.USAGE
}

interface TimeFlags {
  readonly duration: number
  readonly warmup: number
  readonly settle: number
}

interface ThroughputFlags extends CommonFlags, QueueFlags, MessageFlags, TimeFlags {
  readonly producers: number
  readonly consumers?: number
  readonly consume: boolean
  readonly queues: number
  readonly queue?: string
  readonly keep?: boolean
  readonly drain?: string
  readonly exchangeType: ThroughputOptions['exchangeType']
  readonly bindings: number
  readonly size: number
  readonly rate?: number
  readonly lead: number
  readonly count?: number
  readonly warmupCount: number
}

function throughputCommand(): Command {
  const command = new Command('throughput').description('messages a second, as fast as it goes or at a rate (default)')
  command
    .option('--producers <n>', 'connections that publish', wholeNumber(1, 10_000), 1)
    .option('--consumers <n>', 'connections that consume; default one for each queue', wholeNumber(1, 10_000))
    .option('--no-consume', 'publish only')
    .option('--queues <n>', 'queues', wholeNumber(1, 100_000), 1)
    .option('--queue <name>', 'name of the queue, or prefix of several; default a fresh one')
    .option('--keep', 'leave queues and exchange behind')
    .option('--drain <queue>', 'publish nothing: consume what this queue holds')
    .addOption(
      new Option('--exchange-type <type>', 'direct is the default exchange').choices(EXCHANGE_TYPES).default('direct'),
    )
    .option(
      '--bindings <n>',
      'bindings in all, over the queues; gives direct its own exchange',
      wholeNumber(1, 100_000),
      0,
    )
    .option('--size <bytes>', 'size of a body', wholeNumber(0, BODY_BYTES_MAX), 16)
    .addOption(rateOption('messages a second of all producers together; default as fast as it goes'))
    .option('--lead <n>', 'messages that consumers may lag behind, 0 for any number', wholeNumber(0, 1e9), 20_000)
    .option('--count <n>', 'measure so many messages instead of a time', wholeNumber(1, 1e12))
    .option('--warmup-count <n>', 'so many messages before them', wholeNumber(0, 1e12), 0)
  addQueueOptions(addMessageOptions(addTimeOptions(command)))
  return addCommonOptions(command).action((flags: ThroughputFlags) =>
    perform(flags, (context) => {
      const ackEvery = ackEveryOf(flags)
      if (flags.drain !== undefined) {
        return drain({ queue: flags.drain, ackEvery, prefetch: flags.prefetch, settleMs: flags.settle }, context)
      }
      return throughput(throughputOptionsOf(flags, ackEvery), context)
    }),
  )
}

function throughputOptionsOf(flags: ThroughputFlags, ackEvery: number): ThroughputOptions {
  const unread = flags.exchangeType === 'unbound' || !flags.consume
  const consumers = unread ? 0 : (flags.consumers ?? flags.queues)
  if (!unread && consumers < flags.queues) {
    throw new UsageError(`${consumers} consumers for ${flags.queues} queues: some would never be read`)
  }
  if (flags.bindings > 0 && flags.bindings < flags.queues) {
    throw new UsageError(`${flags.bindings} bindings for ${flags.queues} queues: some would get nothing`)
  }
  return {
    ...queueOptionsOf(flags),
    exchangeType: flags.exchangeType,
    name: flags.queue ?? freshName(),
    queues: flags.queues,
    bindings: flags.bindings,
    keep: flags.keep === true,
    producers: flags.producers,
    consumers,
    bodyBytes: flags.size,
    persistent: flags.persistent === true,
    confirms: flags.confirms,
    ackEvery,
    prefetch: flags.prefetch,
    rate: flags.rate ?? 0,
    lead: flags.lead,
    count: flags.count,
    durationMs: flags.duration,
    warmupMs: flags.warmup,
    settleMs: flags.settle,
    warmupCount: flags.warmupCount,
  }
}

interface LatencyFlags extends CommonFlags, QueueFlags, MessageFlags, TimeFlags {
  readonly size: number
  readonly rate: number
}

function latencyCommand(): Command {
  const command = new Command('latency').description('how long messages are under way, at a fixed rate')
  command
    .option(
      '--size <bytes>',
      'size of a body, which starts with the send time',
      wholeNumber(SEND_TIME_BYTES, BODY_BYTES_MAX),
      100,
    )
    .addOption(rateOption('messages a second').default(1000))
  addQueueOptions(addMessageOptions(addTimeOptions(command)))
  return addCommonOptions(command).action((flags: LatencyFlags) =>
    perform(flags, (context) => {
      const {
        confirms,
        prefetch,
        rate,
        size: bodyBytes,
        duration: durationMs,
        warmup: warmupMs,
        settle: settleMs,
      } = flags
      const times = { durationMs, warmupMs, settleMs }
      const messages = { bodyBytes, rate, confirms, prefetch, ackEvery: ackEveryOf(flags), name: freshName() }
      return latency(
        { ...queueOptionsOf(flags), ...messages, ...times, persistent: flags.persistent === true },
        context,
      )
    }),
  )
}

interface ChurnFlags extends CommonFlags, QueueFlags {
  readonly count: number
  readonly parallel: number
  readonly hold: number
  readonly cycle: number
}

function churnCommand(): Command {
  const command = new Command('churn').description('opening and closing, and what an idle one costs')
  command
    .addArgument(new Argument('<kind>', 'what to open and close').choices(CHURN_KINDS))
    .option('--count <n>', 'how many at a time', wholeNumber(1, 1_000_000), 1000)
    .option('--parallel <n>', 'how many are under way at the same time', wholeNumber(1, 1000), 1)
    .addOption(timeOption('--hold <time>', 'how long all stay open and idle', '2s'))
    .addOption(timeOption('--cycle <time>', 'then open and close single ones for so long', '2s'))
    .option('--persistent', 'the same as --durable')
  addQueueOptions(command)
  return addCommonOptions(command).action((kind: ChurnKind, flags: ChurnFlags) =>
    perform(flags, (context) => {
      const { count, parallel, hold: holdMs, cycle: cycleMs } = flags
      const options: ChurnOptions = {
        kind,
        count,
        parallel,
        holdMs,
        cycleMs,
        name: freshName(),
        ...queueOptionsOf(flags),
      }
      return churn(options, context)
    }),
  )
}

async function perform(flags: CommonFlags, work: (context: Context) => Promise<Report>): Promise<void> {
  try {
    const report = await work(contextOf(flags))
    process.stdout.write(report.text(flags.json === true))
    if (!report.ok) process.exitCode = 1
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    process.stderr.write(`leveret-perf: ${error.message}\n`)
    process.exitCode = 1
  }
}
