import type { Figures } from './load.ts'
import type { Column, Scenario } from './scenarios/scenario.ts'

/** What the runs of one scenario on one broker gave. */
export interface Runs {
  readonly scenario: Scenario
  readonly broker: string
  readonly figures: readonly Figures[]
}

/**
 * Markdown tables, one for each set of columns: median (lowest to highest), and how many times the first broker's median
 * of the first column another broker's is.
 */
export function markdownTables(all: readonly Runs[]): string {
  const bySet = new Map<string, Runs[]>()
  for (const runs of all) {
    const titles = runs.scenario.columns.map(({ title }) => title).join(' | ')
    bySet.set(titles, [...(bySet.get(titles) ?? []), runs])
  }
  return Array.from(bySet, ([titles, rows]) => table(titles, rows)).join('\n\n')
}

function table(titles: string, rows: readonly Runs[]): string {
  const columns = rows[0]?.scenario.columns ?? []
  const lines = rows.map((runs) => {
    const { scenario, broker, figures } = runs
    const first = rows.find((other) => other.scenario === scenario)
    const what = first === runs ? `${scenario.id}: ${scenario.what}` : ''
    // Under the same titles one scenario counts deliveries, another what it published.
    const cells = scenario.columns.map((column) => cell(figures, column))
    return `| ${[what, broker, ...cells, first === runs ? '' : ratio(runs, first)].join(' | ')} |`
  })
  const head = `| scenario | broker | ${titles} | ratio |`
  const rule = `|---|---|${columns.map(() => '--:|').join('')}--:|`
  return [head, rule, ...lines].join('\n')
}

function cell(figures: readonly Figures[], { key }: Column): string {
  const values = valuesOf(figures, key)
  if (values.length === 0) return '-'
  if (values.length === 1) return formatFigure(values[0] as number)
  const range = [values[0] as number, values.at(-1) as number].map(formatFigure).join(' to ')
  return `${formatFigure(median(values))} (${range})`
}

function ratio(runs: Runs, first: Runs | undefined): string {
  const key = runs.scenario.columns[0]?.key ?? ''
  const own = valuesOf(runs.figures, key)
  const reference = valuesOf(first?.figures ?? [], key)
  if (own.length === 0 || reference.length === 0 || median(reference) === 0) return '-'
  return (median(own) / median(reference)).toFixed(1)
}

/** In ascending order. */
function valuesOf(figures: readonly Figures[], key: string): number[] {
  return figures
    .map((each) => each[key])
    .filter((value) => typeof value === 'number')
    .sort((a, b) => a - b)
}

function median(ascending: readonly number[]): number {
  const middle = ascending.length >> 1
  const upper = ascending[middle] as number
  return ascending.length % 2 === 1 ? upper : (upper + (ascending[middle - 1] as number)) / 2
}

/** Three digits that count, and separators from thousands on. */
export function formatFigure(value: number): string {
  const size = Math.abs(value)
  if (size >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3)
}
