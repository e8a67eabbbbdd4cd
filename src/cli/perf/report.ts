import type { Histogram } from './histogram.ts'
import type { Window } from './sample.ts'

/** A figure for programs (`--json`, null where it could not be had) and a line for people, side by side. */
export class Report {
  /** False when messages went missing. */
  ok = true
  readonly #values: Record<string, number | string | null> = {}
  readonly #lines: string[] = []

  value(name: string, value: number | string | undefined): void {
    this.#values[name] = typeof value === 'number' ? finite(value) : (value ?? null)
  }

  line(label: string, text: string): void {
    this.#lines.push(`${label.padEnd(12)}${text}`)
  }

  /** The summary as printed, a line feed at its end. */
  text(json: boolean): string {
    return json ? `${JSON.stringify(this.#values)}\n` : `${this.#lines.join('\n')}\n`
  }
}

/** What the broker and this tool have used: in seconds of CPU for a million of `messages`, and as a share of one core. */
export function reportUsage(report: Report, window: Window, messages: number): void {
  const { seconds, brokerCpuSeconds, brokerResidentBytes, ownCpuSeconds } = window
  const perMillion = (cpuSeconds: number) => (messages > 0 ? (cpuSeconds / messages) * 1e6 : Number.NaN)
  if (brokerCpuSeconds !== undefined && brokerResidentBytes !== undefined) {
    report.value('cpuSecondsPerMillion', perMillion(brokerCpuSeconds))
    report.value('brokerCpuShare', brokerCpuSeconds / seconds)
    report.value('residentMiB', brokerResidentBytes / 1024 / 1024)
    report.line('broker', usageText(perMillion(brokerCpuSeconds), brokerCpuSeconds / seconds))
    report.line('', `${formatNumber(brokerResidentBytes / 1024 / 1024)} MiB resident`)
  }
  report.value('loadCpuShare', ownCpuSeconds / seconds)
  report.line('load tool', usageText(perMillion(ownCpuSeconds), ownCpuSeconds / seconds))
}

/** The percentiles of a histogram, as `<prefix>P50Ms` and so on. */
export function reportPercentiles(report: Report, prefix: string, label: string, histogram: Histogram): void {
  const shares = [0.5, 0.9, 0.99, 0.999].map((share) => [`p${share * 100}`, histogram.percentile(share)] as const)
  const figures = [...shares, ['max', histogram.maxMs] as const]
  for (const [name, ms] of figures) {
    report.value(`${prefix}${name.charAt(0).toUpperCase()}${name.slice(1).replace('.', '')}Ms`, ms)
  }
  report.line(label, figures.map(([name, ms]) => `${name} ${ms.toFixed(3)} ms`).join('  '))
}

/** Whole numbers with separators, smaller ones with up to two decimals. */
export function formatNumber(value: number): string {
  const decimals = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals })
}

function usageText(perMillion: number, share: number): string {
  const cost = Number.isFinite(perMillion) ? `${formatNumber(perMillion)} CPU s per million messages, ` : ''
  return `${cost}${(share * 100).toFixed(0)} % of a core`
}

// JSON has no NaN, and nine digits of a rate are noise.
function finite(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 10_000) / 10_000 : null
}
