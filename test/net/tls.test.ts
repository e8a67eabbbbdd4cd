import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { certificates } from '../helpers/certificates.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'
import { type FakeMachine, listen } from './fake-machine.ts'

const { ca, server, client } = certificates

const echo = (machine: FakeMachine): void => {
  machine.onReceive = (chunk) => machine.transport.write(Buffer.from(chunk))
}

function dial(t: ExecutionContext, port: number, options: ConnectionOptions = {}): TLSSocket {
  const socket = connect({ port, host: '127.0.0.1', ca, ...options })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

test('a TLS connection carries bytes both ways', async (t) => {
  const { listener, machines } = await listen(t, echo, { tls: server })
  const socket = dial(t, listener.port)
  socket.write('hello')
  const [answer] = await once(socket, 'data')
  t.is(String(answer), 'hello')
  t.true(socket.authorized)
  t.like(machines[0]?.peer, { address: '127.0.0.1', tls: true })
})

test('a TLS write that is not taken at once makes the machine writable later', async (t) => {
  const size = 8 * 1024 * 1024
  const { listener, machines } = await listen(t, undefined, { tls: server })
  const socket = dial(t, listener.port)
  await until('the connection is there', () => machines.length === 1)
  const machine = machines[0] as FakeMachine
  t.false(machine.transport.write(Buffer.alloc(size)))
  let seen = 0
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.length
  })
  await until('all bytes have arrived', () => seen === size)
  await until('the machine is told', () => machine.writableCalls === 1)
  t.pass()
})

test('garbage on the TLS port is closed with one line, and the next client gets in', async (t) => {
  const log = new RecordingLogger()
  const { listener, machines } = await listen(t, echo, { tls: server }, log)
  const garbage = connectPlain(listener.port, '127.0.0.1')
  garbage.on('error', () => {})
  garbage.resume()
  garbage.write('AMQP\0\0\x09\x01')
  await once(garbage, 'close')
  await until('the line is there', () => log.lines.length > 0)
  t.is(log.lines.length, 1)
  t.like(log.lines[0], { level: 'warn', message: 'TLS handshake failed' })
  t.is(log.lines[0]?.fields?.hint, 'it does not speak TLS')
  t.is(machines.length, 0)
  const socket = dial(t, listener.port)
  socket.write('hello')
  t.is(String((await once(socket, 'data'))[0]), 'hello')
})

test('a peer that never finishes its TLS handshake is dropped', async (t) => {
  const { listener } = await listen(t, undefined, { tls: server, handshakeTimeoutMs: 50 })
  const socket = connectPlain(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'close')
  await until('nothing of it is left', () => listener.connectionCount === 0)
  t.pass()
})

test('with an authority given, a client without a certificate of it is refused', async (t) => {
  const { listener, machines } = await listen(t, echo, { tls: { ...server, ca } })
  const stranger = dial(t, listener.port)
  stranger.resume()
  await new Promise((resolve) => stranger.on('close', resolve))
  t.is(machines.length, 0)
  const anna = dial(t, listener.port, client)
  anna.write('hello')
  t.is(String((await once(anna, 'data'))[0]), 'hello')
})

test('a client whose certificate is of another authority is refused with a line that says so', async (t) => {
  const log = new RecordingLogger()
  const { listener } = await listen(t, echo, { tls: { ...server, ca: client.cert } }, log)
  dial(t, listener.port, { cert: server.cert, key: server.key })
  await until('the line is there', () => log.lines.length > 0)
  t.like(log.lines[0], { level: 'warn', message: 'TLS handshake failed' })
  t.regex(String(log.lines[0]?.fields?.error), /^(UNABLE_TO_|SELF_SIGNED_CERT_IN_CHAIN)/)
})

test('closing the listener also drops handshakes under way', async (t) => {
  const { listener } = await listen(t, undefined, { tls: server })
  const socket = connectPlain(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await until('the connection is there', () => listener.connectionCount === 1)
  await listener.close()
  t.is(listener.connectionCount, 0)
})

test('certificate, key or authority that are no good are refused with a reason when the port is opened', async (t) => {
  const encrypted = '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
  for (const [tls, message] of [
    [{ ...server, cert: 'x' }, 'the TLS certificate cannot be used: it holds no certificate in PEM form'],
    [{ ...server, key: 'x' }, 'the TLS key cannot be used: it holds no private key in PEM form'],
    [{ ...server, key: encrypted }, 'the TLS key cannot be used: it is encrypted; give one without a passphrase'],
    [{ ...server, key: client.key }, 'the TLS key is not the key of the TLS certificate'],
    [{ ...server, ca: 'x' }, 'the TLS authority cannot be used: it holds no certificate in PEM form'],
  ] as const) {
    await t.throwsAsync(listen(t, undefined, { tls }), { message })
  }
})
