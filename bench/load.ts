import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from '../src/cli/client/client.ts'
import { parseUri } from '../src/cli/client/uri.ts'
import { countReady } from '../src/cli/perf/topology.ts'
import { CHANNEL_OPEN_OK, encodeChannelOpen } from '../src/codec/index.ts'
import { type BenchBroker, urlOf } from './brokers/broker.ts'

export type Figures = Readonly<Record<string, number | string | null>>

export interface LoadTimes {
  readonly seconds: number
  readonly warmupSeconds: number
}

const PERF = fileURLToPath(new URL('../bin/leveret-perf.js', import.meta.url))
const TIMEOUT_MS = 1_800_000

/**
 * Runs leveret-perf, a process of its own, on a broker.
 * @returns what it prints with `--json`.
 * @throws Error with the tool's own line. Missing messages are no error here: the figures tell of them.
 */
export function load(broker: BenchBroker, args: readonly string[]): Promise<Figures> {
  const command = [PERF, ...args, '--uri', urlOf(broker), '--pid', String(broker.pid), '--json', '--no-progress']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr.trim() || error?.message || 'leveret-perf printed nothing'))
      else resolve(JSON.parse(stdout) as Figures)
    })
  })
}

/** Options of leveret-perf for a run of that time. */
export function timed(times: LoadTimes): string[] {
  return ['--duration', `${times.seconds}s`, '--warmup', `${times.warmupSeconds}s`]
}

/** Ready messages of a queue in `/`. */
export async function readyMessages(broker: BenchBroker, queue: string): Promise<number> {
  const client = await Client.connect(parseUri(urlOf(broker)))
  try {
    await client.call(1, encodeChannelOpen(1), CHANNEL_OPEN_OK)
    return await countReady(client, queue)
  } finally {
    await client.close()
  }
}

/** A figure that has to be there. */
export function numberOf(figures: Figures, key: string): number {
  const value = figures[key]
  if (typeof value !== 'number') throw new Error(`leveret-perf gave no ${key}`)
  return value
}
