/** A figure that `leveret-perf --json` gives, and how a table heads it. */
export interface Column {
  readonly key: string
  readonly title: string
}

/** A load, and which of its figures are shown; the first is the one to compare. */
export interface Scenario {
  readonly id: string
  readonly what: string
  /** Arguments of leveret-perf; undefined for the start of a broker, which needs no load. */
  readonly load: readonly string[] | undefined
  /** How long it runs: a time each (`timed`), a number of messages or objects. */
  readonly timed: boolean
  /** On a broker just started with nothing in it. */
  readonly fresh: boolean
  readonly columns: readonly Column[]
}

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

function flow(id: string, what: string, ...load: string[]): Scenario {
  return { id, what, load: ['throughput', ...load], timed: true, fresh: false, columns: DELIVERED }
}

export const SCENARIOS: readonly Scenario[] = [
  flow('A16', 'transient 16 B, 1 to 1, automatic acks', '--size', '16'),
  flow('A1k', 'the same, 1 KiB', '--size', '1024', '--lead', '10000'),
  {
    ...flow('B1', 'publish 16 B to an exchange without bindings', '--exchange-type', 'unbound'),
    columns: PUBLISHED,
  },
  {
    ...flow('B2', 'publish 500,000 of 16 B into a queue nobody reads', '--no-consume'),
    load: ['throughput', '--no-consume', '--count', '500000', '--warmup-count', '50000'],
    timed: false,
    columns: PUBLISHED,
  },
  flow(
    'C',
    'persistent 1 KiB, 1,000 unconfirmed, each acked, prefetch 1,000',
    ...['--size', '1024', '--persistent', '--confirms', '1000', '--manual-ack', '--prefetch', '1000'],
  ),
  flow('E', 'fanout to 10 queues, per delivery', '--exchange-type', 'fanout', '--queues', '10', '--lead', '5000'),
  flow(
    'F',
    'topic exchange with 1,000 bindings over 10 queues',
    ...['--exchange-type', 'topic', '--queues', '10', '--bindings', '1000'],
  ),
  {
    id: 'G',
    what: 'latency of transient 100 B at 1,000 msg/s',
    load: ['latency', '--rate', '1000', '--size', '100'],
    timed: true,
    fresh: false,
    columns: LATENCY,
  },
  {
    id: 'I',
    what: '1,000 idle connections with a channel each',
    load: ['churn', 'connections', '--count', '1000', '--cycle', '0'],
    timed: false,
    fresh: true,
    columns: EACH,
  },
  {
    id: 'J',
    what: '10,000 durable queues declared one by one',
    load: ['churn', 'queues', '--count', '10000', '--durable', '--cycle', '0'],
    timed: false,
    fresh: true,
    columns: EACH,
  },
  {
    id: 'K',
    what: 'start, empty, to the first connection',
    load: undefined,
    timed: false,
    fresh: true,
    columns: [{ key: 'startSeconds', title: 's' }, RESIDENT],
  },
]

/** @throws Error for an unknown one. */
export function selectScenarios(list: string): Scenario[] {
  return list.split(',').map((id) => {
    const scenario = SCENARIOS.find((each) => each.id === id)
    if (scenario === undefined) {
      throw new Error(`no scenario ${id}; there are ${SCENARIOS.map((each) => each.id).join(', ')}`)
    }
    return scenario
  })
}
