import { Command } from 'commander'
import { ExitCode } from '../errors.ts'
import { pubCommand } from './pub.ts'
import { subCommand } from './sub.ts'

export function amopCommand(): Command {
  const command = new Command('amop').description('Send and receive AMOP messages, as an SDK would.')
  return command
    .addCommand(subCommand())
    .addCommand(pubCommand())
    .action(() => {
      command.outputHelp()
      process.exitCode = ExitCode.USAGE
    })
}
