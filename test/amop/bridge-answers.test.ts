import test from 'ava'
import { DEFAULT_AMOP_SETTINGS, type Listener, type Message, ResultCode, type Unicast } from '../../src/amop/index.ts'
import type { Binding } from '../../src/broker/index.ts'
import { encodeBasicCancel, encodeQueueDelete, encodeQueuePurge, QUEUE_PURGE_OK } from '../../src/codec/index.ts'
import { LateJournal } from '../amqp/harness.ts'
import { BridgeNode, textHeaders } from './bridge-harness.ts'
import { newSeq, response } from './harness.ts'

const ACK = { 'x-amop-reply': 'ack' }
const CONSUMER = { 'x-amop-reply': 'consumer' }
const LIMIT_MS = DEFAULT_AMOP_SETTINGS.sessionTimeoutMs

test('the publisher is answered when the queue has the message, and after the sync if the queue is durable', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ journal })
  const client = node.client().queue('durable', {}, true).queue('transient')
  client.send()
  journal.complete()
  client.sendBind('durable', 'safe')
  client.sendBind('transient', 'quick')
  journal.complete()
  client.transcript()
  const sdk = node.sdk()
  t.is(sdk.ask('quick').result, ResultCode.SUCCESS)
  const seqs = [sdk.unicast('safe', '1'), sdk.unicast('safe', '2')]
  sdk.expectNothing()
  t.deepEqual(client.bodies('durable'), ['1', '2'])
  journal.complete(journal.appended - 1)
  node.node.settle()
  sdk.expectAnswer(seqs[0] as string)
  sdk.expectNothing()
  journal.complete()
  node.node.settle()
  t.like(sdk.expectAnswer(seqs[1] as string), { result: ResultCode.SUCCESS, topic: 'safe', text: '' })
  const waiting = journal.waiterCount
  sdk.unicast('safe', '3')
  t.is(journal.waiterCount, waiting + 1)
  journal.complete()
  node.node.settle()
  t.is(journal.waiterCount, waiting)
})

test('a publisher whose session is gone by the time of the sync harms nobody', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ journal })
  const client = node.client().queue('q', {}, true)
  client.sendBind('q', 'safe')
  journal.complete()
  const sdk = node.sdk()
  sdk.unicast('safe', '1')
  sdk.disconnect()
  journal.complete()
  node.node.settle()
  t.is(sdk.transport.lateWrites, 0)
  t.is(node.context.router.unanswered, 0)
})

test('with x-amop-reply consumer what the consumer publishes to reply-to is the answer', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', CONSUMER).consume('q', true)
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'question')
  const request = client.expectDelivery()
  t.is(request.text, 'question')
  t.is(request.properties.correlationId, seq)
  t.is(request.properties.messageId, seq)
  t.is(request.properties.expiration, `${LIMIT_MS}`)
  sdk.expectNothing()
  client.reply(request, 'answer')
  t.like(sdk.expectAnswer(seq), { result: ResultCode.SUCCESS, topic: 'jobs', text: 'answer' })
  // A second answer has nobody to go to.
  client.reply(request, 'again')
  sdk.expectNothing()
  client.expectNothing()
})

for (const [value, code] of [
  [7, 7],
  ['-3', -3],
  [0, 0],
  ['no', ResultCode.PUSH_FAILED],
  [2 ** 40, ResultCode.PUSH_FAILED],
] as const) {
  test(`a reply with x-amop-error ${JSON.stringify(value)} has result ${code}`, (t) => {
    const node = new BridgeNode()
    const client = node.client().queue('q').bind('q', 'jobs', CONSUMER).consume('q', true)
    const sdk = node.sdk()
    const seq = sdk.unicast('jobs')
    client.reply(client.expectDelivery(), 'why', { 'x-amop-error': value })
    t.like(sdk.expectAnswer(seq), { result: code, text: 'why' })
  })
}

test('two publishers that use the same seq each get their own answer', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', CONSUMER).consume('q', true)
  const [one, two] = [node.sdk(), node.sdk()]
  const seq = newSeq()
  one.unicast('jobs', '1', seq)
  two.unicast('jobs', '2', seq)
  const requests = [client.expectDelivery(), client.expectDelivery()]
  t.not(requests[0]?.properties.correlationId, requests[1]?.properties.correlationId)
  for (const request of requests.reverse()) client.reply(request, `for ${request.text}`)
  t.is(one.expectAnswer(seq).text, 'for 1')
  t.is(two.expectAnswer(seq).text, 'for 2')
})

test('a request that no consumer answers in time goes to the next candidate, and is gone from the queue', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  const client = node
    .client()
    .queue('q')
    .bind('q', 'jobs', { ...CONSUMER, 'x-amop-role': 'subscriber' })
  const other = node.sdk('jobs')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  other.expectNothing()
  t.deepEqual(client.bodies('q'), ['x'])
  node.advance(LIMIT_MS)
  t.deepEqual(client.bodies('q'), [])
  other.answer(other.expectUnicast(), 'done')
  t.is(sdk.expectAnswer(seq).text, 'done')
})

test('an answer that comes after the time limit is dropped', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', CONSUMER).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs')
  const request = client.expectDelivery()
  node.advance(LIMIT_MS)
  t.is(sdk.expectAnswer(seq).result, ResultCode.LISTENERS_FAILED)
  client.reply(request, 'late')
  sdk.expectNothing()
})

test('with x-amop-reply ack the publisher is answered when a consumer has acked', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  const delivery = client.expectDelivery()
  sdk.expectNothing()
  client.ack(delivery)
  t.like(sdk.expectAnswer(seq), { result: ResultCode.SUCCESS, topic: 'jobs', text: '' })
})

test('a consumer that needs no ack, and a get without one, count as acked', (t) => {
  const node = new BridgeNode()
  const client = node
    .client()
    .queue('q')
    .bind('q', 'jobs', { ...ACK, 'x-amop-role': 'subscriber' })
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'got')
  sdk.expectNothing()
  t.is(client.get('q').text, 'got')
  sdk.expectAnswer(seq)
  const waiting = sdk.unicast('jobs', 'waiting')
  sdk.expectNothing()
  client.consume('q', true)
  t.is(client.expectDelivery().text, 'waiting')
  sdk.expectAnswer(waiting)
  t.is(sdk.ask('jobs', 'at once').result, ResultCode.SUCCESS)
})

test('several that wait for their ack are answered each on its own', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const sent = ['1', '2', '3'].map((text) => ({ seq: sdk.unicast('jobs', text), delivery: client.expectDelivery() }))
  for (const { seq, delivery } of [...sent].reverse()) {
    client.ack(delivery)
    sdk.expectAnswer(seq)
  }
  t.is(node.context.router.unanswered, 0)
})

for (const requeue of [false, true]) {
  test(`a consumer that rejects with requeue=${requeue} has failed: the next candidate is asked, nobody twice`, (t) => {
    const node = new BridgeNode({ settings: { choice: 'round-robin' } })
    const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
    const other = node.sdk('jobs')
    const sdk = node.sdk()
    const seq = sdk.unicast('jobs', 'x')
    other.expectNothing()
    client.reject(client.expectDelivery(), requeue)
    client.expectNothing()
    t.deepEqual(client.bodies('q'), [])
    other.answer(other.expectUnicast(), 'done')
    t.is(sdk.expectAnswer(seq).text, 'done')
  })
}

test('a consumer that dies with a request has failed', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  client.expectDelivery()
  client.disconnect()
  t.is(sdk.expectAnswer(seq).result, ResultCode.LISTENERS_FAILED)
  t.deepEqual(node.client().bodies('q'), [])
})

test('a request that is rejected is dead-lettered like any message', (t) => {
  const node = new BridgeNode()
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const client = node.client().queue('dead').queue('q', letters).bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  client.reject(client.expectDelivery())
  t.is(sdk.expectAnswer(seq).result, ResultCode.LISTENERS_FAILED)
  t.deepEqual(client.bodies('dead'), ['x'])
})

test('a request that is put back after its time is over dies in the queue like any that has expired', (t) => {
  const node = new BridgeNode()
  const letters = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  const client = node.client().queue('dead').queue('q', letters).bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  sdk.unicast('jobs', 'in time')
  client.reject(client.expectDelivery(), true)
  // It is the next candidate's by then: nobody has rejected it.
  t.deepEqual(client.bodies('dead'), [])
  sdk.unicast('jobs', 'late')
  const delivery = client.expectDelivery()
  node.advance(LIMIT_MS)
  client.reject(delivery, true)
  t.deepEqual(client.bodies('dead'), ['late'])
})

test('one queue behind an exchange that drops a request at once leaves it to the others', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').queue('none', { 'x-max-length': 0 }).queue('q')
  client.bind('none', '', {}, 'x').bind('q', '', {}, 'x').bindExchange('x', 'amq.amop', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  sdk.expectNothing()
  client.ack(client.expectDelivery())
  t.is(sdk.expectAnswer(seq).result, ResultCode.SUCCESS)
})

test('purging and deleting the queue, and dropping what is too much, fail what waits there for its ack', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q', { 'x-max-length': 2 }).bind('q', 'jobs', ACK)
  const sdk = node.sdk()
  const reason = (): string | undefined => node.warnings.at(-1)
  const first = sdk.unicast('jobs', '1')
  client.send(encodeQueuePurge(1, { queue: 'q' }))
  client.expect(QUEUE_PURGE_OK)
  t.is(sdk.expectAnswer(first).result, ResultCode.LISTENERS_FAILED)
  t.regex(reason() ?? '', /the queue was purged/)
  const seqs = ['2', '3', '4'].map((text) => sdk.unicast('jobs', text))
  t.is(sdk.expect(0x31).seq, seqs[0] as string)
  t.regex(reason() ?? '', /the queue had to drop it/)
  sdk.expectNothing()
  client.send(encodeQueueDelete(1, { queue: 'q', noWait: true }))
  t.deepEqual(
    sdk.takeAll().map(({ seq, result }) => [seq, result]),
    [
      [seqs[1], ResultCode.LISTENERS_FAILED],
      [seqs[2], ResultCode.LISTENERS_FAILED],
    ],
  )
  t.regex(reason() ?? '', /was deleted/)
})

test('a purge leaves alone what a consumer has', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', '1')
  const delivery = client.expectDelivery()
  client.send(encodeBasicCancel(1, { consumerTag: 'of q', noWait: true }))
  const second = sdk.unicast('jobs', '2')
  client.send(encodeQueuePurge(1, { queue: 'q', noWait: true }))
  t.is(sdk.expectAnswer(second).result, ResultCode.LISTENERS_FAILED)
  client.ack(delivery)
  t.is(sdk.expectAnswer(seq).result, ResultCode.SUCCESS)
})

test('without an ack in time the request expires, and what is then acked is nobody’s', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', ACK).consume('q')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', '1')
  const delivery = client.expectDelivery()
  node.advance(LIMIT_MS)
  t.is(sdk.expectAnswer(seq).result, ResultCode.LISTENERS_FAILED)
  client.ack(delivery)
  sdk.expectNothing()
})

test('a queue that goes while the sync is awaited has failed', (t) => {
  const journal = new LateJournal()
  const node = new BridgeNode({ journal })
  const client = node.client().queue('q', {}, true)
  client.sendBind('q', 'jobs')
  journal.complete()
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', '1')
  client.send(encodeQueueDelete(1, { queue: 'q', noWait: true }))
  t.is(sdk.expectAnswer(seq).result, ResultCode.LISTENERS_FAILED)
  journal.complete()
  node.node.settle()
  sdk.expectNothing()
})

test('what a queue has of a binding that is taken away is still answered', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs', CONSUMER).consume('q', true)
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs')
  const request = client.expectDelivery()
  const { vhost } = node
  const exchange = vhost.exchange('amq.amop')
  for (const { destination, routingKey, arguments: args } of [...exchange.bindings.all()]) {
    vhost.unbind(exchange, destination, routingKey, args)
  }
  client.reply(request, 'answer')
  t.is(sdk.expectAnswer(seq).text, 'answer')
})

test('the oldest of several bindings of a queue says how it answers, and when it goes the next one does', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs').bind('q', 'jobs', CONSUMER)
  const sdk = node.sdk()
  t.is(sdk.ask('jobs', '1').result, ResultCode.SUCCESS)
  const { vhost } = node
  const exchange = vhost.exchange('amq.amop')
  const [first] = [...exchange.bindings.all()]
  vhost.unbind(exchange, vhost.queue('q', undefined), 'jobs', (first as Binding).arguments)
  client.get('q')
  const seq = sdk.unicast('jobs', '2')
  sdk.expectNothing()
  client.reply(client.get('q'), 'answer')
  t.is(sdk.expectAnswer(seq).text, 'answer')
})

test('through a bound exchange a request reaches several queues, and the first ack is the answer', (t) => {
  const node = new BridgeNode()
  const client = node.client().exchange('x', 'fanout').queue('a').queue('b')
  client.bind('a', '', {}, 'x').bind('b', '', {}, 'x').bindExchange('x', 'amq.amop', 'jobs', ACK)
  client.consume('a').consume('b')
  const sdk = node.sdk()
  const seq = sdk.unicast('jobs', 'x')
  const [one, two] = [client.expectDelivery(), client.expectDelivery()]
  client.reject(one)
  sdk.expectNothing()
  client.ack(two)
  t.is(sdk.expectAnswer(seq).result, ResultCode.SUCCESS)
  const failed = sdk.unicast('jobs', 'y')
  client.reject(client.expectDelivery())
  sdk.expectNothing()
  client.reject(client.expectDelivery())
  t.is(sdk.expectAnswer(failed).result, ResultCode.LISTENERS_FAILED)
})

test('a bound exchange that leads to no queue is a failed candidate', (t) => {
  const node = new BridgeNode()
  node.client().exchange('x', 'topic').bindExchange('x', 'amq.amop', 'jobs')
  t.is(node.sdk().ask('jobs').result, ResultCode.LISTENERS_FAILED)
  t.true(node.warnings.some((line) => line.includes('no queue is behind it')))
})

test('a peer node that publishes is named in x-amop-node', (t) => {
  const node = new BridgeNode()
  const client = node.client().queue('q').bind('q', 'jobs')
  const { router } = node.context
  const answers: number[] = []
  const publisher = {
    name: '10.0.0.1:4000',
    node: 'there',
    identity: 'there',
    access: { publish: () => true, subscribe: () => true },
    unanswered: 0,
    answered: (_message: Message, { result }: { result: number }) => void answers.push(result),
  }
  router.unicast(publisher, response(newSeq(), 'jobs', 'x').as(0x30, newSeq()))
  node.node.settle()
  t.deepEqual(answers, [ResultCode.SUCCESS])
  t.like(textHeaders(client.get('q')), { 'x-amop-node': 'there', 'x-amop-session': '10.0.0.1:4000' })
})

test('a node that listens is a candidate beside queues', (t) => {
  const node = new BridgeNode({ settings: { choice: 'round-robin' } })
  node.client().queue('q').bind('q', 'jobs', { 'x-amop-role': 'subscriber' })
  const pushed: Unicast[] = []
  const peer: Listener = {
    name: 'there',
    kind: 'node',
    role: 'subscriber',
    outstanding: 0,
    push: (unicast) => pushed.push(unicast) > 0,
    withdraw: () => {},
    copy: () => true,
  }
  node.context.router.subscribe(peer, 'jobs')
  const sdk = node.sdk()
  t.is(sdk.ask('jobs', '1').result, ResultCode.SUCCESS)
  const seq = sdk.unicast('jobs', '2')
  t.is(pushed.length, 1)
  pushed[0]?.answer(peer, response(seq, 'jobs', 'from there'))
  t.is(sdk.expectAnswer(seq).text, 'from there')
})
