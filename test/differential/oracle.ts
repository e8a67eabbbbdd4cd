import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../helpers/until.ts'
import { definitions } from './users.ts'

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/** A RabbitMQ node of our own. */
export interface Oracle {
  readonly port: number
  stop(): Promise<void>
}

/** Installs Debian's package when it is missing and we may. Gives the reason when there is no RabbitMQ to run. */
export function whyNoOracle(): string | undefined {
  if (existsSync(SERVER)) return undefined
  if (process.getuid?.() !== 0)
    return 'RabbitMQ is not installed, and only root can install it (apt-get install rabbitmq-server)'
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'rabbitmq-server'], {
      env,
      stdio: 'ignore',
    })
  } catch {
    return 'RabbitMQ is not installed, and apt-get could not install rabbitmq-server'
  }
  return existsSync(SERVER) ? undefined : `apt-get installed no ${SERVER}`
}

/** Starts a node on free ports of the loopback interface, with its own name daemon and directories, without plugins. */
export async function startOracle(): Promise<Oracle> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-differential-'))
  const [port, distributionPort, epmdPort] = await freePorts(3)
  const children: ChildProcess[] = []
  const stop = async () => {
    for (const child of children.toReversed()) await endChild(child)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    children.push(spawn('epmd', ['-port', String(epmdPort), '-address', '127.0.0.1'], { stdio: 'ignore' }))
    await until('the name daemon listens', () => listens(epmdPort))
    const server = spawn(SERVER, [], { stdio: 'ignore', env: environment(folder, port, distributionPort, epmdPort) })
    children.push(server)
    await until('RabbitMQ listens', () => server.exitCode !== null || listens(port), 90_000)
    if (server.exitCode !== null) throw new Error(`rabbitmq-server ended with ${server.exitCode}`)
    return { port, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function environment(folder: string, port: number, distributionPort: number, epmdPort: number): NodeJS.ProcessEnv {
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  mkdirSync(join(folder, 'log'))
  return {
    PATH: process.env.PATH,
    HOME: folder,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // Makes the script become the node itself instead of a shell around it, so that its process id is the node's.
    RUNNING_UNDER_SYSTEMD: 'true',
    RABBITMQ_NODENAME: 'differential@localhost',
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', '[].'),
    RABBITMQ_CONFIG_FILE: file(
      'rabbitmq.conf',
      [
        `listeners.tcp.1 = 127.0.0.1:${port}`,
        'log.file.level = warning',
        // The default of 4.0, which Leveret has too; 3.10 has 128 MiB.
        'max_message_size = 16777216',
        `load_definitions = ${file('definitions.json', definitions())}`,
        '',
      ].join('\n'),
    ),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
    RABBITMQ_PID_FILE: join(folder, 'node.pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
  }
}

/** Asks a child to end, makes it after a while, and waits until it has. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await ended
  clearTimeout(force)
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    const answer = (is: boolean) => {
      socket.destroy()
      resolve(is)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

async function freePorts(count: number): Promise<[number, number, number]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address()
            resolve(typeof address === 'object' && address ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports as [number, number, number]
}
