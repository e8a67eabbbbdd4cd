import { type Dirent, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ProcessUsage } from '../src/cli/perf/process-usage.ts'
import type { BenchBroker } from './brokers/broker.ts'

const MEMORY_MS = 25
// A walk over the directory costs more than a look at a process.
const DISK_MS = 200
const BLOCK_BYTES = 512

/** Watches what a running broker holds in memory and on disk, and keeps the most of each. */
export class Watch {
  #residentMax = 0
  #diskMax = 0
  readonly #usage: ProcessUsage
  readonly #directory: string
  readonly #timers: readonly NodeJS.Timeout[]

  constructor(broker: BenchBroker) {
    this.#usage = new ProcessUsage([broker.pid])
    this.#directory = broker.dataDirectory
    const memory = setInterval(() => this.resident(), MEMORY_MS)
    const disk = setInterval(() => this.disk(), DISK_MS)
    this.#timers = [memory, disk]
  }

  /** Bytes of memory at this moment. */
  resident(): number {
    const bytes = this.#usage.read()?.residentBytes ?? 0
    this.#residentMax = Math.max(this.#residentMax, bytes)
    return bytes
  }

  /** Bytes on disk at this moment, in whole blocks as the file system gives them. */
  disk(): number {
    const bytes = diskBytes(this.#directory)
    this.#diskMax = Math.max(this.#diskMax, bytes)
    return bytes
  }

  /** The most since this was asked for last. */
  takeMax(): { readonly resident: number; readonly disk: number } {
    this.resident()
    this.disk()
    const max = { resident: this.#residentMax, disk: this.#diskMax }
    this.#residentMax = 0
    this.#diskMax = 0
    return max
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }
}

function diskBytes(directory: string): number {
  let sum = 0
  for (const entry of entriesOf(directory)) {
    const path = join(directory, entry.name)
    sum += entry.isDirectory()
      ? diskBytes(path)
      : (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * BLOCK_BYTES
  }
  return sum
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch {
    // Brokers remove folders while this looks.
    return []
  }
}
