import { type BenchBroker, startUntilReady } from '../brokers/broker.ts'
import { type Figures, readyMessages } from '../load.ts'
import { Watch } from '../watch.ts'
import { BACKLOG_QUEUE, fillBacklog } from './backlog.ts'
import { mebibytes, type Scenario, startFresh } from './scenario.ts'

const EMPTY: Scenario = {
  id: 'K',
  what: 'start, empty, to the first connection',
  columns: [
    { key: 'startSeconds', title: 's' },
    { key: 'residentMiB', title: 'resident MiB' },
  ],
  long: false,
  async run(broker) {
    // The first start on an empty directory also makes what later ones find: that one does not count.
    await startFresh(broker)
    await broker.stop()
    const { seconds } = await startUntilReady(broker)
    return { startSeconds: seconds, residentMiB: residentMiB(broker) }
  },
}

function full(id: string, count: number, long: boolean): Scenario {
  return {
    id,
    what: `start with ${count.toLocaleString('en-US')} persistent 100 B in a queue`,
    columns: [
      { key: 'killedSeconds', title: 's after SIGKILL' },
      { key: 'stoppedSeconds', title: 's after a clean stop' },
      { key: 'stopSeconds', title: 'clean stop, s' },
      { key: 'residentMiB', title: 'resident MiB after it all' },
    ],
    long,
    async run(broker) {
      await startFresh(broker)
      try {
        return await measure(broker, count)
      } finally {
        await broker.stop()
        broker.clear()
      }
    },
  }
}

async function measure(broker: BenchBroker, count: number): Promise<Figures> {
  await fillBacklog(broker, count)
  // Killed first: after a clean stop everything may lie where the next start finds it at once.
  await broker.stop('SIGKILL')
  const killed = await startUntilReady(broker)
  const afterKill = await readyMessages(broker, BACKLOG_QUEUE)
  const stopMs = performance.now()
  await broker.stop()
  const stopSeconds = (performance.now() - stopMs) / 1000
  const stopped = await startUntilReady(broker)
  const afterStop = await readyMessages(broker, BACKLOG_QUEUE)
  return {
    killedSeconds: killed.seconds,
    stoppedSeconds: stopped.seconds,
    stopSeconds,
    residentMiB: residentMiB(broker),
    missing: Math.abs(count - afterKill) + Math.abs(count - afterStop),
  }
}

function residentMiB(broker: BenchBroker): number {
  const watch = new Watch(broker)
  watch.stop()
  return mebibytes(watch.resident())
}

export const RESTARTS: readonly Scenario[] = [EMPTY, full('K1', 1_000_000, false), full('K10', 10_000_000, true)]
