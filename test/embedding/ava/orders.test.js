import amqplib from 'amqplib'
import test from 'ava'
import { Broker } from 'leveret'

// ava runs the tests of a file side by side: each takes a broker of its own, which costs a few milliseconds.
async function connect(t) {
  const broker = await Broker.start()
  const connection = await amqplib.connect(broker.url)
  t.teardown(async () => {
    await connection.close()
    await broker.stop()
  })
  return { broker, channel: await connection.createChannel() }
}

test('an order lands in the queue of the warehouse', async (t) => {
  const { broker, channel } = await connect(t)
  await channel.assertExchange('orders', 'topic')
  await channel.assertQueue('warehouse')
  await channel.bindQueue('warehouse', 'orders', 'order.paid')
  channel.publish('orders', 'order.paid', Buffer.from('{"id":7}'), { headers: { attempt: 1 } })
  channel.publish('orders', 'order.cancelled', Buffer.from('{"id":8}'))

  await broker.queue('warehouse').waitForCount(1)
  const [message] = broker.queue('warehouse').messages()
  t.deepEqual(message.json(), { id: 7 })
  t.is(message.routingKey, 'order.paid')
  t.deepEqual(message.headers, { attempt: 1 })
})

test('a worker takes everything that waits', async (t) => {
  const { broker, channel } = await connect(t)
  const queue = broker.declareQueue('warehouse')
  for (let id = 1; id <= 3; id++) await broker.publish({ routingKey: 'warehouse', body: { id } })
  const seen = []
  await channel.consume('warehouse', (message) => {
    seen.push(JSON.parse(message.content.toString()).id)
    channel.ack(message)
  })

  await queue.waitForEmpty()
  t.deepEqual(seen, [1, 2, 3])
})

test('nothing of the other tests is there', async (t) => {
  const { broker } = await connect(t)
  t.false(broker.queue('warehouse').exists)
})
