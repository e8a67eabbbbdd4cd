import test from 'ava'
import type { AmqpConsumer } from '../../src/amqp/consumer.ts'
import { encodeBasicConsume, encodeBasicQos } from '../../src/codec/index.ts'
import { Chaos } from './chaos.ts'
import { openNode, publish, type TestNode } from './harness.ts'
import { seeds } from './seeds.ts'

const STEPS = 200

/** What is worth having happened: answers, and what queues, sockets and the alarm went through. */
const WORTH_SEEING = [
  'basic.deliver',
  'basic.get-ok',
  'basic.return',
  'basic.ack',
  'basic.nack',
  'basic.cancel',
  'basic.recover-ok',
  'tx.commit-ok',
  'tx.rollback-ok',
  'connection.blocked',
  'connection.unblocked',
  'alarm',
  'backlog',
  'expired',
  'overflowed',
  'rejected',
  'deliveryLimited',
  'deadLettered',
]

/** @throws Error when, with nothing left to do, the node contradicts itself or a consumer waits for what is there. */
function checkSettled(node: TestNode): void {
  if (node.internalErrors.length > 0) throw new Error(node.internalErrors.join('\n'))
  for (const queue of node.vhost.queues.values()) {
    const messages = queue.peek(Number.POSITIVE_INFINITY)
    if (messages.length !== queue.messageCount) {
      throw new Error(`${queue.name} has ${messages.length} messages and counts ${queue.messageCount}`)
    }
    const bytes = messages.reduce((sum, message) => sum + message.bodyLength, 0)
    if (bytes !== queue.readyBytes) throw new Error(`${queue.name} has ${bytes} bytes and counts ${queue.readyBytes}`)
  }
  for (const connection of node.amqp.connections) {
    for (const channel of connection.channels.values()) {
      if (channel.outstanding < 0) throw new Error(`${channel.outstanding} deliveries are outstanding`)
      for (const consumer of channel.consumers.values()) {
        const { queue, inFlight, prefetchCount } = consumer
        if (inFlight < 0 || (prefetchCount > 0 && inFlight > prefetchCount)) {
          throw new Error(`${inFlight} deliveries are in flight, of ${prefetchCount}`)
        }
        if (queue.messageCount === 0) continue
        if (queue.consumers.singleActive && queue.activeConsumer !== consumer) continue
        // Asked first, since `ready` would see to the wake-up that is looked for here.
        if (connection.acceptsDeliveries() && consumer.ready()) {
          throw new Error(`a ready consumer of ${queue.name} waits beside ${queue.messageCount} messages`)
        }
      }
    }
  }
}

/** @throws Error when something is left of clients that have gone. */
function checkGone(node: TestNode): void {
  if (node.amqp.connections.size > 0) throw new Error('a connection is left')
  for (const queue of node.vhost.queues.values()) {
    if (queue.consumerCount > 0) throw new Error(`a consumer of ${queue.name} is left`)
    if (queue.unackedCount > 0) throw new Error(`${queue.unackedCount} unacked messages of ${queue.name} are left`)
  }
  node.vhost.clear()
  node.turn.schedule()
  node.settle()
  if (node.memory.used !== 0) throw new Error(`${node.memory.used} bytes of memory are left`)
  if (node.memory.bodies.size !== 0) throw new Error(`${node.memory.bodies.size} shared bodies are left`)
  if (node.timers.size !== 0) throw new Error(`${node.timers.size} timers are left`)
  if (node.alarms.raised) throw new Error('the memory alarm is still raised')
}

function countQueues({ node, seen }: Chaos): void {
  for (const { stats } of node.vhost.queues.values()) {
    for (const [name, count] of Object.entries(stats)) seen.set(name, (seen.get(name) ?? 0) + count)
  }
}

test('clients that mix everything over the same queues lose no wake-up and leave nothing behind', (t) => {
  const seen = new Map<string, number>()
  seeds(t, 150, (random) => {
    const chaos = new Chaos(random, seen)
    const { node } = chaos
    for (let step = 0; step < STEPS; step++) {
      chaos.step()
      if (random.below(3) > 0) continue
      node.settle()
      checkSettled(node)
    }
    node.settle()
    checkSettled(node)
    countQueues(chaos)
    chaos.disconnect()
    checkSettled(node)
    checkGone(node)
  })
  for (const name of WORTH_SEEING) t.true((seen.get(name) ?? 0) > 0, `no ${name} was seen`)
})

test('the checks of this file would notice', (t) => {
  const { node, client } = openNode()
  client.declareQueue(1, 'q')
  client.send(publish(1, { routingKey: 'q', body: 'x' }), publish(1, { routingKey: 'q', body: 'yz' }))
  client.send(encodeBasicQos(1, { prefetchCount: 1 }), encodeBasicConsume(1, { queue: 'q', consumerTag: 'c' }))
  const consumer = client.connection.channels.get(1)?.consumers.get('c') as AmqpConsumer
  t.notThrows(() => checkSettled(node))
  consumer.inFlight = 2
  t.throws(() => checkSettled(node), { message: '2 deliveries are in flight, of 1' })
  consumer.inFlight = 0
  t.throws(() => checkSettled(node), { message: 'a ready consumer of q waits beside 1 messages' })
  consumer.inFlight = 1
  t.throws(() => checkGone(node), { message: 'a connection is left' })
  client.disconnect()
  node.memory.used++
  t.throws(() => checkGone(node), { message: '1 bytes of memory are left' })
})
