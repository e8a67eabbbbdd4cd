import test from 'ava'
import { CONNECTION_BLOCKED, encodeQueueDeclare, HEARTBEAT_FRAME, QUEUE_DECLARE_OK } from '../../src/codec/index.ts'
import { openClient, openNode, publish, TestNode } from './harness.ts'

const SECONDS = 10
const HALF_MS = (SECONDS * 1000) / 2

function opened() {
  return openNode({ heartbeatSeconds: 60, open: { tune: { heartbeat: SECONDS } } })
}

/** One half interval in which the client says it is alive. */
function halfInterval(node: TestNode, client: { send(frame: Buffer): void }): void {
  node.advance(HALF_MS)
  client.send(HEARTBEAT_FRAME)
}

test('an idle connection sends a heartbeat each half interval of what tune-ok said', (t) => {
  const { node, client } = opened()
  halfInterval(node, client)
  client.expectNothing()
  for (let i = 0; i < 5; i++) {
    halfInterval(node, client)
    client.expectHeartbeat()
    client.expectNothing()
  }
  t.false(client.transport.destroyed)
})

test('a connection that sends something else does not send heartbeats', (t) => {
  const { node, client } = opened()
  for (let i = 0; i < 6; i++) {
    client.send(encodeQueueDeclare(1, { queue: 'q' }))
    client.expect(QUEUE_DECLARE_OK)
    node.advance(HALF_MS)
    client.expectNothing()
  }
  t.pass()
})

test('heartbeats are resumed half an interval after the last traffic', (t) => {
  const { node, client } = opened()
  halfInterval(node, client)
  halfInterval(node, client)
  client.expectHeartbeat()
  client.declareQueue(1, 'q')
  halfInterval(node, client)
  client.expectNothing()
  halfInterval(node, client)
  client.expectHeartbeat()
  t.pass()
})

test('heartbeat 0 in tune-ok means none, ever', (t) => {
  const { node, client } = openNode({ heartbeatSeconds: 60, open: { tune: { heartbeat: 0 } } })
  t.is(node.timers.size, 0)
  node.advance(3_600_000)
  client.expectNothing()
  t.false(client.transport.destroyed)
})

test('a longer interval than proposed is taken as the client says', (t) => {
  const { node, client } = openNode({ heartbeatSeconds: 60, open: { tune: { heartbeat: 600 } } })
  node.advance(1_100_000)
  t.false(client.transport.destroyed)
})

test('a peer that says nothing for two checks is dropped without a close method', (t) => {
  const { node, client } = opened()
  // The handshake itself counts as a sign of life for the first check.
  node.advance(3 * SECONDS * 1000 - 1)
  t.false(client.transport.destroyed)
  node.advance(1)
  t.true(client.transport.destroyed)
  const said = client.transcript()
  t.true(said.length > 0)
  for (const line of said) t.is(line, 'heartbeat')
  t.is(client.connection.state, 'closed')
  client.disconnect()
  t.is(node.timers.size, 0)
  t.is(client.transport.lateWrites, 0)
})

test('any bytes from the peer keep the connection, even those of half a frame', (t) => {
  const { node, client } = opened()
  const frame = publish(1, { body: 'x'.repeat(100) })
  for (let at = 0; at < 20; at++) {
    node.advance(SECONDS * 1000)
    client.send(frame.subarray(at, at + 1))
    t.false(client.transport.destroyed)
  }
  node.advance(3 * SECONDS * 1000)
  t.true(client.transport.destroyed)
})

test('the silence of a blocked publisher is not counted, and counts again once it is unblocked', (t) => {
  const node = new TestNode({ watermark: 2000 })
  const client = openClient(node, { tune: { heartbeat: SECONDS } })
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: 'x'.repeat(5000) }))
  client.send(publish(1, { routingKey: 'q', body: 'x' }))
  client.expect(CONNECTION_BLOCKED)
  t.true(client.transport.paused)
  node.advance(20 * SECONDS * 1000)
  t.false(client.transport.destroyed)
  node.vhost.queues.get('q')?.purge()
  node.turn.schedule()
  node.settle()
  t.false(client.transport.paused)
  node.advance(SECONDS * 1000)
  t.false(client.transport.destroyed)
  node.advance(2 * SECONDS * 1000)
  t.true(client.transport.destroyed)
})

test('a connection that has gone has no heartbeat timer', (t) => {
  const { node, client } = opened()
  t.is(node.timers.size, 1)
  client.disconnect()
  t.is(node.timers.size, 0)
})
