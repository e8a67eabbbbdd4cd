import { randomBytes } from 'node:crypto'
import test from 'ava'
import { messageLine } from '../../src/cli/json-lines.ts'
import type { ExportedMessage } from '../../src/server/index.ts'

const MESSAGE: ExportedMessage = {
  exchange: 'orders',
  routingKey: 'order.paid',
  redelivered: false,
  deliveryCount: 0,
  expiry: undefined,
  properties: {},
  body: Buffer.from('hello'),
}

function lineOf(message: Partial<ExportedMessage>): string {
  return [...messageLine({ ...MESSAGE, ...message })].join('')
}

test('a message is one line of JSON, its body as base64 and, if it is text, as that too', (t) => {
  t.is(
    lineOf({}),
    '{"exchange":"orders","routingKey":"order.paid","redelivered":false,"deliveryCount":0,"properties":{},"body":"aGVsbG8=","text":"hello"}\n',
  )
  t.deepEqual(JSON.parse(lineOf({ body: Buffer.of(0xff, 0xfe) })).body, '//4=')
  t.false('text' in JSON.parse(lineOf({ body: Buffer.of(0xff, 0xfe) })))
  t.is(JSON.parse(lineOf({ body: Buffer.alloc(0) })).text, '')
})

test('expiry and priority stand beside the properties', (t) => {
  const line = JSON.parse(lineOf({ expiry: Date.UTC(2030, 0, 1), properties: { priority: 7, deliveryMode: 2 } }))
  t.is(line.expiry, '2030-01-01T00:00:00.000Z')
  t.is(line.priority, 7)
  t.deepEqual(line.properties, { priority: 7, deliveryMode: 2 })
})

test('what JSON has no word for is said in others', (t) => {
  const headers = { large: 2n ** 63n - 1n, bytes: Buffer.from('x'), none: null, nan: Number.NaN, list: [1n, { a: 2n }] }
  t.deepEqual(JSON.parse(lineOf({ properties: { headers } })).properties.headers, {
    large: '9223372036854775807',
    bytes: { base64: 'eA==' },
    none: null,
    nan: 'NaN',
    list: ['1', { a: '2' }],
  })
})

test('a large body is written in pieces that make one text, however its characters lie', (t) => {
  for (const text of ['ä€😀"\\\n\u0000'.repeat(100_000), 'x'.repeat(196_607) + '😀'.repeat(3)]) {
    const body = Buffer.from(text)
    const pieces = [...messageLine({ ...MESSAGE, body })]
    t.true(pieces.every(({ length }) => length < 1_000_000))
    const line = JSON.parse(pieces.join(''))
    t.is(line.text, text)
    t.true(Buffer.from(line.body, 'base64').equals(body))
  }
  const noise = randomBytes(1_000_001)
  t.true(Buffer.from(JSON.parse(lineOf({ body: noise })).body, 'base64').equals(noise))
})
