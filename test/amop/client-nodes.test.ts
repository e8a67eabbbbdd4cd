import test from 'ava'
import { AmopError, Packet, PacketType } from '../../src/amop/index.ts'
import { until } from '../helpers/until.ts'
import { connectedToAll, MemoryNetwork, type MemoryNode, settle } from './client-harness.ts'

function network(nodes: number): MemoryNetwork {
  const network = new MemoryNetwork()
  for (let i = 0; i < nodes; i++) network.addNode()
  return network
}

function nodeAt({ nodes }: MemoryNetwork, index: number): MemoryNode {
  const node = nodes[index]
  if (node === undefined) throw new Error(`no node ${index}`)
  return node
}

const FIRST = { random: () => 0 }

test('a client greets a node as java-sdk does: version, handshake, topics', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const { amop } = nodeAt(net, 0)
  const [session] = amop.context.sessions
  t.is(session?.protocol, 3)
  t.is(session?.clientType, 'leveret')
  await client.subscribe('orders', () => {})
  t.deepEqual([...(session?.topics ?? [])], ['orders'])
  t.deepEqual(client.nodes, [{ node: 'node1:20200', connected: true, version: '2.9.1', failure: undefined }])
})

test('a node older than 2.1 is not asked for a handshake, and gets the heartbeats of protocol 1', async (t) => {
  const net = new MemoryNetwork()
  net.addNode({ settings: { version: '2.0.0' } })
  const client = await net.connect(t)
  const [session] = nodeAt(net, 0).amop.context.sessions
  t.is(session?.clientType, '')
  t.is(session?.protocol, 1)
  await client.subscribe('echo', ({ data }) => data)
  t.is((await client.unicast('echo', 'old')).toString(), 'old')
  for (let s = 0; s < 70; s++) {
    net.advance(1000)
    await settle()
  }
  t.true(client.nodes[0]?.connected)
})

test('heartbeats keep a connection that has nothing to say', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const lost: string[] = []
  client.on('disconnected', (node) => lost.push(node))
  for (let s = 0; s < 200; s++) {
    net.advance(1000)
    await settle()
  }
  t.deepEqual(lost, [])
  t.is(nodeAt(net, 0).dials, 1)
})

test('a node that says nothing for 10 s is taken for dead', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const lost: string[] = []
  client.on('disconnected', (_, reason) => lost.push(reason))
  nodeAt(net, 0).connection.stuck = true
  for (let s = 0; s < 11; s++) {
    net.advance(1000)
    await settle()
  }
  t.deepEqual(lost, ['nothing was heard of it for 10000 ms'])
})

test('a node that never answers the greeting is given up after connectTimeoutMs', async (t) => {
  const net = network(1)
  nodeAt(net, 0).mute = true
  const client = net.client({ settings: { connectTimeoutMs: 3000 } })
  const opened = client.open()
  await settle()
  net.advance(3000)
  const error = await t.throwsAsync(opened, { instanceOf: AmopError })
  t.is(error?.message, 'no node could be reached: node1:20200: not connected within 3000 ms')
})

test('connect fails when no node can be reached, and says why for each', async (t) => {
  const net = network(2)
  nodeAt(net, 0).up = false
  nodeAt(net, 1).up = false
  const client = net.client()
  const error = await t.throwsAsync(client.open(), { instanceOf: AmopError })
  t.is((error as AmopError).code, 99)
  t.is(error?.message, 'no node could be reached: node1:20200: connection refused; node2:20200: connection refused')
  net.advance(100_000)
  t.is(nodeAt(net, 0).dials, 1, 'it goes on although it has failed')
})

test('connect ends with its signal', async (t) => {
  const net = network(1)
  nodeAt(net, 0).mute = true
  const abort = new AbortController()
  const opened = net.client().open(abort.signal)
  abort.abort(new Error('no time'))
  await t.throwsAsync(opened, { message: 'no time' })
  await t.throwsAsync(net.client().open(abort.signal), { message: 'no time' })
})

test('a client is connected when one of its nodes is, and goes on trying the others', async (t) => {
  const net = network(2)
  nodeAt(net, 0).up = false
  const client = await net.connect(t)
  const connected: string[] = []
  client.on('connected', (node) => connected.push(node))
  t.deepEqual(
    client.nodes.map((node) => node.connected),
    [false, true],
  )
  t.is(client.nodes[0]?.failure, 'connection refused')
  nodeAt(net, 0).up = true
  net.advance(400)
  await until('both are connected', () => connected.length === 1)
  t.deepEqual(connected, ['node1:20200'])
})

test('a node that comes back gets the topics again, before the client says that it is connected', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const publisher = await net.connect(t)
  const events: string[] = []
  client.on('connected', (node) => events.push(`connected ${node}`))
  client.on('disconnected', (node, reason) => events.push(`disconnected ${node}: ${reason}`))
  await client.subscribe('orders', ({ data }) => `got ${data}`)
  const node = nodeAt(net, 0)
  node.stop()
  await settle()
  t.deepEqual(events, ['disconnected node1:20200: the node closed the connection'])
  const error = await t.throwsAsync(client.unicast('orders', 'x'), { instanceOf: AmopError })
  t.is((error as AmopError).code, 99)
  node.start()
  let topicsWhenConnected: string[][] = []
  client.once('connected', () => {
    topicsWhenConnected = [...node.amop.context.sessions].map(({ topics }) => [...topics])
  })
  for (let i = 0; i < 10 && events.length < 2; i++) {
    net.advance(200)
    await settle()
  }
  t.is(events[1], 'connected node1:20200')
  t.true(topicsWhenConnected.some((topics) => topics.includes('orders')))
  await until('the publisher too', () => publisher.nodes[0]?.connected === true)
  t.is((await publisher.unicast('orders', 'again')).toString(), 'got again')
})

test('a topic subscribed to while no node is there is announced when one comes', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const node = nodeAt(net, 0)
  node.stop()
  await settle()
  await client.subscribe('orders', () => 'here')
  node.start()
  for (let i = 0; i < 10 && client.nodes[0]?.connected !== true; i++) {
    net.advance(200)
    await settle()
  }
  t.is((await client.unicast('orders', 'x')).toString(), 'here')
})

test('a topic subscribed to while a node is being greeted is announced there too', async (t) => {
  const net = network(1)
  const client = net.client()
  t.teardown(() => client.close())
  await client.subscribe('first', () => '1')
  const opened = client.open()
  const { session } = nodeAt(net, 0).connection
  const receive = session.receive.bind(session)
  let subscribed: Promise<void> | undefined
  session.receive = (chunk: Buffer) => {
    if (chunk.readUInt16BE(4) === PacketType.SET_TOPICS) subscribed ??= client.subscribe('second', () => '2')
    receive(chunk)
  }
  await opened
  await subscribed
  t.deepEqual([...session.topics], ['first', 'second'])
  t.is((await client.unicast('second', 'x')).toString(), '2')
})

test('attempts to reconnect become rarer, and half of each wait is drawn', async (t) => {
  const net = network(1)
  const node = nodeAt(net, 0)
  const client = await net.connect(t, { settings: { reconnectMinMs: 100, reconnectMaxMs: 1000 }, random: () => 0 })
  node.stop()
  await settle()
  const at: number[] = []
  let dials = node.dials
  for (let ms = 1; ms <= 4000; ms++) {
    net.advance(1)
    await settle()
    if (node.dials > dials) at.push(ms)
    dials = node.dials
  }
  // Halves of 100, 200, 400, 800, 1000, 1000, ...
  t.deepEqual(at.slice(0, 7), [50, 150, 350, 750, 1250, 1750, 2250])
  t.is(client.nodes[0]?.failure, 'connection refused')
})

test('a node that drops every connection at once is not stormed', async (t) => {
  const net = network(1)
  const node = nodeAt(net, 0)
  const client = await net.connect(t, {
    settings: { reconnectMinMs: 100, reconnectMaxMs: 10_000 },
    random: () => 0.999,
  })
  client.on('connected', () => node.connection.end('dropped'))
  node.connection.end('dropped')
  for (let ms = 0; ms < 20_000; ms += 50) {
    net.advance(50)
    await settle()
  }
  t.true(node.dials > 5 && node.dials < 12, `${node.dials} attempts in 20 s`)
})

test('a unicast goes to the next node when the first knows nobody', async (t) => {
  const net = network(2)
  const client = await net.connect(t, FIRST)
  await connectedToAll(client)
  const subscriber = await net.connect(t, {}, [nodeAt(net, 1)])
  await subscriber.subscribe('orders', ({ from }) => from)
  for (let i = 0; i < 5; i++) t.is((await client.unicast('orders', 'x')).toString(), 'node2:20200')
  const error = await t.throwsAsync(client.unicast('nowhere', 'x'), { instanceOf: AmopError })
  t.is((error as AmopError).code, 100)
})

test('a unicast goes to the next node when the first is lost before its answer, under the same seq', async (t) => {
  const net = network(2)
  const client = await net.connect(t, FIRST)
  await connectedToAll(client)
  const [one, two] = net.nodes.map(({ amop }) => amop.subscriber('orders'))
  const call = client.unicast('orders', 'x')
  await settle()
  const first = one?.expectUnicast()
  two?.expectNothing()
  nodeAt(net, 0).stop()
  await settle()
  const second = two?.expectUnicast()
  t.is(second?.seq, first?.seq)
  if (second) two?.answer(second, 'from the second')
  t.is((await call).toString(), 'from the second')
})

test('with no node connected a message fails with 99', async (t) => {
  const net = network(2)
  const client = await net.connect(t)
  for (const node of net.nodes) node.stop()
  await settle()
  for (const call of [client.unicast('orders', 'x'), client.multicast('orders', 'x')]) {
    const error = (await t.throwsAsync(call, { instanceOf: AmopError })) as AmopError
    t.is(error.code, 99)
    t.is(error.message, "99: no connected node could take the message to topic 'orders'")
  }
})

test('the nodes share the work', async (t) => {
  const net = network(2)
  const client = await net.connect(t)
  await connectedToAll(client)
  const seen = new Map<string, number>()
  const subscriber = await net.connect(t)
  await connectedToAll(subscriber)
  await subscriber.subscribe('orders', ({ from }) => void seen.set(from, (seen.get(from) ?? 0) + 1))
  for (let i = 0; i < 200; i++) await client.unicast('orders', 'x')
  t.is(
    [...seen.values()].reduce((sum, count) => sum + count),
    200,
  )
  for (const count of seen.values()) t.true(count > 50, `${[...seen.values()]}`)
})

test('a multicast goes to every node, and who is connected to several gets it once', async (t) => {
  const net = network(3)
  const publisher = await net.connect(t)
  const everywhere = await net.connect(t)
  const third = await net.connect(t, {}, [nodeAt(net, 2)])
  for (const client of [publisher, everywhere]) {
    await connectedToAll(client)
  }
  const seen: string[] = []
  await everywhere.subscribe('news', ({ data }) => void seen.push(`everywhere ${data}`))
  await third.subscribe('news', ({ data }) => void seen.push(`third ${data}`))
  await publisher.multicast('news', '1')
  await publisher.multicast('news', '2')
  await settle()
  t.deepEqual(seen.sort(), ['everywhere 1', 'everywhere 2', 'third 1', 'third 2'])
})

test('a multicast succeeds when one node has taken it, although another was lost or silent', async (t) => {
  const net = network(2)
  const client = await net.connect(t)
  await connectedToAll(client)
  nodeAt(net, 1).connection.stuck = true
  const silent = client.multicast('news', 'x', { timeoutMs: 500 })
  await settle()
  net.advance(500)
  await t.notThrowsAsync(silent)
  const lost = client.multicast('news', 'y')
  nodeAt(net, 1).stop()
  await t.notThrowsAsync(lost)
  nodeAt(net, 0).connection.stuck = true
  const nobody = client.multicast('news', 'z', { timeoutMs: 500 })
  await settle()
  net.advance(500)
  const error = await t.throwsAsync(nobody, { instanceOf: AmopError })
  t.is((error as AmopError).code, 102)
})

test('close fails calls that wait with 99, and sends them to no other node', async (t) => {
  const net = network(2)
  const client = await net.connect(t, FIRST)
  await connectedToAll(client)
  const [one, two] = net.nodes.map(({ amop }) => amop.subscriber('orders'))
  const call = client.unicast('orders', 'x')
  await settle()
  one?.expectUnicast()
  const failed = t.throwsAsync(call, { instanceOf: AmopError })
  await client.close()
  t.is(((await failed) as AmopError).code, 99)
  two?.expectNothing()
  const error = await t.throwsAsync(client.unicast('orders', 'x'), { instanceOf: AmopError })
  t.is(error?.message, '99: the client is closed')
  await t.throwsAsync(
    client.subscribe('orders', () => {}),
    { message: '99: the client is closed' },
  )
  for (const { amop } of net.nodes) t.is(amop.context.sessions.size, 1, 'a session is left')
  net.advance(100_000)
  t.is(nodeAt(net, 0).dials, 1)
})

test('close lets handlers that run answer, and takes no new messages', async (t) => {
  const net = network(1)
  const subscriber = await net.connect(t)
  const publisher = await net.connect(t)
  let finish = (): void => {}
  await subscriber.subscribe('slow', () => new Promise<string>((resolve) => (finish = () => resolve('done'))))
  const call = publisher.unicast('slow', 'x')
  await settle()
  const closed = subscriber.close()
  await settle()
  const error = await t.throwsAsync(publisher.unicast('slow', 'y'), { instanceOf: AmopError })
  t.is((error as AmopError).code, 100)
  finish()
  t.is((await call).toString(), 'done')
  await closed
})

test('a client is closed at the end of its block', async (t) => {
  const net = network(1)
  {
    await using client = net.client()
    await client.open()
    t.is(nodeAt(net, 0).amop.context.sessions.size, 1)
  }
  t.is(nodeAt(net, 0).amop.context.sessions.size, 0)
})

test('a frame shorter than its header, or longer than the bound, ends the connection, and the client comes back', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const node = nodeAt(net, 0)
  const reasons: string[] = []
  client.on('disconnected', (_, reason) => reasons.push(reason))
  const lengths = [0, 41, 104_857_601, 0xffffffff]
  for (const length of lengths) {
    const frame = Buffer.alloc(42)
    frame.writeUInt32BE(length)
    node.connection.say(frame)
    await until('it has gone', () => client.nodes[0]?.connected === false)
    for (let i = 0; i < 100 && client.nodes[0]?.connected !== true; i++) {
      net.advance(200)
      await settle()
    }
    t.true(client.nodes[0]?.connected)
  }
  t.deepEqual(
    reasons,
    lengths.map((length) => `a frame says that it has ${length} bytes, ${length < 42 ? 'under 42' : 'over 104857600'}`),
  )
})

test('frames that mean nothing are passed over', async (t) => {
  const net = network(1)
  const client = await net.connect(t)
  const node = nodeAt(net, 0)
  await client.subscribe('echo', ({ data }) => data)
  const warnings: string[] = []
  client.on('warning', ({ message }) => warnings.push(message))
  const seq = 'f'.repeat(32)
  const bodies = [
    Buffer.alloc(0),
    Buffer.of(0),
    Buffer.of(200, 1),
    Buffer.of(3, 0xff, 0xfe),
    Buffer.from('{'),
    Buffer.from('[1]'),
  ]
  for (const type of [0, 0x12, 0x13, 0x14, 0x30, 0x31, 0x32, 0x35, 0x37, 0x38, 0x1000, 0x1001, 0x1002, 0xffff]) {
    for (const body of bodies) node.connection.say(Packet.make(type, seq, 0, body).frame)
  }
  await settle()
  t.is((await client.unicast('echo', 'still here')).toString(), 'still here')
  t.true(warnings.length > 0)
  t.true(warnings.every((text) => text.includes('topic is malformed')))
})

test('a handshake answered with nonsense is no connection', async (t) => {
  for (const protocol of [0, 4, '3', null]) {
    const net = network(1)
    const node = nodeAt(net, 0)
    const client = net.client()
    const opened = client.open()
    const { session } = node.connection
    // The machine's own answer is replaced by ours.
    session.receive = (chunk: Buffer) => {
      const { type, seq } = Packet.read(chunk)
      const body = type === PacketType.RPC ? '{"result":{}}' : JSON.stringify({ nodeVersion: 'x', protocol })
      node.connection.say(Packet.make(type, seq, 0, Buffer.from(body)).frame)
    }
    await t.throwsAsync(opened, { message: /its answer to the handshake makes no sense/ })
  }
})
