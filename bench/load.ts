import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ProcessUsage } from '../src/cli/perf/process-usage.ts'
import { type BenchBroker, startUntilReady, urlOf } from './brokers/broker.ts'
import type { Scenario } from './scenarios.ts'

export type Figures = Readonly<Record<string, number | string | null>>

export interface LoadTimes {
  readonly seconds: number
  readonly warmupSeconds: number
}

const PERF = fileURLToPath(new URL('../bin/leveret-perf.js', import.meta.url))
const TIMEOUT_MS = 300_000

/** Runs one scenario on one broker, which it starts when it is not up; leveret-perf is a process of its own. */
export async function runScenario(scenario: Scenario, broker: BenchBroker, times: LoadTimes): Promise<Figures> {
  if (scenario.fresh) {
    await broker.stop()
    broker.clear()
  }
  const { seconds } = await startUntilReady(broker)
  if (scenario.load === undefined) {
    // The first start on an empty directory also makes what later ones find: that one does not count.
    await broker.stop()
    const again = await startUntilReady(broker)
    const resident = new ProcessUsage([broker.pid]).read()?.residentBytes
    return { startSeconds: again.seconds, firstStartSeconds: seconds, residentMiB: mebibytes(resident) }
  }
  const timed = ['--duration', `${times.seconds}s`, '--warmup', `${times.warmupSeconds}s`]
  const args = [...scenario.load, ...(scenario.timed ? timed : [])]
  return await loadTool([...args, '--uri', urlOf(broker), '--pid', String(broker.pid)])
}

function mebibytes(bytes: number | undefined): number | null {
  return bytes === undefined ? null : bytes / 1024 / 1024
}

/** @throws Error with the tool's own line. Missing messages are no error here: the figures tell of them. */
function loadTool(args: readonly string[]): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const command = [PERF, ...args, '--json', '--no-progress']
    execFile(process.execPath, command, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr.trim() || error?.message || 'leveret-perf printed nothing'))
      else resolve(JSON.parse(stdout) as Figures)
    })
  })
}
