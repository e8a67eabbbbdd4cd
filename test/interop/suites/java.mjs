import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, interopDir } from '../lib/cache.mjs'
import { command } from '../lib/command.mjs'
import { runProgram } from '../lib/program.mjs'
import { CannotInstall } from '../lib/skip.mjs'

const source = join(interopDir, 'java')
const classFiles = ['Checks', 'Client', 'Spring'].map((name) => join(source, `src/main/java/interop/${name}.java`))

export async function installJava() {
  const dir = await cached('java', [join(source, 'pom.xml'), ...classFiles], async (target) => {
    cpSync(source, target, { recursive: true })
    const goals = ['compile', 'dependency:build-classpath', `-Dmdep.outputFile=${join(target, 'classpath.txt')}`]
    const maven = await command('mvn', ['-q', '-B', ...goals], { cwd: target, limitSeconds: 600 })
    if (maven.code === 127) throw new CannotInstall('no Maven here')
    if (maven.code !== 0)
      throw new CannotInstall(`mvn failed: ${maven.output.split('\n').find((l) => /ERROR/.test(l))}`)
  })
  return `${join(dir, 'target/classes')}:${readFileSync(join(dir, 'classpath.txt'), 'utf8').trim()}`
}

function program(name, main, about) {
  const run = (classpath, target) => runProgram('java', ['-cp', classpath, main], { limitSeconds: 90 }, target)
  return { name, about, install: installJava, run }
}

// Each run is bounded by its message counts where PerfTest has them, else by seconds.
const perfRuns = {
  'one to one, auto-ack': '-x 1 -y 1 -a -C 20000 -D 20000',
  'confirms, manual acks, persistent': '-x 1 -y 1 -c 100 -q 100 -A 10 -f persistent -C 5000 -D 5000',
  'four producers, three consumers': '-x 4 -y 3 -s 1000 -q 50 -z 4 --autoack',
  'fanout exchange': '-x 1 -y 3 -a -t fanout -e perf-fanout -z 4 -r 500',
  'topic exchange with many keys': '-x 1 -y 2 -a -t topic -e perf-topic -k key.1 -z 4 -r 500',
  'large messages': '-x 1 -y 1 -a -s 1000000 -z 4 -r 50',
  'quorum queue': '-x 1 -y 1 --quorum-queue --queue perf-quorum -c 50 -q 50 -A 1 -z 4',
  'polling with basic.get': '-x 1 -y 1 -po -z 4 -r 200',
}

async function perfTest(classpath, target) {
  let passed = 0
  let failed = 0
  let output = ''
  for (const [name, options] of Object.entries(perfRuns)) {
    const base = ['-cp', classpath, 'com.rabbitmq.perf.PerfTest', '-h', target.broker.url]
    const result = await command('java', [...base, ...options.split(' ')], { limitSeconds: 60 })
    const received = Number(/id: .*?receiving rate avg: (\d+)/.exec(result.output)?.[1] ?? 0)
    const bad = /exception|shutdown signal|\berror\b|nacked avg: [1-9]/i.exec(result.output)
    if (result.code === 0 && received > 0 && !bad) passed += 1
    else {
      failed += 1
      output += `${name} (PerfTest ${options}): exit ${result.code}, ${received} msg/s, ${bad?.[0]}\n${result.output}\n`
    }
  }
  const version = /perf-test-([\d.]+)\.jar/.exec(classpath)?.[1]
  return { passed, failed, version: `PerfTest ${version}`, output }
}

export const java = [
  program('java-client', 'interop.Client', "RabbitMQ's Java client with topology recovery"),
  program('java-spring', 'interop.Spring', 'Spring AMQP request/reply, confirms, returns, listener containers'),
  { name: 'java-perftest', about: "RabbitMQ's PerfTest, short runs", install: installJava, run: perfTest },
]
