import type { BenchBroker } from '../brokers/broker.ts'
import { type Figures, type LoadTimes, load, numberOf, timed } from '../load.ts'
import { SyncMeter } from '../sync-meter.ts'
import { type Scenario, withEnvironment } from './scenario.ts'

const COPIES = 100
const LONE_MESSAGES = 2000
const SLOW_SYNC_MS = 2

const FANOUT: Scenario = {
  id: 'X100',
  what: 'persistent 100 B through a fanout to 100 queues',
  columns: [
    { key: 'syncsPerMessage', title: 'syncs a message, one by one' },
    { key: 'confirmP50Ms', title: 'confirm median ms' },
    { key: 'cpuSecondsPerMillion', title: 'CPU s per million deliveries, each acked' },
    { key: 'deliveredPerSecond', title: 'deliveries/s' },
  ],
  long: false,
  async run(broker, times) {
    const meter = new SyncMeter(0)
    return await withEnvironment(broker, meter.environment, () => fanOut(broker, meter, times))
  },
}

async function fanOut(broker: BenchBroker, meter: SyncMeter, times: LoadTimes): Promise<Figures> {
  const layout = ['throughput', '--exchange-type', 'fanout', '--queues', String(COPIES)]
  const messages = ['--persistent', '--size', '100']
  const oneByOne = ['--no-consume', '--confirms', '1', '--queue', 'copies', '--keep', '--count']
  // Declares everything; declaring it once more then writes nothing.
  await load(broker, [...layout, ...messages, ...oneByOne, '100'])
  const before = meter.count
  const lone = await load(broker, [...layout, ...messages, ...oneByOne, String(LONE_MESSAGES)])
  const syncs = meter.count - before
  const flow = await load(broker, [...layout, ...messages, '--confirms', '100', '--manual-ack', ...timed(times)])
  return { ...flow, syncsPerMessage: syncs / LONE_MESSAGES, confirmP50Ms: numberOf(lone, 'confirmP50Ms') }
}

/** As C, on a disk that takes 2 ms longer for every sync, and transient messages of somebody else beside it. */
function slowDisk(id: string, what: string, bodyBytes: number): Scenario {
  return {
    id,
    what: `${SLOW_SYNC_MS} ms added to each sync: persistent ${what}, 1,000 unconfirmed, each acked`,
    columns: [
      { key: 'cpuSecondsPerMillion', title: 'CPU s per million' },
      { key: 'deliveredPerSecond', title: 'msg/s' },
      { key: 'confirmP50Ms', title: 'confirm median ms' },
      { key: 'confirmP99Ms', title: 'p99 ms' },
      { key: 'besideP50Ms', title: 'transient beside it: median ms' },
      { key: 'besideP99Ms', title: 'p99 ms' },
      { key: 'besideMaxMs', title: 'max ms' },
    ],
    long: false,
    async run(broker, times) {
      const meter = new SyncMeter(SLOW_SYNC_MS)
      return await withEnvironment(broker, meter.environment, () => withTransient(broker, bodyBytes, times))
    },
  }
}

async function withTransient(broker: BenchBroker, bodyBytes: number, times: LoadTimes): Promise<Figures> {
  const durable = ['--persistent', '--confirms', '1000', '--manual-ack', '--prefetch', '1000']
  const [flow, beside] = await Promise.all([
    load(broker, ['throughput', '--size', String(bodyBytes), ...durable, ...timed(times)]),
    load(broker, ['latency', '--rate', '200', '--size', '100', ...timed(times)]),
  ])
  return {
    ...flow,
    besideP50Ms: numberOf(beside, 'latencyP50Ms'),
    besideP99Ms: numberOf(beside, 'latencyP99Ms'),
    besideMaxMs: numberOf(beside, 'latencyMaxMs'),
    missing: numberOf(flow, 'missing') + numberOf(beside, 'missing'),
  }
}

export const SYNCS: readonly Scenario[] = [FANOUT, slowDisk('S2', '100 B', 100), slowDisk('S2k', '1 KiB', 1024)]
