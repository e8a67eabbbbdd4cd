import test from 'ava'
import { Packet, PacketType } from '../../src/amop/index.ts'
import { certificate, newSeq, TestAmop } from './harness.ts'

const { HANDSHAKE, HEARTBEAT, RPC, SET_TOPICS } = PacketType

test('a handshake agrees on the highest protocol that both know', (t) => {
  for (const [minimumSupport, maximumSupport, protocol] of [
    [1, 3, 3],
    [1, 9, 3],
    [1, 2, 2],
    [1, 1, 1],
    [3, 3, 3],
    [undefined, undefined, 1],
  ]) {
    const sdk = new TestAmop().connect()
    const seq = sdk.send(HANDSHAKE, JSON.stringify({ minimumSupport, maximumSupport, clientType: 'Go-SDK' }))
    const answer = sdk.expect(HANDSHAKE)
    t.is(answer.seq, seq)
    t.is(answer.result, 0)
    t.deepEqual(JSON.parse(answer.text), { nodeVersion: '2.9.1', protocol })
    t.is(sdk.session.protocol, protocol as number)
    t.is(sdk.session.clientType, 'Go-SDK')
  }
})

for (const [what, body] of [
  ['has no protocol in common', '{"minimumSupport":4,"maximumSupport":5}'],
  ['has a range that ends before it begins', '{"minimumSupport":3,"maximumSupport":2}'],
  ['is no JSON', '{'],
  ['is no object', '[]'],
] as const) {
  test(`a handshake that ${what} ends the session without an answer`, (t) => {
    const node = new TestAmop()
    const sdk = node.connect()
    sdk.send(HANDSHAKE, body)
    sdk.expectNothing()
    t.regex(sdk.transport.closedBecause ?? '', /handshake/)
    t.is(node.context.sessions.size, 0)
  })
}

test('heartbeats are answered as the protocol has it', (t) => {
  const sdk = new TestAmop().connect()
  const seq = sdk.send(HEARTBEAT, '0')
  t.like(sdk.expect(HEARTBEAT), { seq, text: '1', result: 0 })
  sdk.send(HEARTBEAT, '1')
  sdk.send(HEARTBEAT, '')
  sdk.expectNothing()
  sdk.send(HANDSHAKE, '{"maximumSupport":3}')
  sdk.expect(HANDSHAKE)
  for (const body of ['{"heartBeat":0}', '', 'anything']) {
    sdk.send(HEARTBEAT, body)
    t.like(sdk.expect(HEARTBEAT), { text: '{"heartBeat":1}', result: 0 })
  }
})

test('the first 0x12 of each SDK gets what lets it go on', (t) => {
  const sdk = new TestAmop({ settings: { chainId: '77', version: '2.10.0' } }).connect()
  const seq = sdk.send(RPC, '{"jsonrpc":"2.0","id":1,"method":"getClientVersion"}')
  const answer = sdk.expect(RPC)
  t.is(answer.seq, seq)
  const { id, jsonrpc, result } = JSON.parse(answer.text)
  t.deepEqual({ id, jsonrpc }, { id: 1, jsonrpc: '2.0' })
  t.like(result, { 'Chain Id': '77', 'Supported Version': '2.10.0', 'FISCO-BCOS Version': '2.10.0' })
  t.true(Object.values(result).every((value) => typeof value === 'string'))
  t.notRegex(result['FISCO-BCOS Version'], /gm/i)
})

test('the groups and the block number are constants', (t) => {
  const sdk = new TestAmop({ settings: { groups: [1, 2], blockNumber: 255 } }).connect()
  sdk.send(RPC, '{"jsonrpc":"2.0","id":"a","method":"getGroupList","params":[]}')
  t.deepEqual(sdk.expectJson(RPC), { id: 'a', jsonrpc: '2.0', result: [1, 2] })
  sdk.send(RPC, '{"jsonrpc":"2.0","id":null,"method":"getBlockNumber","params":[1]}')
  t.deepEqual(sdk.expectJson(RPC), { id: null, jsonrpc: '2.0', result: '0xff' })
})

test('no call is met with silence', (t) => {
  const sdk = new TestAmop({ settings: { jsonBytesMax: 1000 } }).connect()
  sdk.send(RPC, '{"jsonrpc":"2.0","id":7,"method":"sendRawTransaction","params":[1,"0x"]}')
  const notFound = { code: -32601, message: 'Method not found', data: null }
  t.deepEqual(sdk.expectJson(RPC), { id: 7, jsonrpc: '2.0', error: notFound })
  for (const [body, id, code] of [
    ['{', null, -32700],
    ['', null, -32700],
    [`"${'x'.repeat(2000)}"`, null, -32700],
    ['[]', null, -32600],
    ['null', null, -32600],
    ['{"id":{"deep":[1]}}', { deep: [1] }, -32600],
    ['{"id":3,"method":{}}', 3, -32600],
    ['{"method":"constructor"}', null, -32601],
  ] as const) {
    sdk.send(RPC, body)
    const answer = sdk.expectJson(RPC)
    t.deepEqual(answer.id, id)
    t.is(answer.error.code, code)
  }
})

test('event-log filters are refused with an answer', (t) => {
  const sdk = new TestAmop().connect()
  for (const type of [PacketType.REGISTER_EVENT_LOG, PacketType.UNREGISTER_EVENT_LOG]) {
    const seq = sdk.send(type, '\u0001{"filterID":"1"}')
    const { text, topic, result, seq: answered } = sdk.expect(type)
    t.deepEqual([answered, topic, result, JSON.parse(text)], [seq, '', 0, { result: 1 }])
  }
})

test('unknown types and answers that nobody waits for are ignored', (t) => {
  const node = new TestAmop()
  const sdk = node.connect()
  for (const type of [0, 1, 0x31, 0x37, 0x1000, 0x1001, 0x1002, 0xffff]) sdk.send(type, 'whatever')
  sdk.expectNothing()
  t.is(sdk.transport.closedBecause, undefined)
  t.truthy(node.log.find('its type is unknown'))
  t.truthy(node.log.find('nobody waits for it'))
})

for (const length of [0, 41, 104_857_601]) {
  test(`a frame of ${length} bytes closes the session`, (t) => {
    const node = new TestAmop()
    const sdk = node.subscriber('t')
    const bytes = Buffer.alloc(100)
    bytes.writeUInt32BE(length)
    sdk.transmit(bytes)
    t.regex(sdk.transport.closedBecause ?? '', new RegExp(`says that it has ${length} bytes`))
    t.is(node.context.router.table.size, 0)
    t.is(node.timers.size, 0)
    sdk.unicast('t')
    sdk.expectNothing()
  })
}

test('a session that says nothing for 60 s is closed, one with heartbeats is not', (t) => {
  const node = new TestAmop()
  const silent = node.connect()
  const beating = node.connect()
  for (let i = 0; i < 6; i++) {
    t.is(silent.transport.closedBecause, undefined)
    node.advance(10_000)
    beating.beat()
  }
  t.regex(silent.transport.closedBecause ?? '', /60000 ms/)
  node.pass(120_000, beating)
  t.is(beating.transport.closedBecause, undefined)
  beating.disconnect()
  t.is(node.timers.size, 0)
})

test('a session to which something is written is not idle', (t) => {
  const node = new TestAmop()
  const listener = node.subscriber('t')
  const publisher = node.connect()
  for (let i = 0; i < 20; i++) {
    node.advance(10_000)
    publisher.multicast('t')
  }
  t.is(listener.transport.closedBecause, undefined)
})

test('the log names who is closed', (t) => {
  const node = new TestAmop()
  const sdk = node.connect(certificate('sdk'))
  sdk.send(HANDSHAKE, '{"maximumSupport":3,"clientType":"Go-SDK"}')
  sdk.transmit(Buffer.alloc(4))
  const line = node.log.find('is closed')
  t.like(line?.fields, { session: sdk.name, clientType: 'Go-SDK', subject: 'C=CN,O=fisco-bcos,CN=sdk' })
})

test('what an SDK sends in any split gives the same answers', (t) => {
  const stream = Buffer.concat(
    [
      [HANDSHAKE, '{"minimumSupport":1,"maximumSupport":3}'],
      [SET_TOPICS, '["a","_block_notify_1"]'],
      [RPC, '{"jsonrpc":"2.0","id":1,"method":"getClientVersion"}'],
      [HEARTBEAT, ''],
      [PacketType.UNICAST, '\u0004nobhi'],
      [PacketType.MULTICAST, '\u0002ahi'],
    ].map(([type, body]) => Packet.make(type as number, newSeq(), 0, Buffer.from(body as string)).frame),
  )
  const first = new TestAmop().connect()
  first.transmit(stream)
  const whole = first.takeAll()
  t.is(whole.length, 6)
  for (const size of [1, 2, 3, 5, 7, 41, 42, 43, 64, 100]) {
    const sdk = new TestAmop().connect()
    for (let at = 0; at < stream.length; at += size) sdk.transmit(stream.subarray(at, at + size))
    t.deepEqual(sdk.takeAll(), whole)
  }
})
