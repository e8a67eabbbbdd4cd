import { type BenchBroker, startUntilReady } from '../brokers/broker.ts'
import type { Figures, LoadTimes } from '../load.ts'

/** A figure that a run gives, and how a table heads it. */
export interface Column {
  readonly key: string
  readonly title: string
}

/** A load, and which of its figures are shown; the first is the one to compare. */
export interface Scenario {
  readonly id: string
  readonly what: string
  readonly columns: readonly Column[]
  /** Takes minutes even on a fast broker: only run when asked for by name, and on other brokers than Leveret only with a flag. */
  readonly long: boolean
  /**
   * Starts the broker when it is not up.
   * @returns figures by name; `missing` says how many messages are not where they should be.
   */
  run(broker: BenchBroker, times: LoadTimes): Promise<Figures>
}

/** Starts the broker with nothing in it. */
export async function startFresh(broker: BenchBroker): Promise<void> {
  await broker.stop()
  broker.clear()
  await startUntilReady(broker)
}

/** Runs something on a broker with nothing in it and with more in its environment, which it has left again afterwards. */
export async function withEnvironment<T>(
  broker: BenchBroker,
  environment: Readonly<Record<string, string>>,
  run: () => Promise<T>,
): Promise<T> {
  broker.environment = environment
  try {
    await startFresh(broker)
    return await run()
  } finally {
    broker.environment = {}
    await broker.stop()
  }
}

export function mebibytes(bytes: number): number {
  return bytes / 1024 / 1024
}
