import test from 'ava'
import {
  BASIC_CONSUME_OK,
  encodeBasicAck,
  encodeBasicConsume,
  encodeBasicGet,
  encodeBasicPublish,
  encodeBody,
  encodeContentHeader,
  encodeProperties,
  Table,
} from '../../src/codec/index.ts'
import { openClient, publish, type TestClient, TestNode } from './harness.ts'
import { Random } from './random.ts'

const MIB = 1024 * 1024
const NO_PROPERTIES = encodeProperties({})

/** A node with these consumers on one queue each; all queues get what goes to amq.fanout. */
function fanout(consumers: number): { node: TestNode; publisher: TestClient; readers: TestClient[] } {
  const node = new TestNode()
  const publisher = openClient(node)
  const readers = Array.from({ length: consumers }, (_, index) => {
    const reader = openClient(node)
    reader.declareQueue(1, `q${index}`)
    const queue = node.vhost.queue(`q${index}`, undefined)
    node.vhost.bind(node.vhost.exchange('amq.fanout'), queue, '', Table.empty)
    reader.send(encodeBasicConsume(1, { queue: `q${index}` }))
    reader.expect(BASIC_CONSUME_OK)
    return reader
  })
  return { node, publisher, readers }
}

function largest(memories: Iterable<ArrayBufferLike>): number {
  return Math.max(...[...memories].map(({ byteLength }) => byteLength))
}

test('a large body lies in memory once, however many consumers have not read it yet', (t) => {
  const { node, publisher, readers } = fanout(5)
  const body = new Random(1).bytes(4 * MIB)
  for (const { transport } of readers) transport.stuck = true
  publisher.send(publish(1, { exchange: 'amq.fanout', body }))
  const held = new Set(readers.flatMap(({ transport }) => [...transport.heldMemory]))
  t.true(largest(held) >= body.length)
  const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0)
  t.true(bytes < 1.5 * body.length, `${bytes} bytes are held`)
  // One has taken it and goes; what the others are still to read stays.
  for (const reader of readers) {
    reader.transport.drain()
    reader.connection.writable()
    const delivery = reader.expectDelivery()
    t.true(delivery.body.equals(body))
    reader.send(encodeBasicAck(1, { deliveryTag: 1 }))
    reader.disconnect()
  }
  node.vhost.clear()
  t.is(node.memory.used, 0)
})

test('the bytes of a large body that wait for their reader are not written to by what comes after', (t) => {
  const { node, publisher, readers } = fanout(1)
  const reader = readers[0] as TestClient
  const body = new Random(2).bytes(MIB)
  reader.transport.stuck = true
  publisher.send(publish(1, { exchange: 'amq.fanout', body }))
  node.vhost.queues.get('q0')?.purge()
  for (let i = 0; i < 20; i++) publisher.send(publish(1, { routingKey: 'q0', body: Buffer.alloc(MIB, i) }))
  reader.transport.drain()
  reader.connection.writable()
  node.settle()
  t.true(reader.expectDelivery().body.equals(body))
  for (let i = 0; i < 20; i++) t.is(reader.expectDelivery().body[MIB / 2], i)
})

test('bodies around the size from which they are not copied arrive as they were sent, with each frame-max', (t) => {
  const random = new Random(3)
  for (const frameMax of [4096, 131072]) {
    const node = new TestNode()
    const [publisher, reader] = [openClient(node), openClient(node, { tune: { frameMax } })]
    publisher.declareQueue(1, 'q')
    for (const length of [262_143, 262_144, 262_145, 131_064 * 2, 131_064 * 2 + 1, 131_064 * 3 - 1, 4088 * 100]) {
      const body = random.bytes(length)
      publisher.send(publish(1, { routingKey: 'q', body }), publish(1, { routingKey: 'q', body: 'next' }))
      for (const expected of [body, Buffer.from('next')]) {
        reader.send(encodeBasicGet(1, { queue: 'q', noAck: true }))
        t.true(reader.expectGetOk(1).body.equals(expected), `${length} bytes`)
      }
    }
  }
})

test('a body under way takes twice what has come of it, and what it will take once an eighth has come', (t) => {
  const node = new TestNode({ maxMessageSize: 64 * MIB })
  const client = openClient(node)
  const announced = 16 * MIB
  client.send(encodeBasicPublish(1, { routingKey: 'q' }), encodeContentHeader(1, announced, NO_PROPERTIES))
  let eighth = false
  for (let sent = 0; sent < announced; sent += MIB / 16) {
    client.send(encodeBody(1, Buffer.alloc(MIB / 16), 131072))
    eighth = sent + MIB / 16 >= announced / 8
    if (!eighth) t.true(node.memory.used < 2 * (sent + MIB / 8), `${node.memory.used} bytes for ${sent}`)
    else if (sent + MIB / 16 < announced) t.true(node.memory.used < announced + 1000)
  }
  t.true(eighth)
  t.is(node.memory.used, 0)
})

test('large bodies of two connections, cut anywhere, do not mix', (t) => {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`seed ${seed} (set FUZZ_SEED to repeat)`)
  const random = new Random(seed)
  const node = new TestNode()
  const streams = ['a', 'b'].map((queue) => {
    const client = openClient(node)
    client.declareQueue(1, queue)
    const bodies = Array.from({ length: 4 }, () => random.bytes(100_000 + random.below(400_000)))
    const frames = bodies.map((body) => publish(1, { routingKey: queue, body }))
    return { queue, client, bodies, pieces: random.split(Buffer.concat(frames)) }
  })
  while (streams.some(({ pieces }) => pieces.length > 0)) {
    const { client, pieces } = random.pick(streams)
    const piece = pieces.shift()
    if (piece !== undefined) client.send(piece)
  }
  for (const { queue, client, bodies } of streams) {
    for (const body of bodies) {
      client.send(encodeBasicGet(1, { queue, noAck: true }))
      t.true(client.expectGetOk(1).body.equals(body))
    }
  }
})
