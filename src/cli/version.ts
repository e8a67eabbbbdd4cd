import { Command } from 'commander'
import { packageVersion } from '../server/index.ts'

export function versionCommand(): Command {
  return new Command('version').description('Print the version.').action(() => {
    console.log(packageVersion())
  })
}
