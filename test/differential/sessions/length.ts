import type { Channel } from '../channel.ts'
import { group } from '../session.ts'

/** Publishes one by one, each confirmed or refused before the next. */
async function publishAll(c: Channel, queue: string, bodies: string[]): Promise<void> {
  await c.confirmSelect()
  for (const body of bodies) {
    c.publish('', queue, body)
    await c.wait({ confirm: 1 })
  }
}

export const length = group('length', (session) => {
  session('the oldest is dropped', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 2 })
    await publishAll(c, s.q(), ['1', '2', '3', '4'])
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('drop-head said explicitly', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1, 'x-overflow': 'drop-head' })
    await publishAll(c, s.q(), ['1', '2'])
    await c.get(s.q(), true)
    await c.get(s.q(), true)
  })

  session('bytes of bodies count', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length-bytes': 10 })
    await publishAll(c, s.q(), ['1234', '5678', '90', 'abc', 'a body of more than ten bytes', 'd'])
    await c.declare(s.q(), { passive: true })
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('both limits hold', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length-bytes': 10, 'x-max-length': 2 })
    await publishAll(c, s.q(), ['1', '2', '3', '123456789'])
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('unacknowledged messages do not count', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 2 })
    await publishAll(c, s.q(), ['1', '2'])
    await c.get(s.q())
    await c.get(s.q())
    await publishAll(c, s.q(), ['3', '4'])
    await c.declare(s.q(), { passive: true })
    c.reject(1, true)
    c.reject(2, true)
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('a length of 0 takes only what is delivered at once', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 0 })
    await publishAll(c, s.q(), ['lost'])
    await c.get(s.q())
    await c.consume(s.q(), 't', { noAck: true })
    c.publish('', s.q(), 'taken')
    await c.wait({ deliver: 1, confirm: 1 })
  })

  session('0 bytes take only empty bodies', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length-bytes': 0 })
    await publishAll(c, s.q(), ['', 'x', ''])
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('reject-publish refuses the new one', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 2, 'x-overflow': 'reject-publish' })
    await publishAll(c, s.q(), ['1', '2', '3', '4'])
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('reject-publish by bytes', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length-bytes': 5, 'x-overflow': 'reject-publish' })
    await publishAll(c, s.q(), ['123', '4567', '8', '9', '0'])
    for (let i = 0; i < 4; i++) await c.get(s.q(), true)
  })

  session('reject-publish without confirms drops silently', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1, 'x-overflow': 'reject-publish' })
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2', { mandatory: true })
    await s.quiet()
    await c.get(s.q(), true)
    await c.get(s.q(), true)
  })

  session('reject-publish does not dead-letter', async (s) => {
    const c = await s.open()
    await c.declare(s.q('dead'))
    await c.declare(
      s.q(),
      {},
      {
        'x-max-length': 1,
        'x-overflow': 'reject-publish',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': s.q('dead'),
      },
    )
    await publishAll(c, s.q(), ['1', '2'])
    await s.quiet()
    await c.get(s.q('dead'))
  })

  session('reject-publish-dlx dead-letters the new one', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q('dead'))
    await d.consume(s.q('dead'), 't', { noAck: true })
    await c.declare(
      s.q(),
      {},
      {
        'x-max-length': 1,
        'x-overflow': 'reject-publish-dlx',
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': s.q('dead'),
      },
    )
    await c.confirmSelect()
    c.publish('', s.q(), '1')
    await c.wait({ confirm: 1 })
    c.publish('', s.q(), '2')
    await s.wait([c, { confirm: 1 }], [d, { deliver: 1 }])
    await c.get(s.q(), true)
  })

  session('dropped messages are dead-lettered', async (s) => {
    const c = await s.open()
    await c.declare(s.q('dead'))
    await c.declare(
      s.q(),
      {},
      { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') },
    )
    await c.consume(s.q('dead'), 't', { noAck: true })
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    c.publish('', s.q(), '3')
    await c.wait({ deliver: 2 })
    await c.get(s.q(), true)
  })

  session('a message that is delivered at once does not push another out', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1 })
    await c.consume(s.q(), 't')
    await c.confirmSelect()
    for (const body of ['1', '2', '3']) {
      c.publish('', s.q(), body)
      await c.wait({ deliver: 1, confirm: 1 })
    }
  })

  for (const [max, levels] of [
    [5, [0, 5, 1, 9, 4, 255]],
    [1, [0, 1, 2, 0]],
    [10, [3, 3, 10, 10, 0]],
  ] as const) {
    session(`priorities up to ${max}: ${levels.join(' ')}`, async (s) => {
      const c = await s.open()
      await c.declare(s.q(), {}, { 'x-max-priority': max })
      levels.forEach((priority, index) => {
        c.publish('', s.q(), `${index}`, { properties: { priority } })
      })
      c.publish('', s.q(), 'none')
      for (let i = 0; i <= levels.length; i++) await c.get(s.q(), true)
    })
  }

  session('priorities without x-max-priority do not matter', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    for (const priority of [1, 9, 5]) c.publish('', s.q(), `${priority}`, { properties: { priority } })
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('a requeued message goes back among its priority', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-priority': 5 })
    for (const priority of [1, 5, 1, 5]) c.publish('', s.q(), `${priority}`, { properties: { priority } })
    await c.get(s.q())
    c.reject(1, true)
    c.publish('', s.q(), 'new 5', { properties: { priority: 5 } })
    for (let i = 0; i < 5; i++) await c.get(s.q(), true)
  })

  session('a full priority queue drops the lowest first', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-priority': 5, 'x-max-length': 2 })
    for (const [body, priority] of [
      ['low 1', 1],
      ['high 1', 5],
      ['low 2', 1],
      ['high 2', 5],
    ] as const) {
      c.publish('', s.q(), body, { properties: { priority } })
    }
    for (let i = 0; i < 3; i++) await c.get(s.q(), true)
  })

  session('a consumer gets the highest priority first', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-priority': 3 })
    for (const priority of [0, 3, 1, 2]) c.publish('', s.q(), `${priority}`, { properties: { priority } })
    await c.qos(1)
    await c.consume(s.q(), 't')
    for (let i = 1; i <= 4; i++) {
      await c.wait({ deliver: 1 })
      c.ack(i)
    }
  })
})
