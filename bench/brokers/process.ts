import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PORT_FROM = 20_000
const PORT_TO = 30_000
// A broker may put a long backlog in order first.
const STOP_TIMEOUT_MS = 60_000
const ERROR_TEXT_MAX = 2000

const cleanups = new Set<() => void>()
let armed = false

/** Has something done when this process ends, however that comes about; returns a function that takes it back. */
export function atEnd(cleanup: () => void): () => void {
  if (!armed) {
    armed = true
    process.on('exit', () => {
      // Processes before the folders that were made for them.
      for (const each of [...cleanups].reverse()) each()
    })
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  }
  cleanups.add(cleanup)
  return () => cleanups.delete(cleanup)
}

/** A temporary folder, gone when this process ends. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix))
  // A process killed a moment ago may still write there.
  atEnd(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/** A port that nobody listens on, below those that the system gives to outgoing connections. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORT_FROM + Math.floor(Math.random() * (PORT_TO - PORT_FROM))
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

/** A child process that ends with this one at the latest. */
export class BenchProcess {
  readonly child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #forget: () => void
  #errors = ''

  /** @param kill ends it when this process ends; default SIGKILL to the child alone. */
  constructor(command: string, args: readonly string[], options: SpawnOptions, kill?: () => void) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#exited = once(this.child, 'exit')
    this.#exited.catch(() => {})
    this.#forget = atEnd(kill ?? (() => this.child.kill('SIGKILL')))
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-ERROR_TEXT_MAX)
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get running(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  /** What it wrote last, when it has ended. */
  get endedWith(): string | undefined {
    return this.running ? undefined : this.errors
  }

  /** The last of what it wrote to standard error. */
  get errors(): string {
    return this.#errors.trim()
  }

  /** Waits for its end, which something else has asked it for; ends it hard when that takes too long. */
  async exit(): Promise<void> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    if (this.running) await this.#exited
    clearTimeout(timer)
    this.#forget()
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.running) this.child.kill(signal)
    await this.exit()
  }
}
