import test from 'ava'
import { Message } from '../../../src/broker/message.ts'
import { fromObject, integerOf, PropertyView, type Table, toObject } from '../../../src/codec/index.ts'
import { bodies, FakeConsumer, FakeHost, get, inChunk } from './fakes.ts'

const QUORUM = { 'x-queue-type': 'quorum' }

test('with a delivery limit of 2 a message is delivered three times and then dead-lettered', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { ...QUORUM, 'x-delivery-limit': 2, 'x-dead-letter-exchange': 'dlx' })
  const consumer = new FakeConsumer()
  consumer.onDelivery = (_, place) => queue.requeue(place)
  queue.addConsumer(consumer)
  queue.publish(inChunk('a'))
  host.settle()
  t.is(consumer.deliveries.length, 3)
  t.like(host.deadLetters, { length: 1, 0: { reason: 'delivery_limit', body: 'a' } })
  t.like(queue, { messageCount: 0, unackedCount: 0, unackedBytes: 0 })
  t.is(queue.stats.deliveryLimited, 1)
})

test('the limit is 20 unless said otherwise, and a negative one is none', (t) => {
  const host = new FakeHost()
  for (const [args, expected] of [
    [{}, 21],
    [{ 'x-delivery-limit': 0 }, 1],
    [{ 'x-delivery-limit': -1 }, 100],
  ] as const) {
    const queue = host.queue('q', { ...QUORUM, ...args })
    queue.publish(inChunk('a'))
    let deliveries = 0
    for (let message = get(queue); message !== undefined && deliveries < 100; message = get(queue)) {
      deliveries++
      queue.requeue(message.place)
    }
    t.is(deliveries, expected)
  }
})

test('a requeue that does not count leaves the count alone', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', { ...QUORUM, 'x-delivery-limit': 0 })
  queue.publish(inChunk('a'))
  for (let i = 0; i < 5; i++) queue.requeue(get(queue)?.place as number, false)
  t.like(get(queue), { body: 'a', redelivered: true })
})

test('x-delivery-count is absent on the first delivery and counts returns from then on', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', QUORUM)
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.publish(inChunk('a', { contentType: 'text/plain', expiration: '9000' }, 'orders', 'new'))
  for (let i = 0; i < 2; i++) {
    queue.requeue(consumer.places[i] as number)
    host.settle()
  }
  t.deepEqual(
    consumer.deliveries.map((delivery) => integerOf(delivery.properties.headers?.get('x-delivery-count'))),
    [undefined, 1, 2],
  )
  t.is(consumer.deliveries[2]?.properties.headers?.get('x-delivery-count')?.type, 'l')
  t.like(consumer.deliveries[2], {
    body: 'a',
    exchange: 'orders',
    routingKey: 'new',
    redelivered: true,
    properties: { contentType: 'text/plain', expiration: '9000' },
  })
  t.is(bodies(queue).length, 0)
})

test('other headers stay, and basic.get sees the count too', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', QUORUM)
  queue.publish(inChunk('a', { headers: fromObject({ tenant: 'blue' }) }))
  queue.requeue(get(queue)?.place as number)
  const view = new Message()
  queue.get(view, false)
  t.is(view.body.toString(), 'a')
  t.deepEqual(toObject(view.properties(new PropertyView()).headers as Table), { tenant: 'blue', 'x-delivery-count': 1 })
})

test('headers that are no table are delivered as they came', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q', QUORUM)
  const message = inChunk('a', { headers: fromObject({ tenant: 'blue' }) })
  // The type of the header's value.
  message.buffer[message.propertiesAt + 2 + 4 + 7] = 0
  queue.publish(message)
  queue.requeue(get(queue)?.place as number)
  const view = new Message()
  queue.get(view, true)
  t.is(view.body.toString(), 'a')
  t.deepEqual(propertyBytes(view), propertyBytes(message))
})

test('a classic queue counts nothing', (t) => {
  const host = new FakeHost()
  const queue = host.queue('q')
  const consumer = new FakeConsumer()
  queue.addConsumer(consumer)
  queue.publish(inChunk('a'))
  for (let i = 0; i < 50; i++) {
    queue.requeue(consumer.places.at(-1) as number)
    host.settle()
  }
  t.is(consumer.deliveries.length, 51)
  t.is(consumer.deliveries[50]?.properties.headers, undefined)
})

function propertyBytes(message: Message): Buffer {
  return Buffer.from(message.buffer.subarray(message.propertiesAt, message.propertiesAt + message.propertiesLength))
}
