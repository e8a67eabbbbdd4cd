import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BenchBroker, startUntilReady } from './broker.ts'
import { BenchProcess, freePort, temporaryFolder } from './process.ts'

/** The program of this build. */
export const LEVERET_PROGRAM: string = fileURLToPath(new URL('../../bin/leveret.js', import.meta.url))

/** `leveret start` on a free port with a temporary data directory, up once before so that its version is known. */
export async function prepareLeveret(program: string = LEVERET_PROGRAM): Promise<BenchBroker> {
  const broker = new Leveret(program, await freePort(), join(temporaryFolder('leveret-bench-'), 'data'))
  const { version } = await startUntilReady(broker, 'leveret_version')
  broker.name = `Leveret ${version}`.trim()
  await broker.stop()
  return broker
}

class Leveret implements BenchBroker {
  name = 'Leveret'
  readonly port: number
  readonly dataDirectory: string
  environment: Readonly<Record<string, string>> = {}
  readonly #program: string
  #process: BenchProcess | undefined

  constructor(program: string, port: number, dataDirectory: string) {
    this.#program = program
    this.port = port
    this.dataDirectory = dataDirectory
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get endedWith(): string | undefined {
    return this.#process?.endedWith
  }

  async start(): Promise<void> {
    if (this.#process?.running) return
    const env = { ...process.env, ...this.environment }
    const args = ['start', '--bind', '127.0.0.1', '--port', String(this.port), '--data-dir', this.dataDirectory]
    this.#process = new BenchProcess(process.execPath, [this.#program, ...args], { env })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal)
    this.#process = undefined
  }

  clear(): void {
    rmSync(this.dataDirectory, { recursive: true, force: true })
  }
}
