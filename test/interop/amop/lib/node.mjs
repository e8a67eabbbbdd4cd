import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tail } from '../../lib/report.mjs'
import { LineProgram, until } from './lines.mjs'

export const program = fileURLToPath(new URL('../../../../dist/bin/leveret.js', import.meta.url))
const READY_MS = 20_000
const STOP_MS = 15_000
const LOG_LINES_MAX = 20_000

/** `leveret start` with an AMOP port, which can be ended in every way and started again on the same ports and data. */
export class AmopNode {
  /** What it has logged, as objects; `restart` keeps what was there. */
  log = []
  #process
  #options

  static async start({ keyType = 'secp256k1', options = [], amopPort = '0' } = {}) {
    const node = new AmopNode()
    node.dataDir = mkdtempSync(join(tmpdir(), 'leveret-amop-'))
    node.certificates = join(node.dataDir, 'amop/sdk')
    node.#options = ['--amop-key-type', keyType, ...options]
    await node.#begin('0', amopPort)
    return node
  }

  async #begin(amqpPort, amopPort) {
    const args = [program, 'start', '--bind', '127.0.0.1', '--port', amqpPort, '--amop-port', amopPort]
    args.push('--data-dir', this.dataDir, '--log-format', 'json', ...this.#options)
    let ready
    this.#process = new LineProgram('leveret start', process.execPath, args, {
      onLine: (line) => {
        const entry = parse(line)
        if (this.log.length < LOG_LINES_MAX) this.log.push(entry)
        if (entry.message === 'Server startup complete') ready = entry
      },
    })
    await until(
      () => {
        if (ready === undefined) this.#process.mustRun()
        return ready
      },
      'leveret start is ready',
      READY_MS,
    )
    this.host = '127.0.0.1'
    this.port = Number(ready.amqp.split(':').at(-1))
    this.url = `amqp://guest:guest@${ready.amqp}/%2f`
    this.amopAddresses = ready.amop.split(',')
    this.amop = this.amopAddresses[0]
    this.amopPort = Number(this.amop.split(':').at(-1))
  }

  /** Ends it as a power cut does. */
  async kill() {
    await this.#process.kill('SIGKILL')
  }

  /** Starts it again, on the same ports and data. */
  async again() {
    await this.#begin(String(this.port), String(this.amopPort))
  }

  async pause() {
    process.kill(this.#process.child.pid, 'SIGSTOP')
  }

  /** @returns the entries whose message matches, from the given place on. */
  logged(pattern, from = 0) {
    return this.log.slice(from).filter(({ message }) => pattern.test(message))
  }

  get pid() {
    return this.#process.child.pid
  }

  /** Ends it as an operator does. @throws Error when it does not end well. */
  async halt() {
    this.#process.mustRun()
    process.kill(this.pid, 'SIGTERM')
    const timer = setTimeout(() => this.#process.kill(), STOP_MS)
    const how = await this.#process.gone
    clearTimeout(timer)
    if (how !== 'exit code 0')
      throw new Error(`leveret ended with ${how} on SIGTERM:\n${tail(this.#process.output, 20)}`)
  }

  /** Ends it, if it still runs, and takes its data away. */
  async discard() {
    await this.#process.kill()
    if (existsSync(this.dataDir)) rmSync(this.dataDir, { recursive: true, force: true })
  }

  tail(lines = 30) {
    return tail(this.#process.output, lines)
  }
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return { message: line }
  }
}

/** What a process has in memory. */
export function residentMiB(pid) {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024)
}
