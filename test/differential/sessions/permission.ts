import { encodeConnectionOpen } from '../../../src/codec/index.ts'
import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** A channel of `limited`, and one of guest beside it. */
async function limited(s: Script): Promise<{ c: Channel; guest: Channel }> {
  const guest = await s.open()
  const c = await s.open({ user: 'limited', password: 'limited' })
  return { c, guest }
}

export const permission = group('permission', (session) => {
  session('a virtual host without permission', async (s) => {
    const a = s.socket()
    await s.silently(() => a.start())
    await s.silently(() => a.login({ user: 'stranger', password: 'stranger' }))
    a.tune({})
    await a.call(encodeConnectionOpen(0, { virtualHost: '/' }))
  })

  session('another virtual host without permission', async (s) => {
    const a = s.socket()
    await s.silently(() => a.start())
    await s.silently(() => a.login({ user: 'limited', password: 'limited' }))
    a.tune({})
    await a.call(encodeConnectionOpen(0, { virtualHost: 'other' }))
  })

  session('virtual hosts have nothing in common', async (s) => {
    const c = await s.open()
    const d = await s.open({ vhost: 'other' })
    await c.declare(s.q(), {}, { 'x-max-length': 1 })
    await d.declare(s.q(), { exclusive: true }, { 'x-max-length': 2 })
    await d.declare(s.q('nosuch'), { passive: true })
  })

  session('every user may open a channel, set qos, ack and select', async (s) => {
    const c = await s.open({ user: 'nothing', password: 'nothing' })
    await c.qos(1)
    c.ack(0, true)
    await c.recover(true)
    await c.cancel('nosuch')
    await c.confirmSelect()
  })

  // Names that begin with other letters than the method asks for, and with the right ones.
  const methods: Record<string, (c: Channel, s: Script, name: string) => Promise<void>> = {
    'queue.declare': (c, s, name) => c.declare(s.q(name)),
    'queue.delete': (c, s, name) => c.deleteQueue(s.q(name)),
    'queue.purge': (c, s, name) => c.purge(s.q(name)),
    'queue.declare passive': (c, s, name) => c.declare(s.q(name), { passive: true }),
    'basic.get': (c, s, name) => c.get(s.q(name)),
    'basic.consume': (c, s, name) => c.consume(s.q(name), 't'),
  }
  for (const [method, call] of Object.entries(methods)) {
    for (const name of ['c-q', 'w-q', 'r-q', 'x-full-q', 'xc-q']) {
      session(`${method} on ${name}`, async (s) => {
        const { c, guest } = await limited(s)
        if (method !== 'queue.declare') await guest.declare(s.q(name))
        await call(c, s, name)
      })
    }
    session(`${method} on a queue that is not there`, async (s) => {
      const { c } = await limited(s)
      await call(c, s, 'nosuch')
    })
    session(`${method} by a user without any permission`, async (s) => {
      const c = await s.open({ user: 'nothing', password: 'nothing' })
      await call(c, s, 'full')
    })
  }

  const exchangeMethods: Record<string, (c: Channel, s: Script, name: string) => Promise<void>> = {
    'exchange.declare': (c, s, name) => c.declareExchange(s.x(name), 'direct'),
    'exchange.delete': (c, s, name) => c.deleteExchange(s.x(name)),
    'exchange.declare passive': (c, s, name) => c.declareExchange(s.x(name), 'direct', { passive: true }),
    'basic.publish': async (c, s, name) => {
      await c.confirmSelect()
      c.publish(s.x(name), 'k', 'x', { mandatory: true })
      await c.wait({ confirm: 1 })
    },
  }
  for (const [method, call] of Object.entries(exchangeMethods)) {
    for (const name of ['c-x', 'w-x', 'r-x']) {
      session(`${method} on ${name}`, async (s) => {
        const { c, guest } = await limited(s)
        if (method !== 'exchange.declare') await guest.declareExchange(s.x(name), 'direct')
        await call(c, s, name)
      })
    }
    session(`${method} on an exchange that is not there`, async (s) => {
      const { c } = await limited(s)
      await call(c, s, 'nosuch')
    })
  }

  for (const [queue, exchange] of [
    ['w-q', 'r-x'],
    ['w-q', 'w-x'],
    ['r-q', 'r-x'],
    ['r-q', 'w-x'],
  ] as const) {
    session(`queue.bind of ${queue} to ${exchange}`, async (s) => {
      const { c, guest } = await limited(s)
      await guest.declare(s.q(queue))
      await guest.declareExchange(s.x(exchange), 'direct')
      await c.bind(s.q(queue), s.x(exchange), 'k')
    })
    session(`queue.unbind of ${queue} from ${exchange}`, async (s) => {
      const { c, guest } = await limited(s)
      await guest.declare(s.q(queue))
      await guest.declareExchange(s.x(exchange), 'direct')
      await guest.bind(s.q(queue), s.x(exchange), 'k')
      await c.unbind(s.q(queue), s.x(exchange), 'k')
    })
    session(`exchange.bind of ${queue} to ${exchange}`, async (s) => {
      const { c, guest } = await limited(s)
      await guest.declareExchange(s.x(queue), 'direct')
      await guest.declareExchange(s.x(exchange), 'direct')
      await c.bindExchange(s.x(queue), s.x(exchange), 'k')
    })
    session(`exchange.unbind of ${queue} from ${exchange}`, async (s) => {
      const { c, guest } = await limited(s)
      await guest.declareExchange(s.x(queue), 'direct')
      await guest.declareExchange(s.x(exchange), 'direct')
      await c.unbindExchange(s.x(queue), s.x(exchange), 'k')
    })
  }

  session('the default exchange is asked for as amq.default', async (s) => {
    const guest = await s.open()
    const c = await s.open({ user: 'limited', password: 'limited' })
    const d = await s.open({ user: 'generated', password: 'generated' })
    await guest.declare(s.q())
    await c.confirmSelect()
    c.publish('', s.q(), 'x')
    await c.wait({ confirm: 1 })
    d.publish('', s.q(), 'x')
    await d.closed()
  })

  session('a server-named queue is asked for by the name it gets', async (s) => {
    const c = await s.open({ user: 'generated', password: 'generated' })
    const d = await s.open({ user: 'nothing', password: 'nothing' })
    await c.declare('', { exclusive: true })
    await c.get('')
    await d.declare('', { exclusive: true })
  })

  session('permission comes before equivalence', async (s) => {
    const { c, guest } = await limited(s)
    await guest.declare(s.q('w-q'))
    await guest.declare(s.q('c-q'))
    await c.declare(s.q('c-q'), { durable: true })
    await c.reopen()
    await c.declare(s.q('w-q'), { durable: true })
  })

  session('permission comes before validation of arguments', async (s) => {
    const { c } = await limited(s)
    await c.declare(s.q('w-q'), {}, { 'x-max-length': -1 })
  })

  for (const [queue, exchange] of [
    ['full-q', 'w-dlx'],
    ['full-q', 'r-dlx'],
    ['c-q', 'w-dlx'],
  ] as const) {
    session(`dead-lettering from ${queue} to ${exchange}`, async (s) => {
      const { c } = await limited(s)
      await c.declare(s.q(queue), {}, { 'x-dead-letter-exchange': s.x(exchange) })
    })
  }

  session('a dead-letter exchange of an existing queue is not asked for', async (s) => {
    const { c, guest } = await limited(s)
    const args = { 'x-dead-letter-exchange': s.x('r-dlx') }
    await guest.declare(s.q('c-q'), {}, args)
    await c.declare(s.q('c-q'), {}, args)
  })

  for (const [exchange, alternate] of [
    ['full-x', 'w-ae'],
    ['full-x', 'r-ae'],
    ['c-x', 'w-ae'],
  ] as const) {
    session(`the alternate ${alternate} of ${exchange}`, async (s) => {
      const { c } = await limited(s)
      await c.declareExchange(s.x(exchange), 'direct', {}, { 'alternate-exchange': s.x(alternate) })
    })
  }

  session('topic permission: publishing', async (s) => {
    const c = await s.open({ user: 'topical', password: 'topical' })
    await c.confirmSelect()
    c.publish('amq.topic', s.own('ok.'), 'x', { mandatory: true })
    await c.wait({ confirm: 1 })
    c.publish('amq.topic', s.own('bad.'), 'x')
    await c.closed()
  })

  session('topic permission: CC', async (s) => {
    const c = await s.open({ user: 'topical', password: 'topical' })
    c.publish('amq.topic', s.own('ok.'), 'x', { properties: { headers: { CC: ['bad.cc'] } } })
    await s.quiet()
    await c.declare(s.q())
  })

  session('topic permission: binding and unbinding', async (s) => {
    const c = await s.open({ user: 'topical', password: 'topical' })
    await c.declare(s.q())
    await c.bind(s.q(), 'amq.topic', 'ok.#')
    await c.unbind(s.q(), 'amq.topic', 'ok.#')
    await c.bind(s.q(), 'amq.topic', '#')
    await c.reopen()
    await c.unbind(s.q(), 'amq.topic', '#')
  })

  session('topic permission: other topic exchanges and types are free', async (s) => {
    const c = await s.open({ user: 'topical', password: 'topical' })
    await c.declareExchange(s.x(), 'topic')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'bad.#')
    await c.bind(s.q(), 'amq.direct', s.own('bad.'))
    await c.confirmSelect()
    c.publish(s.x(), 'bad.k', 'x', { mandatory: true })
    c.publish('amq.direct', s.own('bad.'), 'x', { mandatory: true })
    await c.wait({ confirm: 2 })
  })

  session('a user id is the authenticated user’s', async (s) => {
    const c = await s.open({ user: 'topical', password: 'topical' })
    await c.confirmSelect()
    c.publish('', s.own('k'), 'x', { properties: { userId: 'topical' } })
    await c.wait({ confirm: 1 })
    c.publish('', s.own('k'), 'x', { properties: { userId: 'guest' } })
    await c.closed()
  })

  session('an impersonator may give any user id', async (s) => {
    const c = await s.open({ user: 'actor', password: 'actor' })
    await c.confirmSelect()
    for (const userId of ['actor', 'guest', 'nobody']) c.publish('', s.own('k'), 'x', { properties: { userId } })
    await c.wait({ confirm: 3 })
  })

  session('a refused publish is told after its content, and other channels go on', async (s) => {
    const { c } = await limited(s)
    const d = await c.connection.openChannel(2)
    c.publish('amq.fanout', 'k', Buffer.alloc(10_000))
    await c.closed()
    await d.declare(s.q('c-q'))
    await c.reopen()
    await c.declare(s.q('c-q'), { passive: true })
  })
})
