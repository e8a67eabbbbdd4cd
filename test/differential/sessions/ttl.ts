import { group } from '../session.ts'

const DEAD = 'dead'

export const ttl = group('ttl', (session) => {
  session('a queue’s messages expire', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-message-ttl': 50 })
    c.publish('', s.q(), 'x')
    await s.pause(300)
    await c.get(s.q())
    await c.declare(s.q(), {}, { 'x-message-ttl': 50 })
  })

  session('a message’s own expiration', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), 'short', { properties: { expiration: '50' } })
    c.publish('', s.q(), 'long', { properties: { expiration: '60000' } })
    await s.pause(300)
    await c.get(s.q())
    await c.get(s.q())
  })

  session('the shorter of both counts', async (s) => {
    const c = await s.open()
    await c.declare(s.q('short'), {}, { 'x-message-ttl': 50 })
    await c.declare(s.q('long'), {}, { 'x-message-ttl': 60_000 })
    c.publish('', s.q('short'), '1', { properties: { expiration: '60000' } })
    c.publish('', s.q('long'), '2', { properties: { expiration: '50' } })
    await s.pause(300)
    await c.get(s.q('short'))
    await c.get(s.q('long'))
  })

  session('a message behind a longer-lived one waits', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), 'long', { properties: { expiration: '60000' } })
    c.publish('', s.q(), 'short', { properties: { expiration: '50' } })
    await s.pause(300)
    await c.declare(s.q(), { passive: true })
    await c.get(s.q(), true)
    await c.get(s.q(), true)
  })

  session('a ttl of 0 needs a waiting consumer', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-message-ttl': 0 })
    c.publish('', s.q(), 'lost')
    await c.get(s.q())
    await c.consume(s.q(), 't', { noAck: true })
    c.publish('', s.q(), 'taken')
    await c.wait({ deliver: 1 })
  })

  session('an expiration of 0 needs a waiting consumer', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), 'lost', { properties: { expiration: '0' } })
    await c.get(s.q())
    await c.consume(s.q(), 't')
    c.publish('', s.q(), 'taken', { properties: { expiration: '0' } })
    await c.wait({ deliver: 1 })
    c.reject(1, true)
    await s.quiet()
    await c.declare(s.q(), { passive: true })
  })

  session('an unacknowledged message does not expire until it is back', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-message-ttl': 100 })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    await s.pause(300)
    c.reject(1, true)
    await s.quiet()
    await c.get(s.q())
  })

  session('expired messages are dead-lettered', async (s) => {
    const c = await s.open()
    await c.declare(s.q(DEAD))
    const args = { 'x-message-ttl': 50, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q(DEAD) }
    await c.declare(s.q(), {}, args)
    await c.consume(s.q(DEAD), 't', { noAck: true })
    c.publish('', s.q(), 'x', { properties: { contentType: 'text/plain', deliveryMode: 2 } })
    await c.wait({ deliver: 1 })
  })

  session('an expired message keeps its expiration in x-death', async (s) => {
    const c = await s.open()
    await c.declare(s.q(DEAD))
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q(DEAD) })
    await c.consume(s.q(DEAD), 't', { noAck: true })
    c.publish('', s.q(), 'x', { properties: { expiration: '50', headers: { a: 1 } } })
    await c.wait({ deliver: 1 })
  })

  session('an expiration is removed when it dies for another reason', async (s) => {
    const c = await s.open()
    await c.declare(s.q(DEAD))
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q(DEAD) })
    await c.consume(s.q(DEAD), 't', { noAck: true })
    c.publish('', s.q(), 'x', { properties: { expiration: '60000' } })
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('expired messages are not purged or counted', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-message-ttl': 50 })
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await s.pause(300)
    await c.purge(s.q())
    await c.deleteQueue(s.q(), { ifEmpty: true })
  })
})
