/*
 * A quick look at what a change has done: Leveret alone, one short run of each scenario, under twenty seconds in all.
 *
 *     npm run build && node dist/bench/end-to-end.js
 *     node dist/bench/end-to-end.js --leveret ../before/dist/bin/leveret.js --rounds 3
 *
 * With --leveret the broker of another build runs beside this one's, in turn, under this build's load tool.
 */
import { Command } from 'commander'
import type { BenchBroker } from './brokers/broker.ts'
import { prepareLeveret } from './brokers/leveret.ts'
import type { Figures } from './load.ts'
import { selectScenarios } from './scenarios.ts'
import { markdownTables, type Runs } from './table.ts'

interface Flags {
  readonly scenarios: string
  readonly seconds: string
  readonly rounds: string
  readonly leveret?: string
}

async function measure(flags: Flags): Promise<Runs[]> {
  const builds: [name: string, broker: BenchBroker][] = [['this build', await prepareLeveret()]]
  if (flags.leveret !== undefined) builds.push(['the other', await prepareLeveret(flags.leveret)])
  const times = { seconds: Number(flags.seconds), warmupSeconds: 1 }
  const all: Runs[] = []
  try {
    for (const scenario of selectScenarios(flags.scenarios)) {
      const runs = builds.map(([name]) => ({ scenario, broker: name, figures: [] as Figures[] }))
      for (let round = 0; round < Number(flags.rounds); round++) {
        for (const [i, [, broker]] of builds.entries()) {
          runs[i]?.figures.push(await scenario.run(broker, times))
          // An idle process of the other build would not disturb, but its heap is compared as a fresh one's.
          await broker.stop()
        }
      }
      all.push(...runs)
    }
  } finally {
    // After an error it would still be up, and this process with it.
    for (const [, broker] of builds) await broker.stop()
  }
  return all
}

const command = new Command('end-to-end')
  .option('--scenarios <list>', 'which, between commas', 'A16,A1k,C,F')
  .option('--seconds <n>', 'measured time of each run', '2')
  .option('--rounds <n>', 'runs of each', '1')
  .option('--leveret <path>', 'leveret.js of another build to compare with')
  .action(async (flags: Flags) => {
    try {
      console.log(markdownTables(await measure(flags)))
    } catch (error) {
      process.stderr.write(`end-to-end: ${(error as Error).message}\n`)
      process.exitCode = 1
    }
  })
await command.parseAsync()
