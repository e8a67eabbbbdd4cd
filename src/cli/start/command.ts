import { Command } from 'commander'
import { addFlags, resolveSettings } from '../settings/table.ts'
import { START_SETTINGS } from './settings.ts'
import { start } from './start.ts'

export function startCommand(): Command {
  const command = new Command('start').description('Run the broker until SIGTERM or SIGINT.')
  addFlags(command, START_SETTINGS)
  return command.action((flags: Record<string, string>) => start(resolveSettings(START_SETTINGS, flags, process.env)))
}
