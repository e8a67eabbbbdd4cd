import test from 'ava'
import {
  BASIC_DELIVER,
  BASIC_GET_OK,
  BASIC_RECOVER_OK,
  BasicDeliver,
  BasicGetOk,
  CHANNEL_CLOSE,
  CHANNEL_OPEN_OK,
  CodecError,
  createDecoders,
  encodeBasicGet,
  encodeChannelCloseOk,
  encodeFrame,
  FrameParser,
  FrameType,
  METHODS,
  PROTOCOL_HEADER,
  readUint32,
} from '../../src/codec/index.ts'
import { ALL_CAPABILITIES, openClient, publish, TestClient, TestNode } from './harness.ts'
import { ChannelState, Operator } from './operations.ts'
import type { Random } from './random.ts'
import { seeds } from './seeds.ts'
import { recordedSession } from './session.ts'

const IDS = [...METHODS.keys()]
const decoders = createDecoders()

/** @throws Error for output that no client could read. */
function checkOutput(output: Buffer): void {
  if (output.equals(PROTOCOL_HEADER)) return
  const parser = new FrameParser(0)
  parser.push(output)
  for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
    if (frame.type !== FrameType.METHOD) continue
    const id = readUint32(frame.payload, 0)
    if (METHODS.get(id)?.sentBy === 'client') throw new Error(`the server sent ${METHODS.get(id)?.name}`)
    if (!decoders.get(id)?.decode(frame.payload, 4, frame.payload.length)) throw new Error('an unreadable method')
  }
  if (parser.pending > 0) throw new Error('half a frame was sent')
}

/** @throws Error when something is left of connections that have gone, or the node does not work any more. */
function checkAfterwards(node: TestNode): void {
  if (node.internalErrors.length > 0) throw new Error(node.internalErrors.join('\n'))
  if (node.amqp.connections.size > 0) throw new Error('a connection is left')
  for (const queue of node.vhost.queues.values()) {
    if (queue.consumerCount > 0) throw new Error(`a consumer of ${queue.name} is left`)
    if (queue.unackedCount > 0) throw new Error(`${queue.unackedCount} unacked messages of ${queue.name} are left`)
  }
  node.vhost.clear()
  node.settle()
  if (node.memory.used !== 0) throw new Error(`${node.memory.used} bytes of memory are left`)
  if (node.timers.size !== 0) throw new Error(`${node.timers.size} timers are left`)
  const client = openClient(node)
  client.declareQueue(1, 'alive')
  client.send(publish(1, { routingKey: 'alive', body: 'x' }), encodeBasicGet(1, { queue: 'alive', noAck: true }))
  client.expect(BASIC_GET_OK)
}

function play(random: Random, node: TestNode, input: Buffer): void {
  const client = new TestClient(node)
  for (const piece of random.split(input)) {
    client.receive(piece)
    if (random.below(3) === 0) node.settle()
    if (random.below(200) === 0) node.advance(1000)
  }
  node.settle()
  node.advance(random.below(2) * 10_000)
  checkOutput(client.transport.take())
  client.disconnect()
  if (client.transport.lateWrites > 0) throw new Error('written after the end')
  checkAfterwards(node)
}

/** The session with something wrong in it. */
function damaged(random: Random, frames: readonly Buffer[]): Buffer {
  const list = [...frames]
  const at = random.below(list.length)
  const count = 1 + random.below(5)
  const kind = random.below(6)
  if (kind === 0) list.splice(at, count)
  else if (kind === 1) list.splice(at, 0, ...list.slice(at, at + count))
  else if (kind === 2) list.push(...list.splice(at, count))
  else if (kind === 3) list.splice(at, 0, ...list.splice(random.below(list.length), count))
  const bytes = Buffer.concat(list)
  if (kind === 4) {
    const from = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + 1 + random.below(100))])
  }
  if (kind === 5 || random.below(2) === 0) {
    for (let flips = 1 + random.below(8); flips > 0; flips--) {
      const spot = random.below(bytes.length)
      bytes[spot] = (bytes[spot] as number) ^ (1 << random.below(8))
    }
  }
  return bytes
}

test('random bytes never do more than end their own connection', (t) => {
  seeds(t, 1000, (random) => {
    const noise = random.bytes(random.below(400))
    play(random, new TestNode(), random.below(4) === 0 ? noise : Buffer.concat([PROTOCOL_HEADER, noise]))
  })
})

test('random methods with random arguments never do more than end their own connection', (t) => {
  const opening = Buffer.concat([...recordedSession(4096, 9000).slice(0, 4).flat()])
  seeds(t, 1500, (random) => {
    const frames: Buffer[] = [random.below(4) === 0 ? PROTOCOL_HEADER : opening]
    for (let left = random.below(20); left > 0; left--) {
      const payload = random.bytes(4 + random.below(random.pick([4, 12, 40])))
      payload.writeUInt32BE(random.pick(IDS))
      // Small numbers are what lengths, names and tags are mostly made of.
      for (let i = 4; i < payload.length; i++) if (random.below(3) > 0) payload[i] = random.below(4)
      frames.push(encodeFrame(random.pick([1, 1, 1, 1, 2, 3, 8]), random.below(4), payload))
    }
    play(random, new TestNode(), Buffer.concat(frames))
  })
})

test('a valid session with flipped bits, or frames lost, doubled or out of order, never does harm', (t) => {
  const frames = recordedSession(4096, 9000).flat()
  seeds(t, 1500, (random) => play(random, new TestNode(), damaged(random, frames)))
})

test('valid methods in any order, from several clients, leave nothing behind', (t) => {
  const answers = new Map<string, number>()
  seeds(t, 120, (random) => {
    const node = new TestNode({ watermark: 100_000, consumerTimeoutMs: random.pick([0, 50]) })
    const operator = new Operator(random)
    const actors: Actor[] = []
    for (let step = 0; step < 250; step++) {
      if (actors.length < 3) actors.push(new Actor(node, operator))
      const actor = random.pick(actors)
      const channel = 1 + random.below(2)
      actor.client.receive(operator.next(channel, actor.channel(channel)))
      if (random.below(2) === 0) node.settle()
      if (random.below(10) === 0) node.advance(random.pick([1, 10, 100]))
      actor.listen(answers)
      if (actor.client.connection.state === 'running' && random.below(80) > 0) continue
      actor.client.disconnect()
      actors.splice(actors.indexOf(actor), 1)
      checkOutput(actor.client.transport.take())
    }
    for (const actor of actors) actor.client.disconnect()
    checkAfterwards(node)
  })
  // Otherwise it would have tested little but errors.
  for (const name of [
    'deliver',
    'get-ok',
    'return',
    'ack',
    'nack',
    'commit-ok',
    'rollback-ok',
    'recover-ok',
    'cancel',
  ]) {
    t.true((answers.get(name) ?? 0) > 0, `no ${name} came`)
  }
})

/** A client that opens what was closed again, and remembers what it may acknowledge. */
class Actor {
  readonly client: TestClient
  readonly #operator: Operator
  readonly #channels = new Map<number, ChannelState>()

  constructor(node: TestNode, operator: Operator) {
    this.client = new TestClient(node).handshake({ capabilities: ALL_CAPABILITIES })
    this.#operator = operator
    this.client.receive(Buffer.concat([operator.opening(1), operator.opening(2), operator.topology(1)]))
  }

  channel(number: number): ChannelState {
    let state = this.#channels.get(number)
    if (state === undefined) {
      state = new ChannelState()
      this.#channels.set(number, state)
    }
    return state
  }

  listen(answers: Map<string, number>): void {
    const output = this.client.transport.take()
    checkOutput(output)
    const parser = new FrameParser(0)
    parser.push(output)
    for (let frame = parser.next(); frame !== undefined; frame = parser.next()) {
      if (frame.type === FrameType.METHOD) this.#method(frame.channel, frame.payload, answers)
    }
  }

  #method(number: number, payload: Buffer, answers: Map<string, number>): void {
    const id = readUint32(payload, 0)
    const name = METHODS.get(id)?.name.replace(/^.*\./, '') ?? ''
    answers.set(name, (answers.get(name) ?? 0) + 1)
    if (id === CHANNEL_CLOSE) {
      this.#channels.delete(number)
      this.client.receive(Buffer.concat([encodeChannelCloseOk(number), this.#operator.opening(number)]))
    } else if (id === BASIC_DELIVER || id === BASIC_GET_OK) {
      const method = new BasicDeliver()
      const got = new BasicGetOk()
      const decoder = id === BASIC_DELIVER ? method : got
      decoder.decode(payload, 4, payload.length)
      // A no-ack delivery may not be acknowledged: those are told apart by the broker's own state.
      const { unacked } = this.client.connection.channels.get(number) ?? {}
      if (unacked !== undefined && unacked.find(decoder.deliveryTag) >= 0) {
        this.channel(number).tags.push(decoder.deliveryTag)
      }
    } else if (id === BASIC_RECOVER_OK || id === CHANNEL_OPEN_OK) {
      this.channel(number).tags.length = 0
    }
  }
}

test('the checks of this file would notice', (t) => {
  t.throws(() => checkOutput(Buffer.from('01', 'hex')), { message: /half a frame/ })
  t.throws(() => checkOutput(Buffer.alloc(8)), { instanceOf: CodecError })
  const node = new TestNode()
  node.memory.used = 1
  t.throws(() => checkAfterwards(node), { message: /1 bytes of memory/ })
})
