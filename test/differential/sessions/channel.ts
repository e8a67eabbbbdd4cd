import {
  encodeAccessRequest,
  encodeBasicCancelOk,
  encodeBasicPublish,
  encodeChannelClose,
  encodeChannelCloseOk,
  encodeChannelFlowOk,
  encodeChannelOpen,
  encodeQueueDeclare,
} from '../../../src/codec/index.ts'
import { group } from '../session.ts'

export const channel = group('channel', (session) => {
  session('opens and closes', async (s) => {
    const a = await s.connect()
    const c = await a.openChannel(1)
    await c.close()
    await c.open()
  })

  session('the highest channel number', async (s) => {
    const a = await s.connect()
    await a.openChannel(65_535)
  })

  session('an open on an open channel', async (s) => {
    const c = await s.open()
    await c.open()
  })

  session('an out-of-band text is ignored', async (s) => {
    const a = await s.connect()
    await a.call(encodeChannelOpen(1, { outOfBand: 'anything' }))
  })

  session('a number above channel-max is fine while few channels are open', async (s) => {
    const a = await s.connect({ channelMax: 2 })
    await a.openChannel(7)
    await a.openChannel(9)
    await a.openChannel(8)
  })

  session('a closed channel makes room for another', async (s) => {
    const a = await s.connect({ channelMax: 1 })
    const c = await a.openChannel(1)
    await c.close()
    await a.openChannel(2)
    await a.openChannel(1)
  })

  session('a close with an odd code is answered', async (s) => {
    const c = await s.open()
    await c.close(599, 'something else')
  })

  session('an error of one channel leaves the others alone', async (s) => {
    const a = await s.connect()
    const c = await a.openChannel(1)
    const d = await a.openChannel(2)
    await c.declare(s.q('nosuch'), { passive: true })
    await d.declare(s.q(), { exclusive: true })
    await c.open()
    await c.declare(s.q(), { passive: true })
  })

  session('a connection error on one channel closes all', async (s) => {
    const a = await s.connect()
    const c = await a.openChannel(1)
    await a.openChannel(2)
    await c.open()
  })

  session('everything on a closed channel is ignored until close-ok', async (s) => {
    const c = await s.open()
    c.connection.leaveCloses()
    await c.declare(s.q('nosuch'), { passive: true })
    c.connection.send(encodeQueueDeclare(1, { queue: s.q() }))
    c.publish('', s.q(), 'lost', { mandatory: true })
    c.ack(7)
    await s.quiet()
    c.connection.send(encodeChannelCloseOk(1))
    await c.open()
    await c.declare(s.q(), { passive: true })
  })

  session('a close on a channel the server has closed is answered', async (s) => {
    const c = await s.open()
    c.connection.leaveCloses()
    await c.declare(s.q('nosuch'), { passive: true })
    c.connection.send(encodeChannelClose(1, { replyCode: 200, replyText: 'bye' }))
    await s.quiet()
    c.connection.send(encodeChannelCloseOk(1))
    await c.open()
  })

  session('a content cut short by the server’s close is skipped', async (s) => {
    const c = await s.open()
    c.connection.leaveCloses()
    c.connection.send(encodeBasicPublish(1, { exchange: s.x('nosuch'), routingKey: 'k' }))
    await s.quiet()
    c.publish(s.x('nosuch'), 'k', 'body')
    await s.quiet()
  })

  session('a stray close-ok on an open channel', async (s) => {
    const c = await s.open()
    c.connection.send(encodeChannelCloseOk(1))
    await s.quiet()
    await c.declare(s.q(), { exclusive: true })
  })

  session('flow that is active is answered', async (s) => {
    const c = await s.open()
    await c.flow(true)
  })

  session('flow that is not active is not implemented', async (s) => {
    const c = await s.open()
    await c.flow(false)
  })

  session('flow-ok out of nowhere', async (s) => {
    const c = await s.open()
    c.connection.send(encodeChannelFlowOk(1, { active: true }))
    await s.quiet()
    await c.declare(s.q(), { exclusive: true })
  })

  session('cancel-ok out of nowhere', async (s) => {
    const c = await s.open()
    c.connection.send(encodeBasicCancelOk(1, { consumerTag: 'x' }))
    await s.quiet()
    await c.declare(s.q(), { exclusive: true })
  })

  session('an access request gets ticket 1', async (s) => {
    const c = await s.open()
    await c.connection.call(encodeAccessRequest(1, { realm: '/data', active: true }))
  })

  session('many methods in one write are answered in order', async (s) => {
    const c = await s.open()
    const frames = ['one', 'two', 'three'].map((name) => encodeQueueDeclare(1, { queue: s.q(name), exclusive: true }))
    c.connection.raw(Buffer.concat(frames), 'three queue.declare')
    await s.quiet()
  })

  session('closing gives the unacknowledged back', async (s) => {
    const a = await s.connect()
    const c = await s.silently(() => a.openChannel(1))
    const d = await s.silently(() => a.openChannel(2))
    const q = s.q()
    await c.declare(q)
    c.publish('', q, '1')
    c.publish('', q, '2')
    await c.get(q)
    await c.close()
    await d.get(q)
    await d.get(q)
  })

  session('a channel may be used under the number of a failed one', async (s) => {
    const c = await s.open()
    await c.get(s.q('nosuch'))
    await c.open()
    await c.confirmSelect()
    c.publish('', s.q('nosuch'), 'x')
    await c.wait({ confirm: 1 })
    await c.get(s.q('nosuch'))
    await c.open()
    await c.txSelect()
  })
})
