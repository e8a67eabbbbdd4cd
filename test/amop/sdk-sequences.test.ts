// What each SDK sends when it has connected, in its order, and what it must get before it goes on.
import test from 'ava'
import { PacketType } from '../../src/amop/index.ts'
import { newSeq, TestAmop, type TestSdk } from './harness.ts'

const { HANDSHAKE, HEARTBEAT, RPC } = PacketType

const call = (sdk: TestSdk, id: number, method: string, params?: unknown[]): unknown => {
  sdk.send(RPC, JSON.stringify({ jsonrpc: '2.0', id, method, params }))
  const answer = sdk.expectJson(RPC)
  if (answer.id !== id || answer.error !== undefined) throw new Error(`${method} was refused`)
  return answer.result
}

test('go-sdk connects, subscribes and publishes', (t) => {
  const node = new TestAmop()
  const sdk = node.connect()
  sdk.send(HANDSHAKE, '{"minimumSupport":1,"maximumSupport":3,"clientType":"Go-SDK"}')
  t.is(sdk.expectJson(HANDSHAKE).protocol, 3)
  sdk.subscribe('_block_notify_1')
  const version = call(sdk, 1, 'getClientVersion') as Record<string, string>
  t.regex(version['Supported Version'] ?? '', /^\d+\.\d+\.\d+$/)
  t.is(version['Chain Id'], '1')
  sdk.subscribe('_block_notify_1', 'hello')
  sdk.send(HEARTBEAT, '')
  t.deepEqual(sdk.expectJson(HEARTBEAT), { heartBeat: 1 })
  const publisher = node.connect()
  publisher.multicast('hello', 'hi')
  publisher.takeAll()
  // It answers multicasts too.
  sdk.answer(sdk.expect(PacketType.MULTICAST))
  publisher.expectNothing()
})

test('web3sdk asks for the version before it shakes hands', (t) => {
  const sdk = new TestAmop().connect()
  const version = call(sdk, 0, 'getClientVersion', []) as Record<string, string>
  const [major = 0, minor = 0] = (version['Supported Version'] ?? '').split('.').map(Number)
  t.true(major * 100 + minor >= 201)
  sdk.send(HANDSHAKE, '{"minimumSupport":1,"maximumSupport":3,"clientType":"java-sdk"}')
  const { result, text } = sdk.expect(HANDSHAKE)
  t.is(result, 0)
  t.is(typeof JSON.parse(text).nodeVersion, 'string')
  sdk.subscribe('topic', '_block_notify_1')
  t.regex(call(sdk, 1, 'getBlockNumber', [1]) as string, /^0x[0-9a-f]+$/)
  sdk.send(HEARTBEAT, '{"heartBeat":0}')
  t.deepEqual(sdk.expectJson(HEARTBEAT), { heartBeat: 1 })
})

test('java-sdk asks for groups, and announces its topics twice when it comes back', (t) => {
  const node = new TestAmop()
  const connect = (): TestSdk => {
    const sdk = node.connect()
    call(sdk, 0, 'getClientVersion', [])
    sdk.send(HANDSHAKE, '{"minimumSupport":1,"maximumSupport":3,"clientType":"java-sdk"}')
    sdk.expect(HANDSHAKE)
    t.deepEqual(call(sdk, 1, 'getGroupList', []), [1])
    t.is(call(sdk, 2, 'getBlockNumber', [1]), '0x1')
    return sdk
  }
  const sdk = connect()
  sdk.subscribe('_block_notify_1')
  sdk.subscribe('_block_notify_1')
  sdk.subscribe('_block_notify_1', 't')
  const publisher = node.connect()
  const seq = publisher.unicast('t')
  sdk.disconnect()
  t.is(publisher.expectAnswer(seq).result, 104)
  const back = connect()
  back.subscribe('_block_notify_1', 't')
  back.subscribe('_block_notify_1', 't')
  publisher.unicast('t')
  publisher.multicast('t')
  t.is(back.takeAll().length, 2)
})

test('java-sdk sends a multicast over every connection it has, and its subscribers get one', (t) => {
  const node = new TestAmop()
  const connections = [node.connect(), node.connect(), node.subscriber('t')]
  const subscriber = node.subscriber('t')
  const seq = newSeq()
  for (const connection of connections) connection.multicast('t', 'hi', seq)
  t.is(subscriber.takeAll().length, 1)
  t.deepEqual(
    connections.map((connection) => connection.takeAll().filter(({ type }) => type === PacketType.RESPONSE).length),
    [1, 1, 1],
  )
})
