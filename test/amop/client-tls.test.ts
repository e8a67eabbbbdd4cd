import test, { type ExecutionContext } from 'ava'
import { AmopClient, type AmopClientOptions, AmopError, generateKeyPair } from '../../src/amop-client.ts'
import type { AmopCertificates, Broker, BrokerOptions } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { until } from '../helpers/until.ts'
import { connectedToAll } from './client-harness.ts'

function startNode(t: ExecutionContext, amop: BrokerOptions['amop'] = {}): Promise<Broker> {
  return startBroker(t, { amop })
}

function optionsFor(broker: Broker, of: Broker = broker): AmopClientOptions {
  const { ca, sdkCert, sdkKey } = of.amopCertificates as AmopCertificates
  const nodes = broker.amopPorts.map((port) => `127.0.0.1:${port}`)
  return { nodes, ca, cert: sdkCert, key: sdkKey, reconnectMinMs: 20 }
}

async function connect(t: ExecutionContext, options: AmopClientOptions): Promise<AmopClient> {
  const client = await AmopClient.connect(options)
  t.teardown(() => client.close())
  return client
}

for (const keyType of ['secp256k1', 'rsa'] as const) {
  test(`messages of all sizes pass both ways over TLS with ${keyType} certificates`, async (t) => {
    const broker = await startNode(t, { keyType })
    const subscriber = await connect(t, optionsFor(broker))
    const publisher = await connect(t, optionsFor(broker))
    await subscriber.subscribe('echo', ({ data }) => data)
    const multicasts: number[] = []
    await subscriber.subscribe('all', ({ data }) => void multicasts.push(data.length))
    const sizes = [0, 1, 1000, 16_343, 16_384, 100_000, 3 * 1024 * 1024]
    for (const bytes of sizes) {
      const data = Buffer.alloc(bytes, `${bytes} `)
      t.true((await publisher.unicast('echo', data, { timeoutMs: 20_000 })).equals(data))
      await publisher.multicast('all', data)
    }
    await until('all multicasts are there', () => multicasts.length === sizes.length)
    t.deepEqual(multicasts, sizes)
  })
}

test('a thousand unicasts at a time over TLS all get their own answers', async (t) => {
  const broker = await startNode(t)
  const subscriber = await connect(t, optionsFor(broker))
  const publisher = await connect(t, optionsFor(broker))
  await subscriber.subscribe('echo', ({ data }) => `${data}!`)
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => publisher.unicast('echo', `${i}`, { timeoutMs: 20_000 })),
  )
  t.deepEqual(
    answers.map(String),
    answers.map((_, i) => `${i}!`),
  )
})

test('a client whose certificate is of another authority is refused', async (t) => {
  const broker = await startNode(t)
  const { ca } = optionsFor(broker)
  const stranger = { ...optionsFor(broker, await startNode(t)), ca: ca as string }
  const error = await t.throwsAsync(connect(t, stranger), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /it may not accept this certificate/)
})

test('a node whose certificate is of another authority is not trusted', async (t) => {
  const broker = await startNode(t)
  const { ca } = optionsFor(await startNode(t))
  const error = await t.throwsAsync(connect(t, { ...optionsFor(broker), ca: ca as string }), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /127\.0\.0\.1:\d+: its certificate is not under the given authority$/)
})

test('a key that is not that of the certificate is refused before anything is sent', async (t) => {
  const broker = await startNode(t)
  const options = { ...optionsFor(broker), key: generateKeyPair().privateKey }
  await t.throwsAsync(connect(t, options), { message: "the SDK's key is not the key of the SDK's certificate" })
})

test('plain TCP to a TLS port, and TLS to a plain one, fail with a reason', async (t) => {
  const secure = await startNode(t)
  const plain = await startNode(t, { plain: true })
  const toSecure = await t.throwsAsync(connect(t, { ...optionsFor(secure), plain: true }), { instanceOf: AmopError })
  t.regex(toSecure?.message ?? '', /: the node (closed|reset) the connection before its first answer; it may want TLS$/)
  const nodes = [`127.0.0.1:${plain.amopPorts[0]}`]
  const toPlain = await t.throwsAsync(connect(t, { ...optionsFor(secure), nodes }), { instanceOf: AmopError })
  t.regex(toPlain?.message ?? '', /: (it does not speak TLS|the node (closed|reset) the connection)/)
})

test('private topics over TLS, and a client with two ports of one node', async (t) => {
  const broker = await startNode(t, { ports: [0, 0] })
  const keys = generateKeyPair()
  const subscriber = await connect(t, optionsFor(broker))
  const publisher = await connect(t, optionsFor(broker))
  for (const client of [subscriber, publisher]) {
    await connectedToAll(client)
  }
  const verified: string[] = []
  publisher.on('verified', (_topic, _key, node) => verified.push(node))
  const seen: string[] = []
  await subscriber.subscribePrivate('secret', keys.privateKey, ({ data, from }) => {
    seen.push(data.toString())
    return from
  })
  await publisher.publishPrivate('secret', [keys.publicKey])
  // Both connections of the subscriber are sessions of the one node.
  await until('both sessions are verified', () => verified.length === 2)
  const answer = await publisher.unicastPrivate('secret', 'one')
  t.true(subscriber.nodes.some(({ node }) => node === answer.toString()))
  await publisher.multicastPrivate('secret', 'all')
  await until('the multicast is there', () => seen.includes('all'))
  await publisher.unicastPrivate('secret', 'two')
  t.deepEqual(seen, ['one', 'all', 'two'])
})

test('a client stays when its broker is restarted on the same port', async (t) => {
  const first = await startNode(t)
  const options = optionsFor(first)
  const { ca, cert, key } = options
  const subscriber = await connect(t, options)
  const publisher = await connect(t, options)
  await subscriber.subscribe('orders', ({ data }) => `got ${data}`)
  t.is((await publisher.unicast('orders', '1')).toString(), 'got 1')
  const reasons: string[] = []
  subscriber.on('disconnected', (_, reason) => reasons.push(reason))
  await first.stop()
  await until('the client has noticed', () => reasons.length === 1)
  t.deepEqual(reasons, ['the node closed the connection'])
  // The node's certificate: the SDK's own is under the same authority and will do.
  const files = { ca: ca as string, cert: cert as string, key: key as string }
  await startNode(t, { ports: [...first.amopPorts], ...files })
  await until('both are back', () => [subscriber, publisher].every(({ nodes }) => nodes[0]?.connected === true))
  t.is((await publisher.unicast('orders', '2')).toString(), 'got 2')
})
