import { createServer, type Server, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { startBroker } from '../helpers/broker.ts'
import { leveret } from '../helpers/program.ts'

async function serve(t: ExecutionContext, handle: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

test('ping of a running broker says who answers and ends with 0', async (t) => {
  const broker = await startBroker(t)
  const ping = leveret(t, ['ping', '--port', String(broker.port)])
  t.is(await ping.exit(), 0)
  t.regex(ping.stdout, new RegExp(`^127\\.0\\.0\\.1:${broker.port} answers: Leveret \\d+\\.\\d+\\.\\d+\\n$`))
})

test('ping finds the port where the broker does, in the environment', async (t) => {
  const broker = await startBroker(t)
  const ping = leveret(t, ['ping'], { LEVERET_PORT: String(broker.port), LEVERET_BIND: '0.0.0.0' })
  t.is(await ping.exit(), 0)
})

test('ping where nobody listens ends with 1 and says so', async (t) => {
  const broker = await startBroker(t)
  await broker.stop()
  const ping = leveret(t, ['ping', '--port', String(broker.port)])
  t.is(await ping.exit(), 1)
  t.is(ping.stderr, `leveret: 127.0.0.1:${broker.port} refuses connections: no broker is running there\n`)
})

test('ping of a host that does not exist ends with 1 and says so', async (t) => {
  const ping = leveret(t, ['ping', '--host', 'leveret.invalid'])
  t.is(await ping.exit(), 1)
  t.regex(ping.stderr, /^leveret: leveret\.invalid:5672 fails: (no such host|the name service does not answer)\n$/)
})

test('ping of something that never answers ends with 1 after its timeout', async (t) => {
  const port = await serve(t, () => {})
  const ping = leveret(t, ['ping', '--port', String(port), '--timeout', '100'])
  t.is(await ping.exit(), 1)
  t.is(ping.stderr, `leveret: 127.0.0.1:${port} did not answer within 100 ms\n`)
})

test('ping of something that does not speak AMQP ends with 1', async (t) => {
  const port = await serve(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const ping = leveret(t, ['ping', '--port', String(port)])
  t.is(await ping.exit(), 1)
  t.is(ping.stderr, `leveret: 127.0.0.1:${port} does not speak AMQP 0-9-1\n`)
})

test('ping of something that hangs up ends with 1', async (t) => {
  const port = await serve(t, (socket) => socket.end())
  const ping = leveret(t, ['ping', '--port', String(port)])
  t.is(await ping.exit(), 1)
  t.is(
    ping.stderr,
    `leveret: 127.0.0.1:${port} closed the connection without an answer: it may want TLS, or be no port for AMQP\n`,
  )
})

test('leveret version, --version and -V print the same version', async (t) => {
  const programs = [['version'], ['--version'], ['-V']].map((args) => leveret(t, args))
  for (const program of programs) t.is(await program.exit(), 0)
  t.regex(programs[0]?.stdout ?? '', /^\d+\.\d+\.\d+\n$/)
  t.is(new Set(programs.map(({ stdout }) => stdout)).size, 1)
})

test('leveret without a command shows its help and ends with 2', async (t) => {
  const program = leveret(t, [])
  t.is(await program.exit(), 2)
  t.regex(program.stdout, /Usage: leveret <command>/)
})

test('leveret help start lists the flags with their variables', async (t) => {
  const program = leveret(t, ['help', 'start'])
  t.is(await program.exit(), 0)
  t.regex(program.stdout, /--default-user <NAME>/)
  t.regex(program.stdout.replace(/\s+/g, ' '), /LEVERET_DEFAULT_USER, RABBITMQ_DEFAULT_USER/)
})
