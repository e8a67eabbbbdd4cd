import { AMQPClient, AMQPSession } from '@cloudamqp/amqp-client'
import { check, dropConnections, droppableUrl, program, same, unique, until, url, within } from './check.mjs'

const client = new AMQPClient(`${url}?heartbeat=5&name=interop`)
const connection = await client.connect()

async function ownQueue(channel, args) {
  return (await channel.queueDeclare('', { exclusive: true, autoDelete: false }, args)).name
}

await program('@cloudamqp/amqp-client', {
  async 'publish with confirms and consume with acks'() {
    const channel = await connection.channel()
    await channel.confirmSelect()
    const queue = await ownQueue(channel)
    const tags = await Promise.all(
      Array.from({ length: 200 }, (_, n) => channel.basicPublish('', queue, `message ${n}`, { deliveryMode: 2 })),
    )
    same(tags.at(-1), 200)
    await channel.prefetch(20)
    const seen = []
    const consumer = await channel.basicConsume(queue, { noAck: false }, (message) => {
      seen.push(message.bodyString())
      message.ack()
    })
    await until('200 deliveries', () => seen.length === 200)
    same(
      seen,
      Array.from({ length: 200 }, (_, n) => `message ${n}`),
    )
    await consumer.cancel()
    same((await channel.queueDeclare(queue, { passive: true })).consumerCount, 0)
    await channel.close()
  },

  async 'headers of all field types'() {
    const channel = await connection.channel()
    const queue = await ownQueue(channel)
    const headers = {
      text: 'ä',
      yes: true,
      nothing: null,
      int: -5,
      long: 2 ** 40,
      double: 0.25,
      list: [1, 'two', false],
      table: { deep: { er: 1 } },
      date: new Date(1_700_000_000_000),
      bytes: new Uint8Array([1, 2, 255]),
    }
    await channel.basicPublish('', queue, 'x', { headers, contentType: 'text/plain', timestamp: new Date(5000) })
    const message = await channel.basicGet(queue, { noAck: true })
    const back = message.properties.headers
    for (const name of ['text', 'yes', 'nothing', 'int', 'long', 'double', 'list', 'table']) {
      same(back[name], headers[name], name)
    }
    same(back.date.getTime(), headers.date.getTime())
    same([...back.bytes], [1, 2, 255])
    same(message.properties.contentType, 'text/plain')
    same(message.properties.timestamp.getTime(), 5000)
    await channel.close()
  },

  async 'large bodies in confirm mode'() {
    const channel = await connection.channel()
    await channel.confirmSelect()
    const queue = await ownQueue(channel)
    for (const size of [0, 300_000, 3_000_000]) {
      const body = new Uint8Array(size).fill(size % 251)
      await channel.basicPublish('', queue, body)
      const message = await channel.basicGet(queue, { noAck: true })
      same(message.bodySize, size)
      check(size === 0 || Buffer.from(body).equals(Buffer.from(message.body)), `${size} bytes`)
    }
    await channel.close()
  },

  async 'mandatory returns'() {
    const channel = await connection.channel()
    const returned = new Promise((resolve) => {
      channel.onReturn = resolve
    })
    await channel.basicPublish('amq.direct', unique('nowhere'), 'lost', {}, true)
    const message = await within(returned, 'basic.return')
    same([message.replyCode, message.replyText, message.bodyString()], [312, 'NO_ROUTE', 'lost'])
    await channel.close()
  },

  async 'bindings, dead letters and cancel'() {
    const channel = await connection.channel()
    const dead = await ownQueue(channel)
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    const work = await ownQueue(channel, args)
    await channel.queueBind(work, 'amq.topic', 'interop.*.work')
    await channel.basicPublish('amq.topic', 'interop.js.work', 'once')
    const first = await channel.basicGet(work, { noAck: false })
    await first.nack(true)
    const second = await until('the requeued message', () => channel.basicGet(work, { noAck: false }))
    same(second.redelivered, true)
    await second.reject(false)
    const buried = await until('the dead letter', () => channel.basicGet(dead, { noAck: true }))
    same(buried.properties.headers['x-death'][0].reason, 'rejected')
    same(buried.properties.headers['x-death'][0].exchange, 'amq.topic')
    await channel.queueUnbind(work, 'amq.topic', 'interop.*.work')
    same((await channel.queueDelete(work)).messageCount, 0)
    await channel.close()
  },

  async transactions() {
    const channel = await connection.channel()
    const queue = await ownQueue(channel)
    await channel.txSelect()
    await channel.basicPublish('', queue, 'gone')
    await channel.txRollback()
    await channel.basicPublish('', queue, 'kept')
    same(await channel.basicGet(queue, { noAck: true }), null)
    await channel.txCommit()
    const got = await until('the committed message', () => channel.basicGet(queue, { noAck: true }))
    same(got.bodyString(), 'kept')
    await channel.close()
  },

  async 'channel errors reach the caller'() {
    const channel = await connection.channel()
    const missing = unique('missing')
    const error = await channel.queueDeclare(missing, { passive: true }).catch((reason) => reason)
    check(error.message.includes(`NOT_FOUND - no queue '${missing}' in vhost '/'`), error.message)
    check(channel.closed)
    const next = await connection.channel()
    check(!next.closed)
    await next.close()
  },

  async 'direct reply-to'() {
    const channel = await connection.channel()
    const queue = await ownQueue(channel)
    await channel.basicConsume(queue, { noAck: true }, (message) => {
      const { replyTo, correlationId } = message.properties
      return channel.basicPublish('', replyTo, `re: ${message.bodyString()}`, { correlationId })
    })
    const answers = []
    const asking = await connection.channel()
    await asking.basicConsume('amq.rabbitmq.reply-to', { noAck: true }, (m) => answers.push(m.bodyString()))
    await asking.basicPublish('', queue, 'ping', { replyTo: 'amq.rabbitmq.reply-to', correlationId: '1' })
    await until('the answer', () => answers.length === 1)
    same(answers, ['re: ping'])
  },

  async 'a session comes back after a cut connection, with its consumer'() {
    let connects = 0
    const session = await AMQPSession.connect(droppableUrl, {
      reconnectInterval: 50,
      onconnect: () => {
        connects += 1
      },
    })
    const queue = await session.queue(unique('session'), { durable: true })
    const seen = []
    await queue.subscribe({ prefetch: 5 }, (message) => {
      seen.push(message.bodyString())
    })
    for (let cut = 1; cut <= 3; cut += 1) {
      await queue.publish(`message ${cut}`)
      await until(`message ${cut}`, () => seen.includes(`message ${cut}`))
      const before = connects
      await dropConnections()
      await until('the reconnection', () => connects > before)
    }
    await queue.publish('last')
    await until('the last message', () => seen.includes('last'))
    check(connects >= 3)
    await queue.delete()
    await session.stop()
  },

  async close() {
    await connection.close()
    check(connection.closed)
  },
})
