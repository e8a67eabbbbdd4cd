import { once } from 'node:events'
import { connect as connectPlain, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { certificateSet, listenerFiles, sdkFiles } from '../helpers/amop-certificates.ts'
import { dialTls, sdkOptions } from '../helpers/sdk.ts'
import { until } from '../helpers/until.ts'
import { type FakeSession, listenAmop } from './amop-node.ts'

const APPLICATION_DATA = 23
const RECORD_HEADER_BYTES = 5
/** AES-GCM of TLS 1.2: an explicit nonce and a tag. */
const RECORD_OVERHEAD_BYTES = 24
const RECORD_BYTES_MAX = 16_384

/** Stands between client and server, and notes the size of every record of application data that comes from the server. */
async function tapRecords(t: ExecutionContext, port: number): Promise<{ port: number; records: number[] }> {
  const records: number[] = []
  let pending = Buffer.alloc(0)
  const proxy = createServer((client: Socket) => {
    const server = connectPlain(port, '127.0.0.1')
    for (const socket of [client, server]) {
      socket.on('error', () => {})
      t.teardown(() => socket.destroy())
    }
    client.pipe(server)
    server.pipe(client)
    server.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= RECORD_HEADER_BYTES) {
        const length = RECORD_HEADER_BYTES + pending.readUInt16BE(3)
        if (pending.length < length) break
        if (pending[0] === APPLICATION_DATA) records.push(length - RECORD_HEADER_BYTES - RECORD_OVERHEAD_BYTES)
        pending = pending.subarray(length)
      }
    })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => proxy.close())
  return { port: (proxy.address() as { port: number }).port, records }
}

/** Sizes of the records that each of these frames takes when it begins a record of its own. */
function recordsOf(frames: readonly number[]): number[] {
  return frames.flatMap((bytes) => {
    const whole = Array.from({ length: Math.floor(bytes / RECORD_BYTES_MAX) }, () => RECORD_BYTES_MAX)
    const rest = bytes % RECORD_BYTES_MAX
    return rest === 0 ? whole : [...whole, rest]
  })
}

const FORTY = Array.from({ length: 40 }, (_, index) => 50 + index)
const MIXED = [60, 40_000, 61, 16_384, 62, 16_385, 63]

for (const [name, frames] of [
  ['40 frames at once', FORTY],
  ['frames of which some are longer than a record', MIXED],
] as const) {
  test(`${name} begin a TLS record each`, async (t) => {
    const set = await certificateSet()
    const { listener, sessions } = await listenAmop(t)
    const { port, records } = await tapRecords(t, listener.port)
    const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, set.sdk)), port })
    let seen = 0
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.length
    })
    await until('it is in', () => sessions.length === 1)
    const { transport } = sessions[0] as FakeSession
    for (const bytes of frames) transport.write(Buffer.alloc(bytes))
    const total = frames.reduce((sum, bytes) => sum + bytes, 0)
    await until('all has come', () => seen === total)
    t.deepEqual(records, recordsOf(frames))
  })
}

test('our own client, which reads a stream, gets the frames of a turn together', async (t) => {
  const set = await certificateSet()
  const { listener, sessions } = await listenAmop(t)
  const { port, records } = await tapRecords(t, listener.port)
  const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, set.sdk)), port })
  let seen = ''
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
  })
  await until('it is in', () => sessions.length === 1)
  const session = sessions[0] as FakeSession
  const said: string[] = []
  const say = (bytes: number): void => {
    const text = String.fromCharCode(97 + (said.length % 26)).repeat(bytes)
    said.push(text)
    session.transport.write(Buffer.from(text))
  }
  // Before it has said who it is, as any SDK.
  for (const bytes of FORTY) say(bytes)
  await until('these have come', () => seen.length === said.join('').length)
  t.deepEqual(records, FORTY)
  session.clientType = 'leveret'
  for (const bytes of [...FORTY, ...MIXED, 10, 10]) say(bytes)
  await until('all has come', () => seen.length === said.join('').length)
  t.is(seen, said.join(''))
  t.true(records.length < FORTY.length + 15, `${records.length} records`)
  await until('all was taken', () => session.transport.pendingBytes === 0)
})

test('what the tests above look at is seen: an ordinary TLS socket joins frames', async (t) => {
  const set = await certificateSet()
  const sockets: TLSSocket[] = []
  const server = createTlsServer(
    { ...listenerFiles(set), requestCert: true, ecdhCurve: 'secp256k1:X25519', maxVersion: 'TLSv1.2' },
    (socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
    },
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port, records } = await tapRecords(t, (server.address() as { port: number }).port)
  const socket = dialTls(t, { ...sdkOptions(sdkFiles(set, set.sdk)), port })
  let seen = 0
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.length
  })
  await until('it is in', () => sockets.length === 1)
  for (const bytes of FORTY) sockets[0]?.write(Buffer.alloc(bytes))
  await until('all has come', () => seen === FORTY.reduce((sum, bytes) => sum + bytes, 0))
  t.true(records.length < FORTY.length, `${records.length} records`)
  socket.destroy()
})
