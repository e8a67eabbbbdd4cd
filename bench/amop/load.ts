/*
 * The load of one AMOP scenario, in a process of its own: `node load.js <mode> <JSON of LoadOptions>` prints its figures as
 * JSON. Publisher and subscribers are AmopClients of this process.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { AmopClient } from '../../src/amop-client.ts'
import { Histogram } from '../../src/cli/perf/histogram.ts'
import { ProcessUsage } from '../../src/cli/perf/process-usage.ts'
import { AMOP_GROUPS } from '../../src/net/amop-tls.ts'

export interface LoadOptions {
  /** Of the AMOP node; for `echo`, of the bare server. */
  readonly port: number
  /** Directory with an SDK's certificates. */
  readonly certs: string
  /** The process whose CPU counts. */
  readonly pid: number
  readonly seconds: number
  readonly warmupSeconds: number
  /** Bytes of a body. */
  readonly bytes: number
  /** Messages that wait for their answers at a time. */
  readonly inFlight: number
  /** Subscribed sessions, for `multicast`. */
  readonly sessions: number
  /** What the clients call themselves; the node writes each frame by itself to those that are not `leveret`. */
  readonly clientType: string
}

const TOPIC = 'bench'
/** So few that they are not measured. */
const QUIET = { heartbeatMs: 20_000, silenceMs: 60_000, timeoutMs: 60_000, connectTimeoutMs: 60_000 }
const MEBIBYTE = 1024 * 1024

const [mode = '', json = '{}'] = process.argv.slice(2)
const options = JSON.parse(json) as LoadOptions
const broker = new ProcessUsage([options.pid])

function open(): Promise<AmopClient> {
  const { port, certs: certsDirectory, clientType } = options
  return AmopClient.connect({ ...QUIET, nodes: [`127.0.0.1:${port}`], certsDirectory, clientType })
}

/** CPU and time from its making to `end`. */
class Window {
  readonly #startMs = performance.now()
  readonly #brokerSeconds = broker.read()?.cpuSeconds ?? Number.NaN
  readonly #own = process.cpuUsage()

  /** @param count messages in that time. */
  end(count: number): Record<string, number> {
    const seconds = (performance.now() - this.#startMs) / 1000
    const brokerSeconds = (broker.read()?.cpuSeconds ?? Number.NaN) - this.#brokerSeconds
    const { user, system } = process.cpuUsage(this.#own)
    const ownSeconds = (user + system) / 1e6
    return {
      perSecond: count / seconds,
      cpuSecondsPerMillion: (brokerSeconds / count) * 1e6,
      loadCpuSecondsPerMillion: (ownSeconds / count) * 1e6,
      cpuMsEach: (brokerSeconds / count) * 1000,
      loadCpuMsEach: (ownSeconds / count) * 1000,
    }
  }
}

/** Keeps so many calls under way for a time. @returns figures of what ended in the measured part of it. */
async function keepCalling(call: () => Promise<unknown>): Promise<Record<string, number>> {
  const { seconds, warmupSeconds, inFlight } = options
  const histogram = new Histogram()
  let measured = false
  let ended = false
  const caller = async (): Promise<void> => {
    while (!ended) {
      const startMs = performance.now()
      await call()
      if (measured) histogram.record(performance.now() - startMs)
    }
  }
  const callers = Array.from({ length: inFlight }, caller)
  const failed = Promise.all(callers)
  await Promise.race([sleep(warmupSeconds), failed])
  const window = new Window()
  measured = true
  await Promise.race([sleep(seconds), failed])
  measured = false
  const figures = window.end(histogram.count)
  ended = true
  await failed
  return {
    ...figures,
    p50Ms: histogram.percentile(0.5),
    p99Ms: histogram.percentile(0.99),
    maxMs: histogram.maxMs,
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/** A subscriber that answers with what it has got, and a publisher. */
async function unicast(): Promise<Record<string, number>> {
  const [subscriber, publisher] = [await open(), await open()]
  await subscriber.subscribe(TOPIC, ({ data }) => data)
  const body = Buffer.alloc(options.bytes, 'x')
  const figures = await keepCalling(async () => {
    const answer = await publisher.unicast(TOPIC, body)
    if (answer.length !== body.length) throw new Error('an answer is not what was sent')
  })
  await Promise.all([subscriber.close(), publisher.close()])
  return { ...figures, mebibytesPerSecond: ((figures.perSecond ?? 0) * options.bytes) / MEBIBYTE }
}

/** To a topic that a queue is bound to. */
async function queue(): Promise<Record<string, number>> {
  const publisher = await open()
  const body = Buffer.alloc(options.bytes, 'x')
  let published = 0
  const figures = await keepCalling(async () => {
    await publisher.unicast(TOPIC, body)
    published++
  })
  await publisher.close()
  return { ...figures, published }
}

/** From the call to the handler of the last of many sessions. */
async function multicast(): Promise<Record<string, number>> {
  const { sessions, seconds, warmupSeconds } = options
  const publisher = await open()
  let left = 0
  let arrived = (): void => {}
  const connectStartMs = performance.now()
  const subscribers: AmopClient[] = []
  for (let i = 0; i < sessions; i++) {
    const subscriber = await open()
    subscribers.push(subscriber)
    await subscriber.subscribe(TOPIC, () => {
      if (--left === 0) arrived()
    })
  }
  const connectSeconds = (performance.now() - connectStartMs) / 1000
  const body = Buffer.alloc(options.bytes, 'x')
  const once = async (): Promise<number> => {
    left = sessions
    const all = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const startMs = performance.now()
    await Promise.all([publisher.multicast(TOPIC, body), all])
    return performance.now() - startMs
  }
  for (const endMs = performance.now() + warmupSeconds * 1000; performance.now() < endMs; ) await once()
  const histogram = new Histogram()
  const window = new Window()
  for (const endMs = performance.now() + seconds * 1000; performance.now() < endMs; ) histogram.record(await once())
  const figures = window.end(histogram.count * sessions)
  await Promise.all([publisher, ...subscribers].map((client) => client.close()))
  return {
    ...figures,
    p50Ms: histogram.percentile(0.5),
    p99Ms: histogram.percentile(0.99),
    maxMs: histogram.maxMs,
    connectSeconds,
  }
}

/** Bodies through a bare TLS server that sends back what comes, over one connection. */
async function echo(): Promise<Record<string, number>> {
  const { port, certs, bytes } = options
  const read = (name: string): Buffer => readFileSync(join(certs, name))
  const socket: TLSSocket = connectTls({
    port,
    host: '127.0.0.1',
    ca: read('ca.crt'),
    cert: read('sdk.crt'),
    key: read('sdk.key'),
    ecdhCurve: AMOP_GROUPS,
    checkServerIdentity: () => undefined,
  })
  socket.getPeerCertificate = (() => ({})) as unknown as TLSSocket['getPeerCertificate']
  const waiting: (() => void)[] = []
  let received = 0
  socket.on('data', (chunk: Buffer) => {
    for (received += chunk.length; received >= bytes; received -= bytes) waiting.shift()?.()
  })
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const body = Buffer.alloc(bytes, 'x')
  const figures = await keepCalling(() => {
    socket.write(body)
    return new Promise<void>((resolve) => waiting.push(resolve))
  })
  socket.destroy()
  return { ...figures, mebibytesPerSecond: ((figures.perSecond ?? 0) * bytes) / MEBIBYTE }
}

const modes: Readonly<Record<string, () => Promise<Record<string, number>>>> = { unicast, queue, multicast, echo }
const run = modes[mode]
if (run === undefined) throw new Error(`no mode ${mode}`)
console.log(JSON.stringify(await run()))
