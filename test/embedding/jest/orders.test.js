import amqplib from 'amqplib'
import { Broker } from 'leveret'

let broker
let channel

beforeAll(async () => {
  broker = await Broker.start()
})

beforeEach(async () => {
  // Closes the connection of the test before, and drops all that it has left.
  await broker.reset()
  const connection = await amqplib.connect(broker.url)
  channel = await connection.createChannel()
})

afterAll(() => broker.stop())

test('an order lands in the queue of the warehouse', async () => {
  await channel.assertExchange('orders', 'topic')
  await channel.assertQueue('warehouse')
  await channel.bindQueue('warehouse', 'orders', 'order.paid')
  channel.publish('orders', 'order.paid', Buffer.from('{"id":7}'))
  channel.publish('orders', 'order.cancelled', Buffer.from('{"id":8}'))

  await broker.queue('warehouse').waitForCount(1)
  expect(broker.queue('warehouse').messages()[0].json()).toEqual({ id: 7 })
})

test('a worker takes everything that waits', async () => {
  const queue = broker.declareQueue('warehouse')
  for (let id = 1; id <= 3; id++) await broker.publish({ routingKey: 'warehouse', body: { id } })
  const seen = []
  await channel.consume('warehouse', (message) => {
    seen.push(JSON.parse(message.content.toString()).id)
    channel.ack(message)
  })

  await queue.waitForEmpty()
  expect(seen).toEqual([1, 2, 3])
})

test('nothing of the other tests is there', () => {
  expect(broker.queue('warehouse').exists).toBe(false)
})
