import { createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import test from 'ava'
import { makeCertificates, makeSdkCertificate } from '../../src/server/amop/certificates.ts'
import { certificateSet, listenerFiles, sdkFiles } from '../helpers/amop-certificates.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { dialTls, sdkOptions } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'
import { type FakeSession, listenAmop } from './amop-node.ts'

async function ownSdk(): Promise<ConnectionOptions> {
  const set = await certificateSet()
  return sdkOptions(sdkFiles(set, set.sdk))
}

for (const keyType of ['secp256k1', 'rsa'] as const) {
  test(`with ${keyType} certificates bytes go both ways, and the machine knows who it is`, async (t) => {
    const set = await certificateSet(keyType)
    const { listener, sessions, turns } = await listenAmop(t, { tls: { ...listenerFiles(set), checkIssuer: true } })
    const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, set.sdk)), port: listener.port })
    await once(socket, 'secureConnect')
    t.is(socket.getProtocol(), keyType === 'rsa' ? 'TLSv1.3' : 'TLSv1.2')
    const before = turns.count
    socket.write('hello')
    await until('it has arrived', () => sessions[0]?.received === 'hello')
    t.true(turns.count > before)
    const session = sessions[0] as FakeSession
    session.transport.write(Buffer.from('welcome'))
    t.is(String((await once(socket, 'data'))[0]), 'welcome')
    t.is(session.peer.address, '127.0.0.1')
    t.is(session.peer.port, Number(socket.localPort))
    const { subject, issuer, publicKey } = session.peer.certificate ?? {}
    t.is(subject, 'CN=sdk\nO=fisco-bcos\nOU=sdk')
    t.is(issuer, 'CN=agency\nO=fisco-bcos\nOU=agency')
    t.regex(publicKey ?? '', keyType === 'rsa' ? /^[0-9a-f]{64}$/ : /^[0-9a-f]{128}$/)
    if (keyType === 'secp256k1') {
      const der = createPublicKey(set.sdk.key).export({ type: 'spki', format: 'der' })
      t.is(publicKey, der.subarray(-64).toString('hex'))
    }
    socket.end()
    await until('the machine is told of the end', () => session.disconnectedCalls === 1)
  })
}

test('a certificate of another authority is refused with a line that says who and why', async (t) => {
  const log = new RecordingLogger()
  const { listener, sessions } = await listenAmop(t, { log })
  const foreign = await makeCertificates({ keyType: 'secp256k1', agency: 'foreigners' })
  const set = await certificateSet()
  const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, foreign.sdk)), port: listener.port })
  await new Promise((resolve) => socket.once('close', resolve))
  await until('the line is there', () => log.find('a client is refused') !== undefined)
  const line = log.find('a client is refused')
  t.is(line?.level, 'warn')
  t.regex(line?.message ?? '', /not under our authority/)
  t.like(line?.fields, { peer: '127.0.0.1', subject: 'CN=sdk,O=fisco-bcos,OU=sdk' })
  t.regex(String(line?.fields?.issuer), /CN=foreigners/)
  t.is(sessions.length, 0)
})

test('a client without a certificate is refused, also when it comes back with its TLS session', async (t) => {
  for (const keyType of ['secp256k1', 'rsa'] as const) {
    const log = new RecordingLogger()
    const set = await certificateSet(keyType)
    const { listener, sessions } = await listenAmop(t, { log, tls: { ...listenerFiles(set), checkIssuer: false } })
    const { cert: _cert, key: _key, ...options } = sdkOptions(sdkFiles(set, set.sdk))
    let session: Buffer | undefined
    for (let visit = 0; visit < 3; visit++) {
      const socket = dialTls(t, { ...options, port: listener.port, ...(session === undefined ? {} : { session }) })
      socket.on('session', (ticket: Buffer) => {
        session = ticket
      })
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
      session ??= socket.getSession()
    }
    await until(
      'each was refused',
      () => log.lines.filter(({ message }) => /shows no certificate/.test(message)).length === 3,
    )
    t.is(sessions.length, 0)
  }
})

test('a TLS session is not resumed: each connection shows its certificate anew', async (t) => {
  const set = await certificateSet()
  const { listener, sessions } = await listenAmop(t)
  const options = { ...sdkOptions(sdkFiles(set, set.sdk)), port: listener.port }
  const first = dialTls(t, options)
  await once(first, 'secureConnect')
  await until('it is in', () => sessions.length === 1)
  const second = dialTls(t, { ...options, session: first.getSession() })
  await once(second, 'secureConnect')
  t.false(second.isSessionReused())
  // Not even by whoever has got hold of the session, and has no certificate.
  const { cert: _cert, key: _key, ...without } = options
  const third = dialTls(t, { ...without, session: first.getSession() })
  third.resume()
  await new Promise((resolve) => third.once('close', resolve))
  await until('the second is in', () => sessions.length >= 2)
  t.is(sessions.length, 2)
})

test('an expired certificate is refused for that reason', async (t) => {
  const log = new RecordingLogger()
  const set = await certificateSet()
  const { listener, sessions } = await listenAmop(t, { log })
  const expired = await makeSdkCertificate(set.agency ?? set.ca, 'late', -0.5, set.agency?.cert)
  const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, expired)), port: listener.port })
  await new Promise((resolve) => socket.once('close', resolve))
  await until('the line is there', () => log.find('its certificate has expired') !== undefined)
  t.regex(String(log.find('has expired')?.fields?.subject), /CN=late/)
  t.is(sessions.length, 0)
})

test('with the issuer check a certificate of another agency under the same authority is refused', async (t) => {
  const set = await certificateSet()
  const other = await makeSdkCertificate(set.ca, 'outsider')
  for (const checkIssuer of [true, false]) {
    const log = new RecordingLogger()
    const { listener, sessions } = await listenAmop(t, { log, tls: { ...listenerFiles(set), checkIssuer } })
    const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, other)), port: listener.port })
    socket.resume()
    if (checkIssuer) {
      await new Promise((resolve) => socket.once('close', resolve))
      await until('the line is there', () => log.find('of another agency than ours') !== undefined)
      t.regex(log.find('another agency')?.message ?? '', /than ours, CN=agency,O=fisco-bcos/)
      t.is(sessions.length, 0)
    } else {
      await until('it is taken', () => sessions.length === 1)
    }
  }
})

test('what does not speak TLS is closed with one line, and the next SDK gets in', async (t) => {
  const log = new RecordingLogger()
  const { listener, sessions } = await listenAmop(t, { log })
  const garbage = connectPlain(listener.port, '127.0.0.1')
  garbage.on('error', () => {})
  garbage.resume()
  garbage.write('GET / HTTP/1.1\r\n\r\n')
  await once(garbage, 'close')
  await until('the line is there', () => log.find('TLS handshake failed') !== undefined)
  t.like(log.find('TLS handshake failed')?.fields, { port: 'amop', hint: 'it speaks HTTP' })
  dialTls(t, { ...(await ownSdk()), port: listener.port })
  await until('the SDK is in', () => sessions.length === 1)
  t.pass()
})

test('an SDK that never finishes its TLS handshake is dropped', async (t) => {
  const { listener, sessions } = await listenAmop(t, { handshakeTimeoutMs: 50 })
  const socket = connectPlain(listener.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  await once(socket, 'close')
  await until('nothing of it is left', () => listener.connectionCount === 0)
  t.is(sessions.length, 0)
})

test('what waits for an SDK that does not read is counted, and told when it is taken', async (t) => {
  const { listener, sessions } = await listenAmop(t)
  const socket = dialTls(t, { ...(await ownSdk()), port: listener.port })
  await until('it is in', () => sessions.length === 1)
  const { transport } = sessions[0] as FakeSession
  const frames = 64
  const size = 256 * 1024
  for (let frame = 0; frame < frames; frame++) transport.write(Buffer.alloc(size))
  t.is(transport.pendingBytes, frames * (size + 256))
  let seen = 0
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.length
  })
  await until('all has come', () => seen === frames * size)
  await until('nothing waits any more', () => transport.pendingBytes === 0)
  await until('the machine was told of every frame', () => sessions[0]?.writableCalls === frames)
})

test('a machine that pauses is not handed anything until it resumes', async (t) => {
  const { listener, sessions } = await listenAmop(t)
  const socket = dialTls(t, { ...(await ownSdk()), port: listener.port })
  await until('it is in', () => sessions.length === 1)
  const session = sessions[0] as FakeSession
  socket.write('a')
  await until('the first is there', () => session.received === 'a')
  session.transport.pause()
  socket.write('b'.repeat(100_000))
  // Writes of its own come and go meanwhile: the connection itself is alive.
  session.transport.write(Buffer.from('still here'))
  await once(socket, 'data')
  const { length } = session.received
  session.transport.resume()
  await until('the rest is there', () => session.received.length === 100_001)
  // What had been read before the pause may still have been handed over.
  t.true(length <= 65_537, `${length} bytes although paused`)
})

test('a session that is closed gets what little waits for it; one that does not read gets nothing more', async (t) => {
  const { listener, sessions } = await listenAmop(t)
  const options = { ...(await ownSdk()), port: listener.port }
  const reader = dialTls(t, options)
  await until('it is in', () => sessions.length === 1)
  sessions[0]?.transport.write(Buffer.from('farewell'))
  sessions[0]?.transport.close('over')
  t.is(String((await once(reader, 'data'))[0]), 'farewell')
  await once(reader, 'end')

  const sleeper = dialTls(t, options)
  await until('it is in, too', () => sessions.length === 2)
  sleeper.pause()
  const { transport } = sessions[1] as FakeSession
  for (let frame = 0; frame < 32; frame++) transport.write(Buffer.alloc(1024 * 1024))
  t.true(transport.pendingBytes > 65_536)
  transport.close('it does not read')
  await until('it is gone', () => sessions[1]?.disconnectedCalls === 1)
  await until('nothing is kept for it', () => transport.pendingBytes === 0)
})

test('closing the listener drops everybody, and each machine is told once', async (t) => {
  const { listener, sessions } = await listenAmop(t)
  dialTls(t, { ...(await ownSdk()), port: listener.port })
  const unfinished = connectPlain(listener.port, '127.0.0.1')
  unfinished.on('error', () => {})
  t.teardown(() => unfinished.destroy())
  await until('both are there', () => sessions.length === 1 && listener.connectionCount === 2)
  await listener.close()
  t.is(listener.connectionCount, 0)
  t.is(sessions[0]?.disconnectedCalls, 1)
})

test('the plain port takes frames without a certificate, and is not opened to other hosts', async (t) => {
  const { listener, sessions } = await listenAmop(t, { tls: undefined })
  const socket = connectPlain(listener.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('hello')
  await until('it has arrived', () => sessions[0]?.received === 'hello')
  t.is(sessions[0]?.peer.certificate, undefined)
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    await t.throwsAsync(listenAmop(t, { tls: undefined, host }), {
      message: `a plain AMOP port is for tests on this host only: it cannot listen on ${host}`,
    })
  }
})

test('certificates that are no good are refused with a reason when the port is opened', async (t) => {
  const set = await certificateSet()
  const files = { ...listenerFiles(set), checkIssuer: false }
  for (const [tls, message] of [
    [{ ...files, cert: 'x' }, 'the AMOP certificate cannot be used: it holds no certificate in PEM form'],
    [{ ...files, key: 'x' }, 'the AMOP key cannot be used: it holds no private key in PEM form'],
    [{ ...files, key: set.sdk.key }, 'the AMOP key is not the key of the AMOP certificate'],
    [{ ...files, ca: 'x' }, 'the AMOP authority cannot be used: it holds no certificate in PEM form'],
  ] as const) {
    await t.throwsAsync(listenAmop(t, { tls }), { message })
  }
  t.true(new X509Certificate(set.node.cert).checkIssued(new X509Certificate(set.agency?.cert ?? '')))
})
