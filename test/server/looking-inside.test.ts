import amqplib from 'amqplib'
import type { ExecutionContext } from 'ava'
import test from 'ava'
import type { Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { until } from '../helpers/until.ts'

async function openChannel(t: ExecutionContext, broker: Broker) {
  const connection = await amqplib.connect(broker.url)
  connection.on('error', () => {})
  t.teardown(() => connection.close().catch(() => {}))
  return connection.createConfirmChannel()
}

test('messages of a queue are seen with their properties and headers, and stay where they are', async (t) => {
  const broker = await startBroker(t)
  const channel = await openChannel(t, broker)
  await channel.assertExchange('events', 'topic')
  await channel.assertQueue('orders')
  await channel.bindQueue('orders', 'events', 'order.*')
  channel.publish('events', 'order.new', Buffer.from('{"id":7}'), {
    contentType: 'application/json',
    persistent: true,
    correlationId: 'c1',
    headers: { attempt: 1, tags: ['a', 'b'], nested: { x: true } },
  })
  await channel.waitForConfirms()
  const [message] = broker.queue('orders').messages()
  t.is(message?.exchange, 'events')
  t.is(message?.routingKey, 'order.new')
  t.like(message?.properties, { contentType: 'application/json', deliveryMode: 2, correlationId: 'c1' })
  t.deepEqual(message?.headers, { attempt: 1, tags: ['a', 'b'], nested: { x: true } })
  t.is(message?.text, '{"id":7}')
  t.deepEqual(message?.json(), { id: 7 })
  t.is(broker.queue('orders').messageCount, 1)
})

test('only as many messages are shown as asked for, the oldest first', async (t) => {
  const broker = await startBroker(t)
  const queue = broker.declareQueue('q')
  for (let i = 0; i < 5; i++) await broker.publish({ routingKey: 'q', body: `${i}` })
  t.deepEqual(
    queue.messages(3).map(({ text }) => text),
    ['0', '1', '2'],
  )
})

test('a queue that nobody has declared does not exist, and asking for its counts is a 404', async (t) => {
  const broker = await startBroker(t)
  const queue = broker.queue('missing')
  t.false(queue.exists)
  t.throws(() => queue.messageCount, { message: "NOT_FOUND - no queue 'missing' in vhost '/'" })
  t.throws(() => broker.queue('nowhere', 'q').messages(), { message: "NOT_FOUND - no queue 'q' in vhost 'nowhere'" })
})

test('counts and consumers are as they are at that moment', async (t) => {
  const broker = await startBroker(t)
  const channel = await openChannel(t, broker)
  await channel.assertQueue('q')
  await channel.prefetch(2)
  for (let i = 0; i < 5; i++) channel.sendToQueue('q', Buffer.from(`${i}`))
  await channel.waitForConfirms()
  const queue = broker.queue('q')
  await channel.consume('q', () => {}, { consumerTag: 'reader', arguments: { 'x-priority': 3 } })
  await until('two are with the consumer', () => queue.unackedCount === 2)
  t.is(queue.messageCount, 3)
  t.is(queue.consumerCount, 1)
  t.deepEqual(queue.consumers, [{ consumerTag: 'reader', noAck: false, exclusive: false, priority: 3 }])
})

test('waiting for a queue to be empty ends when the last message is acknowledged', async (t) => {
  const broker = await startBroker(t)
  const channel = await openChannel(t, broker)
  await channel.assertQueue('q')
  for (let i = 0; i < 100; i++) channel.sendToQueue('q', Buffer.from(`${i}`))
  let acknowledged = 0
  const waiting = (async () => {
    await broker.queue('q').waitForCount(100)
    await broker.queue('q').waitForEmpty()
    return acknowledged
  })()
  await broker.queue('q').waitForCount(100)
  await channel.consume('q', (message) => {
    if (message === null) return
    setImmediate(() => {
      acknowledged++
      channel.ack(message)
    })
  })
  t.is(await waiting, 100)
})

test('waiting may begin before the queue is declared', async (t) => {
  const broker = await startBroker(t)
  const waiting = broker.queue('later').waitForCount(1)
  broker.declareQueue('later')
  await broker.publish({ routingKey: 'later', body: 'x' })
  await t.notThrowsAsync(waiting)
})

test('waiting in vain ends with an error that says what the queue holds', async (t) => {
  const broker = await startBroker(t)
  const queue = broker.declareQueue('q')
  await broker.publish({ routingKey: 'q', body: 'x' })
  await t.throwsAsync(queue.waitForCount(3, { timeoutMs: 20 }), {
    message:
      "queue 'q' in vhost '/' did not hold 3 messages within 20 ms: it has 1 message waiting, 0 unacknowledged, 0 consumers",
  })
  await t.throwsAsync(queue.waitForEmpty({ timeoutMs: 20 }), { message: /did not become empty within 20 ms/ })
  await t.throwsAsync(queue.waitForConsumers(1, { timeoutMs: 20 }), { message: /did not have 1 consumer within/ })
  await t.throwsAsync(broker.queue('missing').waitForEmpty({ timeoutMs: 20 }), { message: /there is no such queue/ })
})

test('waiting ends with an error when the broker is stopped', async (t) => {
  const broker = await startBroker(t)
  const waiting = broker.declareQueue('q').waitForCount(1)
  await Promise.all([broker.stop(), t.throwsAsync(waiting, { message: /the broker was stopped before/ })])
})

test('waiting for consumers ends when a client has subscribed', async (t) => {
  const broker = await startBroker(t)
  const queue = broker.declareQueue('q')
  const channel = await openChannel(t, broker)
  const waiting = queue.waitForConsumers(1)
  await channel.consume('q', () => {})
  await t.notThrowsAsync(waiting)
})

test('what the broker publishes itself reaches a client like any other message', async (t) => {
  const broker = await startBroker(t)
  const channel = await openChannel(t, broker)
  await channel.assertQueue('q')
  const received = new Promise<amqplib.Message>((resolve) => {
    channel.consume('q', (message) => message !== null && resolve(message), { noAck: true })
  })
  await broker.queue('q').waitForConsumers(1)
  const outcome = await broker.publish({
    routingKey: 'q',
    body: { id: 7 },
    properties: { messageId: 'm1' },
    headers: { attempt: 2 },
  })
  t.deepEqual(outcome, { routed: true, rejected: false })
  const { content, properties } = await received
  t.is(content.toString(), '{"id":7}')
  t.is(properties.contentType, 'application/json')
  t.is(properties.messageId, 'm1')
  t.deepEqual(properties.headers, { attempt: 2 })
})

test('a publish says whether it reached a queue, and a mandatory one that did not is an error', async (t) => {
  const broker = await startBroker(t, { maxMessageSize: 10 })
  broker.declareQueue('full', { arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' } })
  t.deepEqual(await broker.publish({ routingKey: 'nowhere' }), { routed: false, rejected: false })
  t.like(await broker.publish({ routingKey: 'full' }), { rejected: true })
  await t.throwsAsync(broker.publish({ routingKey: 'nowhere', mandatory: true }), { message: 'NO_ROUTE' })
  await t.throwsAsync(broker.publish({ exchange: 'missing' }), {
    message: "NOT_FOUND - no exchange 'missing' in vhost '/'",
  })
  await t.throwsAsync(broker.publish({ routingKey: 'full', body: 'x'.repeat(11) }), {
    message: 'PRECONDITION_FAILED - message size 11 is larger than configured max size 10',
  })
})

test('exchanges, queues and bindings can be declared without a client', async (t) => {
  const broker = await startBroker(t)
  broker.declareExchange('in', 'fanout')
  broker.declareExchange('out', 'topic')
  broker.bind({ source: 'in', destination: 'out', destinationType: 'exchange' })
  const queue = broker.declareQueue('', { durable: false })
  t.regex(queue.name, /^amq\.gen-/)
  broker.bind({ source: 'out', destination: queue.name, routingKey: 'a.#' })
  await broker.publish({ exchange: 'in', routingKey: 'a.b', body: 'yes' })
  await broker.publish({ exchange: 'in', routingKey: 'b.b', body: 'no' })
  t.deepEqual(
    queue.messages().map(({ text }) => text),
    ['yes'],
  )
  t.is(queue.purge(), 1)
  t.is(queue.messageCount, 0)
  t.true(broker.deleteQueue(queue.name))
  t.false(broker.deleteQueue(queue.name))
  t.throws(() => broker.declareExchange('in', 'direct'), { message: /PRECONDITION_FAILED - inequivalent arg 'type'/ })
})

test('users and virtual hosts can be added, and taken away', async (t) => {
  const broker = await startBroker(t)
  broker.addVirtualHost('shop')
  broker.addUser('anna', 'secret', ['shop'])
  const connection = await amqplib.connect(`amqp://anna:secret@127.0.0.1:${broker.port}/shop`)
  const closed = new Promise<Error>((resolve) => connection.on('close', resolve))
  await t.throwsAsync(amqplib.connect(`amqp://anna:secret@127.0.0.1:${broker.port}`))
  const guest = await amqplib.connect(`amqp://127.0.0.1:${broker.port}/shop`)
  guest.on('error', () => {})
  t.deepEqual(broker.vhosts, ['/', 'shop'])
  t.true(broker.deleteVirtualHost('shop'))
  t.regex((await closed).message, /CONNECTION_FORCED - vhost 'shop' is deleted/)
  t.false(broker.deleteVirtualHost('shop'))
  t.deepEqual(broker.vhosts, ['/'])
})

test('closing the connections gives a client the chance to show that it reconnects', async (t) => {
  const broker = await startBroker(t)
  const connection = await amqplib.connect(broker.url)
  const closed = new Promise<Error>((resolve) => connection.on('close', resolve))
  broker.declareQueue('stays')
  await broker.closeConnections()
  t.regex((await closed).message, /CONNECTION_FORCED - Closed via management plugin/)
  t.deepEqual(broker.connections, [])
  await (await amqplib.connect(broker.url)).close()
  t.true(broker.queue('stays').exists)
})

test('reset brings back the state of the start, on the same port', async (t) => {
  const broker = await startBroker(t)
  const channel = await openChannel(t, broker)
  const closed = new Promise((resolve) => channel.on('close', resolve))
  await channel.assertExchange('events', 'topic', { durable: true })
  await channel.assertQueue('orders', { durable: true })
  await channel.bindQueue('orders', 'events', '#')
  channel.publish('events', 'x', Buffer.alloc(100_000))
  await channel.waitForConfirms()
  broker.addVirtualHost('shop')
  broker.addUser('anna', 'secret')
  const { port } = broker
  await broker.reset()
  await closed
  t.is(broker.port, port)
  t.false(broker.queue('orders').exists)
  t.deepEqual(broker.vhosts, ['/'])
  t.deepEqual(broker.connections, [])
  await t.throwsAsync(broker.publish({ exchange: 'events' }), { message: /NOT_FOUND/ })
  await t.throwsAsync(amqplib.connect(`amqp://anna:secret@127.0.0.1:${port}`), { message: /ACCESS_REFUSED|403/ })
  const again = await openChannel(t, broker)
  await again.assertQueue('orders', { durable: false })
  await again.assertExchange('amq.topic', 'topic')
  t.is(broker.queue('orders').messageCount, 0)
})

test('a client that answers no close does not hold up a reset for long', async (t) => {
  const broker = await startBroker(t)
  const { connect } = await import('node:net')
  const socket = connect(broker.port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write('AMQP\0\0\x09\x01')
  await until('it is known', () => broker.connections.length === 1)
  await broker.reset()
  t.deepEqual(broker.connections, [])
})
