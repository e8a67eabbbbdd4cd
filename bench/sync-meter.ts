import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from './brokers/process.ts'

// Compiled programs lie in dist/bench, the source of the library stays where it is.
const SOURCE = fileURLToPath(new URL('../../bench/sync-meter.c', import.meta.url))

let library: string | undefined

/** Counts what a broker syncs, and can make each sync slower: a small library loaded into its process (Linux, with a C compiler). */
export class SyncMeter {
  /** For the process to be measured. */
  readonly environment: Readonly<Record<string, string>>
  readonly #file: string

  /** @throws Error when there is no C compiler. */
  constructor(delayMs: number) {
    library ??= compile()
    this.#file = join(temporaryFolder('leveret-bench-syncs-'), 'count')
    writeFileSync(this.#file, Buffer.alloc(8))
    this.environment = {
      LD_PRELOAD: library,
      SYNC_METER_FILE: this.#file,
      SYNC_METER_DELAY_US: String(Math.round(delayMs * 1000)),
    }
  }

  /** Calls of fdatasync, fsync and syncfs so far. */
  get count(): number {
    return Number(readFileSync(this.#file).readBigUInt64LE())
  }
}

function compile(): string {
  if (process.platform !== 'linux') throw new Error('skipped: syncs are only counted and slowed down on Linux')
  const target = join(temporaryFolder('leveret-bench-library-'), 'sync-meter.so')
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', target, SOURCE, '-ldl'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no C compiler (cc)' : String(error)
    throw new Error(`skipped: syncs are not counted and slowed down, ${reason}`)
  }
  return target
}
