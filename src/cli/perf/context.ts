import type { ProcessUsage } from './process-usage.ts'
import { type Gauge, showProgress } from './progress.ts'
import type { Run } from './run.ts'

/** What every command of the tool is given beside its own options. */
export interface Context {
  readonly run: Run
  readonly broker: ProcessUsage
  /** Where progress goes; nowhere when it is not wanted. */
  readonly progress: ((line: string) => void) | undefined
}

/** Shows rates while the work lasts. */
export async function withProgress<T>(context: Context, gauges: readonly Gauge[], work: () => Promise<T>): Promise<T> {
  const end = context.progress === undefined ? undefined : showProgress(context.progress, gauges)
  try {
    return await work()
  } finally {
    end?.()
  }
}
