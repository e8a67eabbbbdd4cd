import { existsSync, readFileSync } from 'node:fs'
import { ClientError } from '../client/client-error.ts'

/** What some processes have used together. */
export interface Usage {
  /** User and system time since their start, in seconds. */
  readonly cpuSeconds: number
  readonly residentBytes: number
}

// Linux counts in hundredths of a second for programs, whatever the kernel's own tick is.
const TICKS_PER_SECOND = 100

/** Reads CPU time and memory of a broker's processes from /proc (Linux). */
export class ProcessUsage {
  readonly #pids: readonly number[]

  constructor(pids: readonly number[]) {
    this.#pids = pids
  }

  /** False on a system without /proc, or without any process to look at. */
  get available(): boolean {
    return this.#pids.length > 0 && existsSync('/proc/self/stat')
  }

  /** @throws ClientError when one of the processes is not there. */
  read(): Usage | undefined {
    if (!this.available) return undefined
    let cpuSeconds = 0
    let residentBytes = 0
    for (const pid of this.#pids) {
      cpuSeconds += cpuSecondsOf(pid)
      residentBytes += residentBytesOf(pid)
    }
    return { cpuSeconds, residentBytes }
  }
}

// pid (name) state ppid ...: a name may hold spaces and brackets, so the fields count from the last bracket.
function cpuSecondsOf(pid: number): number {
  const stat = readProc(pid, 'stat')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function residentBytesOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status'))
  return match === null ? 0 : Number(match[1]) * 1024
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    throw new ClientError(`no process ${pid} to measure`)
  }
}
