import { EventEmitter, once } from 'node:events'
import amqplib from 'amqplib'
import { check, program, same, unique, until, url, within } from './check.mjs'

const connection = await amqplib.connect(`${url}?heartbeat=5`, { clientProperties: { connection_name: 'interop' } })
const channel = await connection.createConfirmChannel()

/** The close a channel gets for `act`, which the broker must refuse. */
async function refused(act) {
  const other = await connection.createChannel()
  const closed = once(other, 'error')
  // The call fails with the same error; the event carries code and text.
  await Promise.resolve(act(other)).catch(() => {})
  const [error] = await within(closed, 'a channel close')
  return error
}

async function collect(queue, count, options = {}) {
  const messages = []
  const done = new EventEmitter()
  const { consumerTag } = await channel.consume(
    queue,
    (message) => {
      messages.push(message)
      if (messages.length === count) done.emit('all')
    },
    { noAck: true, ...options },
  )
  if (messages.length < count) await within(once(done, 'all'), `${count} messages from ${queue}`)
  await channel.cancel(consumerTag)
  return messages
}

await program('amqplib', {
  async 'handshake and negotiation'() {
    const { serverProperties } = connection.connection
    same(serverProperties.product, 'RabbitMQ')
    check(serverProperties.capabilities.publisher_confirms && serverProperties.capabilities['basic.nack'])
    check(serverProperties.capabilities.consumer_cancel_notify)
    same(connection.connection.heartbeat, 5)
    check(connection.connection.frameMax >= 4096)
  },

  async 'publish with confirms, consume with acks and prefetch'() {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    check(/^amq\.gen-/.test(queue))
    for (let n = 0; n < 500; n += 1) channel.sendToQueue(queue, Buffer.from(`message ${n}`), { persistent: true })
    await channel.waitForConfirms()
    same((await channel.checkQueue(queue)).messageCount, 500)
    const consuming = await connection.createChannel()
    await consuming.prefetch(10)
    const seen = []
    let most = 0
    let held = []
    await consuming.consume(queue, (message) => {
      seen.push(message.content.toString())
      held.push(message)
      most = Math.max(most, held.length)
      if (held.length === 10 || seen.length === 500) {
        consuming.ack(held.at(-1), true)
        held = []
      }
    })
    await until('500 deliveries', () => seen.length === 500)
    same(most, 10)
    same(
      seen,
      Array.from({ length: 500 }, (_, n) => `message ${n}`),
    )
    await consuming.close()
    same((await channel.checkQueue(queue)).messageCount, 0)
  },

  async 'nack, requeue and redelivered'() {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    channel.sendToQueue(queue, Buffer.from('again'))
    await channel.waitForConfirms()
    const first = await channel.get(queue)
    same(first.fields.redelivered, false)
    channel.nack(first, false, true)
    const second = await until('the redelivery', () => channel.get(queue))
    same(second.fields.redelivered, true)
    channel.reject(second, false)
    same(await channel.get(queue), false)
  },

  async 'unacked messages come back when their channel closes'() {
    const { queue } = await channel.assertQueue(unique('back'), { autoDelete: true })
    for (const body of ['a', 'b', 'c']) channel.sendToQueue(queue, Buffer.from(body))
    await channel.waitForConfirms()
    const other = await connection.createChannel()
    for (let n = 0; n < 3; n += 1) check(await other.get(queue))
    await other.close()
    const again = await collect(queue, 3)
    same(again.map((message) => message.content.toString()).join(''), 'abc')
    check(again.every((message) => message.fields.redelivered))
  },

  async 'mandatory returns come before their confirm'() {
    const order = []
    channel.once('return', (message) => order.push(`return ${message.fields.replyCode} ${message.fields.replyText}`))
    channel.publish('', unique('nowhere'), Buffer.from('x'), { mandatory: true }, () => order.push('confirm'))
    await channel.waitForConfirms()
    same(order, ['return 312 NO_ROUTE', 'confirm'])
  },

  async 'properties and headers of all field types'() {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const headers = {
      text: 'ä text',
      yes: true,
      no: false,
      nothing: null,
      small: -3,
      word: 70_000,
      long: 2 ** 40,
      double: 1.5,
      list: ['a', 1, true, { deep: ['down'] }],
      table: { a: 1, b: { c: 'd' } },
      bytes: Buffer.from([0, 1, 255]),
      time: { '!': 'timestamp', value: 1_700_000_000 },
      float: { '!': 'float', value: 0.5 },
      byte: { '!': 'byte', value: -7 },
      short: { '!': 'short', value: -700 },
      decimal: { '!': 'decimal', value: { digits: 314, places: 2 } },
    }
    const properties = {
      contentType: 'text/plain',
      contentEncoding: 'identity',
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'somewhere',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: 1_700_000_001,
      type: 'kind',
      userId: 'guest',
      appId: 'interop',
    }
    channel.sendToQueue(queue, Buffer.from('body'), { ...properties, headers })
    const [message] = await collect(queue, 1)
    for (const [name, value] of Object.entries(properties)) same(message.properties[name], value, name)
    const back = message.properties.headers
    for (const name of ['text', 'yes', 'no', 'nothing', 'small', 'word', 'long', 'double', 'list', 'table', 'bytes']) {
      same(back[name], headers[name], name)
    }
    same([back.float, back.byte, back.short], [0.5, -7, -700])
    same(back.time, { '!': 'timestamp', value: 1_700_000_000 })
    same(back.decimal, { '!': 'decimal', value: { digits: 314, places: 2 } })
  },

  async 'large and empty bodies'() {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const sizes = [0, 1, 131_063, 131_064, 131_065, 300_000, 3_000_000]
    const bodies = sizes.map((size) => Buffer.alloc(size, `${size} bytes of this `))
    for (const body of bodies) channel.sendToQueue(queue, body)
    const messages = await collect(queue, sizes.length)
    for (const [n, body] of bodies.entries()) check(body.equals(messages[n].content), `${sizes[n]} bytes came back`)
  },

  async 'exchanges of each type, and exchange to exchange'() {
    const names = Object.fromEntries(['direct', 'fanout', 'topic', 'headers'].map((type) => [type, unique(type)]))
    for (const [type, name] of Object.entries(names)) await channel.assertExchange(name, type, { autoDelete: true })
    const { queue } = await channel.assertQueue('', { exclusive: true })
    await channel.bindQueue(queue, names.direct, 'key')
    await channel.bindExchange(names.direct, names.fanout, '')
    await channel.bindQueue(queue, names.topic, 'a.*.c.#')
    await channel.bindQueue(queue, names.headers, '', { 'x-match': 'all', colour: 'red', size: 3 })
    const put = (exchange, key, body, options) => channel.publish(exchange, key, Buffer.from(body), options)
    put(names.direct, 'other', 'no')
    put(names.direct, 'key', 'direct')
    put(names.fanout, 'key', 'through')
    put(names.topic, 'a.b.c', 'topic 1')
    put(names.topic, 'a.b.c.d.e', 'topic 2')
    put(names.topic, 'a.c', 'no')
    put(names.headers, '', 'headers', { headers: { colour: 'red', size: 3, more: 1 } })
    put(names.headers, '', 'no', { headers: { colour: 'red' } })
    put('', queue, 'end')
    const bodies = (await collect(queue, 6)).map((message) => message.content.toString())
    same(bodies, ['direct', 'through', 'topic 1', 'topic 2', 'headers', 'end'])
    await channel.unbindQueue(queue, names.direct, 'key')
    await channel.unbindExchange(names.direct, names.fanout, '').catch(() => {})
  },

  async 'message TTL and dead-lettering with x-death'() {
    const dead = unique('dead')
    const work = unique('work')
    await channel.assertQueue(dead, { autoDelete: true })
    await channel.assertQueue(work, {
      exclusive: true,
      messageTtl: 50,
      deadLetterExchange: '',
      deadLetterRoutingKey: dead,
    })
    channel.sendToQueue(work, Buffer.from('late'), { headers: { kept: 'yes' } })
    channel.sendToQueue(work, Buffer.from('sooner'), { expiration: '5' })
    const messages = await collect(dead, 2)
    same(messages.map((message) => message.content.toString()).sort(), ['late', 'sooner'])
    const late = messages.find((message) => message.content.toString() === 'late').properties.headers
    same(late.kept, 'yes')
    same(late['x-first-death-queue'], work)
    same(late['x-first-death-reason'], 'expired')
    const [death] = late['x-death']
    same([death.queue, death.reason, death.count, death.exchange], [work, 'expired', 1, ''])
    same(death['routing-keys'], [work])
    const sooner = messages.find((message) => message.content.toString() === 'sooner')
    same(sooner.properties.expiration, undefined)
    same(sooner.properties.headers['x-death'][0]['original-expiration'], '5')
  },

  async 'overflow: drop-head dead-letters, reject-publish nacks'() {
    const { queue: dropped } = await channel.assertQueue('', { exclusive: true })
    const bounded = { exclusive: true, maxLength: 2, deadLetterExchange: '', deadLetterRoutingKey: dropped }
    const { queue: head } = await channel.assertQueue('', bounded)
    for (const body of ['1', '2', '3']) channel.sendToQueue(head, Buffer.from(body))
    const [oldest] = await collect(dropped, 1)
    same(oldest.content.toString(), '1')
    same(oldest.properties.headers['x-first-death-reason'], 'maxlen')
    const { queue: full } = await channel.assertQueue('', {
      exclusive: true,
      maxLength: 1,
      arguments: { 'x-overflow': 'reject-publish' },
    })
    const publish = (body) =>
      new Promise((resolve) => {
        channel.sendToQueue(full, Buffer.from(body), {}, (error) => resolve(error ? 'nack' : 'ack'))
      })
    same([await publish('1'), await publish('2')], ['ack', 'nack'])
  },

  async priorities() {
    const { queue } = await channel.assertQueue('', { exclusive: true, maxPriority: 5 })
    for (const priority of [0, 5, 1, 4, 9]) channel.sendToQueue(queue, Buffer.from(String(priority)), { priority })
    await channel.waitForConfirms()
    const bodies = (await collect(queue, 5)).map((message) => message.content.toString())
    same(bodies, ['5', '9', '4', '1', '0'])
  },

  async 'consumer cancel when the queue is deleted'() {
    const queue = unique('deleted')
    await channel.assertQueue(queue)
    const cancelled = new Promise((resolve) => channel.consume(queue, (message) => message === null && resolve(true)))
    await until('the consumer', async () => (await channel.checkQueue(queue)).consumerCount === 1)
    const other = await connection.createChannel()
    await other.deleteQueue(queue)
    same(await within(cancelled, 'basic.cancel from the broker'), true)
    await other.close()
  },

  async 'channel errors have their codes and leave the connection open'() {
    const missing = unique('missing')
    const passive = await refused((other) => other.checkQueue(missing))
    same(passive.code, 404)
    check(passive.message.includes(`NOT_FOUND - no queue '${missing}' in vhost '/'`), passive.message)
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const other = await amqplib.connect(url)
    const theirs = await other.createChannel()
    const locked = once(theirs, 'error')
    await theirs.checkQueue(queue).catch(() => {})
    const [error] = await within(locked, 'a refusal')
    same(error.code, 405)
    check(error.message.includes(`RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '${queue}'`))
    await other.close()
    const named = unique('named')
    await channel.assertQueue(named, { exclusive: true })
    const inequivalent = await refused((ch) => ch.assertQueue(named, { exclusive: true, messageTtl: 10 }))
    same(inequivalent.code, 406)
    check(inequivalent.message.includes(`inequivalent arg 'x-message-ttl' for queue '${named}' in vhost '/'`))
    const reserved = await refused((ch) => ch.assertQueue('amq.mine'))
    same(reserved.code, 403)
    const tag = await refused((ch) => ch.ack({ fields: { deliveryTag: 77 } }))
    same(tag.code, 406)
    check(tag.message.includes('PRECONDITION_FAILED - unknown delivery tag 77'), tag.message)
    const exchange = await refused((ch) => ch.publish(missing, 'k', Buffer.from('x')))
    same(exchange.code, 404)
    check(exchange.message.includes(`NOT_FOUND - no exchange '${missing}' in vhost '/'`))
    await (await connection.createChannel()).close()
  },

  async 'direct reply-to'() {
    const { queue } = await channel.assertQueue('', { exclusive: true })
    await channel.consume(queue, (message) => {
      const { replyTo, correlationId } = message.properties
      channel.sendToQueue(replyTo, Buffer.from(`${message.content}!`), { correlationId })
      channel.ack(message)
    })
    const asking = await connection.createChannel()
    const answers = new Map()
    await asking.consume('amq.rabbitmq.reply-to', (m) => answers.set(m.properties.correlationId, `${m.content}`), {
      noAck: true,
    })
    for (let n = 0; n < 20; n += 1) {
      const options = { replyTo: 'amq.rabbitmq.reply-to', correlationId: String(n) }
      asking.sendToQueue(queue, Buffer.from(`ask ${n}`), options)
    }
    await until('20 answers', () => answers.size === 20)
    for (let n = 0; n < 20; n += 1) same(answers.get(String(n)), `ask ${n}!`)
    await asking.close()
  },

  async 'purge, delete and auto-delete'() {
    const { queue } = await channel.assertQueue(unique('purge'))
    for (let n = 0; n < 5; n += 1) channel.sendToQueue(queue, Buffer.from('x'))
    await channel.waitForConfirms()
    same((await channel.purgeQueue(queue)).messageCount, 5)
    channel.sendToQueue(queue, Buffer.from('x'))
    await channel.waitForConfirms()
    same((await refused((ch) => ch.deleteQueue(queue, { ifEmpty: true }))).code, 406)
    same((await channel.deleteQueue(queue)).messageCount, 1)
    const fleeting = (await channel.assertQueue(unique('fleeting'), { autoDelete: true })).queue
    const { consumerTag } = await channel.consume(fleeting, () => {})
    await channel.cancel(consumerTag)
    same((await refused((ch) => ch.checkQueue(fleeting))).code, 404)
  },

  async 'a small frame-max splits bodies both ways'() {
    const small = await amqplib.connect(`${url}?frameMax=8192`)
    const ch = await small.createConfirmChannel()
    const { queue } = await ch.assertQueue('', { exclusive: true })
    const body = Buffer.alloc(100_000, 'abcdefg')
    ch.sendToQueue(queue, body)
    await ch.waitForConfirms()
    check(body.equals((await ch.get(queue, { noAck: true })).content))
    await small.close()
    check(true, 'closed')
  },

  async 'refused logins and vhosts'() {
    const bad = new URL(url)
    bad.password = 'wrong'
    const login = await amqplib.connect(bad.href).catch((error) => error)
    check(/ACCESS[_-]REFUSED|403/.test(String(login)), String(login))
    const nowhere = await amqplib.connect(`${url}nowhere`).catch((error) => error)
    check(/ConnectionClose/.test(String(nowhere)), String(nowhere))
  },

  async close() {
    await channel.close()
    const closed = once(connection, 'close')
    await connection.close()
    await within(closed, 'close-ok')
    check(true)
  },
})
