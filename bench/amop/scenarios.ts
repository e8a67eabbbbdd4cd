import { execFile } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from '../../src/cli/client/client.ts'
import { parseUri } from '../../src/cli/client/uri.ts'
import {
  CHANNEL_OPEN_OK,
  encodeChannelOpen,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDelete,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
  QUEUE_DELETE_OK,
} from '../../src/codec/index.ts'
import { type BenchBroker, startUntilReady, urlOf } from '../brokers/broker.ts'
import { BenchProcess, freePort } from '../brokers/process.ts'
import { type Figures, type LoadTimes, readyMessages } from '../load.ts'
import type { Column, Scenario } from '../scenarios/scenario.ts'
import type { LoadOptions } from './load.ts'

const LOAD = fileURLToPath(new URL('load.js', import.meta.url))
const ECHO_SERVER = fileURLToPath(new URL('echo-server.js', import.meta.url))
const TIMEOUT_MS = 600_000
const TOPIC = 'bench'
const LARGE_BYTES = 1024 * 1024

const DEFAULTS = { bytes: 10, inFlight: 1, sessions: 1000, clientType: 'leveret' }

const BROKER_CPU: Column = { key: 'cpuSecondsPerMillion', title: 'CPU s per million' }
const LOAD_CPU: Column = { key: 'loadCpuSecondsPerMillion', title: 'of the load' }
const LATENCY: readonly Column[] = [
  { key: 'p50Ms', title: 'median ms' },
  { key: 'p99Ms', title: 'p99 ms' },
  { key: 'maxMs', title: 'max ms' },
]

const LARGE: readonly Column[] = [
  { key: 'mebibytesPerSecond', title: 'MiB/s each way' },
  { key: 'p50Ms', title: 'median ms' },
  { key: 'cpuMsEach', title: "server's CPU ms each" },
  { key: 'loadCpuMsEach', title: 'of the load' },
]

/** Where a broker's AMOP node is. */
export interface AmopPlace {
  readonly port: number
  /** Made by the broker at its first start. */
  readonly certs: string
}

/** Starts the broker; its AMOP port, and the certificates, are there a little later than AMQP's. */
async function start(broker: BenchBroker, port: number): Promise<void> {
  await startUntilReady(broker)
  await listening(port, () => broker.endedWith)
}

function scenario(
  port: number,
  id: string,
  what: string,
  columns: readonly Column[],
  run: (broker: BenchBroker, times: LoadTimes) => Promise<Figures>,
): Scenario {
  return {
    id,
    what,
    columns,
    long: false,
    async run(broker, times) {
      await start(broker, port)
      return await run(broker, times)
    },
  }
}

export function amopScenarios({ port, certs }: AmopPlace): Scenario[] {
  const sdk = join(certs, 'sdk')
  const load = (mode: string, pid: number, times: LoadTimes, more: Partial<LoadOptions> = {}): Promise<Figures> =>
    runLoad(mode, { port, certs: sdk, pid, ...times, ...DEFAULTS, ...more })
  return [
    scenario(
      port,
      'U1',
      'unicast and its answer, 10 B, one in flight',
      [...LATENCY, BROKER_CPU, LOAD_CPU],
      (broker, times) => load('unicast', broker.pid, times),
    ),
    scenario(
      port,
      'U100',
      'the same, 100 in flight',
      [BROKER_CPU, { key: 'perSecond', title: 'unicasts/s' }, LOAD_CPU, ...LATENCY],
      (broker, times) => load('unicast', broker.pid, times, { inFlight: 100 }),
    ),
    scenario(
      port,
      'U100s',
      'the same, with each frame of the node in a TLS record of its own, as other SDKs get them',
      [BROKER_CPU, { key: 'perSecond', title: 'unicasts/s' }, LOAD_CPU, ...LATENCY],
      (broker, times) => load('unicast', broker.pid, times, { inFlight: 100, clientType: 'bench' }),
    ),
    scenario(
      port,
      'M1000',
      'a multicast of 10 B until the last of 1,000 sessions has it',
      [...LATENCY, BROKER_CPU, LOAD_CPU, { key: 'connectSeconds', title: 's to connect all' }],
      (broker, times) => load('multicast', broker.pid, times),
    ),
    scenario(
      port,
      'Q',
      'unicasts of 100 B into a durable queue, each answered when it is synced, 1,000 in flight',
      [BROKER_CPU, { key: 'perSecond', title: 'msg/s' }, LOAD_CPU, ...LATENCY],
      async (broker, times) =>
        withBoundQueue(broker, () => load('queue', broker.pid, times, { bytes: 100, inFlight: 1000 })),
    ),
    scenario(port, 'L', 'unicasts of 1 MiB and back, 8 in flight', LARGE, (broker, times) =>
      load('unicast', broker.pid, times, { bytes: LARGE_BYTES, inFlight: 8 }),
    ),
    {
      id: 'T',
      what: '1 MiB through a bare TLS server and back, 8 in flight',
      columns: LARGE,
      long: false,
      async run(broker, times) {
        // For its certificates: it makes them.
        await start(broker, port)
        await broker.stop()
        return await withEchoServer(certs, (echoPort, pid) =>
          load('echo', pid, times, { port: echoPort, bytes: LARGE_BYTES, inFlight: 8 }),
        )
      },
    },
  ]
}

function runLoad(mode: string, options: LoadOptions): Promise<Figures> {
  const command = [LOAD, mode, JSON.stringify(options)]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      if (stdout === '') reject(new Error(stderr.trim() || error?.message || 'the load printed nothing'))
      else resolve(JSON.parse(stdout) as Figures)
    })
  })
}

/** A durable queue that gets the topic's messages, gone afterwards. */
async function withBoundQueue(broker: BenchBroker, run: () => Promise<Figures>): Promise<Figures> {
  const queue = 'amop-bench'
  const client = await Client.connect(parseUri(urlOf(broker)))
  try {
    await client.call(1, encodeChannelOpen(1), CHANNEL_OPEN_OK)
    await client.call(1, encodeQueueDeclare(1, { queue, durable: true }), QUEUE_DECLARE_OK)
    await client.call(1, encodeQueueBind(1, { queue, exchange: 'amq.amop', routingKey: TOPIC }), QUEUE_BIND_OK)
    const figures = await run()
    const ready = await readyMessages(broker, queue)
    await client.call(1, encodeQueueDelete(1, { queue }), QUEUE_DELETE_OK)
    return { ...figures, missing: Number(figures.published) - ready }
  } finally {
    await client.close()
  }
}

async function withEchoServer(certs: string, run: (port: number, pid: number) => Promise<Figures>): Promise<Figures> {
  const port = await freePort()
  const server = new BenchProcess(process.execPath, [ECHO_SERVER, String(port), certs], {})
  try {
    await listening(port, () => server.endedWith)
    return await run(port, server.pid)
  } finally {
    await server.stop()
  }
}

/** @param endedWith what the server wrote last, when it has ended. */
async function listening(port: number, endedWith: () => string | undefined): Promise<void> {
  while (!(await accepts(port))) {
    const last = endedWith()
    if (last !== undefined) throw new Error(`nobody will listen on port ${port}: ${last}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
