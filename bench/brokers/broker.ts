import { Client } from '../../src/cli/client/client.ts'
import { ClientError } from '../../src/cli/client/client-error.ts'
import { parseUri } from '../../src/cli/client/uri.ts'
import { textOf } from '../../src/codec/index.ts'

/** A broker that a benchmark starts and stops, in a process of its own. */
export interface BenchBroker {
  /** With its version once it has run, such as `RabbitMQ 3.10.8`. */
  readonly name: string
  readonly port: number
  /** Where everything lies that it leaves behind. */
  readonly dataDirectory: string
  /** Added to the environment of the next start. */
  environment: Readonly<Record<string, string>>
  /** The process whose CPU counts. */
  readonly pid: number
  /** What it wrote last, when its process has ended by itself. */
  readonly endedWith: string | undefined
  /** Starts the process on what it left behind at the last stop, if anything; returns before it takes connections. */
  start(): Promise<void>
  /** @param signal SIGKILL for an end without a word; default SIGTERM. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Removes what the last run left behind. */
  clear(): void
}

// A broker may read a long backlog first.
const READY_TIMEOUT_MS = 300_000
const ATTEMPT_MS = 5

export function urlOf(broker: Pick<BenchBroker, 'port'>): string {
  return `amqp://guest:guest@127.0.0.1:${broker.port}`
}

/**
 * Starts a broker and waits until a client is in.
 * @returns seconds from start to first connection, and the version the broker announces under `property`.
 */
export async function startUntilReady(
  broker: Pick<BenchBroker, 'name' | 'port' | 'endedWith' | 'start'>,
  property = 'version',
) {
  const startMs = performance.now()
  await broker.start()
  const target = parseUri(urlOf(broker))
  for (;;) {
    try {
      const client = await Client.connect(target)
      const seconds = (performance.now() - startMs) / 1000
      const value = client.serverProperties.get(property)
      await client.close()
      return { seconds, version: (value && textOf(value)) ?? '' }
    } catch (error) {
      // An answer in words does not change.
      if (error instanceof ClientError && error.code !== 0) throw error
      if (broker.endedWith !== undefined) throw new Error(`${broker.name} has ended: ${broker.endedWith}`)
      if (performance.now() - startMs > READY_TIMEOUT_MS) {
        throw new Error(`${broker.name} did not take a connection: ${(error as Error).message}`)
      }
    }
    await new Promise((resolve) => setTimeout(resolve, ATTEMPT_MS))
  }
}
