import type { ExecutionContext } from 'ava'
import { Broker, type BrokerOptions } from '../../src/index.ts'

/** A broker in this process, in memory, on a free port; stopped when the test is over. */
export async function startBroker(t: ExecutionContext, options: BrokerOptions = {}): Promise<Broker> {
  const broker = await Broker.start(options)
  t.teardown(() => broker.stop())
  return broker
}
