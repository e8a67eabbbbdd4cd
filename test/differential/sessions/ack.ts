import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** A channel that has been delivered messages 1 to `count` by a consumer `t`, all unacknowledged. */
async function delivered(s: Script, count: number): Promise<Channel> {
  const c = await s.open()
  await c.declare(s.q())
  for (let i = 1; i <= count; i++) c.publish('', s.q(), `${i}`)
  await c.consume(s.q(), 't')
  await c.wait({ deliver: count })
  await c.cancel('t')
  return c
}

/** What is left in the queue once the channel's unacknowledged are back. */
async function left(c: Channel): Promise<void> {
  const script = c.connection.script
  if (!c.isClosing()) await c.close()
  await c.reopen()
  await c.declare(script.q(), { passive: true })
  await c.consume(script.q(), 'left', { noAck: true })
  await script.quiet()
}

export const ack = group('ack', (session) => {
  session('one by one', async (s) => {
    const c = await delivered(s, 3)
    c.ack(2)
    c.ack(1)
    await left(c)
  })

  session('multiple takes the smaller ones too', async (s) => {
    const c = await delivered(s, 4)
    c.ack(3, true)
    await left(c)
  })

  session('multiple with gaps below', async (s) => {
    const c = await delivered(s, 4)
    c.ack(1)
    c.ack(3, true)
    await left(c)
  })

  session('tag 0 with multiple takes all', async (s) => {
    const c = await delivered(s, 3)
    c.ack(0, true)
    await left(c)
  })

  session('tag 0 with multiple when nothing is outstanding', async (s) => {
    const c = await s.open()
    c.ack(0, true)
    c.nack(0, { multiple: true })
    await s.quiet()
    await c.declare(s.q())
  })

  for (const method of ['ack', 'nack', 'reject'] as const) {
    const settle = (c: Channel, tag: number, multiple = false) => {
      if (method === 'ack') c.ack(tag, multiple)
      else if (method === 'nack') c.nack(tag, { multiple, requeue: true })
      else c.reject(tag, true)
    }
    session(`${method} of tag 0 alone`, async (s) => {
      const c = await delivered(s, 2)
      settle(c, 0)
      await c.closed()
      await left(c)
    })
    session(`${method} of a tag that never was`, async (s) => {
      const c = await delivered(s, 2)
      settle(c, 5)
      await c.closed()
      await left(c)
    })
    session(`${method} twice`, async (s) => {
      const c = await delivered(s, 2)
      settle(c, 1)
      settle(c, 1)
      await c.closed()
    })
    session(`${method} on another channel`, async (s) => {
      const c = await delivered(s, 2)
      const d = await c.connection.openChannel(2)
      settle(d, 1)
      await d.closed()
    })
    session(`${method} of a delivery without acks`, async (s) => {
      const c = await s.open()
      await c.declare(s.q())
      c.publish('', s.q(), '1')
      await c.get(s.q(), true)
      settle(c, 1)
      await c.closed()
    })
    if (method === 'reject') continue
    session(`${method} multiple of a tag beyond the last`, async (s) => {
      const c = await delivered(s, 2)
      settle(c, 9, true)
      await c.closed()
      await left(c)
    })
    session(`${method} multiple of a tag that was settled`, async (s) => {
      const c = await delivered(s, 4)
      settle(c, 3)
      settle(c, 3, true)
      await c.closed()
    })
  }

  session('the largest tag', async (s) => {
    const c = await s.open()
    c.ack(2 ** 53)
    await c.closed()
  })

  session('reject drops', async (s) => {
    const c = await delivered(s, 3)
    c.reject(2, false)
    await left(c)
  })

  session('reject with requeue puts it back in its place', async (s) => {
    const c = await delivered(s, 3)
    for (const tag of [2, 3, 1]) c.reject(tag, true)
    await left(c)
  })

  session('nack drops several', async (s) => {
    const c = await delivered(s, 4)
    c.nack(3, { multiple: true })
    await left(c)
  })

  session('nack with requeue puts several back in place', async (s) => {
    const c = await delivered(s, 4)
    c.nack(3, { multiple: true, requeue: true })
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    c.nack(4, { requeue: true })
    await left(c)
  })

  session('nack of tag 0 with multiple and requeue', async (s) => {
    const c = await delivered(s, 3)
    c.nack(0, { multiple: true, requeue: true })
    await left(c)
  })

  session('requeued messages come before later ones', async (s) => {
    const c = await delivered(s, 2)
    c.publish('', s.q(), '3')
    c.reject(2, true)
    await c.get(s.q())
    await c.get(s.q())
    c.reject(1, true)
    await c.get(s.q())
  })

  session('requeued messages go to their places among the rest', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    for (const body of ['1', '2', '3', '4', '5', '6']) c.publish('', s.q(), body)
    for (let i = 0; i < 4; i++) await c.get(s.q())
    c.reject(4, true)
    c.reject(2, true)
    await c.consume(s.q(), 't', { noAck: true })
    await c.wait({ deliver: 4 })
  })

  session('a requeued message goes to the consumer again', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
    c.reject(1, true)
    await c.wait({ deliver: 1 })
    c.nack(2, { requeue: true })
    await c.wait({ deliver: 1 })
    c.ack(3)
    await s.quiet()
  })

  session('tags count every delivery of the channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    for (const body of ['1', '2', '3', '4']) c.publish('', s.q(), body)
    await c.get(s.q(), true)
    await c.get(s.q())
    await c.get(s.q(), true)
    await c.get(s.q())
    await c.get(s.q())
    c.ack(4, true)
    await left(c)
  })

  session('recover gives everything back in order', async (s) => {
    const c = await delivered(s, 3)
    c.ack(2)
    await c.recover(true)
    await c.get(s.q())
    await c.get(s.q())
    await c.get(s.q())
  })

  session('recover with a consumer redelivers', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await c.wait({ deliver: 3 })
    await c.recover(true)
    await c.wait({ deliver: 3 })
  })

  session('recover with nothing outstanding', async (s) => {
    const c = await s.open()
    await c.recover(true)
  })

  session('recover without requeue is not implemented', async (s) => {
    const c = await s.open()
    await c.recover(false)
  })

  session('recover-async redelivers without an answer', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
    c.recoverAsync(true)
    await c.wait({ deliver: 1 })
  })

  session('recover-async without requeue is not implemented', async (s) => {
    const c = await s.open()
    c.recoverAsync(false)
    await c.connection.closed()
  })

  session('tags of recovered messages are unknown', async (s) => {
    const c = await delivered(s, 1)
    await c.recover(true)
    c.ack(1)
    await c.closed()
  })

  session('get counts what is left', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.get(s.q())
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    for (let i = 0; i < 4; i++) await c.get(s.q())
  })

  session('get shows the exchange and key of the publish', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), '#')
    c.publish(s.x(), 'some.key', 'x', { properties: { contentType: 'a/b' } })
    await c.get(s.q())
  })
})
