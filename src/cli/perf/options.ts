import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { parseUri } from '../client/uri.ts'
import { UsageError } from '../errors.ts'
import type { Context } from './context.ts'
import { ProcessUsage } from './process-usage.ts'
import { Run } from './run.ts'
import { duration, processIds, queueArguments, wholeNumber } from './values.ts'

/** Options that every command has, as commander reads them. */
export interface CommonFlags {
  readonly uri: string
  readonly tlsCa?: string
  readonly tlsInsecure?: boolean
  readonly frameMax: number
  readonly pid: readonly number[]
  readonly json?: boolean
  readonly progress: boolean
}

export function addCommonOptions(command: Command): Command {
  return command
    .option('--uri <uri>', 'broker to load', 'amqp://guest:guest@127.0.0.1:5672')
    .option('--tls-ca <file>', 'PEM of the authority that signed an amqps broker')
    .option('--tls-insecure', 'take any certificate of an amqps broker')
    .option(
      '--frame-max <bytes>',
      'largest frame to agree on, 0 for the broker’s own',
      wholeNumber(0, 2 ** 31),
      131_072,
    )
    .addOption(
      new Option('--pid <pids>', 'processes of the broker, for its CPU and memory (Linux)')
        .argParser(processIds)
        .default([], 'none'),
    )
    .option('--json', 'print one JSON object instead of the summary')
    .option('--no-progress', 'no line a second on standard error')
}

/** Options about queues. */
export interface QueueFlags {
  readonly durable?: boolean
  readonly persistent?: boolean
  readonly queueType?: string
  readonly queueArgs: Readonly<Record<string, unknown>>
}

export function addQueueOptions(command: Command): Command {
  return command
    .option('--durable', 'durable queues; --persistent makes them so too')
    .option('--queue-type <type>', 'x-queue-type, such as quorum (which is durable)')
    .addOption(
      new Option('--queue-args <list>', 'queue arguments: name=value,name=value')
        .argParser(queueArguments)
        .default({}, 'none'),
    )
}

export function queueOptionsOf(flags: QueueFlags): { durable: boolean; queueArguments: Record<string, unknown> } {
  const type = flags.queueType
  return {
    durable: flags.durable === true || flags.persistent === true || (type !== undefined && type !== 'classic'),
    queueArguments: { ...flags.queueArgs, ...(type === undefined ? {} : { 'x-queue-type': type }) },
  }
}

/** Options about how messages are sent and taken. */
export interface MessageFlags {
  readonly confirms: number
  readonly manualAck?: boolean
  readonly ackEvery: number
  readonly prefetch: number
}

export function addMessageOptions(command: Command): Command {
  return command
    .option('--persistent', 'persistent messages in durable queues')
    .option('--confirms <n>', 'publisher confirms, so many in flight for each producer', wholeNumber(1, 1_000_000), 0)
    .option('--manual-ack', 'acknowledge deliveries')
    .option(
      '--ack-every <n>',
      'with --manual-ack: acknowledge every n-th and those before it',
      wholeNumber(1, 65_535),
      1,
    )
    .option(
      '--prefetch <n>',
      'with --manual-ack: unacknowledged messages for each consumer',
      wholeNumber(0, 65_535),
      1000,
    )
}

export function addTimeOptions(command: Command): Command {
  return command
    .addOption(timeOption('--duration <time>', 'measured time', '5s'))
    .addOption(timeOption('--warmup <time>', 'time before that', '1s'))
    .addOption(timeOption('--settle <time>', 'silence at the end after which the rest is missing', '5s'))
}

/** 0 without acknowledgements. */
export function ackEveryOf(flags: MessageFlags): number {
  if (flags.manualAck !== true) return 0
  if (flags.prefetch > 0 && flags.ackEvery > flags.prefetch) {
    throw new UsageError(`--ack-every ${flags.ackEvery} would never come with --prefetch ${flags.prefetch}`)
  }
  return flags.ackEvery
}

/** An option that reads a time, with a default shown as the user would write it. */
export function timeOption(flag: string, text: string, fallback: string): Option {
  return new Option(flag, text).argParser(duration).default(duration(fallback), fallback)
}

export function rateOption(text: string): Option {
  return new Option('--rate <n>', text).argParser(wholeNumber(1, 100_000_000))
}

/** A name that no other run uses; short, because it travels with every message. */
export function freshName(): string {
  return `perf.${process.pid.toString(36)}${randomBytes(2).toString('hex')}`
}

/** Sets the run up: where to, what to measure, and its end by a signal (a second one ends the process at once). */
export function contextOf(flags: CommonFlags): Context {
  const run = new Run(parseUri(flags.uri), {
    frameMax: flags.frameMax,
    onBlocked: (reason) => process.stderr.write(`the broker takes no messages from ${reason}\n`),
    tls: {
      insecure: flags.tlsInsecure === true,
      ...(flags.tlsCa === undefined ? {} : { ca: readCertificate(flags.tlsCa) }),
    },
  })
  const broker = new ProcessUsage(flags.pid)
  if (flags.pid.length > 0 && !broker.available) {
    process.stderr.write('no /proc on this system: CPU and memory of the broker are not measured\n')
  }
  broker.read()
  // SIGTERM too, as from `timeout`: queues would stay behind.
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.on(signal, () => {
      if (run.interrupted) process.exit(code)
      run.interrupt()
    })
  }
  return { run, broker, progress: flags.progress ? (line) => void process.stderr.write(line) : undefined }
}

function readCertificate(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`)
  }
}
