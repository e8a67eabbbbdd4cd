import { createServer, type Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { AmopClient, type AmopClientOptions, AmopError, generateKeyPair } from '../../src/amop-client.ts'
import { until } from '../helpers/until.ts'
import { connectedToAll } from './client-harness.ts'
import { startPlainNode } from './plain-node.ts'

async function connect(t: ExecutionContext, nodes: string[], options: Partial<AmopClientOptions> = {}) {
  const client = await AmopClient.connect({ nodes, plain: true, reconnectMinMs: 20, ...options })
  t.teardown(() => client.close())
  return client
}

async function listen(t: ExecutionContext, handle: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    handle(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

test('messages of all sizes pass both ways over sockets', async (t) => {
  const node = await startPlainNode(t)
  const subscriber = await connect(t, [node.name])
  const publisher = await connect(t, [node.name])
  await subscriber.subscribe('echo', ({ data }) => data)
  for (const bytes of [0, 1, 1000, 16_384, 100_000, 10 * 1024 * 1024]) {
    const data = Buffer.alloc(bytes, `${bytes}`)
    t.true((await publisher.unicast('echo', data, { timeoutMs: 20_000 })).equals(data))
  }
})

test('a thousand unicasts at a time all get their own answers', async (t) => {
  const node = await startPlainNode(t)
  const subscriber = await connect(t, [node.name])
  const publisher = await connect(t, [node.name])
  await subscriber.subscribe('echo', async ({ data }) => `${data}!`)
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, i) => publisher.unicast('echo', `${i}`, { timeoutMs: 20_000 })),
  )
  t.deepEqual(
    answers.map(String),
    answers.map((_, i) => `${i}!`),
  )
})

test('a client reconnects and subscribes again when its node comes back', async (t) => {
  const node = await startPlainNode(t)
  const subscriber = await connect(t, [node.name])
  const publisher = await connect(t, [node.name])
  await subscriber.subscribe('orders', ({ data }) => `got ${data}`)
  const events: string[] = []
  subscriber.on('disconnected', (_, reason) => events.push(reason))
  subscriber.on('connected', () => events.push('connected'))
  await node.stop()
  await until('the client has noticed', () => events.length === 1 && publisher.nodes[0]?.connected === false)
  await t.throwsAsync(publisher.unicast('orders', 'x'), { instanceOf: AmopError })
  await node.start()
  await until('both are back', () => events.at(-1) === 'connected' && publisher.nodes[0]?.connected === true)
  t.is((await publisher.unicast('orders', 'again')).toString(), 'got again')
})

test('private topics over sockets', async (t) => {
  const node = await startPlainNode(t)
  const keys = generateKeyPair()
  const subscriber = await connect(t, [node.name])
  const publisher = await connect(t, [node.name])
  const verified = new Promise((resolve) => publisher.once('verified', resolve))
  await subscriber.subscribePrivate('secret', keys.privateKey, ({ data }) => data)
  await publisher.publishPrivate('secret', [keys.publicKey])
  await verified
  t.is((await publisher.unicastPrivate('secret', 'psst')).toString(), 'psst')
})

test('of two nodes one may be away', async (t) => {
  const one = await startPlainNode(t)
  const two = await startPlainNode(t)
  const names = [one.name, two.name]
  const subscriber = await connect(t, names)
  const publisher = await connect(t, names)
  for (const client of [subscriber, publisher]) {
    await connectedToAll(client)
  }
  await subscriber.subscribe('orders', ({ from }) => from)
  await one.stop()
  for (let i = 0; i < 10; i++) t.is((await publisher.unicast('orders', 'x')).toString(), two.name)
})

test('a port where nobody listens', async (t) => {
  const node = await startPlainNode(t)
  await node.stop()
  const error = await t.throwsAsync(connect(t, [node.name]), { instanceOf: AmopError })
  t.is(error?.message, `no node could be reached: ${node.name}: connection refused`)
})

test('a host that does not exist', async (t) => {
  const error = await t.throwsAsync(connect(t, ['leveret.invalid:20200']), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /leveret\.invalid:20200: (no such host|the name service does not answer)$/)
})

test('something that closes the connection at once', async (t) => {
  const name = await listen(t, (socket) => socket.end())
  const error = await t.throwsAsync(connect(t, [name]), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /the node closed the connection before its first answer; it may want TLS/)
})

test('something that does not speak the protocol', async (t) => {
  const name = await listen(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const error = await t.throwsAsync(connect(t, [name]), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /a frame says that it has \d+ bytes, over 104857600/)
})

test('something that says nothing', async (t) => {
  const name = await listen(t, () => {})
  const error = await t.throwsAsync(connect(t, [name], { connectTimeoutMs: 50 }), { instanceOf: AmopError })
  t.regex(error?.message ?? '', /not connected within 50 ms$/)
})

test('close leaves no socket at the node', async (t) => {
  const node = await startPlainNode(t)
  const client = await connect(t, [node.name])
  t.is(node.context.sessions.size, 1)
  await client.close()
  await until('the session has gone', () => node.context.sessions.size === 0)
  await client.close()
})

test('options that cannot be are refused at once', async (t) => {
  const refused = (options: AmopClientOptions) => AmopClient.connect(options)
  await t.throwsAsync(refused({ nodes: [], plain: true }), { instanceOf: RangeError, message: /at least one node/ })
  for (const nodes of [undefined, 'a:1']) {
    await t.throwsAsync(refused({ nodes, plain: true } as never), { message: /^nodes is no list of texts, such as/ })
  }
  await t.throwsAsync(refused({ nodes: ['a:b'], plain: true }), { message: "not a node: 'a:b' (host:port)" })
  await t.throwsAsync(refused({ nodes: ['a:99999'], plain: true }), { instanceOf: RangeError })
  await t.throwsAsync(refused({ nodes: ['a'] }), { instanceOf: TypeError, message: /certificates are missing/ })
  await t.throwsAsync(refused({ nodes: ['a'], ca: 'x', cert: 'x', key: 'x' }), {
    message: /holds no certificate in PEM form/,
  })
  await t.throwsAsync(refused({ nodes: ['a'], certsDirectory: 'no-such-directory' }), { code: 'ENOENT' })
})
