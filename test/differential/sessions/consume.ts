import { group } from '../session.ts'

export const consume = group('consume', (session) => {
  session('deliveries follow consume-ok', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await c.consume(s.q(), 't', { noAck: true })
    await c.wait({ deliver: 3 })
    c.publish('', s.q(), '4')
    await c.wait({ deliver: 1 })
  })

  session('an empty tag gets a name', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), '')
    await c.consume(s.q(), '')
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
  })

  session('consume without wait', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't', { noWait: true, noAck: true })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
  })

  session('an empty tag without wait', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), '', { noWait: true, noAck: true })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
  })

  session('a tag that is in use', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await c.consume(s.q(), 't')
  })

  session('a tag that is in use, and a missing queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await c.consume(s.q('nosuch'), 't')
  })

  session('a tag may be used on another channel, and again after cancel', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await d.consume(s.q(), 't')
    await c.cancel('t')
    await c.consume(s.q(), 't')
  })

  session('a tag of 255 bytes', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't'.repeat(255), { noAck: true })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
  })

  session('no-local is ignored', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't', { noLocal: true, noAck: true })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
  })

  session('an exclusive consumer keeps others away', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await c.consume(s.q(), 'one', { exclusive: true })
    await d.consume(s.q(), 'two')
    await s.silently(() => d.open())
    await d.consume(s.q(), 'two', { exclusive: true })
    await s.silently(() => d.open())
    await d.get(s.q())
    await c.cancel('one')
    await d.consume(s.q(), 'two')
  })

  session('exclusive where others consume', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 'one')
    await c.consume(s.q(), 'two', { exclusive: true })
  })

  session('an exclusive consumer’s channel closes', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await c.consume(s.q(), 'one', { exclusive: true })
    await c.close()
    await d.consume(s.q(), 'two', { exclusive: true })
  })

  session('consumers take turns', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    const e = await c.connection.openChannel(3)
    await c.declare(s.q())
    await d.consume(s.q(), 'one', { noAck: true })
    await e.consume(s.q(), 'two', { noAck: true })
    await c.confirmSelect()
    for (const body of ['1', '2', '3', '4', '5', '6']) {
      c.publish('', s.q(), body)
      await s.wait([c, { confirm: 1 }])
      await s.quiet()
    }
  })

  session('turns pass over a consumer without credit', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    const e = await c.connection.openChannel(3)
    await c.declare(s.q())
    await d.qos(1)
    await d.consume(s.q(), 'one')
    await e.consume(s.q(), 'two', { noAck: true })
    for (const body of ['1', '2', '3', '4']) c.publish('', s.q(), body)
    await s.wait([d, { deliver: 1 }], [e, { deliver: 3 }])
    d.ack(1)
    await s.quiet()
    for (const body of ['5', '6']) c.publish('', s.q(), body)
    await s.wait([d, { deliver: 1 }], [e, { deliver: 1 }])
  })

  session('higher priority first', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.qos(2)
    await c.consume(s.q(), 'low', {}, { 'x-priority': -5 })
    await c.consume(s.q(), 'none', {})
    await c.consume(s.q(), 'high', {}, { 'x-priority': 10 })
    for (const body of ['1', '2', '3', '4', '5', '6', '7']) c.publish('', s.q(), body)
    await c.wait({ deliver: 6 })
    c.ack(1)
    await c.wait({ deliver: 1 })
  })

  session('equal priorities take turns', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 'low', { noAck: true }, { 'x-priority': 1 })
    await c.consume(s.q(), 'one', { noAck: true }, { 'x-priority': 2 })
    await c.consume(s.q(), 'two', { noAck: true }, { 'x-priority': 2 })
    for (const body of ['1', '2', '3', '4']) {
      c.publish('', s.q(), body)
      await c.wait({ deliver: 1 })
    }
  })

  for (const value of ['high', 1.5, true, null, 2 ** 40]) {
    session(`an x-priority of ${JSON.stringify(value)}`, async (s) => {
      const c = await s.open()
      await c.declare(s.q())
      await c.consume(s.q(), 't', {}, { 'x-priority': value })
    })
  }

  session('unknown consumer arguments are ignored', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't', {}, { foo: 'bar', 'x-cancel-on-ha-failover': true })
  })

  session('x-stream-offset on a classic queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't', {}, { 'x-stream-offset': 'first' })
  })

  session('cancelling an unknown tag', async (s) => {
    const c = await s.open()
    await c.cancel('nosuch')
    await c.cancel('')
  })

  session('cancel without wait', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await c.cancel('t', true)
    await c.declare(s.q(), { passive: true })
    await c.cancel('nosuch', true)
    await s.quiet()
  })

  session('a cancelled consumer’s messages stay unacknowledged', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 2 })
    await c.cancel('t')
    await c.declare(s.q(), { passive: true })
    c.ack(1)
    c.reject(2, true)
    await c.get(s.q())
  })

  session('no delivery after cancel-ok', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await c.cancel('t')
    c.publish('', s.q(), '1')
    await s.quiet()
    await c.declare(s.q(), { passive: true })
  })

  session(
    'deleting a queue cancels its consumers',
    async (s) => {
      const c = await s.open()
      const d = await s.open()
      await c.declare(s.q())
      await d.consume(s.q(), 'one')
      await d.consume(s.q(), 'two')
      await c.deleteQueue(s.q())
      await d.wait({ cancel: 2 })
    },
    { unordered: true },
  )

  session('deleting a queue on the consumer’s own channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.consume(s.q(), 't')
    await c.deleteQueue(s.q())
    await c.wait({ cancel: 1 })
    await c.cancel('t')
  })

  session('a client that cannot take cancels is not told', async (s) => {
    const c = await s.open()
    const d = await s.open({ capabilities: {} })
    await c.declare(s.q())
    await d.consume(s.q(), 't')
    await c.deleteQueue(s.q())
    await s.quiet()
    await d.cancel('t')
  })

  session('a tag is free again after a cancel notification', async (s) => {
    const c = await s.open()
    const d = await s.open()
    await c.declare(s.q())
    await d.consume(s.q(), 't')
    await c.deleteQueue(s.q())
    await d.wait({ cancel: 1 })
    await c.declare(s.q())
    await d.consume(s.q(), 't')
  })

  session('messages of a deleted queue may still be settled', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 2 })
    await c.deleteQueue(s.q())
    await c.wait({ cancel: 1 })
    c.ack(1)
    c.reject(2, true)
    await c.declare(s.q())
  })

  session('closing the channel requeues in order', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 3 })
    await c.close()
    for (let i = 0; i < 3; i++) await d.get(s.q())
  })

  session('a dropped connection requeues', async (s) => {
    const c = await s.open()
    const d = await s.open()
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 1 })
    await d.consume(s.q(), 'other')
    c.connection.drop()
    await d.wait({ deliver: 1 })
  })

  session('single active: only one gets messages, then the next', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    await c.consume(s.q(), 'one', { noAck: true })
    await c.consume(s.q(), 'two', { noAck: true })
    await c.consume(s.q(), 'three', { noAck: true })
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await c.wait({ deliver: 3 })
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    await c.cancel('one')
    c.publish('', s.q(), '4')
    await c.wait({ deliver: 1 })
    await c.cancel('three')
    c.publish('', s.q(), '5')
    await c.wait({ deliver: 1 })
    await c.cancel('two')
    c.publish('', s.q(), '6')
    await s.quiet()
  })

  session('single active: an exclusive consumer is refused', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    await c.consume(s.q(), 'one', { exclusive: true })
  })

  session('single active: a higher priority does not displace the active one', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    await c.consume(s.q(), 'low', { noAck: true }, { 'x-priority': 1 })
    await c.consume(s.q(), 'middle', { noAck: true }, { 'x-priority': 5 })
    await c.consume(s.q(), 'high', { noAck: true }, { 'x-priority': 10 })
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
    await c.cancel('low')
    c.publish('', s.q(), '2')
    await c.wait({ deliver: 1 })
  })

  session('single active: the next gets what was requeued', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    await c.consume(s.q(), 'one')
    await d.consume(s.q(), 'two')
    c.publish('', s.q(), '1')
    await c.wait({ deliver: 1 })
    await c.close()
    await d.wait({ deliver: 1 })
  })

  session('single active: prefetch of the active one holds everything back', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    await c.qos(1)
    await c.consume(s.q(), 'one')
    await c.consume(s.q(), 'two')
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await c.wait({ deliver: 1 })
    await s.quiet()
    c.ack(1)
    await c.wait({ deliver: 1 })
  })

  session('single active: get works on a classic queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-single-active-consumer': true })
    c.publish('', s.q(), '1')
    await c.get(s.q(), true)
  })
})
