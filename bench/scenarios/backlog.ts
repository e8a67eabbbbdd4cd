import type { BenchBroker } from '../brokers/broker.ts'
import { type Figures, load, numberOf } from '../load.ts'
import { Watch } from '../watch.ts'
import { type Column, mebibytes, type Scenario, startFresh } from './scenario.ts'

export const BACKLOG_QUEUE = 'backlog'
const BODY_BYTES = 100

const COLUMNS: readonly Column[] = [
  { key: 'fillCpuSecondsPerMillion', title: 'fill: CPU s per million' },
  { key: 'drainCpuSecondsPerMillion', title: 'drain: CPU s per million' },
  { key: 'fillPerSecond', title: 'fill: msg/s' },
  { key: 'drainPerSecond', title: 'drain: msg/s' },
  { key: 'fullMiB', title: 'resident MiB when full' },
  { key: 'fillAboveIdleMiB', title: 'most MiB above idle: fill' },
  { key: 'drainAboveIdleMiB', title: 'drain' },
  { key: 'diskPerBodyByte', title: 'most disk, by bytes of bodies' },
]

/** Persistent messages of 100 bytes with 10,000 unconfirmed at a time, into a queue that nobody reads. */
export function fillBacklog(broker: BenchBroker, count: number): Promise<Figures> {
  const publishing = ['--persistent', '--confirms', '10000', '--size', String(BODY_BYTES), '--count', String(count)]
  return load(broker, ['throughput', '--no-consume', '--queue', BACKLOG_QUEUE, '--keep', ...publishing])
}

function backlog(id: string, count: number, long: boolean): Scenario {
  return {
    id,
    what: `${count.toLocaleString('en-US')} persistent 100 B with confirms, unread, then drained, each acked`,
    columns: COLUMNS,
    long,
    async run(broker) {
      await startFresh(broker)
      const watch = new Watch(broker)
      try {
        return await measure(broker, count, watch)
      } finally {
        watch.stop()
        await broker.stop()
        broker.clear()
      }
    },
  }
}

async function measure(broker: BenchBroker, count: number, watch: Watch): Promise<Figures> {
  const idle = watch.resident()
  watch.takeMax()
  const fill = await fillBacklog(broker, count)
  const full = watch.resident()
  const filling = watch.takeMax()
  const drain = await load(broker, ['throughput', '--drain', BACKLOG_QUEUE, '--manual-ack', '--prefetch', '1000'])
  const draining = watch.takeMax()
  const bodyBytes = count * BODY_BYTES
  return {
    fillCpuSecondsPerMillion: numberOf(fill, 'cpuSecondsPerMillion'),
    drainCpuSecondsPerMillion: numberOf(drain, 'cpuSecondsPerMillion'),
    fillPerSecond: numberOf(fill, 'publishedPerSecond'),
    drainPerSecond: numberOf(drain, 'deliveredPerSecond'),
    idleMiB: mebibytes(idle),
    fullMiB: mebibytes(full),
    fillAboveIdleMiB: mebibytes(filling.resident - idle),
    drainAboveIdleMiB: mebibytes(draining.resident - idle),
    diskPerBodyByte: Math.max(filling.disk, draining.disk) / bodyBytes,
    missing: count - numberOf(drain, 'delivered') + numberOf(fill, 'unconfirmed'),
  }
}

export const BACKLOGS: readonly Scenario[] = [backlog('H', 1_000_000, false), backlog('H10', 10_000_000, true)]
