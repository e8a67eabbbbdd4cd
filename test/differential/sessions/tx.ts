import { group } from '../session.ts'

export const tx = group('tx', (session) => {
  session('select may be repeated', async (s) => {
    const c = await s.open()
    await c.txSelect()
    await c.txSelect()
    await c.commit()
    await c.rollback()
  })

  session('commit without select', async (s) => {
    const c = await s.open()
    await c.commit()
  })

  session('rollback without select', async (s) => {
    const c = await s.open()
    await c.rollback()
  })

  session('publishes appear at commit', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await c.txSelect()
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await c.declare(s.q(), { passive: true })
    await d.get(s.q())
    await c.commit()
    await d.get(s.q())
    await d.get(s.q())
  })

  session('publishes vanish at rollback', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.txSelect()
    c.publish('', s.q(), '1')
    await c.rollback()
    await c.commit()
    await c.get(s.q())
  })

  session('publishes vanish with the channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.txSelect()
    c.publish('', s.q(), '1')
    await c.close()
    await c.open()
    await c.get(s.q())
  })

  session('returns come at commit, before commit-ok', async (s) => {
    const c = await s.open()
    await c.txSelect()
    c.publish('', s.own('nosuch'), '1', { mandatory: true })
    c.publish('', s.own('nosuch'), '2', { mandatory: true })
    await s.quiet()
    await c.commit()
  })

  session('nothing comes back after a rollback', async (s) => {
    const c = await s.open()
    await c.txSelect()
    c.publish('', s.own('nosuch'), '1', { mandatory: true })
    await c.rollback()
    await c.commit()
  })

  session('routes are chosen when publishing', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'k')
    await c.txSelect()
    c.publish(s.x(), 'k', 'before unbinding', { mandatory: true })
    await c.unbind(s.q(), s.x(), 'k')
    c.publish(s.x(), 'k', 'after unbinding', { mandatory: true })
    await c.bind(s.q(), s.x(), 'k')
    await c.commit()
    await c.get(s.q(), true)
    await c.get(s.q(), true)
  })

  session('a publish to a missing exchange fails at once', async (s) => {
    const c = await s.open()
    await c.txSelect()
    c.publish(s.own('nosuch'), 'k', 'x')
    await c.closed()
  })

  session('acks count at commit', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    await c.txSelect()
    await c.get(s.q())
    c.ack(1)
    await c.close()
    await c.open()
    await c.txSelect()
    await c.get(s.q())
    c.ack(1)
    await c.commit()
    await c.close()
    await c.open()
    await c.get(s.q())
  })

  session('rollback restores acked tags without redelivery', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    await c.txSelect()
    await c.commit()
    await s.silently(() => c.get(s.q()))
    c.ack(1)
    await c.rollback()
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    c.ack(1)
    await c.commit()
    c.ack(1)
    await c.closed()
  })

  session('rejects count at commit', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    d.publish('', s.q(), '1')
    await s.quiet()
    await c.txSelect()
    await c.get(s.q())
    c.reject(1, true)
    await c.declare(s.q(), { passive: true })
    await c.commit()
    await c.get(s.q())
    c.nack(2, { requeue: true })
    await c.rollback()
    await c.declare(s.q(), { passive: true })
  })

  session('an unknown tag fails at once', async (s) => {
    const c = await s.open()
    await c.txSelect()
    c.ack(5)
    await c.closed()
  })

  session('a tag acked twice in a transaction fails at once', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    await s.silently(() => c.get(s.q()))
    await c.txSelect()
    c.ack(1)
    c.ack(1)
    await c.closed()
  })

  session('multiple acks in a transaction', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    for (let i = 0; i < 3; i++) await c.get(s.q())
    await c.txSelect()
    c.ack(2, true)
    await c.commit()
    await c.close()
    await c.open()
    await c.get(s.q())
    await c.get(s.q())
  })

  session('a commit fails when a queue refuses', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 0, 'x-overflow': 'reject-publish' })
    await c.txSelect()
    c.publish('', s.q(), 'x')
    await c.commit()
  })

  session('a persistent publish is committed', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { durable: true })
    await c.txSelect()
    c.publish('', s.q(), 'x', { properties: { deliveryMode: 2 } })
    await c.commit()
    await c.get(s.q(), true)
  })

  session('the queue of a publish is deleted before the commit', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.txSelect()
    c.publish('', s.q(), 'x', { mandatory: true })
    await c.deleteQueue(s.q())
    await c.commit()
  })
})
