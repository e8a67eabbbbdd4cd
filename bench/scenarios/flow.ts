import { startUntilReady } from '../brokers/broker.ts'
import { load, timed } from '../load.ts'
import { type Column, type Scenario, startFresh } from './scenario.ts'

const COST: Column = { key: 'cpuSecondsPerMillion', title: 'CPU s per million' }
const RESIDENT: Column = { key: 'residentMiB', title: 'resident MiB' }
const DELIVERED: readonly Column[] = [COST, { key: 'deliveredPerSecond', title: 'msg/s' }, RESIDENT]
const PUBLISHED: readonly Column[] = [COST, { key: 'publishedPerSecond', title: 'msg/s' }, RESIDENT]
const EACH: readonly Column[] = [
  { key: 'kibEach', title: 'KiB each' },
  { key: 'openSeconds', title: 's for all' },
  { key: 'cpuMsEach', title: 'CPU ms each' },
]
const LATENCY: readonly Column[] = [
  { key: 'latencyP50Ms', title: 'median ms' },
  { key: 'latencyP99Ms', title: 'p99 ms' },
  { key: 'latencyMaxMs', title: 'max ms' },
]
const CONFIRMS: readonly Column[] = [
  { key: 'confirmP50Ms', title: 'confirm median ms' },
  { key: 'confirmP99Ms', title: 'p99 ms' },
  { key: 'confirmedPerSecond', title: 'msg/s' },
  COST,
]

/** One run of leveret-perf for a time, on a broker that may have run before. */
function forTime(id: string, what: string, columns: readonly Column[], args: readonly string[]): Scenario {
  return {
    id,
    what,
    columns,
    long: false,
    async run(broker, times) {
      await startUntilReady(broker)
      return await load(broker, [...args, ...timed(times)])
    },
  }
}

function flow(id: string, what: string, ...args: string[]): Scenario {
  return forTime(id, what, DELIVERED, ['throughput', ...args])
}

/** One run of leveret-perf that ends by itself. */
function counted(id: string, what: string, columns: readonly Column[], fresh: boolean, args: string[]): Scenario {
  return {
    id,
    what,
    columns,
    long: false,
    async run(broker) {
      await (fresh ? startFresh(broker) : startUntilReady(broker))
      return await load(broker, args)
    },
  }
}

export const FLOWS: readonly Scenario[] = [
  flow('A16', 'transient 16 B, 1 to 1, automatic acks', '--size', '16'),
  flow('A1k', 'the same, 1 KiB', '--size', '1024', '--lead', '10000'),
  forTime('B1', 'publish 16 B to an exchange without bindings', PUBLISHED, ['--exchange-type', 'unbound']),
  counted('B2', 'publish 500,000 of 16 B into a queue nobody reads', PUBLISHED, false, [
    'throughput',
    '--no-consume',
    '--count',
    '500000',
    '--warmup-count',
    '50000',
  ]),
  flow(
    'C',
    'persistent 1 KiB, 1,000 unconfirmed, each acked, prefetch 1,000',
    ...['--size', '1024', '--persistent', '--confirms', '1000', '--manual-ack', '--prefetch', '1000'],
  ),
  forTime('D', 'persistent 100 B, each after the confirm of the one before', CONFIRMS, [
    'throughput',
    '--no-consume',
    '--persistent',
    '--size',
    '100',
    '--confirms',
    '1',
  ]),
  flow('E', 'fanout to 10 queues, per delivery', '--exchange-type', 'fanout', '--queues', '10', '--lead', '5000'),
  flow(
    'F',
    'topic exchange with 1,000 bindings over 10 queues',
    ...['--exchange-type', 'topic', '--queues', '10', '--bindings', '1000'],
  ),
  forTime('G', 'latency of transient 100 B at 1,000 msg/s', LATENCY, ['latency', '--rate', '1000', '--size', '100']),
  forTime('Gp', 'the same, persistent, with confirms, each acked', LATENCY, [
    'latency',
    '--rate',
    '1000',
    '--size',
    '100',
    '--persistent',
    '--confirms',
    '1000',
    '--manual-ack',
  ]),
  counted('I', '1,000 idle connections with a channel each', EACH, true, [
    'churn',
    'connections',
    '--count',
    '1000',
    '--cycle',
    '0',
  ]),
  counted('J', '10,000 durable queues declared one by one', EACH, true, [
    'churn',
    'queues',
    '--count',
    '10000',
    '--durable',
    '--cycle',
    '0',
  ]),
]
