// Kills the broker under clients that others wrote, and compares what it has after each restart with what they saw:
//   node test/durability/foreign/run.mjs [--rounds N] [--seed S] [--only go,pika,perftest]
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { encodeQueueDeclare, fromObject, QUEUE_DECLARE_OK } from '../../../dist/src/codec/index.js'
import { BrokerProcess } from '../../../dist/test/durability/broker-process.js'
import { readQueue } from '../../../dist/test/durability/drain.js'
import { ClientLog } from '../../../dist/test/durability/logged.js'
import { WireTap } from '../../../dist/test/durability/wire-tap.js'
import { Random } from '../../../dist/test/store/random.js'
import { cached } from '../../interop/lib/cache.mjs'
import { command } from '../../interop/lib/command.mjs'
import { oneLine, tail } from '../../interop/lib/report.mjs'
import { CannotInstall } from '../../interop/lib/skip.mjs'
import { installJava } from '../../interop/suites/java.mjs'
import { pythonEnvironment } from '../../interop/suites/python.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Date.now() >>> 0) },
    only: { type: 'string' },
  },
})
const MARKER = 'marker'
const LEAST_CONFIRMED = 300
const WAIT_MS = 30_000
const FAULTS_SHOWN = 10

const queues = ['classic.0', 'classic.1', 'classic.2', 'classic.3', 'quorum.0', 'quorum.1']

async function installGo() {
  const source = join(here, 'go')
  const inputs = ['go.mod', 'go.sum', 'main.go'].map((file) => join(source, file))
  const dir = await cached('durability-go', inputs, async (target) => {
    const build = await command('go', ['build', '-o', join(target, 'work'), '.'], { cwd: source, limitSeconds: 300 })
    if (build.code === 127) throw new CannotInstall('no Go toolchain here')
    if (build.code !== 0) throw new CannotInstall(`go build failed: ${build.output}`)
  })
  return join(dir, 'work')
}

/** Programs that keep a log of what they see. */
const logging = [
  { name: 'go', library: 'amqp091-go', install: installGo, line: (program) => [program] },
  {
    name: 'pika',
    library: 'pika',
    install: pythonEnvironment,
    line: (bin) => [join(bin, 'python'), join(here, 'python/work.py')],
  },
]

async function playLogging({ line }, installed, broker, random, folder) {
  const log = new ClientLog()
  const [program, ...first] = line(installed)
  await declareQueues(broker)
  const faults = []
  for (let round = 1; round <= Number(options.rounds); round++) {
    const file = join(folder, `log-${round}`)
    const url = `amqp://guest:guest@127.0.0.1:${broker.port}/%2f`
    const child = start(program, [...first, url, file, `round${round}`, queues.join(','), MARKER])
    await enough(child, () => existsSync(file) && count(readFileSync(file, 'utf8'), '\nc ') >= LEAST_CONFIRMED)
    await sleep(random.below(500))
    await broker.kill()
    await child.ended
    log.read(file)
    await broker.start()
    const idOf = (body) => body.toString().split(' ')[1]
    faults.push(...(await compare(broker, queues, idOf, (queue, found) => log.compare(queue, found))))
  }
  return { faults, confirmed: log.confirmed, acknowledged: log.acknowledged }
}

/** PerfTest keeps no log: its bytes are looked at on their way. */
async function playPerfTest(classpath, broker, random) {
  const tap = await WireTap.open(() => broker.port)
  const faults = []
  const work =
    '-x 4 -y 3 -c 200 -q 100 -f persistent -ad false -e direct -z 60 ' +
    '--queue-pattern perf-%d --queue-pattern-from 1 --queue-pattern-to 4 -vs 100:1 -vs 5000:1 --consumer-latency 200'
  try {
    for (let round = 1; round <= Number(options.rounds); round++) {
      const before = tap.confirmed
      const url = `amqp://guest:guest@127.0.0.1:${tap.port}/%2f`
      const base = ['-cp', classpath, 'com.rabbitmq.perf.PerfTest', '-h', url]
      const child = start('java', [...base, ...work.split(' ')])
      await enough(child, () => tap.confirmed - before >= LEAST_CONFIRMED)
      await sleep(500 + random.below(1000))
      await broker.kill()
      child.kill('SIGKILL')
      await child.ended
      await broker.start()
      faults.push(...(await compare(broker, tap.queues, WireTap.idOf, (queue, found) => tap.compare(queue, found))))
    }
  } finally {
    tap.close()
  }
  return { faults, confirmed: tap.confirmed, acknowledged: tap.acknowledged }
}

async function declareQueues(broker) {
  const client = await broker.connect()
  const channel = await client.openChannel()
  for (const queue of [...queues, MARKER]) {
    const isQuorum = queue.startsWith('quorum')
    const args = fromObject(isQuorum ? { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 } : {})
    await channel.call(encodeQueueDeclare(channel.id, { queue, durable: true, arguments: args }), QUEUE_DECLARE_OK)
  }
  await client.close()
}

async function compare(broker, names, idOf, judge) {
  const client = await broker.connect()
  const faults = []
  for (const queue of names) faults.push(...judge(queue, await readQueue(client, queue, idOf)))
  await client.close()
  return faults
}

function start(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.output = ''
  const collect = (text) => {
    child.output = (child.output + text).slice(-20_000)
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  child.ended = new Promise((resolve) => {
    child.on('error', resolve)
    child.on('close', resolve)
  })
  return child
}

async function enough(child, condition) {
  const deadline = Date.now() + WAIT_MS
  while (!condition()) {
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    if (hasEnded || Date.now() > deadline) {
      child.kill('SIGKILL')
      throw new Error(`no ${LEAST_CONFIRMED} confirms ${hasEnded ? 'before it ended' : 'in time'}:\n${child.output}`)
    }
    await sleep(10)
  }
}

function count(text, part) {
  return text.split(part).length - 1
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const plays = [
  ...logging.map((suite) => ({
    ...suite,
    play: (installed, broker, random, folder) => playLogging(suite, installed, broker, random, folder),
  })),
  { name: 'perftest', library: 'PerfTest', install: installJava, play: playPerfTest },
]

const totals = { passed: 0, failed: 0, skipped: 0 }
console.log(`seed ${options.seed}`)
for (const suite of plays) {
  if (options.only && !options.only.split(',').includes(suite.name)) continue
  const folder = mkdtempSync(join(tmpdir(), 'leveret-foreign-'))
  const broker = new BrokerProcess(join(folder, 'data'))
  try {
    const installed = await suite.install()
    await broker.start()
    const outcome = await suite.play(installed, broker, new Random(Number(options.seed)), folder)
    const { faults, confirmed, acknowledged } = outcome
    const counts = `${options.rounds} kills, ${confirmed} confirmed, ${acknowledged} acknowledged`
    if (faults.length === 0) totals.passed++
    else totals.failed++
    console.log(`${faults.length === 0 ? 'PASS' : 'FAIL'} ${suite.library} (${counts}, ${faults.length} faults)`)
    for (const fault of faults.slice(0, FAULTS_SHOWN)) console.log(`  ${fault}`)
  } catch (error) {
    if (error instanceof CannotInstall) {
      totals.skipped++
      console.log(`SKIP ${suite.library}: ${oneLine(error.message)}`)
    } else {
      totals.failed++
      console.log(`FAIL ${suite.library}\n${tail(error.stack ?? String(error), 40)}`)
    }
  } finally {
    await broker.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed > 0 ? 1 : 0
