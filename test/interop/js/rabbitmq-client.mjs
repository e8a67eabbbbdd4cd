import { once } from 'node:events'
import rabbit from 'rabbitmq-client'
import { check, dropConnections, droppableUrl, program, same, unique, until, url, within } from './check.mjs'

const { Connection, ConsumerStatus } = rabbit
const connection = new Connection({ url, heartbeat: 5, connectionName: 'interop' })
connection.on('error', (error) => console.error('connection error', error))
await connection.onConnect()

await program('rabbitmq-client', {
  async 'publisher with confirms, consumer with statuses'() {
    const exchange = unique('events')
    const queue = unique('jobs')
    const seen = []
    const consumer = connection.createConsumer(
      {
        queue,
        queueOptions: { autoDelete: true },
        qos: { prefetchCount: 2 },
        concurrency: 2,
        exchanges: [{ exchange, type: 'topic', autoDelete: true }],
        queueBindings: [{ exchange, routingKey: 'users.*' }],
      },
      async (message) => {
        seen.push({ body: message.body, redelivered: message.redelivered })
        if (message.body.n === 3 && !message.redelivered) return ConsumerStatus.REQUEUE
        return message.body.n === 4 ? ConsumerStatus.DROP : ConsumerStatus.ACK
      },
    )
    await within(once(consumer, 'ready'), 'the consumer')
    const publisher = connection.createPublisher({ confirm: true, maxAttempts: 2 })
    for (let n = 0; n < 10; n += 1) await publisher.send({ exchange, routingKey: 'users.seen' }, { n })
    await until('10 jobs and a redelivery', () => seen.length === 11)
    same([...new Set(seen.map((job) => job.body.n))].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    same(
      seen.filter((job) => job.body.n === 3).map((job) => job.redelivered),
      [false, true],
    )
    await until('the statistics', () => consumer.stats.acknowledged === 9)
    same([consumer.stats.requeued, consumer.stats.dropped], [1, 1])
    await consumer.close()
    await publisher.close()
  },

  async 'returned messages'() {
    const returns = []
    const publisher = connection.createPublisher({ confirm: true })
    publisher.on('basic.return', (message) => returns.push(message))
    await publisher.send({ routingKey: unique('nowhere'), mandatory: true }, 'lost')
    await until('basic.return', () => returns.length > 0)
    same(
      returns.map((message) => [message.replyCode, message.replyText, message.body]),
      [[312, 'NO_ROUTE', 'lost']],
    )
    await publisher.close()
  },

  async 'RPC client over direct reply-to'() {
    const queue = unique('rpc')
    const server = connection.createConsumer({ queue, queueOptions: { autoDelete: true } }, async (message, reply) => {
      await reply({ doubled: message.body.value * 2 })
    })
    await within(once(server, 'ready'), 'the server')
    const rpc = connection.createRPCClient({ confirm: true })
    const answers = await Promise.all([1, 2, 3, 4, 5].map((value) => rpc.send(queue, { value })))
    same(
      answers.map((answer) => answer.body.doubled),
      [2, 4, 6, 8, 10],
    )
    await rpc.close()
    await server.close()
  },

  async 'headers, large body and basicGet'() {
    const queue = unique('large')
    await connection.queueDeclare({ queue, exclusive: true })
    const body = Buffer.alloc(3_000_000, 'large body ')
    const headers = { a: 1, b: 'two', c: [true, null, 2.5], d: { e: 'deep' } }
    const publisher = connection.createPublisher({ confirm: true })
    await publisher.send({ routingKey: queue, headers, durable: true, messageId: 'm' }, body)
    const message = await connection.basicGet({ queue, noAck: true })
    check(body.equals(message.body))
    same(message.headers.a, 1)
    same(message.headers.c, [true, null, 2.5])
    same(message.headers.d, { e: 'deep' })
    same([message.durable, message.messageId], [true, 'm'])
    same(await connection.basicGet({ queue, noAck: true }), undefined)
    await publisher.close()
    await connection.queueDelete(queue)
  },

  async 'errors carry their code'() {
    const missing = unique('missing')
    const error = await connection.queueDeclare({ queue: missing, passive: true }).catch((reason) => reason)
    same(error.code, 'NOT_FOUND')
    check(error.message.includes(`no queue '${missing}' in vhost '/'`), error.message)
    check(connection.ready)
  },

  async 'consumers and publishers come back after a cut connection'() {
    const cut = new Connection({ url: droppableUrl, retryLow: 50, retryHigh: 200 })
    cut.on('error', () => {})
    await cut.onConnect()
    const queue = unique('survivor')
    const seen = []
    const consumer = cut.createConsumer({ queue, queueOptions: { durable: true } }, (message) => {
      seen.push(message.body)
    })
    consumer.on('error', () => {})
    await within(once(consumer, 'ready'), 'the consumer')
    const publisher = cut.createPublisher({ confirm: true, maxAttempts: 5 })
    await publisher.send(queue, 'before')
    await until('the first message', () => seen.length === 1)
    const again = once(consumer, 'ready')
    await dropConnections()
    await within(again, 'the consumer again')
    await publisher.send(queue, 'after')
    await until('a message after the cut', () => seen.includes('after'))
    check(true)
    await consumer.close()
    await publisher.close()
    await cut.queueDelete(queue)
    await cut.close()
  },

  async close() {
    await connection.close()
    check(true)
  },
})
