import { createHash } from 'node:crypto'
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { crc32 } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { Broker } from '../../src/index.ts'
import type { DataReport } from '../../src/server/index.ts'
import { leveret, programPath, run, startProgram, temporaryDirectory } from '../helpers/program.ts'

const KIB = 1024
const MESSAGES = 300
const PERSISTENT = { deliveryMode: 2 }

function bodyOf(i: number): string {
  return `${i} ${'x'.repeat(1000)}`
}

/** What a broker leaves behind: segments, a journal, users and virtual hosts. */
async function makeData(t: ExecutionContext): Promise<string> {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const broker = await Broker.start({ dataDir, messageMemory: 64 * KIB })
  broker.addVirtualHost('shop')
  broker.addUser('anna', 'secret', ['shop'])
  broker.declareExchange('orders', 'topic')
  broker.declareExchange('later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'direct' } })
  broker.declareQueue('work')
  broker.declareQueue('small', { arguments: { 'x-queue-type': 'quorum' } })
  broker.declareQueue('work', { vhost: 'shop' })
  broker.bind({ source: 'orders', destination: 'work', routingKey: 'order.#' })
  for (let i = 0; i < MESSAGES; i++) {
    const publishing = { exchange: 'orders', routingKey: `order.${i}`, properties: PERSISTENT, headers: { i } }
    await broker.publish({ ...publishing, body: bodyOf(i) })
  }
  const hour = { expiration: '3600000', priority: 3 }
  await broker.publish({ routingKey: 'small', body: Buffer.of(0xff, 1), properties: { ...PERSISTENT, ...hour } })
  await broker.publish({ routingKey: 'work', vhost: 'shop', body: 'of the shop', properties: PERSISTENT })
  const delay = { headers: { 'x-delay': 3_600_000 }, properties: PERSISTENT }
  await broker.publish({ exchange: 'later', routingKey: 'work', body: 'later', ...delay })
  await broker.stop()
  return dataDir
}

async function report(t: ExecutionContext, dataDir: string): Promise<{ code: number; report: DataReport }> {
  const program = leveret(t, ['check', dataDir, '--json'])
  const code = await program.exit()
  t.is(program.stderr, '')
  return { code, report: JSON.parse(program.stdout) as DataReport }
}

async function textOf(t: ExecutionContext, dataDir: string): Promise<{ code: number; text: string }> {
  const program = leveret(t, ['check', dataDir])
  const code = await program.exit()
  t.is(program.stderr, '')
  return { code, text: program.stdout }
}

interface Line {
  readonly routingKey: string
  readonly redelivered: boolean
  readonly expiry?: string
  readonly priority?: number
  readonly properties: { readonly headers: { readonly i: number } }
  readonly body: string
  readonly text?: string
}

async function exported(t: ExecutionContext, ...args: string[]) {
  const program = leveret(t, ['export', ...args])
  const code = await program.exit()
  const lines = program.stdout.split('\n').filter((line) => line !== '')
  return { code, lines: lines.map((line) => JSON.parse(line) as Line), stderr: program.stderr }
}

/** Files below a directory with what is in them, but for the lock. */
function contentsOf(directory: string): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, name)
    if (name.startsWith('lock.') || !statSync(path).isFile()) continue
    hash.update(name).update(readFileSync(path))
  }
  return hash.digest('hex')
}

function filesOf(dataDir: string, folder: 'journal' | 'segments'): string[] {
  return readdirSync(join(dataDir, folder))
    .sort()
    .map((name) => join(dataDir, folder, name))
}

function largest(paths: readonly string[]): string {
  return paths.reduce((largest, path) => (statSync(path).size > statSync(largest).size ? path : largest))
}

function flipByte(path: string, at: number): void {
  const descriptor = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(descriptor, byte, 0, 1, at)
  byte[0] = (byte[0] as number) ^ 0x10
  writeSync(descriptor, byte, 0, 1, at)
  closeSync(descriptor)
}

test('leveret check says that a directory is sound and what is in it, and changes nothing', async (t) => {
  const dataDir = await makeData(t)
  const before = contentsOf(dataDir)
  const { code, text } = await textOf(t, dataDir)
  t.is(code, 0)
  const lines = text.trimEnd().split('\n')
  t.is(lines[0], `${dataDir}: sound`)
  t.true(lines[1]?.endsWith('the broker was stopped in order'))
  t.regex(lines[2] ?? '', /^segments: [1-9]\d* files?, \d+\.\d KiB$/)
  t.deepEqual(lines.slice(3), [
    'users: guest [administrator], anna',
    'virtual host /: 2 exchanges declared, 2 queues, 1 binding',
    '  exchange orders  topic',
    '  exchange later   x-delayed-message  1 message kept back',
    `  queue work   classic  ${MESSAGES} messages  ${(bytesOfBodies() / KIB).toFixed(1)} KiB`,
    '  queue small  quorum   1 message     2 B',
    'virtual host shop: 0 exchanges declared, 1 queue, 0 bindings',
    '  queue work  classic  1 message  11 B',
  ])
  t.is(contentsOf(dataDir), before)
})

function bytesOfBodies(): number {
  let bytes = 0
  for (let i = 0; i < MESSAGES; i++) bytes += bodyOf(i).length
  return bytes
}

test('leveret check --json says the same to programs', async (t) => {
  const { code, report: found } = await report(t, await makeData(t))
  t.is(code, 0)
  t.like(found, { problems: [], notes: [], clean: true })
  t.deepEqual(
    found.users.map(({ name }) => name),
    ['guest', 'anna'],
  )
  const [root, shop] = found.vhosts
  t.like(root?.queues[0], { name: 'work', type: 'classic', messages: MESSAGES, bytes: bytesOfBodies(), lost: 0 })
  t.is(shop?.queues[0]?.messages, 1)
})

test('exchanges of AMOP, their bindings and queues that deliver to topics are nothing to complain of', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const broker = await Broker.start({ dataDir, amop: { plain: true, vhost: 'chain' } })
  const vhost = 'chain'
  broker.declareExchange('sdks', 'x-amop', { vhost })
  broker.declareQueue('q', { vhost })
  broker.declareQueue('out', { vhost, arguments: { 'x-amop-deliver': 'prices' } })
  for (const source of ['sdks', 'amq.amop']) broker.bind({ vhost, source, destination: 'q', routingKey: 'topic' })
  await broker.publish({ vhost, routingKey: 'out', body: 'waits', properties: PERSISTENT })
  await broker.stop()
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 0)
  t.like(found, { problems: [], notes: [] })
  const chain = found.vhosts.find(({ name }) => name === vhost)
  t.like(chain, { bindings: 2, exchanges: [{ name: 'sdks', type: 'x-amop' }] })
  const { code: exportCode, lines } = await exported(t, dataDir, 'out', '--vhost', vhost)
  t.is(exportCode, 0)
  t.deepEqual(
    lines.map(({ text, redelivered }) => [text, redelivered]),
    [['waits', false]],
  )
})

test('after a crash a directory is sound, and its messages count as delivered', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const broker = leveret(t, ['start', '--port', '0', '--data-dir', dataDir])
  await broker.ready()
  const { default: amqplib } = await import('amqplib')
  const connection = await amqplib.connect(`amqp://127.0.0.1:${broker.address().port}`)
  connection.on('error', () => {})
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('q', { durable: true })
  for (let i = 0; i < 10; i++) channel.sendToQueue('q', Buffer.from(`${i}`), { persistent: true })
  await channel.waitForConfirms()
  broker.child.kill('SIGKILL')
  await broker.exit()
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 0)
  t.false(found.clean)
  t.is(found.vhosts[0]?.queues[0]?.messages, 10)
  const { lines } = await exported(t, dataDir, 'q')
  t.deepEqual(
    lines.map(({ text, redelivered }) => [text, redelivered]),
    Array.from({ length: 10 }, (_, i) => [`${i}`, true]),
  )
})

test('a last write that was cut short is no damage', async (t) => {
  const dataDir = await makeData(t)
  const last = filesOf(dataDir, 'journal').at(-1) as string
  writeFileSync(last, Buffer.from('torn'), { flag: 'a' })
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 0)
  t.deepEqual(found.problems, [])
  t.regex(found.notes.join(), /the next start will cut 4 bytes/)
})

test('a damaged segment is told of with what is lost, and the rest can be written out', async (t) => {
  const dataDir = await makeData(t)
  const segment = largest(filesOf(dataDir, 'segments'))
  flipByte(segment, Math.floor(statSync(segment).size / 2))
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 1)
  t.is(found.problems.length, 1)
  t.regex(
    found.problems[0] ?? '',
    /^segment file \d+: some of it is not what was written; \d+ messages are lost of queue 'work' in vhost '\/'$/,
  )
  const { messages = 0, lost = 0 } = found.vhosts[0]?.queues[0] ?? {}
  t.true(lost > 0 && lost < MESSAGES)
  t.is(messages + lost, MESSAGES)
  const { text } = await textOf(t, dataDir)
  t.true(text.startsWith(`${dataDir}: damaged, 1 problem\n  damage: segment file `))
  t.regex(text, new RegExp(`queue work .* ${lost} messages? lost`))
  const out = await exported(t, dataDir, 'work')
  t.is(out.code, 1)
  t.is(out.lines.length, messages)
  t.regex(out.stderr, /^leveret: segment file \d+: .* of queue 'work' in vhost '\/'\n$/)
  t.true(out.lines.every(({ text, properties }) => text === bodyOf(properties.headers.i)))
})

test('a segment that is missing is told of', async (t) => {
  const dataDir = await makeData(t)
  rmSync(largest(filesOf(dataDir, 'segments')))
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 1)
  t.regex(found.problems.join(), /^segment file \d+: .*; \d+ messages are lost of queue 'work' in vhost '\/'$/)
})

test('damage in the middle of the journal is told of', async (t) => {
  const dataDir = await makeData(t)
  const journal = largest(filesOf(dataDir, 'journal'))
  // Behind the head of the file, in the first batch.
  flipByte(journal, 64 + 40)
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 1)
  t.regex(found.problems[0] ?? '', /^journal file \d+ is damaged: \d+ bytes from 64 on cannot be read/)
})

test('leveret export writes each message of a queue in its order', async (t) => {
  const dataDir = await makeData(t)
  const { code, lines, stderr } = await exported(t, dataDir, 'work')
  t.is(code, 0)
  t.is(stderr, '')
  t.is(lines.length, MESSAGES)
  for (const [i, line] of lines.entries()) {
    t.like(line, { exchange: 'orders', routingKey: `order.${i}`, redelivered: false, text: bodyOf(i) })
    t.deepEqual(line.properties, { deliveryMode: 2, headers: { i } })
    t.is(Buffer.from(line.body, 'base64').toString(), bodyOf(i))
  }
})

test('leveret export tells expiry and priority, and leaves text out where there is none', async (t) => {
  const { lines } = await exported(t, await makeData(t), 'small')
  t.is(lines.length, 1)
  t.like(lines[0], { body: '/wE=', priority: 3 })
  t.false('text' in (lines[0] as Line))
  const left = Date.parse(lines[0]?.expiry ?? '') - Date.now()
  t.true(left > 3_000_000 && left <= 3_600_000)
})

test('leveret export --vhost looks into another virtual host, and a queue that is not there is said in one line', async (t) => {
  const dataDir = await makeData(t)
  const { lines } = await exported(t, dataDir, 'work', '--vhost', 'shop')
  t.deepEqual(
    lines.map(({ text }) => text),
    ['of the shop'],
  )
  const { code, stderr } = await exported(t, dataDir, 'small', '--vhost', 'shop')
  t.is(code, 1)
  t.is(stderr, "leveret: no queue 'small' in vhost 'shop'; queue 'small' is in '/': give --vhost\n")
  const nowhere = await exported(t, dataDir, 'none')
  t.is(nowhere.code, 1)
  t.is(nowhere.stderr, `leveret: no queue 'none' in vhost '/'; leveret check ${dataDir} lists the queues\n`)
  const noVhost = await exported(t, dataDir, 'work', '--vhost', 'stop')
  t.is(noVhost.code, 1)
  t.is(noVhost.stderr, "leveret: no vhost 'stop'; queue 'work' is in '/' and 'shop': give --vhost\n")
})

test('leveret export ends quietly when whoever reads it has seen enough', async (t) => {
  const dataDir = await makeData(t)
  const command = 'set -o pipefail; "$0" "$1" export "$2" work | head -c 10; echo " $?"'
  const program = run(t, 'bash', ['-c', command, process.execPath, programPath, dataDir])
  await program.exit()
  t.is(program.stdout, '{"exchange 0\n')
  t.is(program.stderr, '')
})

for (const command of ['check', 'export'] as const) {
  const args = command === 'check' ? [] : ['q']
  test(`leveret ${command} does not look into a directory that a broker uses`, async (t) => {
    const dataDir = join(await temporaryDirectory(t), 'data')
    const broker = await startProgram(t, ['--data-dir', dataDir])
    const program = leveret(t, [command, dataDir, ...args])
    t.is(await program.exit(), 1)
    t.is(program.stdout, '')
    t.is(
      program.stderr,
      `leveret: cannot use the data directory ${dataDir}: in use by process ${broker.pid}; stop that broker first, or use another directory\n`,
    )
  })

  test(`leveret ${command} says in one line that a directory is none of a broker`, async (t) => {
    const directory = await temporaryDirectory(t)
    const cases = [
      [directory, 'there is no journal in it'],
      [join(directory, 'missing'), 'there is no such directory'],
      [programPath, 'it is not a directory; move it away, or use another directory'],
    ] as const
    for (const [path, reason] of cases) {
      const program = leveret(t, [command, path, ...args])
      t.is(await program.exit(), 1)
      t.is(program.stderr, `leveret: cannot use the data directory ${path}: ${reason}\n`)
    }
    const unset = leveret(t, [command, '', ...args])
    t.is(await unset.exit(), 2)
    t.is(unset.stderr, 'leveret: the data directory is an empty text; is a variable not set?\n')
  })
}

test('a second broker on a directory is refused in one line that says what to do', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const first = await startProgram(t, ['--data-dir', dataDir])
  const second = leveret(t, ['start', '--port', '0', '--data-dir', dataDir])
  t.is(await second.exit(), 1)
  t.is(
    second.stderr,
    `leveret: cannot use the data directory ${dataDir}: in use by process ${first.pid}; stop that broker first, or use another directory\n`,
  )
})

test('a directory of a newer version is refused in one line, by all who look into it', async (t) => {
  const dataDir = await makeData(t)
  const journal = filesOf(dataDir, 'journal').at(-1) as string
  const bytes = readFileSync(journal)
  bytes.writeUInt16BE(99, 8)
  bytes.writeUInt32BE(0, 12)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 64)), 12)
  writeFileSync(journal, bytes)
  for (const args of [
    ['check', dataDir],
    ['export', dataDir, 'work'],
    ['start', '--port', '0', '--data-dir', dataDir],
  ]) {
    const program = leveret(t, args)
    t.is(await program.exit(), 1)
    t.is(
      program.stderr,
      `leveret: cannot use the data directory ${dataDir}: journal file ${Number(basename(journal, '.log'))} was written by a newer version (format 99, this one reads up to 1); start that version again, or use another directory\n`,
    )
  }
})

/** Large messages that three queues have, and a file in which they lie once. */
async function makeShared(t: ExecutionContext): Promise<{ dataDir: string; bodies: string[] }> {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const broker = await Broker.start({ dataDir, messageMemory: 64 * KIB })
  const bodies = Array.from({ length: 60 }, (_, i) => `${i} ${'y'.repeat(20_000)}`)
  for (const name of ['a', 'b', 'c']) {
    broker.declareQueue(name)
    broker.bind({ source: 'amq.fanout', destination: name })
  }
  for (const body of bodies) await broker.publish({ exchange: 'amq.fanout', body, properties: PERSISTENT })
  await broker.stop()
  return { dataDir, bodies }
}

test('large messages that several queues have in common are checked and written out for each', async (t) => {
  const { dataDir, bodies } = await makeShared(t)
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 0)
  t.deepEqual(found.problems, [])
  t.deepEqual(
    found.notes.filter((note) => note.includes('nothing needs')),
    [],
  )
  t.deepEqual(
    found.vhosts[0]?.queues.map(({ messages, lost }) => [messages, lost]),
    [1, 2, 3].map(() => [60, 0]),
  )
  t.true(found.segments.bytes < 1.5 * bodies.join('').length)
  for (const name of ['a', 'b', 'c']) {
    const { code: exitCode, lines } = await exported(t, dataDir, name)
    t.is(exitCode, 0)
    t.deepEqual(
      lines.map(({ text }) => text),
      bodies,
    )
  }
})

test('damage to such a file is told of for each queue that lost something, and the rest can be written out', async (t) => {
  const { dataDir, bodies } = await makeShared(t)
  const path = largest(filesOf(dataDir, 'segments'))
  flipByte(path, 100_000)
  const { code, report: found } = await report(t, dataDir)
  t.is(code, 1)
  t.is(found.problems.length, 3)
  const file = Number(path.slice(-14, -4))
  const lost = found.vhosts[0]?.queues.map((queue) => queue.lost) as number[]
  t.true(lost.every((count) => count >= 3 && count <= 5 && count === lost[0]))
  for (const [index, name] of ['a', 'b', 'c'].entries()) {
    const problem = `segment file ${file}: some of it is not what was written; ${lost[0]} messages are lost of queue '${name}' in vhost '/'`
    t.is(found.problems[index], problem)
    const { code: exitCode, lines, stderr } = await exported(t, dataDir, name)
    t.is(exitCode, 1)
    t.true(stderr.includes(problem))
    t.is(lines.length, bodies.length - (lost[0] as number))
    t.true(lines.every(({ text }) => bodies.includes(text as string)))
  }
})
