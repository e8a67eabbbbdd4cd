import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { AmopCertificates, Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { leveret, run, temporaryDirectory } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'

/** A broker with an AMOP port, and the arguments that lead to it. */
async function startNode(t: ExecutionContext): Promise<{ broker: Broker; args: string[]; directory: string }> {
  const broker = await startBroker(t, { amop: { reconnectRate: 0 } })
  const { ca, sdkCert, sdkKey } = broker.amopCertificates as AmopCertificates
  const directory = join(await temporaryDirectory(t), 'sdk')
  await mkdir(directory)
  for (const [name, pem] of Object.entries({ 'ca.crt': ca, 'sdk.crt': sdkCert, 'sdk.key': sdkKey })) {
    await writeFile(join(directory, name), pem)
  }
  const args = ['--certs', directory, '--node', `127.0.0.1:${broker.amopPorts[0]}`]
  return { broker, args, directory }
}

test('pub prints each answer and how long it took, sub each message', async (t) => {
  const { args } = await startNode(t)
  const sub = leveret(t, ['amop', 'sub', 'orders', '--reply', 'thanks', '--count', '3', ...args])
  await until('it has subscribed', () => sub.stderr.includes('subscribed to'))
  const pub = leveret(t, ['amop', 'pub', 'orders', 'two of\nthem', '--count', '2', ...args])
  t.is(await pub.exit(), 0)
  t.regex(pub.stdout, /^(\d+\.\d{3} ms thanks\n){2}$/)
  t.is(pub.stderr, '')
  const all = leveret(t, ['amop', 'pub', 'orders', 'closing', '--multicast', ...args])
  t.is(await all.exit(), 0)
  t.regex(all.stdout, /^\d+\.\d{3} ms\n$/)
  t.is(await sub.exit(), 0)
  t.regex(sub.stdout, /^(unicast [0-9a-f]{32} two of\\nthem\n){2}multicast [0-9a-f]{32} closing\n$/)
  t.regex(sub.stderr, /^subscribed to 'orders' at 127\.0\.0\.1:\d+\n$/)
})

test('a message that nobody takes is one line, and the exit code 1; the others are sent', async (t) => {
  const { args } = await startNode(t)
  const pub = leveret(t, ['amop', 'pub', 'nowhere', 'x', '--count', '2', ...args])
  t.is(await pub.exit(), 1)
  t.is(pub.stdout, '')
  t.is(pub.stderr, "leveret: 100: nobody who may get it listens to topic 'nowhere'\n".repeat(2))
})

test('sub ends with 0 on SIGINT and SIGTERM', async (t) => {
  const { broker, args } = await startNode(t)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const sub = leveret(t, ['amop', 'sub', 'orders', ...args])
    await until('it has subscribed', () => sub.stderr.includes('subscribed to'))
    sub.child.kill(signal)
    t.is(await sub.exit(), 0)
    await until('its session has gone', () => broker.amopSessions.length === 0)
  }
})

test('sub ends when nobody reads its output any more', async (t) => {
  const { args } = await startNode(t)
  const command = `'${process.execPath}' dist/bin/leveret.js amop sub orders ${args.join(' ')} | head -n 1`
  const sub = run(t, '/bin/sh', ['-c', command])
  await until('it has subscribed', () => sub.stderr.includes('subscribed to'))
  const pub = leveret(t, ['amop', 'pub', 'orders', 'x', '--count', '1000', '--interval', '5', ...args])
  t.is(await sub.exit(), 0)
  t.regex(sub.stdout, /^unicast [0-9a-f]{32} x\n$/)
  pub.child.kill()
})

test('of several nodes one is enough', async (t) => {
  const { args, broker } = await startNode(t)
  await using away = await startNode(t).then(({ broker }) => broker)
  const gone = `127.0.0.1:${away.amopPorts[0]}`
  await away.stop()
  const sub = leveret(t, ['amop', 'sub', 'orders', '--node', gone, ...args])
  await until('it has subscribed', () => sub.stderr.includes('subscribed to'))
  t.true(sub.stderr.includes(`at 127.0.0.1:${broker.amopPorts[0]}\n`))
  const pub = leveret(t, ['amop', 'pub', 'orders', 'x', '--node', gone, ...args])
  t.is(await pub.exit(), 0)
})

test('a directory that has the certificates in its folder sdk will do', async (t) => {
  const { args, directory } = await startNode(t)
  const parent = join(directory, '..')
  const pub = leveret(t, ['amop', 'pub', 'x', 'y', '--multicast', ...args, '--certs', parent])
  t.is(await pub.exit(), 0)
})

test('what is wrong is one line: a node that is away, certificates that are missing, a topic that is too long', async (t) => {
  const { args, broker } = await startNode(t)
  const [, directory = ''] = args
  const cases: [code: number, line: RegExp, args: string[]][] = [
    [2, /^leveret: --certs DIR is needed, .*leveret amop-certs DIR makes them$/, ['pub', 'x', 'y']],
    [
      2,
      /^leveret: --certs: cannot read .*no-such.*ca\.crt: there is no such file$/,
      ['sub', 'x', '--certs', join(directory, 'no-such')],
    ],
    [
      2,
      /^leveret: --node: "here:x" is not a host and a port, such as/,
      ['sub', 'x', '--node', 'here:x', '--certs', directory],
    ],
    [2, /^leveret: --count: "0" is not a whole number/, ['pub', 'x', 'y', '--count', '0', ...args]],
    [2, /^leveret: missing required argument 'text'; see leveret amop pub --help$/, ['pub', 'x']],
    [
      2,
      /^leveret: unknown command 'publ' \(Did you mean pub\?\); see leveret amop --help$/,
      ['publ', 'x', '--certs', 'y'],
    ],
    [
      1,
      /the node (closed|reset) the connection before its first answer; it may want TLS$/,
      ['pub', 'x', 'y', ...args, '--plain'],
    ],
    [1, /^leveret: a topic has at most 254 bytes of UTF-8, 'x{40}…' has 255$/, ['sub', 'x'.repeat(255), ...args]],
  ]
  for (const [code, line, words] of cases) {
    const program = leveret(t, ['amop', ...words])
    t.is(await program.exit(), code, program.stderr)
    t.regex(program.stderr.trimEnd(), line)
  }
  await broker.stop()
  const away = leveret(t, ['amop', 'pub', 'x', 'y', ...args])
  t.is(await away.exit(), 1)
  t.regex(away.stderr, /^leveret: no node could be reached: 127\.0\.0\.1:\d+: connection refused\n$/)
})

test('leveret amop alone says what there is', async (t) => {
  const program = leveret(t, ['amop'])
  t.is(await program.exit(), 2)
  t.regex(program.stdout, /sub \[options\] <topic>/)
})
