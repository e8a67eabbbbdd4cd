import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Client } from './client.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/leveret.js', import.meta.url))
// Other work on the machine may hold up its disk for longer than one would think.
const READY_MS = 60_000
const STOP_MS = 20_000

/** A broker whose life a proof has in its hand. */
export interface BrokerHost {
  /** Starts it on what it left behind, and resolves when clients may connect. */
  start(): Promise<void>
  connect(): Promise<Client>
  /** Starts it, and kills it so many ms later, whether it was ready or not. */
  startAndKill(afterMs: number): Promise<void>
  /** SIGKILL; resolves when the process is no more. */
  kill(): Promise<void>
  /** SIGTERM. @throws Error when it does not end, or ends otherwise than it should. */
  stop(): Promise<void>
}

/** `leveret start` as a process, always on the same data directory. */
export class BrokerProcess implements BrokerHost {
  readonly directory: string
  /** Of the last one. */
  port = 0
  /** What the last one has said. */
  log = ''
  /** Of the last one, when it has ended; -1 after a signal. */
  exitCode: number | undefined
  readonly #options: readonly string[]
  readonly #logFile: string | undefined
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  /** @param logFile where all that each of them says is added. */
  constructor(directory: string, options: readonly string[] = [], logFile?: string) {
    this.directory = directory
    this.#options = options
    this.#logFile = logFile
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when the process is no more. */
  get ended(): Promise<void> {
    return this.#ended
  }

  async start(): Promise<void> {
    const child = this.#spawn()
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready after ${READY_MS} ms:\n${this.log}`)), READY_MS)
      const read = () => {
        const port = /Server startup complete.* amqp=\S+:(\d+)/.exec(this.log)?.[1]
        if (port === undefined) return
        clearTimeout(timer)
        child.stdout?.off('data', read)
        this.port = Number(port)
        resolve()
      }
      child.stdout?.on('data', read)
      this.#ended.then(() => {
        clearTimeout(timer)
        reject(new Error(`the broker ended with ${this.exitCode} before it was ready:\n${this.log}`))
      })
    })
  }

  connect(): Promise<Client> {
    return Client.connect(this.port)
  }

  async startAndKill(afterMs: number): Promise<void> {
    this.#spawn()
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    await this.kill()
  }

  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  async stop(): Promise<void> {
    const child = this.#child
    child?.kill('SIGTERM')
    const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_MS)
    await this.#ended
    clearTimeout(timer)
    if (this.exitCode !== 0) throw new Error(`SIGTERM ended it with ${this.exitCode}:\n${this.log}`)
  }

  #spawn(): ChildProcess {
    const args = [PROGRAM, 'start', '--port', '0', '--data-dir', this.directory, ...this.#options]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.log = ''
    this.exitCode = undefined
    const read = (text: string) => {
      this.log = (this.log + text).slice(-100_000)
    }
    child.stdout?.setEncoding('utf8').on('data', read)
    child.stderr?.setEncoding('utf8').on('data', read)
    // Not 'exit', which may come before the last of the output.
    this.#ended = new Promise((resolve) => {
      child.on('close', (code) => {
        this.exitCode = code ?? -1
        if (this.#logFile !== undefined) appendFileSync(this.#logFile, this.log)
        resolve()
      })
    })
    return child
  }
}
