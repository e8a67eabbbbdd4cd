import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import type { Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { certificates } from '../helpers/certificates.ts'
import { type Program, run } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'

const PERF = fileURLToPath(new URL('../../bin/leveret-perf.js', import.meta.url))
const SHORT = ['--warmup', '50ms', '--duration', '200ms', '--no-progress']

function perf(t: ExecutionContext, args: readonly string[]): Program {
  return run(t, process.execPath, [PERF, ...args])
}

interface Outcome {
  readonly code: number
  readonly figures: Record<string, number>
  readonly stderr: string
}

async function measured(t: ExecutionContext, broker: Broker, args: readonly string[]): Promise<Outcome> {
  const program = perf(t, [...args, '--uri', broker.url, '--json'])
  const code = await program.exit()
  return { code, figures: program.stdout === '' ? {} : JSON.parse(program.stdout), stderr: program.stderr }
}

/** As `measured`, for a run of a minute that is interrupted once a progress line says what it should. */
async function measuredUntil(
  t: ExecutionContext,
  broker: Broker,
  args: readonly string[],
  line: RegExp,
): Promise<Outcome> {
  const program = perf(t, [...args, '--warmup', '0', '--duration', '1m', '--uri', broker.url, '--json'])
  await until(`a line like ${line}`, () => line.test(program.stderr) || program.exitCode !== undefined, 30_000)
  program.child.kill('SIGINT')
  const code = await program.exit()
  return { code, figures: JSON.parse(program.stdout || '{}'), stderr: program.stderr }
}

/** Whether a run with `--queue load` has left a queue behind. */
function leftBehind(broker: Broker): boolean {
  return ['load', 'load.0'].some((name) => broker.queue(name).exists)
}

for (const [what, args, copies] of [
  ['the default exchange', ['--queues', '3', '--producers', '2'], 1],
  ['a direct exchange', ['--exchange-type', 'direct', '--queues', '2', '--bindings', '10'], 1],
  ['a fanout exchange', ['--exchange-type', 'fanout', '--queues', '4'], 4],
  ['a topic exchange', ['--exchange-type', 'topic', '--queues', '2', '--bindings', '20'], 1],
  ['a headers exchange', ['--exchange-type', 'headers', '--queues', '2', '--bindings', '6'], 1],
] as const) {
  test(`a count of messages through ${what} arrives whole`, async (t) => {
    const broker = await startBroker(t)
    const { code, figures, stderr } = await measured(t, broker, [
      '--count',
      '3000',
      '--queue',
      'load',
      '--no-progress',
      ...args,
    ])
    t.is(stderr, '')
    t.is(code, 0)
    t.is(figures.published, 3000)
    t.is(figures.delivered, 3000 * copies)
    t.is(figures.missing, 0)
    t.is(figures.duplicates, 0)
    t.false(leftBehind(broker))
  })
}

test('a timed run with confirms and acknowledgements counts the same on all sides', async (t) => {
  const broker = await startBroker(t)
  const load = ['--persistent', '--confirms', '100', '--manual-ack', '--prefetch', '50', '--ack-every', '7']
  const { code, figures, stderr } = await measuredUntil(t, broker, load, /delivered [1-9].* confirmed [1-9]/)
  t.is(code, 0, stderr)
  t.true((figures.confirmed as number) > 0)
  t.true((figures.delivered as number) > 0)
  t.is(figures.missing, 0)
  t.is(figures.refused, 0)
  t.is(figures.unconfirmed, 0)
})

test('bodies larger than a frame are cut, and counted once', async (t) => {
  const broker = await startBroker(t)
  const args = ['--size', '20000', '--frame-max', '4096', '--count', '200', '--no-progress']
  const { code, figures } = await measured(t, broker, args)
  t.is(code, 0)
  t.is(figures.delivered, 200)
})

test('a rate is kept, not exceeded', async (t) => {
  const broker = await startBroker(t)
  const { figures } = await measured(t, broker, ['--rate', '500', '--count', '100', '--no-progress'])
  t.is(figures.delivered, 100)
  t.true((figures.publishedPerSecond as number) <= 505)
})

test('publishing only to an exchange without bindings waits for the broker to have it all', async (t) => {
  const broker = await startBroker(t)
  const { code, figures } = await measured(t, broker, [
    '--exchange-type',
    'unbound',
    '--count',
    '2000',
    '--no-progress',
  ])
  t.is(code, 0)
  t.is(figures.published, 2000)
  t.is(figures.delivered, undefined)
})

test('what one run keeps in a queue another one drains to its end', async (t) => {
  const broker = await startBroker(t)
  const filling = ['--no-consume', '--queue', 'kept', '--keep', '--count', '1234', '--no-progress']
  t.is((await measured(t, broker, filling)).code, 0)
  t.is(broker.queue('kept').messageCount, 1234)
  const { code, figures } = await measured(t, broker, ['--drain', 'kept', '--manual-ack', '--ack-every', '10'])
  t.is(code, 0)
  t.is(figures.delivered, 1234)
  await broker.queue('kept').waitForEmpty()
})

test('one message at a time, each after the confirm of the one before, gives percentiles of confirms', async (t) => {
  const broker = await startBroker(t)
  const oneByOne = ['--no-consume', '--persistent', '--confirms', '1', '--count', '300', '--no-progress']
  const { code, figures } = await measured(t, broker, oneByOne)
  t.is(code, 0)
  t.is(figures.confirmed, 300)
  const ordered = ['P50', 'P90', 'P99', 'P999', 'Max'].map((name) => figures[`confirm${name}Ms`] as number)
  t.true((ordered[0] as number) > 0)
  t.deepEqual(
    ordered,
    ordered.toSorted((a, b) => a - b),
  )
})

test('messages that the queue drops are missing, and the exit code says so', async (t) => {
  const broker = await startBroker(t)
  const dropping = ['--queue-args', 'x-max-length=1', '--manual-ack', '--prefetch', '1', '--lead', '0']
  const { code, figures } = await measured(t, broker, [...dropping, '--count', '2000', '--settle', '2s'])
  t.is(code, 1)
  t.is(figures.published, 2000)
  t.true((figures.missing as number) > 0)
  t.is((figures.missing as number) + (figures.delivered as number), 2000)
})

test('messages that the broker refuses are counted apart from missing ones', async (t) => {
  const broker = await startBroker(t)
  const refusing = ['--queue-args', 'x-max-length=10,x-overflow=reject-publish', '--confirms', '50', '--no-consume']
  const { code, figures } = await measured(t, broker, [...refusing, '--count', '100', '--no-progress'])
  t.is(code, 0)
  t.is(figures.confirmed, 100)
  t.is(figures.refused, 90)
})

test('latency gives ordered percentiles of deliveries and confirms', async (t) => {
  const broker = await startBroker(t)
  const load = ['latency', '--rate', '500', '--confirms', '100']
  const { code, figures, stderr } = await measuredUntil(t, broker, load, /delivered [1-9]/)
  t.is(code, 0, stderr)
  t.is(figures.missing, 0)
  t.true((figures.delivered as number) > 0)
  for (const kind of ['latency', 'confirm']) {
    const ordered = ['P50', 'P90', 'P99', 'P999', 'Max'].map((name) => figures[`${kind}${name}Ms`] as number)
    t.true((ordered[0] as number) > 0)
    t.deepEqual(
      ordered,
      ordered.toSorted((a, b) => a - b),
    )
  }
})

for (const kind of ['connections', 'channels', 'queues']) {
  test(`churn opens and closes ${kind}`, async (t) => {
    const broker = await startBroker(t)
    const times = ['--hold', '20ms', '--cycle', '50ms', '--no-progress', '--parallel', '3']
    const { code, figures, stderr } = await measured(t, broker, ['churn', kind, '--count', '25', ...times])
    t.is(stderr, '')
    t.is(code, 0)
    t.is(figures.count, 25)
    t.true((figures.openedPerSecond as number) > 0)
    t.true((figures.cyclesPerSecond as number) > 0)
    await until('all connections to have gone', () => broker.connections.length === 0)
  })
}

test('with a pid it tells what the broker used', async (t) => {
  const broker = await startBroker(t)
  const { code, figures, stderr } = await measured(t, broker, ['--pid', String(process.pid), ...SHORT])
  t.is(code, 0)
  if (existsSync('/proc/self/stat')) {
    t.true((figures.cpuSecondsPerMillion as number) >= 0)
    t.true((figures.residentMiB as number) > 1)
  } else {
    t.is(stderr, 'no /proc on this system: CPU and memory of the broker are not measured\n')
  }
})

test('the summary is for people, the progress line goes to standard error', async (t) => {
  const broker = await startBroker(t)
  const program = perf(t, ['--uri', broker.url, '--duration', '1m', '--warmup', '0', '--queue', 'load'])
  await until('a progress line', () => program.stderr.includes('\n'))
  program.child.kill('SIGINT')
  t.is(await program.exit(), 0)
  t.regex(program.stderr, /^ +1 s {2}published [\d,]+\/s {2}delivered [\d,]+\/s$/m)
  t.regex(program.stdout, /^published +[\d,]+ msg\/s \([\d,]+ messages\)$/m)
  t.regex(program.stdout, /^missing +0$/m)
  t.false(leftBehind(broker))
})

test('SIGTERM ends a run as Ctrl-C does, and leaves no queue behind', async (t) => {
  const broker = await startBroker(t)
  const program = perf(t, ['--uri', broker.url, '--duration', '1m', '--queue', 'load', '--no-progress'])
  await broker.queue('load').waitForConsumers(1, { timeoutMs: 30_000 })
  program.child.kill('SIGTERM')
  t.is(await program.exit(), 0, program.stderr)
  t.regex(program.stdout, /^missing +0$/m)
  t.false(leftBehind(broker))
})

test('a broker behind TLS is loaded too, if its certificate is trusted', async (t) => {
  const broker = await startBroker(t, { tls: certificates.server })
  const args = ['--uri', broker.tlsUrl.replace('127.0.0.1', 'localhost'), '--count', '100', '--json', '--no-progress']
  const trusting = perf(t, [...args, '--tls-ca', fileURLToPath(new URL('ca.pem', certificates.folder))])
  t.is(await trusting.exit(), 0, trusting.stderr)
  t.is(JSON.parse(trusting.stdout).delivered, 100)
  const insecure = perf(t, [...args, '--tls-insecure'])
  t.is(await insecure.exit(), 0, insecure.stderr)
  const careful = perf(t, args)
  t.is(await careful.exit(), 1)
  t.regex(careful.stderr, /^leveret-perf: cannot connect to localhost:\d+: .*certificate.*\n$/)
})

test('--version prints the version', async (t) => {
  const program = perf(t, ['--version'])
  t.is(await program.exit(), 0)
  t.regex(program.stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a broker that blocks publishers is said to, and an interrupt ends the run all the same', async (t) => {
  const broker = await startBroker(t, { memoryHighWatermark: 1_000_000 })
  const program = perf(t, ['--uri', broker.url, '--no-consume', '--size', '10000', '--duration', '1m', '--no-progress'])
  await until('the notice', () => program.stderr.includes('\n'))
  t.is(program.stderr, 'the broker takes no messages from producer 1: low on memory\n')
  program.child.kill('SIGINT')
  t.is(await program.exit(), 0)
  t.regex(program.stdout, /^published /m)
})

test('an error is one line, with the text of the broker where it has one', async (t) => {
  const broker = await startBroker(t)
  const refused = perf(t, ['--uri', `amqp://guest:wrong@127.0.0.1:${broker.port}`])
  t.is(await refused.exit(), 1)
  t.regex(
    refused.stderr,
    /^leveret-perf: the broker closed the connection: 403 ACCESS_REFUSED - Login was refused.*\n$/,
  )
  const missing = perf(t, ['--uri', broker.url, '--drain', 'nothing'])
  t.is(await missing.exit(), 1)
  t.is(missing.stderr, "leveret-perf: the broker closed the channel: 404 NOT_FOUND - no queue 'nothing' in vhost '/'\n")
  await broker.stop()
  const nobody = perf(t, ['--uri', broker.url])
  t.is(await nobody.exit(), 1)
  t.is(nobody.stderr, `leveret-perf: cannot connect to 127.0.0.1:${broker.port}: connection refused\n`)
})

test('a broker that goes away ends the run with one line', async (t) => {
  const broker = await startBroker(t)
  const program = perf(t, ['--uri', broker.url, '--duration', '1m'])
  await until('a progress line', () => program.stderr.includes('\n'))
  await broker.stop()
  t.is(await program.exit(), 1)
  t.is(program.stdout, '')
  t.regex(program.stderr, /^leveret-perf: (control|producer 1|consumer 1): .+\n$/m)
})

test('what does not speak AMQP is told so', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const { port } = server.address() as { port: number }
  const program = perf(t, ['--uri', `amqp://127.0.0.1:${port}`])
  t.is(await program.exit(), 1)
  t.is(program.stderr, 'leveret-perf: what listens there does not speak AMQP 0-9-1\n')
})

test('an option that there is not is refused in one line, with the one that was meant', async (t) => {
  const program = perf(t, ['throughput', '--durations', '1s'])
  t.is(await program.exit(), 2)
  t.is(
    program.stderr,
    "leveret-perf: unknown option '--durations' (Did you mean --duration?); see leveret-perf --help\n",
  )
})

test('options that make no sense together are refused', async (t) => {
  for (const args of [
    ['--queues', '3', '--consumers', '2'],
    ['--queues', '3', '--bindings', '2', '--exchange-type', 'topic'],
    ['--manual-ack', '--prefetch', '5', '--ack-every', '6'],
    ['--size', 'x'],
    ['--duration', '5h'],
    ['--uri', 'http://127.0.0.1'],
    ['--queue-args', 'x-max-length'],
    ['churn', 'exchanges'],
    ['latency', '--size', '7'],
  ]) {
    const program = perf(t, args)
    t.is(await program.exit(), 2, args.join(' '))
    t.regex(program.stderr, /^leveret-perf: .+\n$/, args.join(' '))
  }
})
