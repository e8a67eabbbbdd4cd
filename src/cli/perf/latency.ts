import { CONFIRM_SELECT_OK, encodeConfirmSelect } from '../../codec/index.ts'
import { type Context, withProgress } from './context.ts'
import { Flow } from './flow.ts'
import { Histogram } from './histogram.ts'
import { LatencyConsumer } from './latency-consumer.ts'
import { LatencyProducer } from './latency-producer.ts'
import { formatNumber, Report, reportPercentiles, reportUsage } from './report.ts'
import { type Sample, takeSample, windowBetween } from './sample.ts'
import { reportLosses, startConsuming } from './throughput.ts'
import { declareTopology, removeTopology, type Topology, type TopologyOptions } from './topology.ts'

export interface LatencyOptions {
  readonly name: string
  readonly bodyBytes: number
  readonly rate: number
  readonly persistent: boolean
  readonly durable: boolean
  readonly queueArguments: Readonly<Record<string, unknown>>
  readonly confirms: number
  readonly ackEvery: number
  readonly prefetch: number
  readonly durationMs: number
  readonly warmupMs: number
  /** How long nothing may arrive at the end before what is left counts as missing. */
  readonly settleMs: number
}

const CHANNEL = 1
const PACE_MS = 1

/** Sends messages at a fixed rate through one queue and reports how long they are under way. */
export async function latency(options: LatencyOptions, context: Context): Promise<Report> {
  const { run } = context
  const layout: TopologyOptions = { ...options, exchangeType: 'direct', queues: 1, bindings: 0 }
  const control = await run.connectChannel('control')
  try {
    return await measure(options, context, await declareTopology(control, layout))
  } finally {
    await removeTopology(control, layout)
    await run.closeAll()
  }
}

async function measure(options: LatencyOptions, context: Context, topology: Topology): Promise<Report> {
  const { run, broker } = context
  const { rate, confirms, ackEvery, prefetch } = options
  const flow = new Flow({ lead: 0, confirms, rate, copies: 1 })
  const deliveries = new Histogram()
  const confirmations = new Histogram()
  const [route] = topology.routes
  const [queue] = topology.queues
  if (route === undefined || queue === undefined) throw new Error('a latency run has one queue')
  const receiver = await run.connectChannel('consumer')
  const consumer = new LatencyConsumer(receiver, flow, CHANNEL, ackEvery, deliveries)
  await startConsuming(receiver, queue, prefetch, ackEvery > 0)
  const sender = await run.connectChannel('producer')
  if (confirms > 0) await sender.call(CHANNEL, encodeConfirmSelect(CHANNEL), CONFIRM_SELECT_OK)
  const shape = { bodyBytes: options.bodyBytes, persistent: options.persistent, frameMax: sender.frameMax }
  const producer = new LatencyProducer(sender, flow, route, shape, confirmations)

  const gauges = [
    { label: 'published', count: () => flow.published },
    { label: 'delivered', count: () => flow.delivered },
  ]
  const pace = setInterval(() => flow.wake(), PACE_MS)
  try {
    const [from, to] = await withProgress(context, gauges, async () => {
      flow.start()
      await run.wait(options.warmupMs)
      const start = takeSample(flow, broker)
      consumer.measureFromMs = start.atMs
      producer.measureFromMs = start.atMs
      await run.wait(options.durationMs)
      return [start, takeSample(flow, broker)] as const
    })
    flow.stopped = true
    await run.untilSettled(() => producer.unconfirmed, options.settleMs)
    await run.untilSettled(() => flow.missing, options.settleMs)
    return report(options, flow, producer, { from, to, deliveries, confirmations })
  } finally {
    clearInterval(pace)
    flow.stopped = true
  }
}

interface Measured {
  readonly from: Sample
  readonly to: Sample
  readonly deliveries: Histogram
  readonly confirmations: Histogram
}

function report(options: LatencyOptions, flow: Flow, producer: LatencyProducer, measured: Measured): Report {
  const window = windowBetween(measured.from, measured.to)
  const result = new Report()
  const perSecond = window.published / window.seconds
  result.value('mode', 'latency')
  result.value('seconds', window.seconds)
  result.value('published', window.published)
  result.value('publishedPerSecond', perSecond)
  result.value('delivered', window.delivered)
  result.line('measured', `${window.seconds.toFixed(2)} s, ${options.bodyBytes} bytes a message`)
  result.line('published', `${formatNumber(Math.round(perSecond))} msg/s of ${formatNumber(options.rate)} wanted`)
  result.value('latencyMeanMs', measured.deliveries.meanMs)
  reportPercentiles(result, 'latency', 'end to end', measured.deliveries)
  if (options.confirms > 0) reportPercentiles(result, 'confirm', 'confirm', measured.confirmations)
  reportUsage(result, window, window.delivered)
  reportLosses(result, { missing: flow.missing, refused: flow.refused, open: producer.unconfirmed })
  return result
}
