import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import amqplib from 'amqplib'
import test, { type ExecutionContext } from 'ava'
import { AmopClient } from '../../src/amop-client.ts'
import { Broker, type BrokerOptions } from '../../src/index.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'

const AMOP = { plain: true }

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'leveret-bridge-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function start(t: ExecutionContext, options: BrokerOptions): Promise<Broker> {
  const broker = await Broker.start(options)
  t.teardown(() => broker.stop())
  return broker
}

async function connect(t: ExecutionContext, broker: Broker): Promise<AmopClient> {
  const client = await AmopClient.connect({ nodes: [`127.0.0.1:${broker.amopPorts[0]}`], plain: true })
  t.teardown(() => client.close())
  return client
}

/** Exchanges, queues and bindings of the bridge, all durable. */
function declare(broker: Broker): void {
  broker.declareExchange('orders', 'x-amop', { arguments: { 'x-amop-prefix': 'eu.' } })
  broker.declareExchange('later', 'x-delayed-message', { arguments: { 'x-delayed-type': 'x-amop' } })
  for (const name of ['q', 'r', 'd', 'acked']) broker.declareQueue(name)
  broker.bind({ source: 'amq.amop', destination: 'q', routingKey: 'news' })
  broker.bind({ source: 'orders', destination: 'r', routingKey: 'new' })
  broker.bind({ source: 'later', destination: 'd', routingKey: 'late' })
  broker.bind({
    source: 'amq.amop',
    destination: 'acked',
    routingKey: 'jobs',
    arguments: { 'x-amop-role': 'subscriber', 'x-amop-reply': 'ack' },
  })
}

/** What is bound listens, each binding with its arguments. */
async function listens(t: ExecutionContext, broker: Broker): Promise<void> {
  const client = await connect(t, broker)
  const counts = (): number[] => ['q', 'r', 'd', 'acked'].map((name) => broker.queue(name).messageCount)
  const before = counts()
  for (const topic of ['news', 'eu.new', 'late']) await client.unicast(topic, 'x')
  await t.throwsAsync(client.unicast('jobs', 'x', { timeoutMs: 200 }), { message: /102/ })
  t.deepEqual(
    counts(),
    before.map((count) => count + 1),
  )
  await client.close()
}

test('a durable exchange, its bindings with their arguments and its queues come back and listen again', async (t) => {
  const dataDir = directory(t)
  const first = await start(t, { dataDir, amop: AMOP })
  declare(first)
  await listens(t, first)
  await first.stop()
  const second = await start(t, { dataDir, amop: AMOP })
  // What waited for its ack has expired by its time limit, or is there for who starts within it.
  for (const name of ['q', 'r', 'd']) t.is(second.queue(name).messageCount, 1)
  await listens(t, second)
})

test('after a crash they come back from the journal', async (t) => {
  const dataDir = directory(t)
  const first = await start(t, { dataDir, amop: AMOP })
  declare(first)
  await listens(t, first)
  const copy = join(directory(t), 'copy')
  cpSync(dataDir, copy, { recursive: true })
  const second = await start(t, { dataDir: copy, amop: AMOP })
  for (const name of ['q', 'r', 'd']) t.is(second.queue(name).messageCount, 1)
  await listens(t, second)
})

test('what an SDK was told is received has survived a crash', async (t) => {
  const dataDir = directory(t)
  const broker = await start(t, { dataDir, amop: AMOP })
  broker.declareQueue('q')
  broker.bind({ source: 'amq.amop', destination: 'q', routingKey: 'news' })
  const client = await connect(t, broker)
  await Promise.all(Array.from({ length: 500 }, (_, i) => client.unicast('news', `${i}`)))
  const copy = join(directory(t), 'copy')
  cpSync(dataDir, copy, { recursive: true })
  const second = await start(t, { dataDir: copy, amop: AMOP })
  t.is(second.queue('q').messageCount, 500)
})

test('without the option amop a data directory that has them starts, keeps them, and routes among queues', async (t) => {
  const dataDir = directory(t)
  const first = await start(t, { dataDir, amop: AMOP })
  declare(first)
  await first.stop()
  const log = new RecordingLogger()
  const second = await start(t, { dataDir, log })
  t.deepEqual(second.amopPorts, [])
  await second.publish({ exchange: 'amq.amop', routingKey: 'news', body: 'x', mandatory: true })
  t.is(second.queue('q').messageCount, 1)
  t.falsy(log.find('is left out'))
  await second.stop()
  const third = await start(t, { dataDir, amop: AMOP })
  await listens(t, third)
})

test('bindings of amq.amop alone are enough to be kept, whatever the virtual host', async (t) => {
  const dataDir = directory(t)
  const options = { dataDir, vhost: 'tenant' }
  const first = await start(t, { ...options, amop: AMOP })
  first.declareQueue('q')
  first.bind({ source: 'amq.amop', destination: 'q', routingKey: 'news' })
  await first.stop()
  const log = new RecordingLogger()
  const second = await start(t, { ...options, amop: { ...AMOP, vhost: 'other' }, log })
  t.truthy(log.find("virtual host 'other' was made"))
  t.truthy(log.find("what is bound to 'amq.amop' in vhost 'tenant' does not listen"))
  const sdk = await connect(t, second)
  await t.throwsAsync(sdk.unicast('news', 'x'), { message: /100/ })
  second.declareQueue('q', { vhost: 'other' })
  second.bind({ vhost: 'other', source: 'amq.amop', destination: 'q', routingKey: 'news' })
  await sdk.unicast('news', 'x')
  await sdk.close()
  await second.stop()
  const third = await start(t, { ...options, amop: AMOP })
  const again = await connect(t, third)
  await again.unicast('news', 'y')
  t.is(third.queue('q').messageCount, 1)
  t.is(third.queue('other', 'q').messageCount, 1)
})

test('the virtual host that AMOP belongs to is made when it is missing, for the default user, and after a reset', async (t) => {
  const broker = await start(t, { amop: { ...AMOP, vhost: 'fisco' } })
  t.deepEqual(broker.vhosts.toSorted(), ['/', 'fisco'])
  const bindAndSend = async (): Promise<void> => {
    const connection = await amqplib.connect(`${broker.url}/fisco`)
    const channel = await connection.createChannel()
    await channel.assertQueue('q')
    await channel.bindQueue('q', 'amq.amop', 'news')
    const client = await connect(t, broker)
    await client.unicast('news', 'x')
    t.is(broker.queue('fisco', 'q').messageCount, 1)
    await connection.close()
  }
  await bindAndSend()
  await broker.reset()
  await bindAndSend()
})

test('after a reset amq.amop is there again, with nothing bound', async (t) => {
  const broker = await start(t, { amop: AMOP })
  broker.declareQueue('q')
  broker.bind({ source: 'amq.amop', destination: 'q', routingKey: 'news' })
  await broker.reset()
  broker.declareQueue('q')
  broker.bind({ source: 'amq.amop', destination: 'q', routingKey: 'other' })
  const client = await connect(t, broker)
  await t.throwsAsync(client.unicast('news', 'x'), { message: /100/ })
  await client.unicast('other', 'x')
  t.is(broker.queue('q').messageCount, 1)
})

test('a broker without AMOP knows neither the exchange nor its type', async (t) => {
  const broker = await start(t, {})
  await t.throwsAsync(broker.publish({ exchange: 'amq.amop', body: 'x' }), { message: /no exchange 'amq.amop'/ })
  t.throws(() => broker.declareExchange('x', 'x-amop'), { message: /unknown exchange type 'x-amop'/ })
})

test('an embedded publish waits for the SDK’s answer', async (t) => {
  const broker = await start(t, { amop: AMOP })
  const client = await connect(t, broker)
  await client.subscribe('jobs', ({ data }) => {
    if (data.toString() === 'bad') throw new Error('no')
    return 'done'
  })
  await until('the topic is announced', () => broker.amopSessions.some(({ topics }) => topics.includes('jobs')))
  const publish = (body: string) =>
    broker.publish({ exchange: 'amq.amop', routingKey: 'jobs', body, headers: { 'x-amop-mode': 'unicast' } })
  t.deepEqual(await publish('good'), { routed: true, rejected: false })
  t.deepEqual(await publish('bad'), { routed: true, rejected: true })
})
