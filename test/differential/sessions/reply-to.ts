import { BASIC_DELIVER } from '../../../src/codec/index.ts'
import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

const REPLY_TO = 'amq.rabbitmq.reply-to'

/** The full reply name that the last delivery on the channel carries. */
function replyName(c: Channel): string {
  const event = c.pending().findLast(({ kind }) => kind === BASIC_DELIVER)
  return /reply-to="([^"]+)"/.exec(event?.text ?? '')?.[1] ?? 'amq.rabbitmq.reply-to.zzz'
}

/** A requester with a reply consumer and a server that has its request; gives the reply name. */
async function requested(s: Script): Promise<{ requester: Channel; server: Channel; reply: string }> {
  const requester = await s.open()
  const server = await s.open()
  await server.declare(s.q())
  await server.consume(s.q(), 'server', { noAck: true })
  await requester.consume(REPLY_TO, 'replies', { noAck: true })
  requester.publish('', s.q(), 'request', { properties: { replyTo: REPLY_TO, correlationId: '7' } })
  await s.until(() => server.pending().length > 0)
  const reply = replyName(server)
  s.flush()
  return { requester, server, reply }
}

export const replyTo = group('reply-to', (session) => {
  session('a request and its reply', async (s) => {
    const { requester, server, reply } = await requested(s)
    server.publish('', reply, 'reply', { properties: { correlationId: '7' } })
    await requester.wait({ deliver: 1 })
    server.publish('', reply, 'second reply')
    await requester.wait({ deliver: 1 })
  })

  session('a confirmed reply', async (s) => {
    const { requester, server, reply } = await requested(s)
    await server.confirmSelect()
    server.publish('', reply, 'reply')
    await s.wait([server, { confirm: 1 }], [requester, { deliver: 1 }])
  })

  session('a mandatory reply', async (s) => {
    const { requester, server, reply } = await requested(s)
    server.publish('', reply, 'reply', { mandatory: true })
    await requester.wait({ deliver: 1 })
    await s.quiet()
  })

  session('a reply to a requester that has cancelled', async (s) => {
    const { requester, server, reply } = await requested(s)
    await requester.cancel('replies')
    server.publish('', reply, 'reply')
    await s.quiet()
    await server.declare(reply, { passive: true })
  })

  session('a mandatory reply to a requester that has gone', async (s) => {
    const { requester, server, reply } = await requested(s)
    await requester.connection.close()
    server.publish('', reply, 'reply', { mandatory: true })
    await s.quiet()
  })

  session('a confirmed reply to a requester that has gone', async (s) => {
    const { requester, server, reply } = await requested(s)
    await requester.close()
    await server.confirmSelect()
    server.publish('', reply, 'reply')
    await server.wait({ confirm: 1 })
  })

  session('a responder asks whether the requester lives', async (s) => {
    const { requester, server, reply } = await requested(s)
    await server.declare(reply, { passive: true })
    await server.declare(reply)
    await server.declare(reply, { durable: true }, { 'x-max-length': 1 })
    await requester.connection.close()
    await server.declare(reply, { passive: true })
  })

  session('a second request of the same channel has the same name', async (s) => {
    const { requester, server, reply } = await requested(s)
    requester.publish('', s.q(), 'again', { properties: { replyTo: REPLY_TO } })
    await s.until(() => server.pending().length > 0)
    s.note(replyName(server) === reply ? 'the same name' : 'another name')
  })

  session('consuming with acks is refused', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, 't')
  })

  session('a second reply consumer is refused', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, 'one', { noAck: true })
    await c.consume(REPLY_TO, 'two', { noAck: true })
  })

  session('a second reply consumer with the same tag', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, 'one', { noAck: true })
    await c.consume(REPLY_TO, 'one', { noAck: true })
  })

  session('another reply consumer after a cancel', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, 'one', { noAck: true })
    await c.cancel('one')
    await c.consume(REPLY_TO, 'two', { noAck: true })
  })

  session('a reply consumer without a tag', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, '', { noAck: true })
  })

  session('an exclusive reply consumer', async (s) => {
    const c = await s.open()
    await c.consume(REPLY_TO, 't', { noAck: true, exclusive: true })
  })

  session('a request without a reply consumer', async (s) => {
    const c = await s.open()
    c.publish('', s.own('k'), 'x', { properties: { replyTo: REPLY_TO } })
    await c.closed()
  })

  session('a request with the reply consumer on another channel', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.consume(REPLY_TO, 't', { noAck: true })
    d.publish('', s.own('k'), 'x', { properties: { replyTo: REPLY_TO } })
    await d.closed()
  })

  session('any other reply-to is left alone', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), 'x', { properties: { replyTo: 'amq.rabbitmq.reply-to.zzz' } })
    await c.get(s.q(), true)
  })

  session('the pseudo queue itself', async (s) => {
    const c = await s.open()
    await c.declare(REPLY_TO, { passive: true })
    await c.declare(REPLY_TO)
  })

  for (const method of ['get', 'purge', 'delete', 'bind', 'unbind', 'publish'] as const) {
    session(`${method} on the pseudo queue`, async (s) => {
      const c = await s.open()
      await c.confirmSelect()
      if (method === 'get') await c.get(REPLY_TO)
      else if (method === 'purge') await c.purge(REPLY_TO)
      else if (method === 'delete') await c.deleteQueue(REPLY_TO)
      else if (method === 'bind') await c.bind(REPLY_TO, 'amq.direct', s.own('k'))
      else if (method === 'unbind') await c.unbind(REPLY_TO, 'amq.direct', s.own('k'))
      else {
        c.publish('', REPLY_TO, 'x', { mandatory: true })
        await c.wait({ confirm: 1 })
      }
    })
  }

  session('a reply name that never was', async (s) => {
    const c = await s.open()
    await c.declare('amq.rabbitmq.reply-to.zzz', { passive: true })
    await c.reopen()
    await c.declare('amq.rabbitmq.reply-to.zzz')
    await c.reopen()
    await c.confirmSelect()
    c.publish('', 'amq.rabbitmq.reply-to.zzz', 'x', { mandatory: true })
    await c.wait({ confirm: 1 })
    await s.quiet()
  })

  session('a request inside a transaction', async (s) => {
    const requester = await s.open()
    const server = await s.open()
    await server.declare(s.q())
    await server.consume(s.q(), 'server', { noAck: true })
    await requester.consume(REPLY_TO, 'replies', { noAck: true })
    await requester.txSelect()
    requester.publish('', s.q(), 'request', { properties: { replyTo: REPLY_TO } })
    await requester.commit()
    await s.until(() => server.pending().length > 0)
    const reply = replyName(server)
    s.flush()
    server.publish('', reply, 'reply')
    await requester.wait({ deliver: 1 })
  })

  session('replies and other deliveries share the tags', async (s) => {
    const { requester, server, reply } = await requested(s)
    await requester.declare(s.q('own'))
    requester.publish('', s.q('own'), '1')
    await requester.get(s.q('own'))
    server.publish('', reply, 'reply')
    await requester.wait({ deliver: 1 })
    requester.publish('', s.q('own'), '2')
    await requester.get(s.q('own'))
  })
})
