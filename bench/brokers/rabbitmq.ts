import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BenchBroker, startUntilReady } from './broker.ts'
import { BenchProcess, freePort, temporaryFolder } from './process.ts'

// The package's own script, not the wrapper in sbin, which would switch to the service's user.
const PROGRAMS = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/usr/local/lib/rabbitmq/bin/rabbitmq-server']
const EPMD_FOLDERS = ['/usr/bin', '/usr/local/bin']
const BEAM_TIMEOUT_MS = 20_000

/**
 * A RabbitMQ node of this benchmark's own: free ports, node name, name daemon and directories; no service is touched.
 * Up once before, so that its version is known and its first start does not count.
 * @returns why not, when it is not installed.
 */
export async function prepareRabbitmq(program?: string): Promise<BenchBroker | string> {
  if (program !== undefined && !existsSync(program)) return `there is no ${program}`
  const found = program ?? PROGRAMS.find((path) => existsSync(path))
  if (found === undefined) return 'RabbitMQ is not installed (Debian: rabbitmq-server)'
  if (!existsSync('/proc/self/stat')) return 'RabbitMQ is only compared on Linux: its CPU time is read from /proc'
  const epmd = findEpmd()
  if (epmd === undefined) return "Erlang's name daemon (epmd) was not found beside RabbitMQ"
  const ports = { amqp: await freePort(), node: await freePort(), epmd: await freePort() }
  const broker = new Rabbitmq(found, epmd, ports, temporaryFolder('leveret-bench-rabbitmq-'))
  const { version } = await startUntilReady(broker)
  broker.name = `RabbitMQ ${version}`
  await broker.stop()
  return broker
}

interface Ports {
  readonly amqp: number
  readonly node: number
  readonly epmd: number
}

class Rabbitmq implements BenchBroker {
  name = 'RabbitMQ'
  environment: Readonly<Record<string, string>> = {}
  readonly #program: string
  readonly #epmd: string
  readonly #ports: Ports
  readonly #folder: string
  #server: BenchProcess | undefined
  #nameDaemon: BenchProcess | undefined
  #beam = 0

  constructor(program: string, epmd: string, ports: Ports, folder: string) {
    this.#program = program
    this.#epmd = epmd
    this.#ports = ports
    this.#folder = folder
  }

  get port(): number {
    return this.#ports.amqp
  }

  get dataDirectory(): string {
    return join(this.#folder, 'data')
  }

  get pid(): number {
    return this.#beam
  }

  get endedWith(): string | undefined {
    return this.#server?.endedWith
  }

  async start(): Promise<void> {
    if (this.#server?.running) return
    // Started here and in the foreground, so that it can be ended again: the one that Erlang starts outlives its node.
    const daemonArgs = ['-port', String(this.#ports.epmd), '-address', '127.0.0.1']
    this.#nameDaemon ??= new BenchProcess(this.#epmd, daemonArgs, {})
    mkdirSync(join(this.#folder, 'log'), { recursive: true })
    writeFileSync(join(this.#folder, 'enabled_plugins'), '[].\n')
    writeFileSync(
      join(this.#folder, 'rabbitmq.conf'),
      `listeners.tcp.1 = 127.0.0.1:${this.port}\nlog.file.level = warning\n`,
    )
    // A group of its own: the node is a grandchild, found by that group and ended with it.
    const raiseLimit = 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0"'
    const server: BenchProcess = new BenchProcess(
      '/bin/sh',
      ['-c', raiseLimit, this.#program],
      { detached: true, env: { ...this.#environment(), ...this.environment }, cwd: this.#folder },
      () => killGroup(server.pid),
    )
    this.#server = server
    this.#beam = await findBeam(server)
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const server = this.#server
    if (server?.running) {
      process.kill(this.#beam, signal)
      await server.exit()
      // What the node leaves running for a moment (its port programs) has no more to do.
      killGroup(server.pid)
    }
    await this.#nameDaemon?.stop()
    this.#server = undefined
    this.#nameDaemon = undefined
  }

  clear(): void {
    rmSync(this.dataDirectory, { recursive: true, force: true })
  }

  #environment(): NodeJS.ProcessEnv {
    const inFolder = (name: string) => join(this.#folder, name)
    return {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: this.#folder,
      ERL_EPMD_PORT: String(this.#ports.epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      RABBITMQ_NODENAME: `leveret-bench-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(this.port),
      RABBITMQ_DIST_PORT: String(this.#ports.node),
      RABBITMQ_MNESIA_BASE: inFolder('data'),
      RABBITMQ_LOG_BASE: inFolder('log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: inFolder('enabled_plugins'),
      RABBITMQ_CONFIG_FILE: inFolder('rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: inFolder('none'),
      RABBITMQ_PID_FILE: inFolder('node.pid'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    }
  }
}

function findEpmd(): string | undefined {
  const erlang = '/usr/lib/erlang'
  const versions = existsSync(erlang) ? readdirSync(erlang).filter((name) => name.startsWith('erts-')) : []
  const folders = [...EPMD_FOLDERS, ...versions.map((name) => join(erlang, name, 'bin'))]
  return folders.map((folder) => join(folder, 'epmd')).find((path) => existsSync(path))
}

/** The Erlang machine among the processes of the server's group. */
async function findBeam(server: BenchProcess): Promise<number> {
  const endMs = performance.now() + BEAM_TIMEOUT_MS
  while (performance.now() < endMs) {
    if (!server.running) throw new Error(`RabbitMQ did not start: ${server.errors}`)
    for (const name of readdirSync('/proc')) {
      if (/^\d+$/.test(name) && isBeamOf(name, server.pid)) return Number(name)
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error(`RabbitMQ did not start: ${server.errors}`)
}

function isBeamOf(pid: string, group: number): boolean {
  try {
    // pid (name) state ppid group ...
    const match = /\((.*)\) \S+ \d+ (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))
    return match !== null && (match[1] as string).startsWith('beam') && Number(match[2]) === group
  } catch {
    // It has ended meanwhile.
    return false
  }
}

function killGroup(group: number): void {
  if (group === 0) return
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}
