import test from 'ava'
import { OfflineDelivery } from '../../src/amop/deliver/offline-delivery.ts'
import { PacketType } from '../../src/amop/index.ts'
import { BridgeNode } from './bridge-harness.ts'
import type { Received } from './harness.ts'

function openNode(): BridgeNode {
  const node = new BridgeNode({ settings: { idleTimeoutMs: 1e12 } })
  new OfflineDelivery(node.context, node.node.virtualHosts, { vhost: '/' }).start()
  return node
}

const JOBS = { 'x-amop-deliver': 'jobs' }

test('a queue that is bound as a fallback to the topic it delivers to keeps what SDKs send each other', (t) => {
  const node = openNode()
  const client = node.client().queue('q', JOBS).bind('q', 'jobs', { 'x-amop-role': 'fallback' })
  const publisher = node.sdk()
  for (const text of ['one', 'two']) t.is(publisher.ask('jobs', text).result, 0)
  t.deepEqual(client.bodies('q'), ['one', 'two'])
  const subscriber = node.sdk('jobs')
  for (const text of ['one', 'two']) t.is(subscriber.expectUnicast().text, text)
  t.is(node.vhost.queue('q', undefined).unackedCount, 2)
  // While somebody listens, the queue is not asked.
  const seq = publisher.unicast('jobs', 'three')
  const live = subscriber.expectUnicast()
  t.is(live.seq, seq)
  subscriber.answer(live, 'done')
  t.is(publisher.expectAnswer(seq).text, 'done')
  t.deepEqual(node.node.internalErrors, [])
})

test('an AMQP consumer behind a binding may be the one who answers', (t) => {
  const node = openNode()
  const client = node.client().queue('q', JOBS).queue('work').bind('work', 'jobs', { 'x-amop-reply': 'consumer' })
  client.consume('work', true)
  client.publish('q', { exchange: '', body: 'x' })
  const queue = node.vhost.queue('q', undefined)
  const request = client.expectDelivery()
  t.deepEqual([request.text, queue.unackedCount], ['x', 1])
  client.reply(request, 'no', { 'x-amop-error': 7 })
  t.deepEqual([queue.messageCount, queue.stats.requeued], [1, 1])
  node.advance(100)
  client.reply(client.expectDelivery(), 'yes')
  t.deepEqual([queue.messageCount, queue.unackedCount], [0, 0])
})

test('a queue with a fallback behind the topic empties into it', (t) => {
  const node = openNode()
  const client = node.client().queue('store').bind('store', 'jobs').queue('q', JOBS)
  for (let number = 1; number <= 30; number++) client.publish('q', { exchange: '', body: String(number) })
  t.is(client.bodies('store').length, 30)
  t.deepEqual(
    client.bodies('store'),
    Array.from({ length: 30 }, (_, index) => String(index + 1)),
  )
  t.is(node.vhost.queue('q', undefined).messageCount, 0)
  t.deepEqual(node.node.internalErrors, [])
})

test('a message does not come back to its queue through an exchange that is bound to the topic', (t) => {
  for (const mode of ['unicast', 'multicast']) {
    const node = openNode()
    const client = node
      .client()
      .queue('q', { ...JOBS, 'x-amop-deliver-mode': mode })
      .exchange('x', 'topic')
    client.bindExchange('x', 'amq.amop', 'jobs').bind('q', '#', {}, 'x')
    client.publish('q', { exchange: '', body: 'x' })
    t.deepEqual(client.bodies('q'), ['x'], mode)
    const sdk = node.sdk('jobs')
    const message = sdk.expect(mode === 'unicast' ? PacketType.UNICAST : PacketType.MULTICAST)
    sdk.answer(message)
    sdk.expectNothing()
    t.deepEqual([node.vhost.queue('q', undefined).messageCount, node.vhost.queue('q', undefined).unackedCount], [0, 0])
  }
})

test('what an SDK fails with too often goes to another topic as a dead letter', (t) => {
  const node = openNode()
  const client = node.client()
  client.queue(
    'q',
    {
      ...JOBS,
      'x-queue-type': 'quorum',
      'x-delivery-limit': 1,
      'x-dead-letter-exchange': 'amq.amop',
      'x-dead-letter-routing-key': 'failed',
    },
    true,
  )
  const worker = node.sdk('jobs')
  const watcher = node.sdk('failed')
  client.publish('q', { exchange: '', body: 'poison' })
  for (let attempt = 0; attempt < 2; attempt++) {
    worker.answer(worker.expectUnicast(), '', 1)
    node.advance(1000)
  }
  t.is(watcher.expect(PacketType.MULTICAST).text, 'poison')
  worker.expectNothing()
})

test('a confirm for the queue does not wait for any SDK', (t) => {
  const node = openNode()
  const client = node.client().queue('q', JOBS).confirms()
  const sdk = node.sdk('jobs')
  client.publish('q', { exchange: '', body: 'x' })
  t.is(client.expectConfirm(), 'ack 1')
  client.publish('jobs', { body: 'y', headers: { 'x-amop-mode': 'unicast' } })
  client.expectNothing()
  client.publish('q', { exchange: '', body: 'z' })
  t.is(client.expectConfirm(), 'ack 3')
  const [, direct] = [sdk.expectUnicast(), sdk.expectUnicast()]
  t.is(direct.text, 'y')
  sdk.answer(direct)
  t.is(client.expectConfirm(), 'ack 2')
})

for (const mode of ['unicast', 'multicast']) {
  test(`queues that deliver to each other's topics by ${mode} do not hand a message round in a circle`, (t) => {
    const node = openNode()
    const client = node.client()
    for (const [queue, topic, from] of [
      ['one', 'a', 'c'],
      ['two', 'b', 'a'],
      ['three', 'c', 'b'],
    ] as const) {
      client.queue(queue, { 'x-amop-deliver': topic, 'x-amop-deliver-mode': mode }).bind(queue, from)
    }
    client.publish('one', { exchange: '', body: 'x' })
    t.deepEqual(client.bodies('one'), [])
    // Kept where it has got to, for whoever else comes.
    const sdk = node.sdk('c')
    const { type, seq, topic = '' } = sdk.takeAll()[0] as Received
    t.is(topic, 'c')
    if (type === PacketType.UNICAST) sdk.answer({ type, seq, topic, result: 0, text: '' })
    t.deepEqual(
      ['one', 'two', 'three'].map((name) => node.vhost.queue(name, undefined).messageCount),
      [0, 0, 0],
    )
    t.deepEqual(node.node.internalErrors, [])
  })
}

test('a message that comes back to its queue by another way is rejected, and dropped when it does so again', (t) => {
  const node = openNode()
  const client = node.client()
  // Nobody can tell beforehand where a headers exchange leads.
  client.exchange('back', 'headers').bindExchange('back', 'amq.amop', 'jobs', {})
  client
    .queue('q', { ...JOBS, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' })
    .bind('q', '', {}, 'back')
  client.publish('q', { exchange: '', body: 'x' })
  t.deepEqual(
    node.warnings.filter((line) => line.includes('has come back')),
    ['rejected', 'dropped'].map(
      (end) => `amop: a message of queue 'q' in vhost '/' is ${end}, as it has come back from its topic`,
    ),
  )
  t.is(node.vhost.queue('q', undefined).messageCount + node.vhost.queue('q', undefined).unackedCount, 0)
})
