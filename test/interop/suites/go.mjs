import { join } from 'node:path'
import { cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

const source = join(interopDir, 'go')

async function install() {
  const inputs = ['go.mod', 'go.sum', 'main.go'].map((file) => join(source, file))
  const dir = await cached('go', inputs, async (target) => {
    const build = await command('go', ['build', '-o', join(target, 'work'), '.'], { cwd: source, limitSeconds: 300 })
    if (build.code === 127) throw new CannotInstall('no Go toolchain here')
    if (build.code !== 0) throw new CannotInstall(`go build failed: ${build.output}`)
  })
  return join(dir, 'work')
}

export const go = [
  {
    name: 'go-amqp091',
    about: "RabbitMQ's Go client",
    install,
    run: (program, target) => runProgram(program, [], { cwd: source }, target),
  },
]
