import { type Context, withProgress } from './context.ts'
import { Flow } from './flow.ts'
import { formatNumber, Report, reportUsage } from './report.ts'
import { takeSample, windowBetween } from './sample.ts'
import { consume } from './throughput.ts'
import { countReady } from './topology.ts'

export interface DrainOptions {
  readonly queue: string
  readonly ackEvery: number
  readonly prefetch: number
  /** How long nothing may arrive before what is left counts as missing. */
  readonly settleMs: number
}

/** Consumes what a queue holds when the run starts, and reports how fast that was. */
export async function drain(options: DrainOptions, context: Context): Promise<Report> {
  const { run, broker } = context
  const flow = new Flow({ lead: 0, confirms: 0, rate: 0, copies: 1 })
  const client = await run.connectChannel('consumer')
  try {
    const ready = await countReady(client, options.queue)
    // What is there counts as published: it is missing until it has come.
    flow.published = ready
    const from = takeSample(flow, broker)
    const gauges = [{ label: 'delivered', count: () => flow.delivered }]
    const consumer = await consume(client, options.queue, flow, options)
    await withProgress(context, gauges, () =>
      run.untilSettled(() => (run.interrupted ? 0 : flow.missing), options.settleMs),
    )
    consumer.ackRest()
    // The answer to a synchronous method comes behind everything before it: what acks cost belongs to a drain.
    await run.finish(countReady(client, options.queue))
    const window = windowBetween(from, takeSample(flow, broker))
    return report(options, ready, flow.delivered, window, run.interrupted)
  } finally {
    await run.closeAll()
  }
}

function report(
  options: DrainOptions,
  ready: number,
  delivered: number,
  window: ReturnType<typeof windowBetween>,
  interrupted: boolean,
): Report {
  const result = new Report()
  const perSecond = delivered / window.seconds
  const missing = Math.max(0, ready - delivered)
  result.value('mode', 'drain')
  result.value('seconds', window.seconds)
  result.value('ready', ready)
  result.value('delivered', delivered)
  result.value('deliveredPerSecond', perSecond)
  result.line('measured', `${window.seconds.toFixed(2)} s, queue ${options.queue} with ${formatNumber(ready)} messages`)
  result.line('delivered', `${formatNumber(Math.round(perSecond))} msg/s (${formatNumber(delivered)} messages)`)
  reportUsage(result, window, delivered)
  result.value('missing', missing)
  result.line('missing', formatNumber(missing))
  result.ok = missing === 0 || interrupted
  return result
}
