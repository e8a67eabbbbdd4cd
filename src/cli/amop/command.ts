import { Command } from 'commander'
import { pubCommand } from './pub.ts'
import { subCommand } from './sub.ts'

export function amopCommand(): Command {
  return new Command('amop')
    .description('Send and receive AMOP messages, as an SDK would.')
    .addCommand(subCommand())
    .addCommand(pubCommand())
}
