import { once } from 'node:events'
import { connect } from 'node:net'
import amqplib from 'amqplib'
import test from 'ava'
import {
  encodeBasicConsume,
  encodeBasicPublish,
  encodeContent,
  encodeProperties,
  PROTOCOL_HEADER,
} from '../../src/codec/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { openRawClient } from '../helpers/raw-client.ts'
import { until } from '../helpers/until.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Mulberry32: small, and the same for the same seed. */
function randomBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    bytes[i] = (mixed ^ (mixed >>> 14)) >>> 24
  }
  return bytes
}

function publishFrames(routingKey: string, body: Buffer): Buffer {
  return Buffer.concat([encodeBasicPublish(1, { routingKey }), encodeContent(1, encodeProperties({}), body, 131_072)])
}

test('whatever bytes come, each connection is closed and the broker serves the next', async (t) => {
  const broker = await startBroker(t, { handshakeTimeoutMs: 500 })
  const first = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`200 seeds from ${first} (set FUZZ_SEED to repeat)`)
  const gone = Array.from({ length: 200 }, async (_, index) => {
    const socket = connect(broker.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.resume()
    const closed = new Promise((resolve) => socket.on('close', resolve))
    const noise = randomBytes(first + index, 2000)
    // Half of them begin like a client.
    socket.write(index % 2 === 0 ? noise : Buffer.concat([PROTOCOL_HEADER, noise]))
    await closed
  })
  await Promise.all(gone)
  await until('the broker has seen them go', () => broker.connections.length === 0)
  await (await amqplib.connect(broker.url)).close()
  t.pass()
})

test('a frame that announces four gigabytes is refused before a byte of it is kept', async (t) => {
  const broker = await startBroker(t)
  const client = await openRawClient(t, broker.port)
  client.send(Buffer.from([1, 0, 1, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(MIB))
  await client.waitFor('connection.close')
  t.pass()
})

test('a consumer that does not read is given a bounded number of bytes, and others go on', async (t) => {
  const broker = await startBroker(t)
  const slow = broker.declareQueue('slow')
  broker.declareQueue('quick')
  const client = await openRawClient(t, broker.port)
  client.send(encodeBasicConsume(1, { queue: 'slow', noAck: true }))
  await slow.waitForConsumers(1)
  await client.waitFor('basic.consume-ok')
  client.deaf()
  const body = Buffer.alloc(64 * KIB)
  const count = 1000
  for (let i = 0; i < count; i++) await broker.publish({ routingKey: 'slow', body })
  // What has left the queue lies in the kernel's buffers, a few MiB, and in the bounded one before them.
  await until('the queue keeps the rest', () => slow.messageCount > 0)
  t.true(
    (count - slow.messageCount) * body.length < 16 * MIB,
    `${count - slow.messageCount} of ${count} left the queue`,
  )

  const connection = await amqplib.connect(broker.url)
  const channel = await connection.createChannel()
  const received = new Promise((resolve) => channel.consume('quick', resolve, { noAck: true }))
  await broker.publish({ routingKey: 'quick', body: 'x' })
  t.truthy(await received)
  await connection.close()

  client.socket.resume()
  await slow.waitForEmpty()
  await until('everything has arrived', () => client.receivedBytes > count * body.length)
})

test('a publisher that floods without confirms is held back at the watermark, and loses nothing', async (t) => {
  const watermark = 4 * MIB
  const broker = await startBroker(t, { memoryHighWatermark: watermark })
  const queue = broker.declareQueue('q')
  const client = await openRawClient(t, broker.port)
  const body = Buffer.alloc(16 * KIB)
  const count = 2000
  const frames = publishFrames('q', body)
  for (let i = 0; i < count; i++) client.send(frames)
  await until('it is held back: nothing more comes in a hundred turns', async () => {
    const before = queue.messageCount
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    return before > 0 && queue.messageCount === before
  })
  const held = queue.messageCount
  t.true(held < count)
  t.true(held * body.length < watermark + MIB, `${held * body.length} bytes`)

  const connection = await amqplib.connect(broker.url)
  const channel = await connection.createChannel()
  let received = 0
  await channel.consume('q', () => received++, { noAck: true })
  await until('every message has come through', () => received === count)
  await connection.close()
})

test('a client that asked for it is told when it is blocked, and when it may go on', async (t) => {
  const broker = await startBroker(t, { memoryHighWatermark: MIB })
  const queue = broker.declareQueue('q')
  const connection = await amqplib.connect(broker.url)
  const channel = await connection.createChannel()
  const blocked = once(connection, 'blocked')
  await broker.publish({ routingKey: 'q', body: Buffer.alloc(2 * MIB) })
  channel.sendToQueue('q', Buffer.from('one more'))
  t.deepEqual(await blocked, ['low on memory'])
  const unblocked = once(connection, 'unblocked')
  queue.purge()
  await unblocked
  await connection.close()
})
