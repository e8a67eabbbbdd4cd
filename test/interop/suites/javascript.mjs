import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

const source = join(interopDir, 'js')

async function install() {
  const manifests = [join(source, 'package.json'), join(source, 'package-lock.json')]
  const dir = await cached('js', manifests, async (target) => {
    for (const manifest of ['package.json', 'package-lock.json']) cpSync(join(source, manifest), join(target, manifest))
    const { code, output } = await command('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit'], {
      cwd: target,
      limitSeconds: 300,
    })
    if (code !== 0) throw new CannotInstall(`npm ci failed: ${output}`)
  })
  // The programs run beside their node_modules, since modules are looked up from the importing file's folder.
  cpSync(source, dir, { recursive: true, filter: (path) => !path.includes('node_modules') })
  return dir
}

function suite(name, file, about) {
  const run = (dir, target) => runProgram(process.execPath, [join(dir, file)], { cwd: dir }, target)
  return { name, about, install, run }
}

export const javascript = [
  suite('js-amqplib', 'amqplib.mjs', 'amqplib, callbacks and promises'),
  suite('js-amqp-client', 'amqp-client.mjs', '@cloudamqp/amqp-client over TCP'),
  suite('js-rabbitmq-client', 'rabbitmq-client.mjs', 'rabbitmq-client with its reconnection'),
  suite('js-connection-manager', 'connection-manager.mjs', 'amqp-connection-manager across a cut connection'),
  suite('js-nestjs', 'nestjs.mjs', 'NestJS microservices over its RMQ transport'),
]
