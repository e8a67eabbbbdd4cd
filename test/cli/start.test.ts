import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { certificates } from '../helpers/certificates.ts'
import { leveret, programPath, run, startProgram, temporaryDirectory } from '../helpers/program.ts'
import { until } from '../helpers/until.ts'

const ignore = (): void => {}
const pem = (name: string): string => fileURLToPath(new URL(name, certificates.folder))
const TLS = ['--tls-port', '0', '--tls-cert', pem('server.pem'), '--tls-key', pem('server.key.pem')]

function dial(t: ExecutionContext, port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', ignore)
  t.teardown(() => socket.destroy())
  return socket
}

test('leveret start says where it listens, and a client connects there', async (t) => {
  const program = await startProgram(t)
  const { host, port } = program.address()
  t.is(host, '127.0.0.1')
  const connection = await amqplib.connect(`amqp://${host}:${port}`)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('q')
  channel.sendToQueue('q', Buffer.from('hello'))
  await channel.waitForConfirms()
  const message = await channel.get('q', { noAck: true })
  t.is(message !== false && message.content.toString(), 'hello')
  await connection.close()
  program.child.kill('SIGTERM')
  t.is(await program.exit(), 0)
  t.is(program.stderr, '')
})

test('the process that was started is itself the broker', async (t) => {
  const program = await startProgram(t)
  t.regex(program.stdout, new RegExp(`Server startup complete .*pid=${program.pid}\\b`))
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} closes connections with 320 and ends with 0`, async (t) => {
    const program = await startProgram(t)
    const connection = await amqplib.connect(`amqp://127.0.0.1:${program.address().port}`)
    connection.on('error', ignore)
    const closed = once(connection, 'close')
    program.child.kill(signal)
    const [reason] = await closed
    t.is(reason.code, 320)
    t.regex(reason.message, /CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'/)
    t.is(await program.exit(), 0)
  })
}

test('SIGHUP with nothing to read again changes nothing, and says so', async (t) => {
  const program = await startProgram(t)
  program.child.kill('SIGHUP')
  await until('it has said so', () => program.stdout.includes('SIGHUP: there is nothing to read again'))
  program.child.kill('SIGTERM')
  t.is(await program.exit(), 0)
})

test('a second signal does not wait for clients that do not answer', async (t) => {
  const program = await startProgram(t)
  const socket = dial(t, program.address().port)
  socket.write('AMQP\0\0\x09\x01')
  await once(socket, 'data')
  program.child.kill('SIGTERM')
  // The close method has come, and this client never answers it.
  await once(socket, 'data')
  program.child.kill('SIGTERM')
  t.is(await program.exit(), 143)
})

test('a port in use is said in one line, and the exit code is 1', async (t) => {
  const first = await startProgram(t)
  const { port } = first.address()
  const dataDir = await temporaryDirectory(t)
  const second = leveret(t, ['start', '--port', String(port), '--data-dir', dataDir])
  t.is(await second.exit(), 1)
  t.is(
    second.stderr,
    `leveret: --port: cannot listen on 127.0.0.1:${port}: the port is in use; is another broker running?\n`,
  )
  t.is(second.stdout, '')
  const third = leveret(t, ['start', '--port', '0', '--amop-port', String(port), '--data-dir', dataDir])
  t.is(await third.exit(), 1)
  t.regex(
    third.stderr,
    /^leveret: --amop-port: cannot listen on .*: the port is in use; is another broker running\?\n$/,
  )
})

test('an address that this host does not have is said with its option', async (t) => {
  const args = ['--port', '0', '--amop-port', '0', '--data-dir', await temporaryDirectory(t)]
  const program = leveret(t, ['start', ...args, '--amop-bind', '192.0.2.1'])
  t.is(await program.exit(), 1)
  t.is(program.stderr, 'leveret: --amop-bind: cannot listen on 192.0.2.1:0: this host has no such address\n')
})

test('a data directory that is made does not let everybody in', async (t) => {
  const directory = join(await temporaryDirectory(t), 'a', 'b')
  await startProgram(t, ['--data-dir', directory])
  t.true(statSync(directory).isDirectory())
  t.is(statSync(directory).mode & 0o007, 0)
})

test('a data directory that cannot be is said in one line', async (t) => {
  const file = join(await temporaryDirectory(t), 'file')
  writeFileSync(file, '')
  const program = leveret(t, ['start', '--port', '0', '--data-dir', join(file, 'data')])
  t.is(await program.exit(), 1)
  t.is(
    program.stderr,
    `leveret: cannot use the data directory ${join(file, 'data')}: ${file} is not a directory; move it away, or use another directory\n`,
  )
})

for (const [args, line] of [
  [['start', '--port', 'x'], 'leveret: --port: "x" is not a whole number from 0 to 65535'],
  [['start', '--log-level', 'loud'], 'leveret: --log-level: "loud" is not one of error, warn, info, debug'],
  [
    ['start', '--port', '5672', '--amop-port', '0,5672'],
    'leveret: --amop-port: 5672 is not a port of its own: --port has it, too',
  ],
  [['start', '--amop-port', '20200,20200'], 'leveret: --amop-port: 20200 is not a port of its own: it is there twice'],
  [['start', '--tls-port', '0'], 'leveret: --tls-port needs --tls-cert and --tls-key'],
  [['start', '--tls-cert', 'x'], 'leveret: --tls-cert needs --tls-port'],
  [['start', '--no-such-flag'], "leveret: unknown option '--no-such-flag'; see leveret start --help"],
  [['begin'], "leveret: unknown command 'begin'; see leveret --help"],
  [['start', 'x'], "leveret: too many arguments for 'start'. Expected 0 arguments but got 1; see leveret start --help"],
] as const) {
  test(`\`leveret ${args.join(' ')}\` is refused in one line`, async (t) => {
    const program = leveret(t, args)
    t.is(await program.exit(), 2)
    t.is(program.stderr, `${line}\n`)
    t.is(program.stdout, '')
  })
}

test('a message stays one short line, whatever was given', async (t) => {
  const program = leveret(t, ['start'], { LEVERET_PORT: '9'.repeat(100_000) })
  t.is(await program.exit(), 2)
  t.regex(program.stderr, /^leveret: LEVERET_PORT: "9+…9+" is not a whole number from 0 to 65535\n$/)
  t.true(program.stderr.length < 1100)
})

test('a certificate that is none is said in one line', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const file = join(dataDir, 'no.pem')
  writeFileSync(file, 'no certificate')
  const program = leveret(t, [
    'start',
    '--port',
    '0',
    '--data-dir',
    dataDir,
    '--tls-port',
    '0',
    '--tls-cert',
    file,
    '--tls-key',
    file,
  ])
  t.is(await program.exit(), 1)
  t.is(program.stderr, 'leveret: the TLS certificate cannot be used: it holds no certificate in PEM form\n')
})

test('over TLS a client connects to the port that the ready line names', async (t) => {
  const program = await startProgram(t, TLS)
  const { port } = program.address('amqps')
  const connection = await amqplib.connect(`amqps://localhost:${port}`, { ca: [certificates.ca] })
  const channel = await connection.createChannel()
  await channel.assertQueue('q')
  await connection.close()
  t.pass()
})

test('RabbitMQ’s variables name user, password and virtual host', async (t) => {
  const program = await startProgram(t, [], {
    RABBITMQ_DEFAULT_USER: 'anna',
    RABBITMQ_DEFAULT_PASS: 'secret',
    RABBITMQ_DEFAULT_VHOST: 'shop',
  })
  const { port } = program.address()
  const connection = await amqplib.connect(`amqp://anna:secret@127.0.0.1:${port}/shop`)
  await connection.close()
  await t.throwsAsync(amqplib.connect(`amqp://127.0.0.1:${port}`), { message: /ACCESS_REFUSED|403/ })
})

test('with --log-format json every line is an object, and no secret is in it', async (t) => {
  const program = await startProgram(t, [
    '--log-format',
    'json',
    '--log-level',
    'debug',
    '--default-pass',
    'very-secret',
  ])
  const lines = (): Record<string, unknown>[] =>
    program.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const ready = lines().find(({ message }) => message === 'Server startup complete')
  t.is(ready?.level, 'info')
  t.false(Number.isNaN(Date.parse(String(ready?.time))))
  const port = String(ready?.amqp).split(':')[1]
  await t.throwsAsync(amqplib.connect(`amqp://guest:wrong@127.0.0.1:${port}`))
  await until('the refused login is logged', () => program.stdout.includes('refused'))
  program.child.kill('SIGTERM')
  t.is(await program.exit(), 0)
  t.true(lines().length > 2)
  t.false(program.stdout.includes('very-secret'))
})

test('it survives running out of file descriptors, and serves again when there are some', async (t) => {
  const dataDir = await temporaryDirectory(t)
  const command = `ulimit -n 128 && exec "$0" "$@"`
  const program = run(t, 'sh', [
    '-c',
    command,
    process.execPath,
    programPath,
    'start',
    '--port',
    '0',
    '--data-dir',
    dataDir,
  ])
  await program.ready()
  const { port } = program.address()
  const sockets = Array.from({ length: 240 }, () => dial(t, port))
  // Those for whom there is no descriptor are turned away.
  await until('some are turned away', () => sockets.some(({ destroyed }) => destroyed))
  t.true(sockets.some(({ destroyed, readyState }) => !destroyed && readyState === 'open'))
  for (const socket of sockets) socket.destroy()
  await until('it serves again', async () => {
    const ping = leveret(t, ['ping', '--port', String(port)])
    return (await ping.exit()) === 0
  })
  t.is(program.exitCode, undefined)
})
