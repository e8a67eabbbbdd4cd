import test from 'ava'
import fc from 'fast-check'
import { Client } from '../../src/cli/client/client.ts'
import { FrameScanner } from '../../src/cli/client/frame-scanner.ts'
import { parseUri } from '../../src/cli/client/uri.ts'
import {
  BASIC_GET_EMPTY,
  CHANNEL_OPEN_OK,
  encodeBasicGet,
  encodeBody,
  encodeChannelOpen,
  encodeFrame,
  encodeQueueDeclare,
  FrameType,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { until } from '../helpers/until.ts'

test('a URI gives host, port, user, password and virtual host, decoded', (t) => {
  const common = { host: 'localhost', port: 5672, tls: false, username: 'guest', password: 'guest', virtualHost: '/' }
  t.deepEqual(parseUri('amqp://'), common)
  t.deepEqual(parseUri('amqp://localhost'), common)
  t.deepEqual(parseUri('amqp://localhost/'), { ...common, virtualHost: '' })
  t.deepEqual(parseUri('amqp://localhost/%2f?heartbeat=5'), common)
  t.deepEqual(parseUri('amqps://localhost'), { ...common, port: 5671, tls: true })
  t.deepEqual(parseUri('amqp://us%3aer:p%40ss@[::1]:10/a%20b'), {
    ...common,
    host: '::1',
    port: 10,
    username: 'us:er',
    password: 'p@ss',
    virtualHost: 'a b',
  })
  t.deepEqual(parseUri('amqp://user:@h'), { ...common, host: 'h', username: 'user', password: '' })
})

test('what is no AMQP URI is refused', (t) => {
  for (const uri of ['localhost:5672', 'http://h', 'amqp://h:x', 'amqp://h:0', 'amqp://h:70000', 'amqp://h/a/b']) {
    t.throws(() => parseUri(uri), { name: 'UsageError' }, uri)
  }
  t.throws(() => parseUri('amqp://h/%zz'), { message: 'bad percent-encoding in the URI: %zz' })
})

test('frames are found wherever the stream is cut, in a read buffer that is used again', (t) => {
  const payload = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes))
  const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 65_535 }), payload), { minLength: 1, maxLength: 20 })
  const property = fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sent, sizes) => {
    const stream = Buffer.concat(sent.map(([channel, bytes]) => encodeFrame(FrameType.BODY, channel, bytes)))
    const found: string[] = []
    const scanner = new FrameScanner({
      frame: (type, channel, buffer, from, to) => {
        found.push(`${type} ${channel} ${buffer.toString('hex', from, to)}`)
      },
    })
    const read = Buffer.alloc(90)
    for (let at = 0, i = 0; at < stream.length; i++) {
      const length = stream.copy(read, 0, at, at + (sizes[i % sizes.length] as number))
      scanner.receive(read, length)
      read.fill(0xee)
      at += length
    }
    const expected = sent.map(([channel, bytes]) => `3 ${channel} ${bytes.toString('hex')}`)
    if (found.join() !== expected.join()) throw new Error(`${found.join()} instead of ${expected.join()}`)
  })
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('a frame without its end octet or above frame-max is an error', (t) => {
  const receive = (bytes: Buffer) => new FrameScanner({ frame() {} }).receive(bytes, bytes.length)
  const frame = encodeBody(1, Buffer.from('body'), 0)
  frame[frame.length - 1] = 0
  t.throws(() => receive(frame), { message: 'the broker sent a frame that does not end with octet 206' })
  const huge = Buffer.from([3, 0, 1, 0x7f, 0, 0, 0, 0])
  t.throws(() => receive(huge), { message: /above frame-max/ })
})

test('calls on several channels are answered to the right callers', async (t) => {
  const broker = await startBroker(t)
  const client = await Client.connect(parseUri(broker.url))
  const channels = [1, 2, 3]
  await Promise.all(channels.map((c) => client.call(c, encodeChannelOpen(c), CHANNEL_OPEN_OK)))
  const declared = channels.map((c) => client.call(c, encodeQueueDeclare(c, { queue: `q${c}` }), QUEUE_DECLARE_OK))
  for (const [i, payload] of (await Promise.all(declared)).entries()) {
    t.is(payload.toString('latin1', 5, 5 + (payload[4] as number)), `q${i + 1}`)
  }
  await client.close()
  await until('the connection to have gone', () => broker.connections.length === 0)
})

test('a channel that the broker closes fails the call that waits on it, and no other', async (t) => {
  const broker = await startBroker(t)
  const failures: string[] = []
  const client = await Client.connect(parseUri(broker.url), { onFailure: (error) => failures.push(error.message) })
  for (const c of [1, 2]) await client.call(c, encodeChannelOpen(c), CHANNEL_OPEN_OK)
  const get = client.call(1, encodeBasicGet(1, { queue: 'none' }), BASIC_GET_EMPTY)
  await t.throwsAsync(get, { name: 'ClientError', message: /404 NOT_FOUND - no queue 'none' in vhost '\/'/ })
  await t.notThrowsAsync(client.call(2, encodeQueueDeclare(2, { queue: 'some' }), QUEUE_DECLARE_OK))
  t.deepEqual(failures, [])
  await client.close()
})

test('losing the connection is told once, to a waiting call or else to the owner', async (t) => {
  const broker = await startBroker(t)
  const failures: string[] = []
  const onFailure = (error: Error) => void failures.push(error.message)
  const client = await Client.connect(parseUri(broker.url), { onFailure })
  await broker.stop()
  await until('the failure', () => failures.length > 0)
  t.is(failures.length, 1)
  t.regex(failures[0] as string, /320 CONNECTION_FORCED/)
  await t.throwsAsync(client.call(1, encodeChannelOpen(1), CHANNEL_OPEN_OK), { name: 'ClientError' })
  await t.notThrowsAsync(client.close())
})
