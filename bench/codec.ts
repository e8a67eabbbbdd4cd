// Rates of the codec, in nanoseconds an operation. Run after a build: node dist/bench/codec.js
import {
  BasicAck,
  BasicNack,
  BasicPublish,
  BasicReject,
  encodeBasicAck,
  encodeBasicDeliver,
  encodeBasicNack,
  encodeBasicPublish,
  encodeBasicReject,
  encodeFrame,
  encodeProperties,
  encodeTable,
  FrameParser,
  FrameType,
  findHeader,
  fromObject,
  isTable,
  type MethodDecoder,
  PropertyFlag,
  PropertyView,
  readTable,
  replaceProperties,
  Table,
} from '../src/codec/index.ts'

const ROUNDS = 3
const ROUND_MS = 75

// What the operations return is added up, so that none of them can be left out by the engine.
let sink = 0

/** Repeats the operation in short rounds and prints the quickest round. */
function measure(name: string, operation: () => number): void {
  let batch = 64
  for (let start = performance.now(); performance.now() - start < ROUND_MS; batch *= 2) repeat(operation, batch)
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    let count = 0
    let elapsed = 0
    while (elapsed < ROUND_MS) {
      repeat(operation, 2048)
      count += 2048
      elapsed = performance.now() - start
    }
    best = Math.min(best, (elapsed * 1e6) / count)
  }
  console.log(`${name.padEnd(58)} ${best.toFixed(best < 100 ? 1 : 0).padStart(8)} ns`)
}

function repeat(operation: () => number, times: number): void {
  let sum = 0
  for (let i = 0; i < times; i++) sum += operation()
  sink += sum
}

const publish = encodeBasicPublish(1, { exchange: 'amq.topic', routingKey: 'orders.eu.created', mandatory: true })
const published = new BasicPublish()
measure('decode basic.publish, fields as offsets', () => {
  published.decode(publish, 11, publish.length - 1)
  return published.routingKeyAt
})
measure('decode basic.publish, exchange and key as strings', () => {
  published.decode(publish, 11, publish.length - 1)
  return published.exchange.length + published.routingKey.length
})
settlement('basic.ack', new BasicAck(), encodeBasicAck(1, { deliveryTag: 123_456 }))
settlement('basic.nack', new BasicNack(), encodeBasicNack(1, { deliveryTag: 123_456 }))
settlement('basic.reject', new BasicReject(), encodeBasicReject(1, { deliveryTag: 123_456 }))

function settlement(name: string, decoder: MethodDecoder & { deliveryTag: number }, frame: Buffer): void {
  measure(`decode ${name}`, () => {
    decoder.decode(frame, 11, frame.length - 1)
    return decoder.deliveryTag
  })
}

const deliver = { consumerTag: 'ctag-1', deliveryTag: 1, exchange: 'amq.topic', routingKey: 'orders.eu.created' }
measure('encode basic.deliver', () => encodeBasicDeliver(1, deliver).length)
measure('encode basic.publish', () => encodeBasicPublish(1, { routingKey: 'orders' }).length)

const headers = fromObject({ 'x-retries': 3, tenant: 'acme', trace: '4bf92f3577b34da6a3ce929d0e0e4736', urgent: true })
const encodedHeaders = encodeTable(headers)
const name = Buffer.from('urgent')
measure('decode a table of 4 headers', () => readTable(encodedHeaders, 0).size)
measure('encode a table of 4 headers', () => encodeTable(headers).length)
measure('check a table of 4 headers', () => (isTable(encodedHeaders, 0, encodedHeaders.length) ? 1 : 0))
measure('find the last of 4 headers without decoding', () => findHeader(encodedHeaders, 0, name))

const nestedHeaders = encodeTable(new Table([['x-death', { type: 'A', value: [{ type: 'F', value: headers }] }]]))
measure('decode a table of 4 in an array in a table', () => readTable(nestedHeaders, 0).size)

const properties = {
  contentType: 'application/json',
  headers,
  deliveryMode: 2,
  correlationId: '9a1f3c52-77aa-4e0d-9a0e-2c4b0c1f9d11',
  messageId: 'm-123456',
  timestamp: 1_700_000_000,
}
const list = encodeProperties(properties)
const view = new PropertyView()
measure('properties, view: is it persistent', () => {
  view.attach(list, 0, list.length)
  return view.has(PropertyFlag.DELIVERY_MODE) ? view.deliveryMode : 0
})
measure('properties, view: check the whole list', () => (view.attach(list, 0, list.length).valid() ? 1 : 0))
measure(
  'properties, view: correlation id as string',
  () => view.attach(list, 0, list.length).correlationId?.length ?? 0,
)
measure('properties, all to an object', () => view.attach(list, 0, list.length).toObject().timestamp ?? 0)
measure('properties, encode', () => encodeProperties(properties).length)
measure('properties, replace one', () => replaceProperties(list, 0, list.length, { expiration: null }).length)

const message = encodeFrame(FrameType.BODY, 1, Buffer.alloc(100))
const chunk = Buffer.concat(Array.from({ length: 600 }, () => message))
const parser = new FrameParser()
measure('parse 600 frames of 100 bytes in one chunk', () => {
  parser.push(chunk)
  let frames = 0
  while (parser.next()) frames++
  return frames
})

if (sink === 0) throw new Error('nothing was measured')
