import test from 'ava'
import { encodeTopicBody, Packet, PacketType } from '../../src/amop/index.ts'
import { until } from '../helpers/until.ts'
import { MemoryNetwork, settle } from './client-harness.ts'

const TIMES = Number(process.env.FUZZ_TIMES ?? 1)
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Park-Miller: the same numbers for the same seed. */
function generator(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

const TYPES = Object.values(PacketType)
const TEXTS = ['{}', '[]', '{"result":1}', '{"nodeId":"x","topic":"T","topicForCert":"C"}', '"', '1', '{"protocol":3}']

function body(below: (limit: number) => number): Buffer {
  switch (below(5)) {
    case 0:
      return Buffer.alloc(0)
    case 1:
      return Buffer.from(TEXTS[below(TEXTS.length)] as string)
    case 2:
      return encodeTopicBody(
        ['echo', 'other', '', '#!$TopicNeedVerify_secret'][below(4)] as string,
        Buffer.alloc(below(50)),
      )
    case 3:
      return Buffer.from([below(256), below(256), below(256)])
    default:
      return Buffer.from(Array.from({ length: below(300) }, () => below(256)))
  }
}

/** A frame, whole or damaged, with a type that means something or none. */
function utterance(below: (limit: number) => number): Buffer {
  const type = below(4) === 0 ? below(0x2000) : (TYPES[below(TYPES.length)] as number)
  const seq = below(3) === 0 ? '0'.repeat(32) : below(1e9).toString(16).padStart(32, '0')
  const frame = Packet.make(type, seq, below(3) === 0 ? below(200) - 100 : 0, body(below)).frame
  if (below(30) === 0) frame[below(frame.length)] = below(256)
  return below(50) === 0 ? frame.subarray(0, below(frame.length)) : frame
}

test('whatever a node says, a client stays in order and serves others', async (t) => {
  t.log(`${40 * TIMES} seeds from ${FIRST_SEED} (set FUZZ_SEED to repeat)`)
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 40 * TIMES; seed++) {
    const below = generator(seed)
    const net = new MemoryNetwork()
    const [hostile, good] = [net.addNode(), net.addNode()]
    const client = net.client({ settings: { reconnectMinMs: 10, reconnectMaxMs: 20 } })
    await client.open()
    await client.subscribe('echo', ({ data }) => data)
    await client.publishPrivate('secret', [])
    const calls: Promise<unknown>[] = []
    for (let i = 0; i < 60; i++) {
      if (hostile.connections.length > 0 && client.nodes[0]?.connected) hostile.connection.say(utterance(below))
      if (below(10) === 0) calls.push(client.unicast('echo', `${i}`).catch(() => {}))
      if (below(20) === 0) net.advance(below(3000))
      await settle()
    }
    hostile.stop()
    await settle()
    await until('the good node is connected', async () => {
      net.advance(20)
      await settle()
      return client.nodes[1]?.connected === true
    })
    t.is((await client.unicast('echo', `seed ${seed}`)).toString(), `seed ${seed}`)
    net.advance(10_000)
    await Promise.all(calls)
    await client.close()
    t.is(good.amop.context.sessions.size, 0)
    t.deepEqual([...hostile.amop.internalErrors, ...good.amop.internalErrors], [])
  }
})
