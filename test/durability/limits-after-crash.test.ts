import test from 'ava'
import {
  BASIC_CONSUME_OK,
  BASIC_QOS_OK,
  EXCHANGE_DECLARE_OK,
  encodeBasicConsume,
  encodeBasicQos,
  encodeExchangeDeclare,
  encodeQueueBind,
  encodeQueueDeclare,
  fromObject,
  QUEUE_BIND_OK,
  QUEUE_DECLARE_OK,
} from '../../src/codec/index.ts'
import { until } from '../helpers/until.ts'
import { Disk } from '../store/disk.ts'
import { Random } from '../store/random.ts'
import { makeBody, readBody } from './body.ts'
import type { Channel } from './client.ts'
import { readQueue } from './drain.ts'
import { NodeHost } from './node-host.ts'

async function declare(channel: Channel, queue: string, args: Record<string, unknown> = {}): Promise<void> {
  const fields = { queue, durable: true, arguments: fromObject(args) }
  await channel.call(encodeQueueDeclare(channel.id, fields), QUEUE_DECLARE_OK)
}

test('what a crash gives back to a queue counts for its limit, and the excess is dead-lettered', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), { journalBytes: 1e6, messageMemory: 1e6, sync: 'always' })
  await host.start()
  const client = await host.connect()
  const channel = await client.openChannel(true)
  let held = 0
  channel.onMessage = () => held++
  await declare(channel, 'dead')
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }
  await declare(channel, 'q', { 'x-max-length': 2, ...dead })
  const publish = (id: number) => channel.publish('', 'q', { deliveryMode: 2 }, makeBody(id, 20))
  await channel.call(encodeBasicQos(channel.id, { prefetchCount: 3 }), BASIC_QOS_OK)
  await channel.call(encodeBasicConsume(channel.id, { queue: 'q' }), BASIC_CONSUME_OK)
  for (const id of [1, 2, 3, 4, 5]) publish(id)
  await until('three held, and all confirmed', () => held === 3 && channel.confirmed === 5)
  host.end()

  await host.start()
  const after = await host.connect()
  const idOf = (body: Buffer) => String(readBody(body))
  const ids = async (queue: string) => (await readQueue(after, queue, idOf)).map(({ id }) => id)
  t.deepEqual(await ids('q'), ['4', '5'])
  t.deepEqual(await ids('dead'), ['1', '2', '3'])
  await after.close()
  await host.stop()
})

test('the excess that a crash gives back may have to wait in an exchange that holds messages back itself', async (t) => {
  const host = new NodeHost(new Disk(), new Random(1), { journalBytes: 1e6, messageMemory: 1e6, sync: 'always' })
  await host.start()
  const client = await host.connect()
  const channel = await client.openChannel(true)
  let held = 0
  channel.onMessage = () => held++
  const later = { exchange: 'later', type: 'x-delayed-message', durable: true }
  const direct = fromObject({ 'x-delayed-type': 'direct' })
  await channel.call(encodeExchangeDeclare(channel.id, { ...later, arguments: direct }), EXCHANGE_DECLARE_OK)
  await declare(channel, 'end')
  await channel.call(encodeQueueBind(channel.id, { queue: 'end', exchange: 'later', routingKey: 'end' }), QUEUE_BIND_OK)
  const dead = { 'x-dead-letter-exchange': 'later', 'x-dead-letter-routing-key': 'end' }
  await declare(channel, 'q', { 'x-max-length': 2, ...dead })
  const headers = fromObject({ 'x-delay': 50 })
  const publish = (id: number, exchange: string, key: string) =>
    channel.publish(exchange, key, { deliveryMode: 2, headers }, makeBody(id, 20))
  await channel.call(encodeBasicQos(channel.id, { prefetchCount: 3 }), BASIC_QOS_OK)
  await channel.call(encodeBasicConsume(channel.id, { queue: 'q' }), BASIC_CONSUME_OK)
  for (const id of [1, 2, 3, 4, 5]) publish(id, '', 'q')
  publish(6, 'later', 'end')
  await until('three held, and all confirmed', () => held === 3 && channel.confirmed === 6)
  host.end()

  await host.start()
  const after = await host.connect()
  const ending = await after.openChannel()
  const arrived: string[] = []
  ending.onMessage = ({ body }) => arrived.push(String(readBody(body)))
  await ending.call(encodeBasicConsume(ending.id, { queue: 'end' }), BASIC_CONSUME_OK)
  await until('all have arrived', () => arrived.length === 4)
  t.deepEqual(arrived, ['6', '1', '2', '3'])
  await after.close()
  await host.stop()
})
