import { spawn } from 'node:child_process'
import net from 'node:net'
import { tail } from '../../lib/report.mjs'

const KEPT_CHARACTERS = 200_000

/** Waits until `condition()` is true or something else than nothing, which it returns; for conditions, never for time. */
export async function until(condition, what, limitMs = 15_000) {
  const end = performance.now() + limitMs
  for (;;) {
    const value = await condition()
    if (value) return value
    if (performance.now() > end) {
      throw new Error(`${typeof what === 'function' ? what() : what}: not within ${limitMs} ms`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** A program whose output is read line by line; `onLine` gets each of its stdout. */
export class LineProgram {
  constructor(name, program, args, { cwd, env, onLine = () => {} } = {}) {
    this.name = name
    this.output = ''
    this.ended = undefined
    // detached: it leads a process group, so that ending it ends what it started.
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, detached: true })
    this.child = child
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      this.#keep(chunk)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const line of lines) onLine(line)
    })
    child.stderr.setEncoding('utf8').on('data', (chunk) => this.#keep(chunk))
    child.stdin.on('error', () => {})
    this.gone = new Promise((resolve) => {
      const end = (how) => {
        this.ended ??= how
        resolve(this.ended)
      }
      child.on('error', (error) => end(error.message))
      child.on('close', (code, signal) => end(signal ?? `exit code ${code}`))
    })
  }

  #keep(chunk) {
    this.output = (this.output + chunk).slice(-KEPT_CHARACTERS)
  }

  write(line) {
    this.child.stdin.write(`${line}\n`)
  }

  /** Ends it and what it started; resolves when it has gone. */
  async kill(signal = 'SIGKILL') {
    if (this.ended === undefined) {
      try {
        process.kill(-this.child.pid, signal)
      } catch (error) {
        if (error.code !== 'ESRCH') throw error
      }
    }
    return this.gone
  }

  /** @throws Error with its last lines when it has ended. */
  mustRun() {
    if (this.ended !== undefined) throw new Error(`${this.name} ended (${this.ended}):\n${tail(this.output, 20)}`)
  }
}

/** A port that nobody listens on now. */
export async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
