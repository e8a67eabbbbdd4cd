import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { until } from './until.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/leveret.js', import.meta.url))

/** A child process with what it has said so far. */
export class Program {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  /** Undefined while it runs; -1 when a signal ended it. */
  exitCode: number | undefined
  readonly #closed: Promise<number>

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    // Not 'exit', which may come before the last of the output.
    this.#closed = new Promise((resolve) => {
      child.on('close', (code) => {
        this.exitCode = code ?? -1
        resolve(this.exitCode)
      })
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** Its exit code, once it has ended and all that it said has been read. */
  exit(): Promise<number> {
    return this.#closed
  }

  /** The address in the ready line. */
  address(kind: 'amqp' | 'amqps' = 'amqp'): { host: string; port: number } {
    const match = new RegExp(`Server startup complete.* ${kind}=(\\S+):(\\d+)`).exec(this.stdout)
    if (match === null) throw new Error(`no ready line with ${kind}= in: ${this.stdout}${this.stderr}`)
    return { host: match[1] as string, port: Number(match[2]) }
  }

  /** Waits for the line that says that clients may connect. */
  async ready(): Promise<this> {
    await until(`the ready line; so far: ${this.stdout}${this.stderr}`, () => {
      if (this.exitCode !== undefined) throw new Error(`it ended with ${this.exitCode}: ${this.stderr}`)
      return this.stdout.includes('Server startup complete')
    })
    return this
  }
}

/** Runs `leveret` with these arguments; killed with the test if it still runs. */
export function leveret(t: ExecutionContext, args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return run(t, process.execPath, [PROGRAM, ...args], env)
}

/** Runs any program; killed with the test if it still runs. */
export function run(
  t: ExecutionContext,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Program {
  const program = new Program(
    spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }),
  )
  t.teardown(async () => {
    if (program.exitCode !== undefined) return
    program.child.kill('SIGKILL')
    await program.exit()
  })
  return program
}

/** `leveret start` on a free port with a data directory of its own, once it is ready. */
export async function startProgram(
  t: ExecutionContext,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const dataDir = await temporaryDirectory(t)
  return leveret(t, ['start', '--port', '0', '--data-dir', join(dataDir, 'data'), ...args], env).ready()
}

export async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'leveret-test-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** The path of the compiled program, for tests that start it in their own way. */
export const programPath = PROGRAM
