import { randomBytes } from 'node:crypto'
import { Amqp } from '../lib/amqp.mjs'
import { holds, same } from '../lib/checks.mjs'
import { until } from '../lib/lines.mjs'
import { replyOf, Sdk, sha256 } from '../lib/sdk.mjs'

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
const ANY_SEQ = /^[\x21-\x7e]{32}$/

/** Every SDK against an AMQP consumer and publisher through `amq.amop`, with and without replies. */
export async function bridge(checks, { sdks, node }) {
  const amqp = await Amqp.connect(node)
  const programs = await Promise.all(Object.values(sdks).map((sdk) => Sdk.connect(sdk, sdk.kind, node)))
  try {
    await Promise.all(programs.map((program) => toAmqp(checks, program, amqp)))
    await Promise.all(programs.map((program) => toSdk(checks, program, amqp)))
    await toAll(checks, programs, amqp)
    await failures(checks, programs, amqp, node, sdks)
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
    await amqp.close()
  }
}

async function toAmqp(checks, program, amqp) {
  const { name } = program
  await checks.case(`unicast from ${name} to a durable queue`, async () => {
    const topic = `received ${name}`
    const queue = await amqp.bound(topic, { queue: topic, durable: true })
    const before = Date.now()
    const answer = await program.unicast(topic, everyByte)
    same([answer.code, answer.data?.length ?? 0], [0, 0], 'code and length of the answer')
    // Nobody consumes yet: it was answered because the queue has it.
    const { messages } = await amqp.consume(queue)
    const [{ content, fields, properties }] = await amqp.count(messages, 1)
    same(content, everyByte, 'body')
    same([fields.exchange, fields.routingKey, fields.redelivered], ['amq.amop', topic, false], 'fields')
    const { headers, timestamp, messageId, deliveryMode, contentType, replyTo } = properties
    same(
      [headers['x-amop-mode'], deliveryMode, contentType, replyTo],
      ['unicast', 2, undefined, undefined],
      'properties',
    )
    holds(ANY_SEQ.test(headers['x-amop-seq']), `seq ${headers['x-amop-seq']}`)
    holds(messageId?.includes(headers['x-amop-seq']), `message id ${messageId}`)
    holds(headers['x-amop-node'] && headers['x-amop-session'], `node and session ${JSON.stringify(headers)}`)
    holds(Math.abs(timestamp * 1000 - before) < 60_000, `timestamp ${timestamp}`)
  })
  await checks.case(`multicast from ${name} to two queues`, async () => {
    const topic = `news ${name}`
    const queues = [await amqp.bound(topic), await amqp.bound(topic)]
    const consumers = await Promise.all(queues.map((queue) => amqp.consume(queue)))
    await program.multicast(topic, everyByte)
    for (const { messages } of consumers) {
      const [message] = await amqp.count(messages, 1)
      same(message.content, everyByte, 'body')
      same(message.properties.headers['x-amop-mode'], 'multicast', 'mode')
    }
    for (const { messages } of consumers) same(messages.length, 1, 'messages')
  })
  await checks.case(`unicast from ${name} answered by an AMQP consumer`, async () => {
    const topic = `asked ${name}`
    const queue = await amqp.bound(topic, { args: { 'x-amop-reply': 'consumer' } })
    await amqp.consume(queue, ({ content, properties }) => {
      const { replyTo, correlationId, headers } = properties
      same(correlationId, headers['x-amop-seq'], 'correlation id')
      const refuse = content.toString() === 'refuse' ? { 'x-amop-error': 77 } : {}
      const answer = Buffer.concat([Buffer.from('re:'), content])
      amqp.channel.publish('', replyTo, answer, { correlationId, headers: refuse })
    })
    const large = randomBytes(1_048_576)
    for (const data of [Buffer.from('a question'), everyByte, Buffer.alloc(0), large]) {
      const answer = await program.unicast(topic, data)
      same(answer.code, 0, 'code')
      same(answer.data, Buffer.concat([Buffer.from('re:'), data]), 'answer')
    }
    same((await program.unicast(topic, 'refuse')).code, 77, 'code by x-amop-error')
  })
  await checks.case(`unicast from ${name} answered by an ack`, async () => {
    const topic = `acked ${name}`
    const queue = await amqp.bound(topic, { args: { 'x-amop-reply': 'ack' } })
    const taken = []
    const { consumerTag } = await amqp.channel.consume(queue, (message) => taken.push(message), { noAck: false })
    const asked = program.unicast(topic, 'work')
    await until(() => taken.length === 1, 'the work')
    const early = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 300, 'nothing yet'))])
    same(early, 'nothing yet', 'answer before the ack')
    amqp.channel.ack(taken[0])
    same((await asked).code, 0, 'code')
    await amqp.channel.cancel(consumerTag)
  })
  await checks.case(
    `a queue without consumers gets what ${name} sends only while no SDK listens; a tap gets all`,
    async () => {
      const topic = `fallback ${name}`
      const queue = await amqp.bound(topic)
      const tap = await amqp.consume(await amqp.bound(topic, { args: { 'x-amop-role': 'tap' } }))
      same((await program.unicast(topic, 'first')).data?.length ?? 0, 0, 'answer of the queue')
      await program.subscribe(topic)
      same((await program.unicast(topic, 'second')).data, replyOf(name, 'second'), 'answer of the SDK')
      same((await amqp.channel.checkQueue(queue)).messageCount, 1, 'messages in the queue')
      await amqp.count(tap.messages, 2)
      same(
        tap.messages.map(({ content }) => content.toString()),
        ['first', 'second'],
        'copies',
      )
    },
  )
}

async function toSdk(checks, program, amqp) {
  const { name } = program
  const topic = `to ${name}`
  await program.subscribe(topic)
  const replies = await amqp.replies()
  const unicast = { headers: { 'x-amop-mode': 'unicast' } }
  await checks.case(`AMQP to ${name} with an answer`, async () => {
    for (const data of [Buffer.from('a question'), everyByte, Buffer.alloc(0), randomBytes(1_048_576)]) {
      const correlationId = sha256(data)
      const before = replies.messages.length
      await amqp.publish('amq.amop', topic, data, { ...unicast, replyTo: replies.queue, correlationId })
      await amqp.count(replies.messages, before + 1)
      const { content, properties } = replies.messages[before]
      same(content, replyOf(name, data), 'answer')
      same(properties.correlationId, correlationId, 'correlation id')
      same(properties.headers['x-amop-error'], undefined, 'x-amop-error')
    }
    // A program may answer before it says what it got.
    await program.received(topic, replies.messages.length)
  })
  await checks.case(`AMQP to ${name} without an answer: the confirm waits for the SDK`, async () => {
    const before = (await program.received(topic, 0)).length
    same(await amqp.publish('amq.amop', topic, 'do it', unicast), 'ack', 'confirm')
    const came = (await program.received(topic, before + 1)).slice(before)
    same(
      came.map((message) => message.sha256),
      [sha256('do it')],
      'messages',
    )
  })
  await checks.case(`AMQP over a topic exchange to ${name}`, async () => {
    const exchange = `events ${name}`
    await amqp.channel.assertExchange(exchange, 'topic', { durable: false })
    await amqp.channel.bindExchange('amq.amop', exchange, 'to *')
    await amqp.channel.bindExchange('amq.amop', exchange, '#')
    const before = program.messages.length
    await amqp.publish(exchange, topic, 'by pattern')
    await until(() => program.messages.length > before, 'the message')
    same(
      program.messages.slice(before).map((message) => message.sha256),
      [sha256('by pattern')],
      'messages',
    )
  })
}

async function toAll(checks, programs, amqp) {
  await checks.case('a multicast from AMQP reaches every SDK and every queue once', async () => {
    for (const program of programs) await program.subscribe('all')
    const { messages } = await amqp.consume(await amqp.bound('all'))
    for (let i = 1; i <= 20; i++) same(await amqp.publish('amq.amop', 'all', `news ${i}`), 'ack', 'confirm')
    await amqp.count(messages, 20)
    const wanted = Array.from({ length: 20 }, (_, i) => sha256(`news ${i + 1}`)).sort()
    for (const program of programs) {
      const came = await program.received('all', 20)
      same(came.map((message) => message.sha256).sort(), wanted, `what ${program.name} got`)
    }
    same(messages.map(({ content }) => sha256(content)).sort(), wanted, 'what the queue got')
  })
}

async function failures(checks, [program], amqp, node, sdks) {
  const unicast = { 'x-amop-mode': 'unicast' }
  await checks.case('a topic that nobody has is unroutable for AMQP', async () => {
    const before = amqp.returned.length
    same(await amqp.publish('amq.amop', 'nobody', 'x', { mandatory: true, headers: unicast }), 'ack', 'confirm')
    same(amqp.returned.length, before + 1, 'returned')
    same(amqp.returned[before].fields.replyCode, 312, 'reply code')
  })
  await checks.case(
    'an SDK that goes with the message in hand is x-amop-error 104 at reply-to, else a nack',
    async () => {
      const replies = await amqp.replies()
      const victims = []
      for (const options of [{ replyTo: replies.queue, correlationId: 'gone' }, {}]) {
        const victim = await Sdk.connect(Object.values(sdks)[0], 'victim', node)
        victims.push(victim)
        victim.onMessage = () => victim.program.kill()
        await victim.subscribe('gone', { mode: 'silent' })
        const confirmed = await amqp.publish('amq.amop', 'gone', 'x', { ...options, headers: unicast })
        same(confirmed, options.replyTo ? 'ack' : 'nack', 'confirm')
      }
      const [{ properties }] = await amqp.count(replies.messages, 1)
      same(properties.correlationId, 'gone', 'correlation id')
      same(Number(properties.headers['x-amop-error']), 104, 'x-amop-error')
    },
  )
  await checks.case('topics that AMQP may not use, or that are too long, close the channel with a reason', async () => {
    const cases = [
      ['#!$TopicNeedVerify_x', 403],
      ['_block_notify_1', 403],
      ['x'.repeat(255), 406],
    ]
    for (const [topic, code] of cases) {
      const channel = await amqp.connection.createChannel()
      let error
      channel.on('error', (reason) => {
        error = reason
      })
      channel.publish('amq.amop', topic, Buffer.from('x'))
      await until(() => error, `the error for ${topic.slice(0, 30)}`)
      same(error.code, code, `code (${error.message})`)
    }
    same((await program.unicast('nobody', 'x')).code, 100, 'code')
  })
}
