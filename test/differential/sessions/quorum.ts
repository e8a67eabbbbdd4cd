import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** A channel in confirm mode with a quorum queue `q` that holds these messages. */
async function quorumQueue(s: Script, bodies: string[], args: Record<string, unknown> = {}): Promise<Channel> {
  const c = await s.open()
  await c.declare(s.q(), { durable: true }, { 'x-queue-type': 'quorum', ...args })
  await c.confirmSelect()
  for (const body of bodies) {
    c.publish('', s.q(), body)
    await c.wait({ confirm: 1 })
  }
  return c
}

export const quorum = group('quorum', (session) => {
  session('messages go through', async (s) => {
    const c = await quorumQueue(s, ['1', '2', '3'])
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 3 })
    c.ack(3, true)
    await s.quiet()
    await c.declare(s.q(), { passive: true })
  })

  session('get and its counts', async (s) => {
    const c = await quorumQueue(s, ['1', '2'])
    await c.get(s.q())
    await c.get(s.q())
    await c.get(s.q())
    c.ack(1)
    c.ack(2)
    await s.quiet()
  })

  session('no-ack', async (s) => {
    const c = await quorumQueue(s, ['1', '2'])
    await c.get(s.q(), true)
    await c.consume(s.q(), 't', { noAck: true })
    await c.wait({ deliver: 1 })
  })

  session('prefetch', async (s) => {
    const c = await quorumQueue(s, ['1', '2', '3', '4'])
    await c.qos(2)
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 2 })
    await s.quiet()
    c.ack(2, true)
    await c.wait({ deliver: 2 })
  })

  session('a global prefetch is not supported', async (s) => {
    const c = await quorumQueue(s, [])
    await c.qos(2, true)
    await c.consume(s.q(), 't')
  })

  session('redeliveries are counted in a header', async (s) => {
    const c = await quorumQueue(s, ['x'], { 'x-delivery-limit': 20 })
    await c.consume(s.q(), 't')
    for (let tag = 1; tag <= 3; tag++) {
      await c.wait({ deliver: 1 })
      c.reject(tag, true)
    }
    await c.wait({ deliver: 1 })
  })

  session('a delivery limit drops', async (s) => {
    const c = await quorumQueue(s, ['x'], { 'x-delivery-limit': 2 })
    await c.consume(s.q(), 't')
    for (let tag = 1; tag <= 3; tag++) {
      await c.wait({ deliver: 1 })
      c.nack(tag, { requeue: true })
    }
    await s.quiet()
    await c.declare(s.q(), { passive: true })
  })

  session('a delivery limit dead-letters', async (s) => {
    const dead = s.q('dead')
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(dead)
    await d.consume(dead, 'dead', { noAck: true })
    await c.declare(
      s.q(),
      { durable: true },
      {
        'x-queue-type': 'quorum',
        'x-delivery-limit': 1,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': dead,
      },
    )
    await c.confirmSelect()
    c.publish('', s.q(), 'x', { properties: { headers: { a: 1 } } })
    await c.wait({ confirm: 1 })
    await c.consume(s.q(), 't')
    for (let tag = 1; tag <= 2; tag++) {
      await c.wait({ deliver: 1 })
      c.reject(tag, true)
    }
    await d.wait({ deliver: 1 })
  })

  session('rejected messages are dead-lettered', async (s) => {
    const dead = s.q('dead')
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(dead)
    await d.consume(dead, 'dead', { noAck: true })
    const args = { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead }
    await c.declare(s.q(), { durable: true }, args)
    await c.confirmSelect()
    c.publish('', s.q(), 'x')
    await c.wait({ confirm: 1 })
    await c.get(s.q())
    c.reject(1, false)
    await d.wait({ deliver: 1 })
  })

  session('requeued messages come first again', async (s) => {
    const c = await quorumQueue(s, ['1', '2', '3'], { 'x-delivery-limit': 10 })
    await c.get(s.q())
    await c.get(s.q())
    c.reject(2, true)
    c.reject(1, true)
    await s.quiet()
    for (let i = 0; i < 3; i++) {
      await c.get(s.q(), true)
    }
  })

  session('the length limit drops the oldest', async (s) => {
    const c = await quorumQueue(s, ['1', '2', '3'], { 'x-max-length': 2 })
    await s.quiet()
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('messages expire', async (s) => {
    const c = await quorumQueue(s, ['1'], { 'x-message-ttl': 50 })
    await s.pause(400)
    await c.get(s.q())
  })

  session('purge and delete', async (s) => {
    const c = await quorumQueue(s, ['1', '2', '3'])
    await c.get(s.q())
    await c.purge(s.q())
    await c.deleteQueue(s.q())
    await c.declare(s.q(), { passive: true })
  })

  session('delete if empty', async (s) => {
    const c = await quorumQueue(s, ['1'])
    await c.deleteQueue(s.q(), { ifEmpty: true })
  })

  session('delete if unused', async (s) => {
    const c = await quorumQueue(s, [])
    await c.consume(s.q(), 't')
    await c.deleteQueue(s.q(), { ifUnused: true })
  })

  session('an exclusive consumer', async (s) => {
    const c = await quorumQueue(s, [])
    await c.consume(s.q(), 'one', { exclusive: true })
    await c.consume(s.q(), 'two')
  })

  session('single active: get is refused', async (s) => {
    const c = await quorumQueue(s, ['1'], { 'x-single-active-consumer': true })
    await c.get(s.q())
  })

  session('single active: one after the other', async (s) => {
    const c = await quorumQueue(s, [], { 'x-single-active-consumer': true })
    await c.consume(s.q(), 'one', { noAck: true })
    await c.consume(s.q(), 'two', { noAck: true })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1, confirm: 1 })
    await c.cancel('one')
    c.publish('', s.q(), '2')
    await c.wait({ deliver: 1, confirm: 1 })
  })

  session('closing the channel gives back', async (s) => {
    const c = await quorumQueue(s, ['1', '2'], { 'x-delivery-limit': 10 })
    const d = await c.connection.openChannel(2)
    await c.get(s.q())
    await c.close()
    await s.quiet()
    await d.get(s.q())
    await d.get(s.q())
  })

  session('a consumer is cancelled when the queue is deleted', async (s) => {
    const c = await quorumQueue(s, [])
    const d = await s.open()
    await d.consume(s.q(), 't')
    await c.deleteQueue(s.q())
    await d.wait({ cancel: 1 })
  })
})
