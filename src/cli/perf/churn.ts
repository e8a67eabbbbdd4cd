import { createSubject, type Subject, type SubjectOptions } from './churn-subjects.ts'
import { type Context, withProgress } from './context.ts'
import type { Usage } from './process-usage.ts'
import { formatNumber, Report } from './report.ts'
import type { Run } from './run.ts'

export interface ChurnOptions extends SubjectOptions {
  /** How many are being opened or closed at the same time. */
  readonly parallel: number
  /** How long all of them stay open with nothing to do, before memory is read. */
  readonly holdMs: number
  /** How long, after that, single ones are opened and closed again; 0 to leave that out. */
  readonly cycleMs: number
}

interface Phase {
  readonly done: number
  readonly seconds: number
}

/** Opens many connections, channels or queues, holds them, closes them, and reports rates and memory. */
export async function churn(options: ChurnOptions, context: Context): Promise<Report> {
  const { run, broker } = context
  const subject = await createSubject(run, options)
  let opened = 0
  let closed = 0
  const gauges = [
    { label: 'opened', count: () => opened },
    { label: 'closed', count: () => closed },
  ]
  const open = async (index: number) => {
    await subject.open(index)
    opened++
  }
  const close = async (index: number) => {
    await subject.close(index)
    closed++
  }
  try {
    return await withProgress(context, gauges, async () => {
      const before = broker.read()
      const opening = await timed(() => inLanes(options.count, options.parallel, open, () => run.interrupted))
      const afterOpening = broker.read()
      const held = await hold(run, options.holdMs, () => broker.read())
      // What is open is closed even after an interrupt: queues would stay behind.
      const closing = await timed(() => inLanes(opening.done, options.parallel, close, () => false))
      const cycling = options.cycleMs > 0 ? await cycle(run, { open, close }, options) : undefined
      return report(options, { opening, closing, cycling, before, afterOpening, held })
    })
  } finally {
    await run.closeAll()
  }
}

/** Does something for each index below `count`, so many at a time, in order; returns how many were done. */
async function inLanes(
  count: number,
  lanes: number,
  work: (index: number) => Promise<void>,
  ended: () => boolean,
): Promise<number> {
  let next = 0
  const lane = async () => {
    while (next < count && !ended()) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(lanes, count) }, lane))
  return next
}

async function timed(work: () => Promise<number>): Promise<Phase> {
  const startMs = performance.now()
  const done = await work()
  return { done, seconds: (performance.now() - startMs) / 1000 }
}

/** Opens and closes one a lane for some time. */
function cycle(run: Run, subject: Subject, options: ChurnOptions): Promise<Phase> {
  const endMs = performance.now() + options.cycleMs
  const over = () => run.interrupted || performance.now() > endMs
  return timed(async () => {
    let done = 0
    const lane = async (index: number) => {
      while (!over()) {
        await subject.open(index)
        await subject.close(index)
        done++
      }
    }
    await inLanes(Math.min(options.parallel, options.count), options.parallel, lane, () => false)
    return done
  })
}

interface Held {
  readonly from: Usage | undefined
  readonly to: Usage | undefined
  readonly seconds: number
}

/** The second half of the time is what idling costs: the first may still have something to clear away. */
async function hold(run: Run, ms: number, read: () => Usage | undefined): Promise<Held> {
  await run.wait(ms / 2)
  const from = read()
  const startMs = performance.now()
  await run.wait(ms / 2)
  return { from, to: read(), seconds: (performance.now() - startMs) / 1000 }
}

interface Phases {
  readonly opening: Phase
  readonly closing: Phase
  readonly cycling: Phase | undefined
  readonly before: Usage | undefined
  readonly afterOpening: Usage | undefined
  readonly held: Held
}

function report(options: ChurnOptions, phases: Phases): Report {
  const { opening, closing, cycling } = phases
  const result = new Report()
  result.value('mode', 'churn')
  result.value('kind', options.kind)
  result.value('count', opening.done)
  result.value('openedPerSecond', opening.done / opening.seconds)
  result.value('openSeconds', opening.seconds)
  result.value('closedPerSecond', closing.done / closing.seconds)
  result.line(
    'opened',
    `${formatNumber(Math.round(opening.done / opening.seconds))}/s (${formatNumber(opening.done)} ${options.kind})`,
  )
  result.line('closed', `${formatNumber(Math.round(closing.done / closing.seconds))}/s`)
  if (cycling !== undefined) {
    result.value('cyclesPerSecond', cycling.done / cycling.seconds)
    result.line('cycles', `${formatNumber(Math.round(cycling.done / cycling.seconds))}/s opened and closed again`)
  }
  reportCost(result, phases)
  return result
}

function reportCost(result: Report, { opening, before, afterOpening, held }: Phases): void {
  if (before === undefined || afterOpening === undefined || held.from === undefined || held.to === undefined) return
  const kibEach = (held.to.residentBytes - before.residentBytes) / 1024 / opening.done
  const cpuMsEach = ((afterOpening.cpuSeconds - before.cpuSeconds) * 1000) / opening.done
  const idleCpuShare = (held.to.cpuSeconds - held.from.cpuSeconds) / held.seconds
  result.value('kibEach', kibEach)
  result.value('cpuMsEach', cpuMsEach)
  result.value('idleCpuShare', idleCpuShare)
  result.value('residentMiB', held.to.residentBytes / 1024 / 1024)
  result.line('broker', `${formatNumber(kibEach)} KiB and ${cpuMsEach.toFixed(3)} CPU ms each`)
  result.line(
    '',
    `${formatNumber(held.to.residentBytes / 1024 / 1024)} MiB resident, idle at ${(idleCpuShare * 100).toFixed(1)} % of a core`,
  )
}
