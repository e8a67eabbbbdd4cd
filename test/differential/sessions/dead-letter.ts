import type { Channel } from '../channel.ts'
import type { Script } from '../script.ts'
import { group } from '../session.ts'

/** A queue `q` that dead-letters by the default exchange to a queue `dead`, which consumer `dead` empties. */
async function toDead(s: Script, args: Record<string, unknown> = {}): Promise<Channel> {
  const c = await s.open()
  await c.declare(s.q('dead'))
  await c.declare(s.q(), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead'), ...args })
  await c.consume(s.q('dead'), 'dead', { noAck: true })
  return c
}

export const deadLetter = group('dead-letter', (session) => {
  for (const method of ['reject', 'nack'] as const) {
    session(`${method} without requeue`, async (s) => {
      const c = await toDead(s)
      c.publish('', s.q(), 'x', {
        properties: { contentType: 'text/plain', messageId: 'm', deliveryMode: 2, priority: 3 },
      })
      await c.get(s.q())
      if (method === 'reject') c.reject(1, false)
      else c.nack(1)
      await c.wait({ deliver: 1 })
    })
  }

  session('nack of several', async (s) => {
    const c = await toDead(s)
    for (const body of ['1', '2', '3']) c.publish('', s.q(), body)
    for (let i = 0; i < 3; i++) await c.get(s.q())
    c.nack(3, { multiple: true })
    await c.wait({ deliver: 3 })
  })

  session('requeue, ack, purge and delete do not dead-letter', async (s) => {
    const c = await toDead(s)
    for (const body of ['1', '2', '3', '4']) c.publish('', s.q(), body)
    await c.get(s.q())
    c.reject(1, true)
    await c.get(s.q())
    c.ack(2)
    await c.purge(s.q())
    c.publish('', s.q(), '5')
    await c.deleteQueue(s.q())
    await s.quiet()
  })

  session('headers go behind the existing ones', async (s) => {
    const c = await toDead(s)
    c.publish('', s.q(), 'x', { properties: { headers: { a: 1, b: 'two' } } })
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('without a key of its own the original keys are kept', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('in'), 'direct')
    await c.declareExchange(s.x('out'), 'fanout')
    await c.declare(s.q('dead'))
    await c.bind(s.q('dead'), s.x('out'))
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('out') })
    await c.bind(s.q(), s.x('in'), 'key')
    await c.consume(s.q('dead'), 'dead', { noAck: true })
    c.publish(s.x('in'), 'key', 'x')
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('CC is kept and followed without a key of its own', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('out'), 'direct')
    for (const name of ['by key', 'by cc', 'by bcc']) {
      await c.declare(s.q(name))
      await c.bind(s.q(name), s.x('out'), name === 'by key' ? s.q() : name)
    }
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('out') })
    c.publish('', s.q(), 'x', { properties: { headers: { CC: ['by cc'], BCC: ['by bcc'] } } })
    await c.get(s.q())
    c.reject(1, false)
    await s.quiet()
    for (const name of ['by key', 'by cc', 'by bcc']) await c.get(s.q(name), true)
  })

  session('CC with a key of its own', async (s) => {
    const c = await toDead(s)
    c.publish('', s.q(), 'x', { properties: { headers: { CC: ['elsewhere'], a: 1 } } })
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('a missing exchange drops', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('nosuch') })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    c.reject(1, false)
    await s.quiet()
    await c.get(s.q())
  })

  session('an exchange declared later is used', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('later') })
    await c.declareExchange(s.x('later'), 'fanout')
    await c.declare(s.q('dead'))
    await c.bind(s.q('dead'), s.x('later'))
    await c.consume(s.q('dead'), 'dead', { noAck: true })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('rejected in a loop counts up', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q() })
    await c.consume(s.q(), 't')
    c.publish('', s.q(), 'x')
    for (let tag = 1; tag <= 3; tag++) {
      await c.wait({ deliver: 1 })
      c.reject(tag, false)
    }
    await c.wait({ deliver: 1 })
  })

  session('two queues in turn', async (s) => {
    const c = await s.open()
    await c.declare(s.q('one'), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('two') })
    await c.declare(s.q('two'), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('one') })
    await c.consume(s.q('one'), 'one')
    await c.consume(s.q('two'), 'two')
    c.publish('', s.q('one'), 'x')
    for (let tag = 1; tag <= 4; tag++) {
      await c.wait({ deliver: 1 })
      c.reject(tag, false)
    }
    await c.wait({ deliver: 1 })
  })

  session('expired and then rejected', async (s) => {
    const c = await s.open()
    await c.declare(s.q('dead'))
    await c.declare(
      s.q('one'),
      {},
      { 'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('two') },
    )
    await c.declare(s.q('two'), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') })
    await c.consume(s.q('two'), 'two')
    c.publish('', s.q('one'), 'x')
    await c.wait({ deliver: 1 })
    c.reject(1, false)
    await c.consume(s.q('dead'), 'dead', { noAck: true })
    await c.wait({ deliver: 1 })
  })

  session('a retry loop with a waiting queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q('work'), {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('wait') })
    await c.declare(
      s.q('wait'),
      {},
      {
        'x-message-ttl': 30,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': s.q('work'),
      },
    )
    await c.consume(s.q('work'), 't')
    c.publish('', s.q('work'), 'x')
    for (let tag = 1; tag <= 3; tag++) {
      await c.wait({ deliver: 1 })
      c.reject(tag, false)
    }
    await c.wait({ deliver: 1 })
  })

  session('expiring in a circle drops', async (s) => {
    const c = await s.open()
    await c.declare(
      s.q(),
      {},
      { 'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q() },
    )
    c.publish('', s.q(), 'x')
    await s.pause(400)
    await c.get(s.q())
  })

  session('expiring in a circle of two drops', async (s) => {
    const c = await s.open()
    await c.declare(
      s.q('one'),
      {},
      { 'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('two') },
    )
    await c.declare(
      s.q('two'),
      {},
      { 'x-message-ttl': 30, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('one') },
    )
    c.publish('', s.q('one'), 'x')
    await s.pause(500)
    await c.get(s.q('one'))
    await c.get(s.q('two'))
  })

  session('overflow in a circle drops', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q() })
    c.publish('', s.q(), '1')
    c.publish('', s.q(), '2')
    await s.pause(200)
    await c.consume(s.q(), 't', { noAck: true })
    await s.quiet()
  })

  session('an x-death that a client made up', async (s) => {
    const c = await toDead(s)
    const death = { count: 7, reason: 'rejected', queue: s.q(), exchange: '', 'routing-keys': [s.q()] }
    c.publish('', s.q(), 'x', { properties: { headers: { 'x-death': [death] } } })
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('an x-death that is no array', async (s) => {
    const c = await toDead(s)
    c.publish('', s.q(), 'x', { properties: { headers: { 'x-death': 'text' } } })
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('a dead letter through an alternate exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('dlx'), 'direct', {}, { 'alternate-exchange': s.x('ae') })
    await c.declareExchange(s.x('ae'), 'fanout')
    await c.declare(s.q('dead'))
    await c.bind(s.q('dead'), s.x('ae'))
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('dlx') })
    await c.consume(s.q('dead'), 'dead', { noAck: true })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('a dead letter to several queues', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('dlx'), 'fanout')
    for (const name of ['one', 'two']) {
      await c.declare(s.q(name))
      await c.bind(s.q(name), s.x('dlx'))
    }
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('dlx'), 'x-dead-letter-routing-key': 'new' })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    c.reject(1, false)
    await s.quiet()
    await c.get(s.q('one'), true)
    await c.get(s.q('two'), true)
  })

  session('an internal exchange takes dead letters', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('dlx'), 'fanout', { internal: true })
    await c.declare(s.q('dead'))
    await c.bind(s.q('dead'), s.x('dlx'))
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('dlx') })
    await c.consume(s.q('dead'), 'dead', { noAck: true })
    c.publish('', s.q(), 'x')
    await c.get(s.q())
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('mandatory does not apply to dead letters', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('dlx'), 'fanout')
    await c.declare(s.q(), {}, { 'x-dead-letter-exchange': s.x('dlx') })
    c.publish('', s.q(), 'x', { mandatory: true })
    await c.get(s.q())
    c.reject(1, false)
    await s.quiet()
  })
})
