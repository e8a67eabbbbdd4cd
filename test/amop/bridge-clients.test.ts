import { randomBytes } from 'node:crypto'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { AmopClient } from '../../src/amop-client.ts'
import type { AmopCertificates, Broker } from '../../src/index.ts'
import { startBroker } from '../helpers/broker.ts'
import { until } from '../helpers/until.ts'

async function connect(t: ExecutionContext, broker: Broker): Promise<AmopClient> {
  const { ca, sdkCert, sdkKey } = broker.amopCertificates as AmopCertificates
  const nodes = [`127.0.0.1:${broker.amopPorts[0]}`]
  const client = await AmopClient.connect({ nodes, ca, cert: sdkCert, key: sdkKey })
  t.teardown(() => client.close())
  return client
}

async function openChannel(t: ExecutionContext, broker: Broker): Promise<amqplib.ConfirmChannel> {
  const connection = await amqplib.connect(broker.url)
  t.teardown(() => connection.close())
  return connection.createConfirmChannel()
}

test('an AMOP program and an AMQP program that have never heard of each other exchange messages', async (t) => {
  const broker = await startBroker(t, { amop: {} })
  const channel = await openChannel(t, broker)
  const amop = await connect(t, broker)
  const bodies = Array.from({ length: 20 }, (_, i) => randomBytes(i * i * 1000))

  // AMOP to AMQP, with the consumer's answer.
  await channel.assertQueue('echo', { durable: true })
  await channel.bindQueue('echo', 'amq.amop', 'to amqp', { 'x-amop-reply': 'consumer' })
  await channel.consume('echo', (message) => {
    if (message === null) return
    const { replyTo, correlationId } = message.properties
    channel.sendToQueue(replyTo, message.content, { correlationId })
    channel.ack(message)
  })
  const answers = await Promise.all(bodies.map((body) => amop.unicast('to amqp', body)))
  t.true(answers.every((answer, i) => answer.equals(bodies[i] as Buffer)))

  // AMQP to AMOP, with the SDK's answer.
  await amop.subscribe('to amop', ({ data }) => data)
  await until('the topic is there', () => broker.amopSessions.some(({ topics }) => topics.includes('to amop')))
  const { queue } = await channel.assertQueue('', { exclusive: true })
  const replies = new Map<string, Buffer>()
  await channel.consume(
    queue,
    (message) => void replies.set(message?.properties.correlationId, message?.content as Buffer),
    {
      noAck: true,
    },
  )
  const headers = { 'x-amop-mode': 'unicast' }
  for (const [i, body] of bodies.entries()) {
    channel.publish('amq.amop', 'to amop', body, { headers, replyTo: queue, correlationId: `${i}` })
  }
  await until('all answers have come', () => replies.size === bodies.length)
  t.true(bodies.every((body, i) => replies.get(`${i}`)?.equals(body)))

  // And confirms that wait for it.
  for (const body of bodies) channel.publish('amq.amop', 'to amop', body, { headers })
  await t.notThrowsAsync(channel.waitForConfirms())
  await amop.unsubscribe('to amop')
  await amop.subscribe('to amop', () => {
    throw new Error('no')
  })
  await t.throwsAsync(
    new Promise((resolve, reject) => {
      const done = (error: unknown) => (error ? reject(new Error('nacked')) : resolve(undefined))
      channel.publish('amq.amop', 'to amop', Buffer.from('x'), { headers }, done)
    }),
    { message: 'nacked' },
  )
})
