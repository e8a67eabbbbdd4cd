import { join } from 'node:path'
import { interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

/** Installs a Debian package unless `probe` already runs. */
function debianPackage(name, probe) {
  return async () => {
    if ((await command('sh', ['-c', probe])).code === 0) return
    if (process.getuid() !== 0)
      throw new CannotInstall(`Debian's ${name} is not installed, and only root can install it`)
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    const install = () =>
      command('apt-get', ['install', '-y', '--no-install-recommends', name], { env, limitSeconds: 300 })
    let result = await install()
    if (result.code === 127) throw new CannotInstall('no apt-get here')
    if (result.code !== 0) {
      await command('apt-get', ['update'], { limitSeconds: 200 })
      result = await install()
    }
    if (result.code !== 0) throw new CannotInstall(`apt-get install ${name} failed: ${result.output}`)
  }
}

export const debian = [
  {
    name: 'ruby-bunny',
    about: "Debian's ruby-bunny with its recovery",
    install: debianPackage('ruby-bunny', 'ruby -e \'require "bunny"\''),
    run: (_, target) => runProgram('ruby', [join(interopDir, 'ruby/bunny_work.rb')], {}, target),
  },
  {
    name: 'amqp-tools',
    about: 'the command line tools of rabbitmq-c',
    install: debianPackage('amqp-tools', 'command -v amqp-consume'),
    run: (_, target) => runProgram('bash', [join(interopDir, 'tools/amqp-tools.sh')], {}, target),
  },
]
