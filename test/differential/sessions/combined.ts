import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** A dead-letter queue `dead` that consumer `dead` on channel 2 empties, and the arguments that lead there. */
async function deadQueue(s: Script, c: Channel): Promise<{ d: Channel; args: Record<string, unknown> }> {
  const d = await c.connection.openChannel(2)
  await d.declare(s.q('dead'))
  await d.consume(s.q('dead'), 'dead', { noAck: true })
  return { d, args: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') } }
}

export const combined = group('combined', (session) => {
  session('a ttl and a length limit: each death has its reason', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, { ...args, 'x-message-ttl': 150, 'x-max-length': 1 })
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await d.wait({ deliver: 1 })
    await d.wait({ deliver: 1 })
  })

  session('a length limit on a queue with priorities', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, { ...args, 'x-max-priority': 5, 'x-max-length': 1 })
    c.publish('', s.q(), 'high', { properties: { priority: 5 } })
    c.publish('', s.q(), 'low', { properties: { priority: 1 } })
    await d.wait({ deliver: 1 })
    await c.get(s.q(), true)
  })

  session('messages of priorities expire at the head of each', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-priority': 5 })
    c.publish('', s.q(), 'high, long', { properties: { priority: 5, expiration: '60000' } })
    c.publish('', s.q(), 'low, short', { properties: { priority: 1, expiration: '50' } })
    await s.pause(300)
    await c.declare(s.q(), { passive: true })
  })

  session('requeueing above the length limit', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, { ...args, 'x-max-length': 1 })
    c.publish('', s.q(), '1')
    await c.get(s.q())
    c.publish('', s.q(), '2')
    await s.quiet()
    c.reject(1, true)
    await s.quiet()
    await c.get(s.q(), true)
    await c.get(s.q(), true)
    await d.declare(s.q('dead'), { passive: true })
  })

  session('multiple ack over two queues', async (s) => {
    const c = await s.open()
    await c.declare(s.q('one'))
    await c.declare(s.q('two'))
    for (const body of ['1', '2']) {
      c.publish('', s.q('one'), `one ${body}`)
      c.publish('', s.q('two'), `two ${body}`)
    }
    for (const name of ['one', 'two', 'one', 'two']) await c.get(s.q(name))
    c.ack(3, true)
    await c.close()
    await c.reopen()
    await c.get(s.q('one'))
    await c.get(s.q('two'))
  })

  session('multiple nack over two queues with dead-lettering', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q('one'), {}, args)
    await c.declare(s.q('two'))
    c.publish('', s.q('one'), '1')
    c.publish('', s.q('two'), '2')
    await c.get(s.q('one'))
    await c.get(s.q('two'))
    c.nack(0, { multiple: true })
    await d.wait({ deliver: 1 })
    await c.get(s.q('two'))
  })

  session('closing a channel with consumers on several queues', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    for (const name of ['one', 'two']) {
      await c.declare(s.q(name))
      c.publish('', s.q(name), name)
    }
    await c.consume(s.q('one'), 'one')
    await c.wait({ deliver: 1 })
    await c.consume(s.q('two'), 'two')
    await c.wait({ deliver: 1 })
    await c.close()
    await d.get(s.q('one'))
    await d.get(s.q('two'))
  })

  session('a channel error requeues and ends its consumers', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    c.publish('', s.q(), '1')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 1 })
    await c.declare(s.q('nosuch'), { passive: true })
    await d.get(s.q())
    d.reject(1, true)
    await s.quiet()
    await d.declare(s.q(), { passive: true })
  })

  session('an exclusive queue is deleted with its unacknowledged messages', async (s) => {
    const c = await s.open()
    const d = await s.open()
    await c.declare(s.q(), { exclusive: true })
    c.publish('', s.q(), '1')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 1 })
    await c.connection.close()
    await d.declare(s.q(), { exclusive: true })
  })

  session('an exclusive queue does not dead-letter when it goes', async (s) => {
    const c = await s.open()
    const d = await s.open()
    await d.declare(s.q('dead'))
    const args = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') }
    await c.declare(s.q(), { exclusive: true }, args)
    c.publish('', s.q(), '1')
    await c.get(s.q())
    await c.connection.close()
    await s.quiet()
    await d.get(s.q('dead'))
  })

  session('an auto-delete queue with unacknowledged messages goes with its consumer', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { autoDelete: true })
    c.publish('', s.q(), '1')
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 1 })
    await c.cancel('t')
    c.ack(1)
    await c.declare(s.q(), { passive: true })
  })

  session('deleting a queue removes an auto-delete exchange in front of it', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic', { autoDelete: true })
    await c.declare(s.q(), { autoDelete: true })
    await c.bind(s.q(), s.x(), '#')
    await c.consume(s.q(), 't')
    await c.cancel('t')
    await c.declareExchange(s.x(), 'topic', { passive: true })
  })

  session('a consumer gets what was purged not', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.qos(1)
    await c.consume(s.q(), 't')
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await c.wait({ deliver: 1 })
    await s.quiet()
    await c.purge(s.q())
    c.publish('', s.q(), '4')
    c.ack(1)
    await c.wait({ deliver: 1 })
  })

  session('a topic exchange bound behind a headers exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('by header'), 'headers')
    await c.declareExchange(s.x('by topic'), 'topic')
    await c.declare(s.q())
    await c.bindExchange(s.x('by topic'), s.x('by header'), '', { 'x-match': 'all', kind: 'news' })
    await c.bind(s.q(), s.x('by topic'), 'sport.#')
    await c.confirmSelect()
    for (const [key, kind] of [
      ['sport.cycling', 'news'],
      ['sport.cycling', 'gossip'],
      ['politics', 'news'],
    ] as const) {
      c.publish(s.x('by header'), key, `${key} ${kind}`, { mandatory: true, properties: { headers: { kind } } })
    }
    await c.wait({ confirm: 3 })
    await c.get(s.q(), true)
  })

  session('an alternate exchange behind CC', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('main'), 'direct', {}, { 'alternate-exchange': s.x('rest') })
    await c.declareExchange(s.x('rest'), 'fanout')
    await c.declare(s.q())
    await c.declare(s.q('rest'))
    await c.bind(s.q(), s.x('main'), 'known')
    await c.bind(s.q('rest'), s.x('rest'))
    c.publish(s.x('main'), 'unknown', 'one', { properties: { headers: { CC: ['known'] } } })
    c.publish(s.x('main'), 'unknown', 'two', { properties: { headers: { CC: ['unknown too'] } } })
    await s.quiet()
    for (const name of ['q', 'rest', 'rest']) await c.get(s.q(name), true)
  })

  session('redelivered stays set through a dead end', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, args)
    c.publish('', s.q(), '1')
    await c.get(s.q())
    c.reject(1, true)
    await c.get(s.q())
    c.reject(2, false)
    await d.wait({ deliver: 1 })
  })

  session('a dead letter is confirmed only once', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, { ...args, 'x-max-length': 0 })
    await c.confirmSelect()
    c.publish('', s.q(), '1')
    await s.wait([c, { confirm: 1 }], [d, { deliver: 1 }])
    await s.quiet()
  })

  session('a dead letter for a queue that rejects', async (s) => {
    const c = await s.open()
    await c.declare(s.q('full'), {}, { 'x-max-length': 0, 'x-overflow': 'reject-publish' })
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('full') })
    c.publish('', s.q(), '1')
    await c.get(s.q())
    c.reject(1, false)
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    await c.declare(s.q('full'), { passive: true })
  })

  session('transactions and confirms on neighbouring channels', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await c.txSelect()
    await d.confirmSelect()
    c.publish('', s.q(), 'in a transaction')
    d.publish('', s.q(), 'confirmed')
    await d.wait({ confirm: 1 })
    await d.get(s.q(), true)
    await c.commit()
    await d.get(s.q(), true)
  })

  session('a consumer in a transaction', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await d.qos(1)
    await d.txSelect()
    await d.consume(s.q(), 't')
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await d.wait({ deliver: 1 })
    d.ack(1)
    await s.quiet()
    await s.silently(() => d.commit())
    await s.quiet()
    d.ack(2)
    await d.rollback()
    await s.quiet()
  })

  session('a rejected message in a transaction is dead-lettered at commit', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, args)
    c.publish('', s.q(), '1')
    await c.get(s.q())
    await c.txSelect()
    c.reject(1, false)
    await s.quiet()
    await c.commit()
    await d.wait({ deliver: 1 })
  })

  session(
    'recover with several consumers and queues',
    async (s) => {
      const c = await s.open()
      await c.declare(s.q('one'))
      await c.declare(s.q('two'))
      await c.consume(s.q('one'), 'one')
      await c.consume(s.q('two'), 'two')
      c.publish('', s.q('one'), '1')
      await c.wait({ deliver: 1 })
      c.publish('', s.q('two'), '2')
      await c.wait({ deliver: 1 })
      await c.recover(true)
      await c.wait({ deliver: 2 })
    },
    { unordered: true },
  )

  session('fanout to queues of every kind', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'fanout')
    const kinds: Record<string, Record<string, unknown>> = {
      plain: {},
      short: { 'x-message-ttl': 0 },
      small: { 'x-max-length-bytes': 3 },
      ranked: { 'x-max-priority': 3 },
      refusing: { 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    }
    for (const [name, args] of Object.entries(kinds)) {
      await c.declare(s.q(name), {}, args)
      await c.bind(s.q(name), s.x())
    }
    await c.confirmSelect()
    for (const [body, priority] of [
      ['one', 1],
      ['four', 3],
    ] as const) {
      c.publish(s.x(), '', body, { mandatory: true, properties: { priority } })
      await c.wait({ confirm: 1 })
    }
    for (const name of Object.keys(kinds)) {
      await c.get(s.q(name), true)
      await c.get(s.q(name), true)
    }
  })

  session('the same message in two queues dies twice', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declareExchange(s.x(), 'fanout')
    for (const name of ['one', 'two']) {
      await c.declare(s.q(name), {}, args)
      await c.bind(s.q(name), s.x())
    }
    c.publish(s.x(), 'k', 'x', { properties: { headers: { a: 1 } } })
    await c.get(s.q('one'))
    c.reject(1, false)
    await d.wait({ deliver: 1 })
    await c.get(s.q('two'))
    c.reject(2, false)
    await d.wait({ deliver: 1 })
  })

  session('an empty body everywhere', async (s) => {
    const c = await s.open()
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, args)
    await c.confirmSelect()
    c.publish('', s.q(), '', { properties: { type: 't' } })
    await c.wait({ confirm: 1 })
    await c.get(s.q())
    c.reject(1, true)
    await c.consume(s.q(), 't')
    await c.wait({ deliver: 1 })
    c.reject(2, false)
    await d.wait({ deliver: 1 })
  })

  session('a large body through a dead end, in small frames', async (s) => {
    const c = await s.open({ frameMax: 4096 })
    const { d, args } = await deadQueue(s, c)
    await c.declare(s.q(), {}, args)
    c.publish('', s.q(), Buffer.alloc(20_000, 'leveret'))
    await c.get(s.q())
    c.reject(1, false)
    await d.wait({ deliver: 1 })
  })

  session('declaring, binding and consuming without waiting for anything', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { noWait: true })
    await c.declare(s.q(), { noWait: true })
    await c.bind(s.q(), s.x(), 'k', {}, true)
    await c.consume(s.q(), 't', { noWait: true, noAck: true })
    c.publish(s.x(), 'k', 'x', { mandatory: true })
    await c.wait({ deliver: 1 })
    await c.cancel('t', true)
    await c.deleteQueue(s.q(), { noWait: true })
    await c.deleteExchange(s.x(), { noWait: true })
    await c.declare(s.q(), { passive: true })
  })

  session('a queue declared again after its deletion starts anew', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1 })
    c.publish('', s.q(), '1')
    await c.deleteQueue(s.q())
    await c.declare(s.q(), { durable: true }, { 'x-max-length': 5 })
    await c.get(s.q())
  })

  session('the head of a queue is taken by get while a consumer is full', async (s) => {
    const c = await s.open()
    const d = await c.connection.openChannel(2)
    await c.declare(s.q())
    await d.qos(1)
    await d.consume(s.q(), 't')
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    await d.wait({ deliver: 1 })
    await s.quiet()
    await c.get(s.q(), true)
    d.ack(1)
    await d.wait({ deliver: 1 })
  })

  session(
    'a consumer that cannot keep up and one that can',
    async (s) => {
      const c = await s.open()
      const d = await c.connection.openChannel(2)
      await c.declare(s.q())
      await c.qos(1)
      await c.consume(s.q(), 'slow')
      c.publish('', s.q(), '1')
      await c.wait({ deliver: 1 })
      await d.consume(s.q(), 'fast', { noAck: true })
      for (const body of ['2', '3', '4']) c.publish('', s.q(), body)
      await d.wait({ deliver: 3 })
      c.reject(1, true)
      await s.quiet()
    },
    { unordered: true },
  )
})
