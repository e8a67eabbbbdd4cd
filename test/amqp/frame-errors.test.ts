import test from 'ava'
import {
  ACCESS_REQUEST_OK,
  BASIC_QOS_OK,
  CHANNEL_FLOW_OK,
  CONNECTION_UPDATE_SECRET_OK,
  encodeAccessRequest,
  encodeBasicCancelOk,
  encodeBasicConsumeOk,
  encodeBasicPublish,
  encodeBasicQos,
  encodeBody,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelFlow,
  encodeChannelFlowOk,
  encodeChannelOpen,
  encodeConnectionStart,
  encodeConnectionTune,
  encodeConnectionUpdateSecret,
  encodeContent,
  encodeContentHeader,
  encodeFrame,
  encodeProperties,
  encodeQueueBind,
  encodeQueueDeclare,
  encodeQueueDeclareOk,
  encodeQueueDelete,
  FrameType,
  HEARTBEAT_FRAME,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { openNode, publish } from './harness.ts'

const NO_PROPERTIES = encodeProperties({})
const method = (channel: number, hex: string): Buffer =>
  encodeFrame(FrameType.METHOD, channel, Buffer.from(hex.replaceAll(' ', ''), 'hex'))

function spoilt(frame: Buffer, end: number): Buffer {
  const copy = Buffer.from(frame)
  copy[copy.length - 1] = end
  return copy
}

function contentHeader(classId: number, weight: number, size = 1): Buffer {
  const header = encodeContentHeader(1, size, NO_PROPERTIES)
  header.writeUInt16BE(classId, 7)
  header.writeUInt16BE(weight, 9)
  return header
}

const begun = encodeBasicPublish(1, { routingKey: 'q' })

/** Every malformed input, and the close it gets. */
const CASES: readonly (readonly [what: string, input: Buffer[], close: string | RegExp])[] = [
  [
    'an end octet other than 0xCE',
    [spoilt(method(0, '00140028'), 205)],
    '501 FRAME_ERROR - type 1, all octets = <<0,20,0,40>>: {invalid_frame_end_marker,205} (0,0)',
  ],
  [
    'an unknown frame type',
    [encodeFrame(7, 0, Buffer.alloc(0))],
    '501 FRAME_ERROR - type 7, all octets = <<>>: unknown_frame (0,0)',
  ],
  [
    'a frame over frame-max, before its payload has come',
    [Buffer.from('01000000022328', 'hex').fill(0, 3, 7).fill(Buffer.from('00022328', 'hex'), 3, 7)],
    '501 FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,140072,131064} (0,0)',
  ],
  [
    'a heartbeat on another channel',
    [encodeFrame(FrameType.HEARTBEAT, 1, Buffer.alloc(0))],
    '505 UNEXPECTED_FRAME - type 8, all octets = <<>> (0,0)',
  ],
  [
    'a header frame when a method is due',
    [encodeContentHeader(1, 0, NO_PROPERTIES)],
    '505 UNEXPECTED_FRAME - expected method frame, got non method frame instead (0,0)',
  ],
  [
    'a body frame when a method is due',
    [encodeBody(1, Buffer.from('x'), 4096)],
    '505 UNEXPECTED_FRAME - expected method frame, got non method frame instead (0,0)',
  ],
  [
    'a body frame on a channel that is not open',
    [encodeBody(5, Buffer.from('x'), 4096)],
    '505 UNEXPECTED_FRAME - expected method frame, got non method frame instead (0,0)',
  ],
  [
    'a method where the header is due',
    [begun, encodeQueueDeclare(1, { queue: 'q' })],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'another publish where the header is due',
    [begun, publish(1, { routingKey: 'q', body: 'x' })],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'a method that cannot be decoded where the header is due',
    [begun, method(1, '0032000a 00')],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'a body frame where the header is due',
    [begun, encodeBody(1, Buffer.from('x'), 4096)],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'a header of another class',
    [begun, contentHeader(50, 0)],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead (60,40)',
  ],
  [
    'a header whose weight is not 0',
    [begun, contentHeader(60, 1)],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'a header of another class whose weight is not 0',
    [begun, contentHeader(50, 1)],
    '505 UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead (60,40)',
  ],
  [
    'a header too short for its fixed part',
    [begun, encodeFrame(FrameType.HEADER, 1, Buffer.from('003c0000', 'hex'))],
    /^501 FRAME_ERROR - /,
  ],
  [
    'a method where a body is due',
    [begun, encodeContentHeader(1, 2, NO_PROPERTIES), encodeQueueDeclare(1, {})],
    '505 UNEXPECTED_FRAME - expected content body, got non content body frame instead (60,40)',
  ],
  [
    'a method where the rest of a body is due',
    [begun, encodeContentHeader(1, 2, NO_PROPERTIES), encodeBody(1, Buffer.from('x'), 4096), encodeQueueDeclare(1, {})],
    '505 UNEXPECTED_FRAME - expected content body, got non content body frame instead (60,40)',
  ],
  [
    'a header where a body is due',
    [begun, encodeContentHeader(1, 2, NO_PROPERTIES), encodeContentHeader(1, 2, NO_PROPERTIES)],
    '505 UNEXPECTED_FRAME - expected content body, got non content body frame instead (60,40)',
  ],
  [
    'a body longer than announced',
    [begun, encodeContentHeader(1, 2, NO_PROPERTIES), encodeBody(1, Buffer.from('xyz'), 4096)],
    /^501 FRAME_ERROR - content body frame exceeds remaining content size \(/,
  ],
  [
    'a second body frame longer than what remains',
    [
      begun,
      encodeContentHeader(1, 3, NO_PROPERTIES),
      encodeBody(1, Buffer.from('xy'), 4096),
      encodeBody(1, Buffer.from('zz'), 4096),
    ],
    /^501 FRAME_ERROR - content body frame exceeds remaining content size \(/,
  ],
  [
    'a body frame after an empty body',
    [begun, encodeContentHeader(1, 0, NO_PROPERTIES), encodeBody(1, Buffer.from('x'), 4096)],
    '505 UNEXPECTED_FRAME - expected method frame, got non method frame instead (0,0)',
  ],
  [
    'more than 512 MiB announced',
    [begun, encodeContentHeader(1, 536_870_913, NO_PROPERTIES)],
    /^501 FRAME_ERROR - content body size 536870913 exceeds maximum allowed size 536870912 \(/,
  ],
  [
    '2^63 bytes announced',
    [begun, encodeContentHeader(1, 2 ** 63, NO_PROPERTIES)],
    /^501 FRAME_ERROR - content body size \d+ exceeds maximum allowed size 536870912 \(/,
  ],
  [
    'a queue name that is not UTF-8',
    [method(1, '0032000a 0000 02 c328 00 00000000')],
    '501 FRAME_ERROR - Malformed UTF-8 in shortstr (0,0)',
  ],
  [
    'a consumer tag that is not UTF-8',
    [encodeQueueDeclare(1, { queue: 'q' }), method(1, '003c0014 0000 01 71 01 ff 00 00000000')],
    '501 FRAME_ERROR - Malformed UTF-8 in shortstr (0,0)',
  ],
  ['arguments that are too short', [method(1, '003c000a 0000')], '501 FRAME_ERROR - cannot decode <<0,0>> (60,10)'],
  [
    'arguments that are too long',
    [method(1, '003c000a 00000000 0000 00 07')],
    '501 FRAME_ERROR - cannot decode <<0,0,0,0,0,0,0,7>> (60,10)',
  ],
  [
    'a method frame without a whole id',
    [encodeFrame(FrameType.METHOD, 1, Buffer.from('003c', 'hex'))],
    /^501 FRAME_ERROR - type 1, all octets = <<0,60>>: unknown_frame \(0,0\)/,
  ],
  [
    'an empty method frame',
    [encodeFrame(FrameType.METHOD, 0, Buffer.alloc(0))],
    /^501 FRAME_ERROR - type 1, all octets = <<>>: unknown_frame \(0,0\)/,
  ],
  [
    'a heartbeat with a payload',
    [encodeFrame(FrameType.HEARTBEAT, 0, Buffer.from([1]))],
    '501 FRAME_ERROR - type 8, all octets = <<1>>: unknown_frame (0,0)',
  ],
  [
    'an answer to a flow that was never asked for',
    [encodeChannelFlowOk(1, { active: true })],
    '503 COMMAND_INVALID - unimplemented method (20,21)',
  ],
  ['an unknown class', [method(1, '0063000a')], /^503 COMMAND_INVALID - unknown method \{99,10\} \(99,10\)$/],
  ['an unknown method', [method(1, '00320063')], /^503 COMMAND_INVALID - unknown method \{50,99\} \(50,99\)$/],
  ['an unknown method on channel 0', [method(0, '000a0063')], /^503 COMMAND_INVALID - unknown method \{10,99\}/],
  ['a table with an unknown tag', [method(1, '0032000a 0000 01 71 00 00000004 01 61 5a 00')], /^50[123] [A-Z_]+ - /],
  ['a table whose length goes past the frame', [method(1, '0032000a 0000 01 71 00 000000ff')], /^501 FRAME_ERROR - /],
  [
    'a method that only a server may send',
    [encodeQueueDeclareOk(1, { queue: 'q' })],
    '503 COMMAND_INVALID - unimplemented method (50,11)',
  ],
  [
    'consume-ok from a client',
    [encodeBasicConsumeOk(1, { consumerTag: 'c' })],
    '503 COMMAND_INVALID - unimplemented method (60,21)',
  ],
  [
    'a connection method on another channel',
    [encodeConnectionTune(1, {})],
    '503 COMMAND_INVALID - unimplemented method (10,30)',
  ],
  [
    'a method of another class on channel 0',
    [encodeQueueDeclare(0, {})],
    '504 CHANNEL_ERROR - unexpected method in connection state running (50,10)',
  ],
  [
    'a method that only a server may send, on channel 0',
    [encodeConnectionStart(0, {})],
    '504 CHANNEL_ERROR - unexpected method in connection state running (10,10)',
  ],
  [
    'a method on a channel that is not open',
    [encodeQueueDeclare(2, {})],
    "504 CHANNEL_ERROR - expected 'channel.open' (50,10)",
  ],
  [
    'channel.close on a channel that is not open',
    [encodeChannelClose(2, {})],
    "504 CHANNEL_ERROR - expected 'channel.open' (20,40)",
  ],
  ['a stray channel.close-ok', [encodeChannelCloseOk(2, {})], "504 CHANNEL_ERROR - expected 'channel.open' (20,41)"],
  ['channel.open on an open channel', [encodeChannelOpen(1)], "504 CHANNEL_ERROR - second 'channel.open' seen (20,10)"],
  [
    'channel.flow that asks us to stop',
    [encodeChannelFlow(1, { active: false })],
    '540 NOT_IMPLEMENTED - active=false (20,20)',
  ],
  ['prefetch-size', [encodeBasicQos(1, { prefetchSize: 10 })], '540 NOT_IMPLEMENTED - prefetch_size!=0 (10) (60,10)'],
  [
    'immediate',
    [publish(1, { routingKey: 'q', immediate: true, body: 'x' })],
    '540 NOT_IMPLEMENTED - immediate=true (60,40)',
  ],
  [
    'immediate with an empty body',
    [publish(1, { routingKey: 'q', immediate: true })],
    '540 NOT_IMPLEMENTED - immediate=true (60,40)',
  ],
  [
    'properties that are cut short',
    [begun, encodeContentHeader(1, 0, Buffer.from('8000 05 61'.replaceAll(' ', ''), 'hex'))],
    /^501 FRAME_ERROR - cannot decode properties \(/,
  ],
  [
    'bytes after the properties',
    [begun, encodeContentHeader(1, 0, Buffer.from('1000 01 00'.replaceAll(' ', ''), 'hex'))],
    /^501 FRAME_ERROR - cannot decode properties \(/,
  ],
  [
    'bytes after no properties at all',
    [begun, encodeContentHeader(1, 0, Buffer.from('0000 01 00'.replaceAll(' ', ''), 'hex'))],
    /^501 FRAME_ERROR - cannot decode properties \(/,
  ],
  [
    'headers that are no table',
    [begun, encodeContentHeader(1, 0, Buffer.from('2000 00000003 01 61 5a'.replaceAll(' ', ''), 'hex'))],
    /^501 FRAME_ERROR - cannot decode headers \(/,
  ],
]

for (const [what, input, close] of CASES) {
  test(`${what} closes the connection`, (t) => {
    const whole = Buffer.concat(input)
    const splits = {
      whole: [whole],
      'frame by frame': input,
      'byte by byte': [...whole].map((byte) => Buffer.of(byte)),
      'whole, with the next method in the same read': [
        Buffer.concat([whole, encodeQueueDeclare(1, { queue: 'after' })]),
      ],
    }
    for (const [how, pieces] of Object.entries(splits)) {
      const { node, client } = openNode()
      for (const piece of pieces) client.send(piece)
      if (what.startsWith('a consumer tag')) client.expect(QUEUE_DECLARE_OK)
      const answer = client.expectConnectionClose()
      if (typeof close === 'string') t.is(answer, close, how)
      else t.regex(answer, close, how)
      client.expectNothing()
      t.false(node.vhost.queues.has('after'), how)
      t.is(client.transport.ended, answer.startsWith('501'), `${how}: nothing more is read of a broken stream`)
      client.disconnect()
      t.is(node.timers.size, 0, how)
      t.is(node.memory.used, 0, how)
      t.is(node.amqp.connections.size, 0, how)
      t.deepEqual(node.internalErrors, [], how)
    }
  })
}

test('a frame may have a payload of exactly frame-max, and not one byte more', (t) => {
  for (const [excess, accepted] of [
    [0, true],
    [1, false],
  ] as const) {
    const { client } = openNode({ open: { tune: { frameMax: 4096 } } })
    client.declareQueue(1, 'q')
    const body = Buffer.alloc(4096 + excess, 'x')
    client.send(encodeBasicPublish(1, { routingKey: 'q' }), encodeContent(1, NO_PROPERTIES, body, 0))
    if (accepted) t.is(client.declareQueue(1, 'q').messageCount, 1)
    else {
      t.is(
        client.expectConnectionClose(),
        '501 FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4097,4088} (0,0)',
      )
    }
  }
})

test('a header frame over frame-max is refused however the reads are cut', (t) => {
  const headers = encodeProperties({ correlationId: 'x'.repeat(255), replyTo: 'x'.repeat(255) })
  const long = Buffer.concat([headers, Buffer.alloc(5000)])
  const input = Buffer.concat([begun, encodeContentHeader(1, 0, long)])
  for (const pieces of [[input], [...input].map((byte) => Buffer.of(byte))]) {
    const { client } = openNode({ open: { tune: { frameMax: 4096 } } })
    for (const piece of pieces) client.send(piece)
    t.regex(client.expectConnectionClose(), /^501 FRAME_ERROR - type 2, all octets = <<>>: \{frame_too_large,/)
  }
})

test('a long reply text is cut to what a shortstr holds', (t) => {
  const { client } = openNode()
  const name = 'ü'.repeat(127)
  client.send(encodeQueueBind(1, { queue: name, exchange: 'amq.direct' }))
  const close = client.expectChannelClose(1)
  t.true(close.startsWith(`404 NOT_FOUND - no queue '${'ü'.repeat(100)}`))
  t.regex(close, /\.\.\. \(50,20\)$/)
})

test('heartbeats and the answer to a cancel are taken without a word', (t) => {
  const { client } = openNode()
  client.send(HEARTBEAT_FRAME, encodeBasicCancelOk(1, { consumerTag: 'gone' }), HEARTBEAT_FRAME)
  client.expectNothing()
  client.send(encodeBasicQos(1, { prefetchCount: 1 }))
  client.expect(BASIC_QOS_OK, 1)
  t.pass()
})

test('a heartbeat may come between the frames of one publish, and so may other channels', (t) => {
  const { client } = openNode()
  client.openChannel(2)
  client.declareQueue(1, 'q')
  const [method1, header1, body1] = [
    begun,
    encodeContentHeader(1, 2, NO_PROPERTIES),
    encodeBody(1, Buffer.from('ab'), 9),
  ]
  const other = publish(2, { routingKey: 'q', body: 'other' })
  client.send(method1, other, HEARTBEAT_FRAME, header1, other, body1.subarray(0, 9), other, body1.subarray(9))
  t.is(client.declareQueue(1, 'q').messageCount, 4)
})

test('channel.flow that asks us to go on is answered', (t) => {
  const { client } = openNode()
  client.send(encodeChannelFlow(1, { active: true }))
  t.true(client.expect(CHANNEL_FLOW_OK, 1).active)
})

test('access.request is still answered, with ticket 1', (t) => {
  const { client } = openNode()
  client.send(encodeAccessRequest(1, { realm: '/data' }))
  t.is(client.expect(ACCESS_REQUEST_OK, 1).ticket, 1)
})

test('any new secret is taken', (t) => {
  const { client } = openNode()
  client.send(encodeConnectionUpdateSecret(0, { newSecret: Buffer.from('s3cret'), reason: 'rotation' }))
  client.expect(CONNECTION_UPDATE_SECRET_OK, 0)
  client.send(encodeQueueDelete(1, { queue: 'nosuch' }))
  t.is(client.transcript().length, 1)
})
