import { Command, CommanderError } from 'commander'
import { complain, ExitCode, UsageError } from './errors.ts'

interface Subcommand {
  readonly name: string
  readonly summary: string
  /** Loads what only this subcommand needs; `start` should not wait for `ping`, nor a health check for the broker. */
  readonly load: () => Promise<Command>
}

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: 'start',
    summary: 'run the broker',
    load: async () => (await import('./start/command.ts')).startCommand(),
  },
  {
    name: 'ping',
    summary: 'ask a running broker whether it answers',
    load: async () => (await import('./ping.ts')).pingCommand(),
  },
  {
    name: 'check',
    summary: 'verify a data directory and print what is in it',
    load: async () => (await import('./check.ts')).checkCommand(),
  },
  {
    name: 'export',
    summary: "write a queue's messages out of a data directory",
    load: async () => (await import('./export.ts')).exportCommand(),
  },
  {
    name: 'amop-certs',
    summary: 'make certificates for an AMOP node and its SDKs',
    load: async () => (await import('./amop/certs.ts')).certsCommand(),
  },
  {
    name: 'amop',
    summary: 'send and receive AMOP messages',
    load: async () => (await import('./amop/command.ts')).amopCommand(),
  },
  {
    name: 'version',
    summary: 'print the version',
    load: async () => (await import('./version.ts')).versionCommand(),
  },
]

const AMOP_COMMANDS = ['sub', 'pub']

/** Runs the program `leveret`. @param args without the names of the program and its interpreter. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    await run(args)
  } catch (error) {
    process.exitCode = report(error, args)
  }
}

async function run(args: readonly string[]): Promise<void> {
  const [first] = args
  const words = first === '--version' || first === '-V' ? ['version'] : [...args]
  const program = new Command('leveret')
    .description('A message broker that speaks AMQP 0-9-1 as RabbitMQ does.')
    .usage('<command> [options]')
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  // `leveret help start` shows what start takes.
  const wanted = words[0] === 'help' ? words[1] : words[0]
  for (const { name, summary, load } of SUBCOMMANDS) {
    const command = name === wanted ? await load() : new Command(name)
    program.addCommand(inherit(command.summary(summary), program))
  }
  // Said alone, the program and a command that only has others below it show which there are.
  const alone = words.length === 0 ? program : program.commands.find((command) => command.name() === words.join(' '))
  if (alone !== undefined && alone.commands.length > 0) {
    alone.outputHelp()
    process.exitCode = ExitCode.USAGE
    return
  }
  await program.parseAsync(words, { from: 'user' })
}

/** Settings of the program hold for the commands below a command too. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const subcommand of command.commands) inherit(subcommand, command)
  return command
}

/** The help that knows the options and arguments of the command that was meant. */
function helpFor([name = '', subcommand = '']: readonly string[]): string {
  if (!SUBCOMMANDS.some((command) => command.name === name)) return 'leveret --help'
  return name === 'amop' && AMOP_COMMANDS.includes(subcommand)
    ? `leveret amop ${subcommand} --help`
    : `leveret ${name} --help`
}

/** Says in one line what went wrong. @returns the exit code that goes with it. */
function report(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return ExitCode.OK
    complain(`${error.message.replace(/^error: |\.$/g, '')}; see ${helpFor(args)}`)
    return ExitCode.USAGE
  }
  if (error instanceof UsageError) {
    complain(error.message)
    return ExitCode.USAGE
  }
  complain(error instanceof Error ? error.message : String(error))
  return ExitCode.FAILED
}
