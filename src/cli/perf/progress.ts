import { formatNumber } from './report.ts'

/** Something that is counted while a run goes on. */
export interface Gauge {
  readonly label: string
  count(): number
}

/**
 * Writes the current rates once a second.
 * @returns ends it.
 */
export function showProgress(write: (line: string) => void, gauges: readonly Gauge[]): () => void {
  const startMs = performance.now()
  let lastMs = startMs
  let last = gauges.map((gauge) => gauge.count())
  const timer = setInterval(() => {
    const nowMs = performance.now()
    const now = gauges.map((gauge) => gauge.count())
    const rates = gauges.map(({ label }, i) => {
      const rate = (((now[i] ?? 0) - (last[i] ?? 0)) / (nowMs - lastMs)) * 1000
      return `${label} ${formatNumber(Math.round(rate))}/s`
    })
    write(`${String(Math.round((nowMs - startMs) / 1000)).padStart(4)} s  ${rates.join('  ')}\n`)
    lastMs = nowMs
    last = now
  }, 1000)
  return () => clearInterval(timer)
}
