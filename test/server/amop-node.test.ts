import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import test, { type ExecutionContext } from 'ava'
import { Packet, PacketType } from '../../src/amop/index.ts'
import type { AmopCertificates, Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { until } from '../helpers/until.ts'

/** As SDKs connect: their certificate, and no check of the host's name. */
async function dial(t: ExecutionContext, broker: Broker, index = 0): Promise<TLSSocket> {
  const { ca, sdkCert, sdkKey } = broker.amopCertificates as AmopCertificates
  const port = broker.amopPorts[index] as number
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca,
    cert: sdkCert,
    key: sdkKey,
    ecdhCurve: 'secp256k1:X25519',
    checkServerIdentity: () => undefined,
  })
  // A Node of the newer ones would crash otherwise, see docs/amop.md.
  socket.getPeerCertificate = () => ({}) as never
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

const HANDSHAKE = Packet.make(
  PacketType.HANDSHAKE,
  'a'.repeat(32),
  0,
  Buffer.from('{"minimumSupport":1,"maximumSupport":3,"clientType":"test"}'),
).frame

for (const keyType of ['secp256k1', 'rsa'] as const) {
  test(`an SDK with a ${keyType} certificate of a broker's own set opens a session on each of its ports`, async (t) => {
    const broker = await startBroker(t, { amop: { ports: [0, 0], keyType } })
    t.is(broker.amopPorts.length, 2)
    for (const index of [0, 1]) {
      const socket = await dial(t, broker, index)
      t.is(socket.getProtocol(), keyType === 'rsa' ? 'TLSv1.3' : 'TLSv1.2')
      socket.write(HANDSHAKE)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      t.like(JSON.parse(Packet.read(answer).body.toString()), { protocol: 3 })
    }
    await until('both are listed', () => broker.amopSessions.length === 2)
    t.like(broker.amopSessions[0], { clientType: 'test', subject: 'CN=sdk,O=fisco-bcos,OU=sdk' })
  })
}
