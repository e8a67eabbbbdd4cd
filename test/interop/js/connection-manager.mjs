import { once } from 'node:events'
import amqp from 'amqp-connection-manager'
import { check, dropConnections, droppableUrl, program, same, unique, until, within } from './check.mjs'

const connection = amqp.connect([droppableUrl], { heartbeatIntervalInSeconds: 5, reconnectTimeInSeconds: 0.1 })
const queue = unique('managed')
const seen = []

const consuming = connection.createChannel({
  setup: async (channel) => {
    await channel.assertQueue(queue, { durable: true })
    await channel.prefetch(5)
    await channel.consume(queue, (message) => {
      // null: the queue was deleted
      if (message === null) return
      seen.push(JSON.parse(message.content.toString()).n)
      channel.ack(message)
    })
  },
})
const publishing = connection.createChannel({ json: true })

async function publish(from, to) {
  const numbers = Array.from({ length: to - from }, (_, n) => from + n)
  const sent = await Promise.all(numbers.map((n) => publishing.sendToQueue(queue, { n }, { persistent: true })))
  check(sent.every(Boolean), 'every publish was confirmed')
}

await program('amqp-connection-manager', {
  async 'setup, publish with confirms, consume'() {
    await within(consuming.waitForConnect(), 'the channel')
    await publish(0, 50)
    await until('50 messages', () => seen.length === 50)
    same(
      seen,
      Array.from({ length: 50 }, (_, n) => n),
    )
  },

  async 'three cuts: messages sent meanwhile arrive, topology is set up again'() {
    for (let cut = 1; cut <= 3; cut += 1) {
      const connected = once(connection, 'connect')
      await dropConnections()
      const sending = publish(cut * 50, cut * 50 + 50)
      await within(connected, 'the reconnection')
      await within(sending, 'confirms after the cut')
      await until('all numbers', () => new Set(seen).size === (cut + 1) * 50)
      check(connection.isConnected())
    }
  },

  async 'the queue is empty in the end'() {
    const left = await until('the last acks', async () => {
      const state = await consuming.checkQueue(queue)
      return state.messageCount === 0 ? state : undefined
    })
    same([left.messageCount, left.consumerCount], [0, 1])
    await consuming.deleteQueue(queue)
  },

  async close() {
    await publishing.close()
    await consuming.close()
    await connection.close()
    check(!connection.isConnected())
  },
})
