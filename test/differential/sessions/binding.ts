import { encodeExchangeBind, fromObject } from '../../../src/codec/index.ts'
import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** Publishes in confirm mode and notes whether it came back. */
async function probe(c: Channel, exchange: string, key: string): Promise<void> {
  await c.connection.script.silently(() => c.confirmSelect())
  c.publish(exchange, key, key, { mandatory: true })
  await c.wait({ confirm: 1 })
}

async function withExchange(s: Script, type = 'direct'): Promise<Channel> {
  const c = await s.open()
  await c.declareExchange(s.x(), type)
  await c.declare(s.q())
  return c
}

export const binding = group('binding', (session) => {
  session('bound once however often', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'k')
    await c.bind(s.q(), s.x(), 'k')
    await probe(c, s.x(), 'k')
    await c.declare(s.q(), { passive: true })
    await c.unbind(s.q(), s.x(), 'k')
    await probe(c, s.x(), 'k')
  })

  session('a message reaches a queue once however many bindings match', async (s) => {
    const c = await withExchange(s, 'topic')
    for (const key of ['#', '*', 'k', 'k.#']) await c.bind(s.q(), s.x(), key)
    await probe(c, s.x(), 'k')
    await c.declare(s.q(), { passive: true })
  })

  session('bindings with other arguments are other bindings', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'k')
    await c.bind(s.q(), s.x(), 'k', { a: 1 })
    await c.unbind(s.q(), s.x(), 'k')
    await probe(c, s.x(), 'k')
    await c.unbind(s.q(), s.x(), 'k', { a: 2 })
    await probe(c, s.x(), 'k')
    await c.unbind(s.q(), s.x(), 'k', { a: 1 })
    await probe(c, s.x(), 'k')
  })

  session('binding a missing queue', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q('nosuch'), s.x(), 'k')
  })

  session('binding to a missing exchange', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x('nosuch'), 'k')
  })

  session('binding a missing queue to a missing exchange', async (s) => {
    const c = await s.open()
    await c.bind(s.q('nosuch'), s.x('nosuch'), 'k')
  })

  session('unbinding what was never bound', async (s) => {
    const c = await withExchange(s)
    await c.unbind(s.q(), s.x(), 'k')
    await c.unbind(s.q('nosuch'), s.x(), 'k')
    await c.unbind(s.q(), s.x('nosuch'), 'k')
    await c.unbind(s.q('nosuch'), s.x('nosuch'), 'k')
  })

  session('binding without wait', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'k', {}, true)
    await probe(c, s.x(), 'k')
  })

  session('a failing bind without wait', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x('nosuch'), 'k', {}, true)
    await c.closed()
  })

  session('deleting a queue removes its bindings', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'k')
    await c.deleteQueue(s.q())
    await c.declare(s.q())
    await probe(c, s.x(), 'k')
  })

  session('deleting an exchange removes its bindings', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'k')
    await c.deleteExchange(s.x())
    await c.declareExchange(s.x(), 'direct')
    await probe(c, s.x(), 'k')
  })

  session('a durable exchange and a transient queue', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { durable: true })
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'k')
    await probe(c, s.x(), 'k')
  })

  session('exchange to exchange', async (s) => {
    const c = await withExchange(s)
    await c.declareExchange(s.x('to'), 'fanout')
    await c.bind(s.q(), s.x('to'))
    await c.bindExchange(s.x('to'), s.x(), 'k')
    await c.bindExchange(s.x('to'), s.x(), 'k')
    await probe(c, s.x(), 'k')
    await probe(c, s.x(), 'other')
    await c.get(s.q(), true)
    await c.get(s.q(), true)
    await c.unbindExchange(s.x('to'), s.x(), 'k')
    await probe(c, s.x(), 'k')
  })

  session('exchanges in a circle', async (s) => {
    const c = await withExchange(s, 'fanout')
    await c.declareExchange(s.x('two'), 'fanout')
    await c.declareExchange(s.x('three'), 'fanout')
    await c.bindExchange(s.x('two'), s.x())
    await c.bindExchange(s.x('three'), s.x('two'))
    await c.bindExchange(s.x(), s.x('three'))
    await c.bind(s.q(), s.x('three'))
    await probe(c, s.x(), 'k')
    await probe(c, s.x('two'), 'k')
    await c.declare(s.q(), { passive: true })
  })

  session('an exchange bound to itself', async (s) => {
    const c = await withExchange(s, 'fanout')
    await c.bindExchange(s.x(), s.x())
    await c.bind(s.q(), s.x())
    await probe(c, s.x(), 'k')
    await c.declare(s.q(), { passive: true })
  })

  session('two ways to one queue deliver once', async (s) => {
    const c = await withExchange(s, 'fanout')
    for (const name of ['left', 'right']) {
      await c.declareExchange(s.x(name), 'fanout')
      await c.bindExchange(s.x(name), s.x())
      await c.bind(s.q(), s.x(name))
    }
    await probe(c, s.x(), 'k')
    await c.declare(s.q(), { passive: true })
  })

  session('exchange binding with a missing source', async (s) => {
    const c = await withExchange(s)
    await c.bindExchange(s.x(), s.x('nosuch'), 'k')
  })

  session('exchange binding with a missing destination', async (s) => {
    const c = await withExchange(s)
    await c.bindExchange(s.x('nosuch'), s.x(), 'k')
  })

  session('exchange binding with both missing', async (s) => {
    const c = await s.open()
    await c.bindExchange(s.x('to'), s.x('from'), 'k')
  })

  session('exchange unbinding of what was never bound', async (s) => {
    const c = await withExchange(s)
    await c.unbindExchange(s.x(), s.x('nosuch'), 'k')
    await c.unbindExchange(s.x('nosuch'), s.x(), 'k')
  })

  session('exchange binding without wait', async (s) => {
    const c = await withExchange(s, 'fanout')
    await c.declareExchange(s.x('to'), 'fanout')
    await c.bind(s.q(), s.x('to'))
    const fields = { destination: s.x('to'), source: s.x(), noWait: true, arguments: fromObject({}) }
    await c.connection.call(encodeExchangeBind(1, fields))
    await probe(c, s.x(), 'k')
  })

  session('binding to an internal exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { internal: true })
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'k')
  })

  session('a direct exchange compares keys byte by byte', async (s) => {
    const c = await withExchange(s)
    await c.bind(s.q(), s.x(), 'Key')
    await c.bind(s.q(), s.x(), '')
    for (const key of ['Key', 'key', 'Key ', '', '#', 'Ke']) await probe(c, s.x(), key)
  })

  session('a fanout exchange ignores keys', async (s) => {
    const c = await withExchange(s, 'fanout')
    await c.bind(s.q(), s.x(), 'one')
    for (const key of ['one', 'other', '']) await probe(c, s.x(), key)
    await c.unbind(s.q(), s.x(), 'one')
    await probe(c, s.x(), 'one')
  })

  session('the default exchange routes by queue name', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await probe(c, '', s.q())
    await probe(c, '', s.own('nosuch'))
    await c.deleteQueue(s.q())
    await probe(c, '', s.q())
  })

  for (const type of ['fanout', 'direct', 'topic']) {
    session(`a ${type} exchange copies to every bound queue`, async (s) => {
      const c = await withExchange(s, type)
      await c.declare(s.q('two'))
      await c.declare(s.q('three'))
      await c.bind(s.q(), s.x(), 'k')
      await c.bind(s.q('two'), s.x(), 'k')
      await probe(c, s.x(), 'k')
      for (const name of ['q', 'two', 'three']) await c.get(s.q(name), true)
    })
  }
})
