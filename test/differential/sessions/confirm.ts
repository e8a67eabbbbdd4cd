import { group } from '../session.ts'

export const confirm = group('confirm', (session) => {
  session('select may be repeated', async (s) => {
    const c = await s.open()
    await c.confirmSelect()
    await c.confirmSelect()
    c.publish('', s.own('k'), 'x')
    await c.wait({ confirm: 1 })
  })

  session('select without wait', async (s) => {
    const c = await s.open()
    await c.confirmSelect(true)
    c.publish('', s.own('k'), 'x')
    await c.wait({ confirm: 1 })
  })

  session('numbers begin with the first publish after select', async (s) => {
    const c = await s.open()
    c.publish('', s.own('k'), 'before')
    await c.confirmSelect()
    c.publish('', s.own('k'), 'after')
    await c.wait({ confirm: 1 })
  })

  session('a routed message is confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.confirmSelect()
    c.publish('', s.q(), 'x')
    await c.wait({ confirm: 1 })
    await c.get(s.q(), true)
  })

  session('a persistent message in a durable queue is confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { durable: true })
    await c.confirmSelect()
    for (let i = 0; i < 5; i++) c.publish('', s.q(), 'x', { properties: { deliveryMode: 2 } })
    await c.wait({ confirm: 5 })
    await c.declare(s.q(), { durable: true })
  })

  session(
    'the return comes before the confirm',
    async (s) => {
      const c = await s.open()
      await c.confirmSelect()
      for (const body of ['1', '2', '3']) {
        c.publish('', s.own('k'), body, { mandatory: true })
        await c.wait({ confirm: 1, return: 1 })
      }
    },
    { exactOrder: true },
  )

  session('a hundred publishes are all confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.confirmSelect()
    for (let i = 0; i < 100; i++) await s.silently(async () => c.publish('', s.q(), `${i}`))
    await c.wait({ confirm: 100 })
    await c.declare(s.q(), { passive: true })
  })

  session('routed to several queues it is confirmed once', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'fanout')
    for (const name of ['one', 'two', 'three']) {
      await c.declare(s.q(name))
      await c.bind(s.q(name), s.x())
    }
    await c.confirmSelect()
    c.publish(s.x(), '', 'x')
    await c.wait({ confirm: 1 })
  })

  session('a message that expires at once is confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-message-ttl': 0 })
    await c.confirmSelect()
    c.publish('', s.q(), 'x')
    await c.wait({ confirm: 1 })
    await c.get(s.q())
  })

  session('a message that a full queue drops is confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1 })
    await c.confirmSelect()
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await c.wait({ confirm: 2 })
    await c.get(s.q(), true)
  })

  session('a message that a full queue rejects is refused', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    await c.confirmSelect()
    c.publish('', s.q(), '1')
    await c.wait({ confirm: 1 })
    c.publish('', s.q(), '2')
    await c.wait({ confirm: 1 })
    await c.get(s.q(), true)
    c.publish('', s.q(), '3')
    await c.wait({ confirm: 1 })
    await c.get(s.q(), true)
  })

  session('one of two queues refuses', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'fanout')
    await c.declare(s.q('full'), {}, { 'x-max-length': 0, 'x-overflow': 'reject-publish' })
    await c.declare(s.q('free'))
    for (const name of ['full', 'free']) await c.bind(s.q(name), s.x())
    await c.confirmSelect()
    c.publish(s.x(), '', 'x')
    await c.wait({ confirm: 1 })
    await c.get(s.q('free'), true)
  })

  session('a publish that fails is not confirmed', async (s) => {
    const c = await s.open()
    await c.confirmSelect()
    c.publish(s.own('nosuch'), 'k', 'x')
    await c.closed()
    await c.reopen()
    await c.confirmSelect()
    c.publish('', s.own('k'), 'x')
    await c.wait({ confirm: 1 })
  })

  session('a consumed message is confirmed', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't', { noAck: true })
    await c.confirmSelect()
    c.publish('', s.q(), 'x')
    await c.wait({ confirm: 1, deliver: 1 })
  })

  session('every channel counts for itself', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.confirmSelect()
    await d.confirmSelect()
    c.publish('', s.own('k'), 'x')
    d.publish('', s.own('k'), 'x')
    d.publish('', s.own('k'), 'x')
    await s.wait([c, { confirm: 1 }], [d, { confirm: 2 }])
  })

  session('select after tx.select', async (s) => {
    const c = await s.open()
    await c.txSelect()
    await c.confirmSelect()
  })

  session('tx.select after select', async (s) => {
    const c = await s.open()
    await c.confirmSelect()
    await c.txSelect()
  })
})
