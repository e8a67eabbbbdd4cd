/*
 * AMOP: unicasts and their answers, multicasts, messages into a durable queue, large bodies; a broker and its load in two
 * processes, over TLS.
 *
 *     npm run build && node dist/bench/amop.js --rounds 3
 *     node dist/bench/amop.js --scenarios U1,U100 --leveret ../before/dist/bin/leveret.js
 *
 * Prints Markdown tables: median (lowest to highest). With --leveret the broker of another build runs beside this one's,
 * in turn, under this build's load. What the figures mean: docs/perf.md.
 */
import { join } from 'node:path'
import { Command } from 'commander'
import { amopScenarios } from './amop/scenarios.ts'
import type { BenchBroker } from './brokers/broker.ts'
import { prepareLeveret } from './brokers/leveret.ts'
import { freePort, temporaryFolder } from './brokers/process.ts'
import type { Figures } from './load.ts'
import { markdownTables, type Runs } from './table.ts'

interface Flags {
  readonly scenarios?: string
  readonly seconds: string
  readonly warmup: string
  readonly rounds: string
  readonly rsa?: true
  readonly leveret?: string
}

async function measure(flags: Flags): Promise<Runs[]> {
  const place = { port: await freePort(), certs: join(temporaryFolder('leveret-bench-amop-'), 'certs') }
  const builds: [name: string, broker: BenchBroker][] = [['this build', await prepareLeveret()]]
  if (flags.leveret !== undefined) builds.push(['the other', await prepareLeveret(flags.leveret)])
  const environment = {
    LEVERET_AMOP_PORT: String(place.port),
    LEVERET_AMOP_CERTS: place.certs,
    LEVERET_AMOP_KEY_TYPE: flags.rsa ? 'rsa' : 'secp256k1',
  }
  const times = { seconds: Number(flags.seconds), warmupSeconds: Number(flags.warmup) }
  const all: Runs[] = []
  try {
    for (const scenario of select(amopScenarios(place), flags.scenarios)) {
      const runs = builds.map(([name]) => ({ scenario, broker: name, figures: [] as Figures[] }))
      for (let round = 0; round < Number(flags.rounds); round++) {
        for (const [i, [, broker]] of builds.entries()) {
          broker.environment = environment
          const figures = await scenario.run(broker, times)
          await broker.stop()
          if (Number(figures.missing ?? 0) !== 0) throw new Error(`${scenario.id}: ${figures.missing} messages missing`)
          runs[i]?.figures.push(figures)
        }
      }
      all.push(...runs)
    }
  } finally {
    for (const [, broker] of builds) await broker.stop()
  }
  return all
}

function select(scenarios: ReturnType<typeof amopScenarios>, list: string | undefined) {
  if (list === undefined) return scenarios
  return list.split(',').map((id) => {
    const found = scenarios.find((each) => each.id === id)
    if (found === undefined)
      throw new Error(`no scenario ${id}; there are ${scenarios.map((each) => each.id).join(', ')}`)
    return found
  })
}

const command = new Command('amop')
  .option('--scenarios <list>', 'which, between commas; all when left out')
  .option('--seconds <n>', 'measured time of each run', '5')
  .option('--warmup <n>', 'seconds before that', '2')
  .option('--rounds <n>', 'runs of each', '3')
  .option('--rsa', 'certificates with RSA-2048 instead of secp256k1')
  .option('--leveret <path>', 'leveret.js of another build to compare with')
  .action(async (flags: Flags) => {
    try {
      console.log(markdownTables(await measure(flags)))
    } catch (error) {
      process.stderr.write(`amop: ${(error as Error).message}\n`)
      process.exitCode = 1
    }
  })
await command.parseAsync()
