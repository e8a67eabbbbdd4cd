import amqplib from 'amqplib'
import { until } from './lines.mjs'

/** An AMQP program over amqplib, with what the suites do all the time. */
export class Amqp {
  static async connect(node) {
    const connection = await amqplib.connect(node.url)
    const one = new Amqp()
    one.connection = connection
    // Ends with the broker that a suite kills.
    connection.on('error', () => {})
    one.channel = await connection.createConfirmChannel()
    one.channel.on('error', (error) => {
      one.fault = error
    })
    one.returned = []
    one.channel.on('return', (message) => one.returned.push(message))
    return one
  }

  /** A queue bound to `amq.amop` with a topic. */
  async bound(topic, { queue = '', durable = false, queueArgs = {}, args = {}, exchange = 'amq.amop' } = {}) {
    const declared = await this.channel.assertQueue(queue, { durable, exclusive: !durable, arguments: queueArgs })
    await this.channel.bindQueue(declared.queue, exchange, topic, args)
    return declared.queue
  }

  /** Consumes into an array; `act` may answer. */
  async consume(queue, act = () => {}) {
    const messages = []
    const { consumerTag } = await this.channel.consume(
      queue,
      (message) => {
        if (message === null) return
        messages.push(message)
        act(message)
      },
      { noAck: true },
    )
    return { messages, consumerTag }
  }

  /** A queue for answers, consumed. */
  async replies() {
    const { queue } = await this.channel.assertQueue('', { exclusive: true })
    return { queue, ...(await this.consume(queue)) }
  }

  async count(messages, count, what = 'messages') {
    await until(
      () => messages.length >= count,
      () => `${count} ${what}, there are ${messages.length}`,
    )
    return messages
  }

  /**
   * Publishes and waits for the confirm.
   * @returns 'ack' or 'nack'.
   */
  publish(exchange, routingKey, body, options = {}) {
    return new Promise((resolve) => {
      this.channel.publish(exchange, routingKey, Buffer.from(body), options, (error) => resolve(error ? 'nack' : 'ack'))
    })
  }

  async close() {
    await this.connection.close().catch(() => {})
  }
}
