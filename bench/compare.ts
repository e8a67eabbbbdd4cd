/*
 * Leveret beside a real RabbitMQ on this machine, one run of each in turn, under the same load.
 *
 *     npm run build && node dist/bench/compare.js --scenarios A16,C --rounds 3
 *
 * RabbitMQ is started here, as a node of its own in a temporary folder, and ended again; no service is touched. Prints a
 * Markdown table: median (lowest to highest) and the ratio of RabbitMQ's median to Leveret's. What the figures mean:
 * docs/perf.md.
 */
import { cpus, totalmem } from 'node:os'
import { Command } from 'commander'
import type { BenchBroker } from './brokers/broker.ts'
import { LEVERET_PROGRAM, prepareLeveret } from './brokers/leveret.ts'
import { prepareRabbitmq } from './brokers/rabbitmq.ts'
import type { Figures } from './load.ts'
import type { Scenario } from './scenarios/scenario.ts'
import { DEFAULT_LIST, SCENARIOS, selectScenarios } from './scenarios.ts'
import { formatFigure, markdownTables, type Runs } from './table.ts'

interface Flags {
  readonly scenarios: string
  readonly rounds: string
  readonly seconds: string
  readonly warmup: string
  readonly rabbitmq?: string
  readonly leveret: string
  readonly longOnRabbitmq?: boolean
}

const say = (line: string) => void process.stderr.write(`${line}\n`)

async function compare(flags: Flags): Promise<void> {
  const scenarios = selectScenarios(flags.scenarios)
  const times = { seconds: Number(flags.seconds), warmupSeconds: Number(flags.warmup) }
  const rounds = Number(flags.rounds)
  if (!(times.seconds > 0 && times.warmupSeconds >= 0 && Number.isInteger(rounds) && rounds > 0)) {
    throw new Error('--seconds, --warmup and --rounds are numbers')
  }
  const brokers = await prepare(flags)
  const all: Runs[] = []
  try {
    for (const scenario of scenarios) {
      const figures = brokers.map((): Figures[] => [])
      for (let round = 0; round < rounds; round++) {
        // Whoever comes second finds a warmer machine: they take turns at that.
        const order = [...brokers.keys()]
        if (round % 2 === 1) order.reverse()
        for (const i of order) {
          if (scenario.long && i > 0 && flags.longOnRabbitmq !== true) continue
          const result = await runOnce(scenario, brokers[i] as BenchBroker, times, `${round + 1} of ${rounds}`)
          if (result !== undefined) figures[i]?.push(result)
        }
      }
      all.push(...brokers.map(({ name }, i) => ({ scenario, broker: name, figures: figures[i] ?? [] })))
    }
  } finally {
    for (const broker of brokers) await broker.stop()
  }
  console.log(`${machine()}; ${rounds} rounds, ${times.seconds} s each after ${times.warmupSeconds} s of warm-up\n`)
  console.log(markdownTables(all))
}

async function prepare(flags: Flags): Promise<BenchBroker[]> {
  const leveret = await prepareLeveret(flags.leveret)
  if (flags.rabbitmq === 'none') return [leveret]
  const rabbitmq = await prepareRabbitmq(flags.rabbitmq)
  if (typeof rabbitmq !== 'string') return [leveret, rabbitmq]
  say(`${rabbitmq}: Leveret alone`)
  return [leveret]
}

async function runOnce(
  scenario: Scenario,
  broker: BenchBroker,
  times: { readonly seconds: number; readonly warmupSeconds: number },
  round: string,
): Promise<Figures | undefined> {
  const label = `${scenario.id} ${broker.name}, round ${round}:`
  try {
    const figures = await scenario.run(broker, times)
    const shown = scenario.columns.map(({ key, title }) => {
      const value = figures[key]
      return `${title} ${typeof value === 'number' ? formatFigure(value) : '-'}`
    })
    const missing = Number(figures.missing ?? 0)
    say(`${label} ${shown.join(', ')}${missing > 0 ? `; ${missing} MESSAGES MISSING` : ''}`)
    return figures
  } catch (error) {
    say(`${label} ${(error as Error).message}`)
    return undefined
  }
}

function machine(): string {
  const processors = cpus()
  const gibibytes = Math.round(totalmem() / 1024 ** 3)
  return `${processors.length} x ${processors[0]?.model ?? 'unknown CPU'}, ${gibibytes} GiB, Node ${process.versions.node}`
}

const command = new Command('compare')
  .option('--scenarios <list>', `which, between commas, of ${SCENARIOS.map(({ id }) => id).join(' ')}`, DEFAULT_LIST)
  .option('--rounds <n>', 'runs of each on each broker', '3')
  .option('--seconds <n>', 'measured time of each run', '5')
  .option('--warmup <n>', 'seconds before that', '2')
  .option('--rabbitmq <path>', 'its rabbitmq-server script, or none for Leveret alone')
  .option('--long-on-rabbitmq', 'run H10 and K10 on RabbitMQ too, which takes it half an hour a round')
  .option('--leveret <path>', 'leveret.js of another build', LEVERET_PROGRAM)
  .action(async (flags: Flags) => {
    try {
      await compare(flags)
    } catch (error) {
      say(`compare: ${(error as Error).message}`)
      process.exitCode = 1
    }
  })
await command.parseAsync()
