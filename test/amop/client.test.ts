import test, { type ExecutionContext } from 'ava'
import { AmopError, type AmopMessage, encodeTopicBody, Packet, PacketType } from '../../src/amop/index.ts'
import { until } from '../helpers/until.ts'
import { MemoryNetwork, settle } from './client-harness.ts'

/** A network with so many nodes. */
function network(nodes = 1): MemoryNetwork {
  const network = new MemoryNetwork()
  for (let i = 0; i < nodes; i++) network.addNode()
  return network
}

async function failsWith(t: ExecutionContext, code: number, promise: Promise<unknown>): Promise<AmopError> {
  return (await t.throwsAsync(promise, { instanceOf: AmopError, code })) as AmopError
}

test('a unicast reaches a subscriber, and its answer the publisher', async (t) => {
  const net = network()
  const subscriber = await net.connect(t)
  const publisher = await net.connect(t)
  const seen: AmopMessage[] = []
  await subscriber.subscribe('orders', (message) => {
    seen.push(message)
    return `got ${message.data}`
  })
  const answer = await publisher.unicast('orders', 'two')
  t.is(answer.toString(), 'got two')
  t.is(seen.length, 1)
  const [message] = seen as [AmopMessage]
  t.is(message.topic, 'orders')
  t.is(message.data.toString(), 'two')
  t.false(message.multicast)
  t.is(message.from, 'node1:20200')
  t.regex(message.seq, /^[0-9a-f]{32}$/)
})

test('bytes pass untouched both ways, and none at all', async (t) => {
  const net = network()
  const subscriber = await net.connect(t)
  const publisher = await net.connect(t)
  await subscriber.subscribe('echo', ({ data }) => data)
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256))
  t.deepEqual(await publisher.unicast('echo', bytes), bytes)
  t.deepEqual(await publisher.unicast('echo', new Uint8Array([0, 255])), Buffer.of(0, 255))
  t.deepEqual(await publisher.unicast('echo', ''), Buffer.alloc(0))
})

test('a handler that returns nothing answers with an empty body', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await client.subscribe('sync', () => {})
  await client.subscribe('async', async () => {})
  t.deepEqual(await client.unicast('sync', 'x'), Buffer.alloc(0))
  t.deepEqual(await client.unicast('async', 'x'), Buffer.alloc(0))
})

test('a client that publishes to its own topic gets the message, and then the answer', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await client.subscribe('self', async ({ data }) => `answer to ${data}`)
  t.is((await client.unicast('self', 'me')).toString(), 'answer to me')
})

test('a push under the seq that its publisher waits for is a message, not the answer', async (t) => {
  // As the C++ node does when publisher and subscriber are the same connection.
  const net = network()
  const [node] = net.nodes
  const client = await net.connect(t)
  const seen: string[] = []
  await client.subscribe('self', ({ data }) => void seen.push(data.toString()))
  let seq = ''
  const other = node?.amop.subscriber('other')
  const call = client.unicast('other', 'question')
  await settle()
  seq = other?.expectUnicast().seq ?? ''
  node?.connection.say(Packet.make(PacketType.UNICAST, seq, 0, encodeTopicBody('self', Buffer.from('pushed'))).frame)
  await settle()
  t.deepEqual(seen, ['pushed'])
  other?.send(PacketType.RESPONSE, encodeTopicBody('other', Buffer.from('answer')), { seq })
  t.is((await call).toString(), 'answer')
})

test('nobody listens: code 100', async (t) => {
  const net = network()
  const client = await net.connect(t)
  const error = await failsWith(t, 100, client.unicast('nowhere', 'x'))
  t.is(error.topic, 'nowhere')
  t.regex(error.message, /^100: nobody who may get it listens to topic 'nowhere'$/)
  t.regex(error.seq ?? '', /^[0-9a-f]{32}$/)
})

test('the only subscriber dies with the message in hand: code 104', async (t) => {
  const net = network()
  const client = await net.connect(t)
  const subscriber = net.nodes[0]?.amop.subscriber('orders')
  const call = client.unicast('orders', 'x')
  await settle()
  subscriber?.expectUnicast()
  subscriber?.disconnect()
  await failsWith(t, 104, call)
})

test('no answer within the limit: code 102, and a late answer is dropped', async (t) => {
  const net = network()
  const client = await net.connect(t)
  const subscriber = net.nodes[0]?.amop.subscriber('slow')
  const call = client.unicast('slow', 'x', { timeoutMs: 300 })
  await settle()
  const message = subscriber?.expectUnicast()
  net.advance(299)
  net.advance(1)
  const error = await failsWith(t, 102, call)
  t.is(error.message, `102: no answer on topic 'slow' within 300 ms`)
  if (message) subscriber?.answer(message, 'late')
  await settle()
  const second = client.unicast('slow', 'y')
  await settle()
  const next = subscriber?.expectUnicast()
  if (next) subscriber?.answer(next, 'in time')
  t.is((await second).toString(), 'in time')
})

test('the default limit is 5 seconds, and the settings can change it', async (t) => {
  const net = network()
  const usual = await net.connect(t)
  const quick = await net.connect(t, { settings: { timeoutMs: 1000 } })
  net.nodes[0]?.amop.subscriber('slow')
  let ended = 0
  const first = usual.unicast('slow', 'x').catch((error) => {
    ended++
    throw error
  })
  await settle()
  net.advance(4999)
  await settle()
  t.is(ended, 0)
  net.advance(1)
  // The node gives up at the same moment and may be first: 104 then.
  const error = await t.throwsAsync(first, { instanceOf: AmopError })
  t.true([102, 104].includes((error as AmopError).code))
  const second = quick.unicast('slow', 'x')
  await settle()
  net.advance(1000)
  await failsWith(t, 102, second)
})

test('a handler that throws answers with result 1 and no text', async (t) => {
  const net = network()
  const subscriber = await net.connect(t)
  const publisher = await net.connect(t)
  const warnings: string[] = []
  subscriber.on('warning', ({ message }) => warnings.push(message))
  await subscriber.subscribe('sync', () => {
    throw new Error('secret')
  })
  await subscriber.subscribe('async', async () => {
    throw new Error('secret')
  })
  for (const topic of ['sync', 'async']) {
    const error = await failsWith(t, 1, publisher.unicast(topic, 'x'))
    t.false(error.message.includes('secret'))
  }
  t.deepEqual(warnings, ["the handler of topic 'sync' failed: secret", "the handler of topic 'async' failed: secret"])
})

test('a handler that throws an AmopError answers with its code and text, which is no reason for a warning', async (t) => {
  const net = network()
  const subscriber = await net.connect(t)
  const publisher = await net.connect(t)
  const warnings: string[] = []
  subscriber.on('warning', ({ message }) => warnings.push(message))
  await subscriber.subscribe('orders', async () => {
    throw new AmopError(4711, 'sold out')
  })
  const error = await failsWith(t, 4711, publisher.unicast('orders', 'x'))
  t.is(error.message, "4711: the subscriber of topic 'orders' answered with this code: sold out")
  t.is(error.data?.toString(), 'sold out')
  t.deepEqual(warnings, [])
  await publisher.multicast('orders', 'x')
  await settle()
  t.deepEqual(warnings, ["the handler of topic 'orders' failed: sold out"])
})

for (const code of [0, 2 ** 31, 1.5, Number.NaN]) {
  test(`a handler that throws an AmopError with code ${code}, which no frame can say, answers with result 1`, async (t) => {
    const net = network()
    const client = await net.connect(t)
    await client.subscribe('sync', () => {
      throw new AmopError(code, 'x')
    })
    await client.subscribe('async', async () => {
      throw new AmopError(code, 'x')
    })
    for (const topic of ['sync', 'async']) await failsWith(t, 1, client.unicast(topic, 'x'))
  })
}

test('a handler that returns something else than bytes, a text or nothing counts as failed', async (t) => {
  const net = network()
  const client = await net.connect(t)
  const warnings: string[] = []
  client.on('warning', ({ message }) => warnings.push(message))
  await client.subscribe('orders', () => ({}))
  await failsWith(t, 1, client.unicast('orders', 'x'))
  t.regex(warnings[0] ?? '', /a handler returns bytes, a string or nothing, not object/)
})

test('an answer that is no topic body counts as not decoded: code 105', async (t) => {
  const net = network()
  const [node] = net.nodes
  const client = await net.connect(t)
  const subscriber = node?.amop.subscriber('orders')
  const call = client.unicast('orders', 'x')
  await settle()
  const seq = subscriber?.expectUnicast().seq ?? ''
  node?.connection.say(Packet.make(PacketType.RESPONSE, seq, 0, Buffer.alloc(0)).frame)
  await failsWith(t, 105, call)
})

test('a multicast reaches every subscriber, also one of the publisher', async (t) => {
  const net = network()
  const publisher = await net.connect(t)
  const others = [await net.connect(t), await net.connect(t)]
  const seen: string[] = []
  for (const [i, client] of [publisher, ...others].entries()) {
    await client.subscribe('news', ({ data, multicast }) => {
      seen.push(`${i} ${data} ${multicast}`)
      return 'not sent'
    })
  }
  await publisher.multicast('news', 'extra')
  await until('all have it', () => seen.length === 3)
  t.deepEqual(seen.sort(), ['0 extra true', '1 extra true', '2 extra true'])
})

test('a multicast to nobody is no error', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await t.notThrowsAsync(client.multicast('nobody', 'x'))
})

test('a multicast that the node refuses for its bandwidth fails with 103', async (t) => {
  const net = new MemoryNetwork()
  net.addNode({ settings: { bandwidthMbits: 0.001 } })
  const client = await net.connect(t)
  net.nodes[0]?.amop.subscriber('news')
  await client.multicast('news', Buffer.alloc(10_000))
  await failsWith(t, 103, client.multicast('news', 'x'))
  await failsWith(t, 103, client.unicast('news', 'x'))
})

test('after unsubscribing nothing comes any more', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await client.subscribe('orders', () => 'yes')
  t.is((await client.unicast('orders', 'x')).toString(), 'yes')
  t.true(await client.unsubscribe('orders'))
  t.false(await client.unsubscribe('orders'))
  await failsWith(t, 100, client.unicast('orders', 'x'))
  await t.notThrowsAsync(client.subscribe('orders', () => 'again'))
  t.is((await client.unicast('orders', 'x')).toString(), 'again')
})

test('a message that comes after its topic was left is answered with 104', async (t) => {
  const net = network()
  const [node] = net.nodes
  const client = await net.connect(t)
  const publisher = await net.connect(t)
  await client.subscribe('orders', () => 'yes')
  const frames = node?.connections[0]
  const left = client.unsubscribe('orders')
  // The node has not handled the new list when it pushes this.
  const call = publisher.unicast('orders', 'x')
  await left
  t.truthy(frames)
  const error = (await t.throwsAsync(call, { instanceOf: AmopError })) as AmopError
  t.true([100, 104].includes(error.code))
})

test('a second handler for a topic is refused', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await client.subscribe('orders', () => 'first')
  await t.throwsAsync(
    client.subscribe('orders', () => 'second'),
    { message: "topic 'orders' has a handler; unsubscribe it first" },
  )
  t.is((await client.unicast('orders', 'x')).toString(), 'first')
})

test('topics have at most 254 bytes of UTF-8', async (t) => {
  const net = network()
  const client = await net.connect(t)
  for (const topic of ['', 'a', 'x'.repeat(253), 'x'.repeat(254), 'ü'.repeat(127)]) {
    await client.subscribe(topic, ({ data }) => data)
    t.is((await client.unicast(topic, 'hello')).toString(), 'hello')
  }
  const tooLong = 'x'.repeat(255)
  const refused = { instanceOf: RangeError, message: /^a topic has at most 254 bytes of UTF-8, 'x{40}…' has 255$/ }
  await t.throwsAsync(
    client.subscribe(tooLong, () => {}),
    refused,
  )
  await t.throwsAsync(client.unicast(tooLong, ''), refused)
  await t.throwsAsync(client.multicast(tooLong, ''), refused)
  await t.throwsAsync(client.unicast('ü'.repeat(128), ''), { instanceOf: RangeError })
  await t.throwsAsync(client.unicast('\ud800', ''), { instanceOf: RangeError, message: /half a character/ })
})

test('names that mean something else to a node are refused', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await t.throwsAsync(client.unicast('#!$TopicNeedVerify_x', ''), { instanceOf: RangeError, message: /private topic/ })
  await t.throwsAsync(
    client.subscribe('_block_notify_1', () => {}),
    { instanceOf: RangeError, message: /block notices/ },
  )
})

test('a body that makes the frame longer than 100 MiB is refused', async (t) => {
  const net = network()
  const client = await net.connect(t)
  await t.throwsAsync(client.unicast('orders', Buffer.alloc(104_857_600 - 42 - 6)), {
    instanceOf: RangeError,
    message: 'a frame of 104857601 bytes is over 104857600',
  })
})

test('a signal ends the wait for an answer', async (t) => {
  const net = network()
  const client = await net.connect(t)
  net.nodes[0]?.amop.subscriber('slow')
  const abort = new AbortController()
  const call = client.unicast('slow', 'x', { signal: abort.signal })
  await settle()
  abort.abort(new Error('enough'))
  await t.throwsAsync(call, { message: 'enough' })
  await t.throwsAsync(client.unicast('slow', 'x', { signal: abort.signal }), { message: 'enough' })
  await t.throwsAsync(client.multicast('slow', 'x', { signal: abort.signal }), { message: 'enough' })
})

test('handlers that take their time run beside each other', async (t) => {
  const net = network()
  const client = await net.connect(t)
  const answers: ((text: string) => void)[] = []
  await client.subscribe('slow', () => new Promise<string>((resolve) => answers.push(resolve)))
  const calls = ['a', 'b', 'c'].map((text) => client.unicast('slow', text))
  await until('all run', () => answers.length === 3)
  answers[2]?.('third')
  t.is((await (calls[2] as Promise<Buffer>)).toString(), 'third')
  answers[0]?.('first')
  answers[1]?.('second')
  t.deepEqual((await Promise.all(calls)).map(String), ['first', 'second', 'third'])
})

test('with too many handlers running nothing more is read until some have ended', async (t) => {
  const net = network()
  const [node] = net.nodes
  const subscriber = await net.connect(t, { settings: { handlersMax: 10 } })
  const connection = node?.connection
  const publisher = await net.connect(t)
  const answers: (() => void)[] = []
  await subscriber.subscribe('slow', () => new Promise<string>((resolve) => answers.push(() => resolve('done'))))
  const calls = Array.from({ length: 25 }, () => publisher.unicast('slow', 'x'))
  await settle()
  t.is(answers.length, 10)
  t.true(connection?.clientPaused)
  for (let answered = 0; answered < 25; answered++) {
    await until('another runs', () => answers.length > answered)
    answers[answered]?.()
    await settle()
  }
  t.is((await Promise.all(calls)).length, 25)
  t.false(connection?.clientPaused)
})

test('a message that does not fit any more is refused with 99, and others go on when the node reads again', async (t) => {
  const net = network()
  const [node] = net.nodes
  const client = await net.connect(t, { settings: { outputBytesMax: 100_000 } })
  const connection = node?.connection
  const warnings: string[] = []
  client.on('warning', ({ message }) => warnings.push(message))
  await client.subscribe('echo', ({ data }) => data)
  if (connection) connection.stuck = true
  const first = client.unicast('echo', Buffer.alloc(60_000))
  await failsWith(t, 99, client.unicast('echo', Buffer.alloc(60_000)))
  t.regex(warnings[0] ?? '', /^node1:20200 does not read: 60\d+ bytes wait for it$/)
  connection?.drain()
  t.is((await first).length, 60_000)
  t.is((await client.unicast('echo', Buffer.alloc(60_000))).length, 60_000)
})

test('only so many unicasts wait for one node', async (t) => {
  const net = network()
  const client = await net.connect(t, { settings: { outstandingMax: 3 } })
  net.nodes[0]?.amop.subscriber('slow')
  const calls = [1, 2, 3].map(() => client.unicast('slow', 'x'))
  await failsWith(t, 99, client.unicast('slow', 'x'))
  for (const call of calls) call.catch(() => {})
  await settle()
})
