import {
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  CONFIRM_SELECT_OK,
  encodeBasicConsume,
  encodeBasicQos,
  encodeConfirmSelect,
} from '../../codec/index.ts'
import type { Client } from '../client/client.ts'
import { Consumer } from './consumer.ts'
import { type Context, withProgress } from './context.ts'
import { Flow } from './flow.ts'
import { Histogram } from './histogram.ts'
import { MessageBlock } from './message-block.ts'
import { Producer } from './producer.ts'
import { formatNumber, Report, reportPercentiles, reportUsage } from './report.ts'
import { type Sample, takeSample, type Window, windowBetween } from './sample.ts'
import { declareTopology, removeTopology, type Topology, type TopologyOptions } from './topology.ts'

export interface ThroughputOptions extends TopologyOptions {
  readonly producers: number
  /** 0 for publishing only. */
  readonly consumers: number
  readonly bodyBytes: number
  readonly persistent: boolean
  readonly confirms: number
  /** 0 without acknowledgements. */
  readonly ackEvery: number
  /** 0 for no limit. */
  readonly prefetch: number
  readonly rate: number
  readonly lead: number
  /** Messages of the measured part; undefined for a time. */
  readonly count: number | undefined
  readonly durationMs: number
  readonly warmupMs: number
  readonly warmupCount: number
  /** How long nothing may arrive at the end before what is left counts as missing. */
  readonly settleMs: number
  /** Leaves queues and exchange behind. */
  readonly keep: boolean
}

const CHANNEL = 1
const PACE_MS = 2

/** Publishes and consumes as fast as it goes (or at a rate), and reports how fast that was. */
export async function throughput(options: ThroughputOptions, context: Context): Promise<Report> {
  const control = await context.run.connectChannel('control')
  try {
    const topology = await declareTopology(control, options)
    return await measure(options, context, topology)
  } finally {
    if (!options.keep) await removeTopology(control, options)
    await context.run.closeAll()
  }
}

async function measure(options: ThroughputOptions, context: Context, topology: Topology): Promise<Report> {
  const { run } = context
  const consuming = options.consumers > 0
  const flow = new Flow({
    lead: consuming ? options.lead : 0,
    confirms: options.confirms,
    rate: options.rate,
    copies: consuming ? topology.copies : 0,
  })
  const consumers = await startConsumers(options, context, topology, flow)
  const confirms = new Histogram()
  const producers = await makeProducers(options, context, topology, flow, confirms)
  const load = new Load(context, flow, topology, producers, options)
  const gauges = [{ label: 'published', count: () => flow.published }]
  if (consuming) gauges.push({ label: 'delivered', count: () => flow.delivered })
  if (options.confirms > 0) gauges.push({ label: 'confirmed', count: () => flow.confirmed })
  const pace = options.rate > 0 ? setInterval(() => flow.wake(), PACE_MS) : undefined
  try {
    const [from, to] = await withProgress(context, gauges, () => load.run(options))
    // A count has been waited for; a time ends amid the stream.
    if (options.count === undefined) await load.settle()
    // Before anything else is waited for: what comes too late must not be counted on one side only.
    const losses: Losses = {
      missing: consuming ? flow.missing : 0,
      refused: flow.refused,
      open: unconfirmed(producers),
    }
    for (const client of consumers) await run.close(client)
    return report(options, windowBetween(from, to), confirms, losses)
  } finally {
    clearInterval(pace)
    flow.stopped = true
  }
}

async function startConsumers(options: ThroughputOptions, context: Context, topology: Topology, flow: Flow) {
  const clients: Client[] = []
  for (let i = 0; i < options.consumers; i++) {
    const client = await context.run.connectChannel(`consumer ${i + 1}`)
    const queue = topology.queues[i % topology.queues.length] as string
    await consume(client, queue, flow, options)
    clients.push(client)
  }
  return clients
}

/** Starts a consumer on channel 1. */
export async function consume(
  client: Client,
  queue: string,
  flow: Flow,
  { prefetch, ackEvery }: { readonly prefetch: number; readonly ackEvery: number },
): Promise<Consumer> {
  const consumer = new Consumer(client, flow, CHANNEL, ackEvery)
  await startConsuming(client, queue, prefetch, ackEvery > 0)
  return consumer
}

export async function startConsuming(client: Client, queue: string, prefetch: number, acks: boolean): Promise<void> {
  if (acks) await client.call(CHANNEL, encodeBasicQos(CHANNEL, { prefetchCount: prefetch }), BASIC_QOS_OK)
  const frame = encodeBasicConsume(CHANNEL, { queue, consumerTag: 'c', noAck: !acks })
  await client.call(CHANNEL, frame, BASIC_CONSUME_OK)
}

async function makeProducers(
  options: ThroughputOptions,
  context: Context,
  topology: Topology,
  flow: Flow,
  confirms: Histogram,
) {
  const producers: Producer[] = []
  for (let i = 0; i < options.producers; i++) {
    const client = await context.run.connectChannel(`producer ${i + 1}`)
    if (options.confirms > 0) await client.call(CHANNEL, encodeConfirmSelect(CHANNEL), CONFIRM_SELECT_OK)
    const shape = { bodyBytes: options.bodyBytes, persistent: options.persistent, frameMax: client.frameMax }
    producers.push(new Producer(client, flow, new MessageBlock(CHANNEL, topology.routes, shape), confirms))
  }
  return producers
}

/** The phases of a run: warm-up, the measured part, and waiting for the rest. */
class Load {
  readonly #context: Context
  readonly #flow: Flow
  readonly #topology: Topology
  readonly #producers: readonly Producer[]
  readonly #consuming: boolean
  readonly #settleMs: number

  constructor(
    context: Context,
    flow: Flow,
    topology: Topology,
    producers: readonly Producer[],
    options: ThroughputOptions,
  ) {
    this.#context = context
    this.#flow = flow
    this.#topology = topology
    this.#producers = producers
    this.#consuming = options.consumers > 0
    this.#settleMs = options.settleMs
  }

  async run(options: ThroughputOptions): Promise<[Sample, Sample]> {
    await this.#warmUp(options)
    const from = this.#sample()
    for (const producer of this.#producers) producer.measureFromMs = from.atMs
    if (options.count === undefined) {
      this.#flow.start()
      await this.#context.run.wait(options.durationMs)
      // With consumers the window ends amid the stream; without, when the broker has taken what was published.
      if (!this.#consuming) await this.settle()
    } else {
      await this.#publish(options.count)
    }
    return [from, this.#sample()]
  }

  async #warmUp(options: ThroughputOptions): Promise<void> {
    if (options.warmupCount > 0) await this.#publish(options.warmupCount)
    if (options.warmupMs === 0 || options.count !== undefined) return
    this.#flow.start()
    await this.#context.run.wait(options.warmupMs)
    if (!this.#consuming) await this.settle()
  }

  /** Publishes so many messages and waits until all have arrived. */
  async #publish(count: number): Promise<void> {
    const flow = this.#flow
    flow.publishMax = flow.published + count
    flow.start()
    await this.#context.run.until(() => flow.published >= flow.publishMax)
    await this.settle()
    flow.publishMax = Number.POSITIVE_INFINITY
  }

  /** Ends publishing and waits for everything published before. */
  async settle(): Promise<void> {
    const { run } = this.#context
    this.#flow.stopped = true
    // The answer to a synchronous method comes behind everything before it on the channel.
    await run.finish(Promise.all(this.#producers.map((producer) => this.#topology.sync(producer.client))))
    await run.untilSettled(() => unconfirmed(this.#producers), this.#settleMs)
    if (this.#consuming) await run.untilSettled(() => this.#flow.missing, this.#settleMs)
  }

  #sample(): Sample {
    return takeSample(this.#flow, this.#context.broker)
  }
}

function unconfirmed(producers: readonly Producer[]): number {
  return producers.reduce((sum, producer) => sum + producer.unconfirmed, 0)
}

function report(options: ThroughputOptions, window: Window, confirms: Histogram, losses: Losses): Report {
  const consuming = options.consumers > 0
  const result = new Report()
  const rate = (name: string, count: number) => {
    result.value(name, count)
    result.value(`${name}PerSecond`, count / window.seconds)
    result.line(name, `${formatNumber(Math.round(count / window.seconds))} msg/s (${formatNumber(count)} messages)`)
  }
  result.value('mode', 'throughput')
  result.value('seconds', window.seconds)
  result.line('measured', `${window.seconds.toFixed(2)} s, ${options.bodyBytes} bytes a message`)
  rate('published', window.published)
  if (consuming) rate('delivered', window.delivered)
  if (options.confirms > 0) {
    rate('confirmed', window.confirmed)
    reportPercentiles(result, 'confirm', 'confirm', confirms)
  }
  reportUsage(result, window, consuming ? window.delivered : window.published)
  reportLosses(result, losses)
  return result
}

/** What did not arrive, counted over the whole run with its warm-up. */
export interface Losses {
  /** Deliveries; negative when there were more than there should have been. */
  readonly missing: number
  /** Messages that the broker answered with basic.nack. */
  readonly refused: number
  /** Messages without an answer. */
  readonly open: number
}

/** Missing deliveries and unanswered messages make the run a failure. */
export function reportLosses(result: Report, { missing, refused, open }: Losses): void {
  result.value('missing', Math.max(0, missing))
  result.value('duplicates', Math.max(0, -missing))
  result.value('refused', refused)
  result.value('unconfirmed', open)
  result.line('missing', formatNumber(Math.max(0, missing)))
  if (missing < 0) result.line('duplicates', formatNumber(-missing))
  if (refused > 0) result.line('refused', `${formatNumber(refused)} (basic.nack)`)
  if (open > 0) result.line('unconfirmed', formatNumber(open))
  result.ok = missing <= 0 && open === 0
}
