import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A process, told apart from a later one with the same number. What the system does not say is ''. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in clock ticks since the machine did. */
  readonly started: string
  /** The machine's boot: differs between machines, and after each start of one. */
  readonly boot: string
  /** Where the number counts: a container has its own. */
  readonly namespace: string
}

/** Who is there to hold a lock. */
export interface Processes {
  readonly self: ProcessIdentity
  /** False when this process is certainly gone. */
  isRunning(identity: ProcessIdentity): boolean
}

/** The processes of this machine. */
export const systemProcesses: Processes = {
  get self(): ProcessIdentity {
    return {
      pid: process.pid,
      started: startOf(process.pid),
      boot: readText('/proc/sys/kernel/random/boot_id').trim(),
      namespace: pidNamespace(),
    }
  },

  isRunning({ pid, started, boot, namespace }: ProcessIdentity): boolean {
    const { self } = systemProcesses
    if (boot !== self.boot || namespace !== self.namespace || !exists(pid)) return false
    if (hasEnded(pid)) return false
    const startedNow = startOf(pid)
    return started === '' || startedNow === '' || started === startedNow
  },
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Whether it was killed and its parent has not asked for its exit code: it keeps its number until then, which may be never.
 * While it has other threads one of them may still be in the middle of a write.
 */
function hasEnded(pid: number): boolean {
  return statOf(pid)[0] === 'Z' && threadsOf(pid) <= 1
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length
  } catch {
    return 0
  }
}

function startOf(pid: number): string {
  return statOf(pid)[19] ?? ''
}

/** From the third field on, the state: the second is the program's name in brackets and may hold anything. */
function statOf(pid: number): string[] {
  const stat = readText(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
