import { group } from '../session.ts'

export const queue = group('queue', (session) => {
  session('a new queue is empty', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.declare(s.q())
  })

  session('declare-ok counts ready messages and consumers', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    for (const body of ['1', '2', '3']) c.publish('', q, body)
    await c.get(q)
    await s.quiet()
    await c.declare(q)
    await c.declare(q, { passive: true })
    await c.qos(1)
    await c.consume(q, 't')
    await c.wait({ deliver: 1 })
    await c.declare(q, { passive: true })
  })

  session('a declare without wait is not answered', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { noWait: true })
    await c.declare(s.q(), { passive: true })
  })

  session('a failing declare without wait closes the channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q('nosuch'), { passive: true, noWait: true })
    await c.closed()
  })

  session('a passive declare of a missing queue closes the channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q('nosuch'), { passive: true })
  })

  session('a passive declare ignores everything else', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.declare(
      s.q(),
      { passive: true, durable: true, autoDelete: true, exclusive: true },
      { 'x-message-ttl': -1, 'x-queue-type': 'zzz' },
    )
  })

  session('a server-named queue', async (s) => {
    const c = await s.open()
    await c.declare('', { exclusive: true })
    await c.declare('', { exclusive: true })
  })

  session('the last declared queue stands for an empty name', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(s.q('other'))
    await c.declare(q)
    c.publish('', q, '1')
    c.publish('', q, '2')
    await c.get('', true)
    await c.purge('')
    await c.bind('', 'amq.direct', s.own('k'))
    c.publish('amq.direct', s.own('k'), '3')
    await c.unbind('', 'amq.direct', s.own('k'))
    await c.consume('', 't', { noAck: true })
    await c.wait({ deliver: 1 })
    await c.deleteQueue('')
    await c.declare(q, { passive: true })
  })

  session('a passive declare sets the last declared queue too', async (s) => {
    const c = await s.open()
    await c.declare(s.q('one'))
    await c.declare(s.q('two'))
    await c.declare(s.q('one'), { passive: true })
    await c.deleteQueue('')
    await c.declare(s.q('one'), { passive: true })
  })

  session('an empty name stands for a server-named queue', async (s) => {
    const c = await s.open()
    await c.declare('', { exclusive: true })
    await c.bind('', 'amq.direct', s.own('k'))
    c.publish('amq.direct', s.own('k'), 'x')
    await c.get('', true)
  })

  session('a passive declare never means the last declared queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.declare('', { passive: true })
  })

  session('binding with empty queue and key uses the last declared name for both', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declareExchange(s.x(), 'direct')
    await c.declare(q)
    await c.bind('', s.x(), '')
    c.publish(s.x(), q, 'by name', { mandatory: true })
    await c.get(q, true)
    c.publish(s.x(), '', 'by empty key', { mandatory: true })
    await c.wait({ return: 1 })
    await c.unbind('', s.x(), '')
    c.publish(s.x(), q, 'unbound', { mandatory: true })
    await c.wait({ return: 1 })
  })

  session('binding with an empty key and a queue name uses the empty key', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declareExchange(s.x(), 'direct')
    await c.declare(q)
    await c.bind(q, s.x(), '')
    c.publish(s.x(), q, 'by name', { mandatory: true })
    await c.wait({ return: 1 })
  })

  for (const method of ['get', 'consume', 'purge', 'delete', 'bind', 'unbind', 'passive declare'] as const) {
    session(`${method} with an empty name when nothing was declared`, async (s) => {
      const c = await s.open()
      if (method === 'get') await c.get('')
      else if (method === 'consume') await c.consume('', 't')
      else if (method === 'purge') await c.purge('')
      else if (method === 'delete') await c.deleteQueue('')
      else if (method === 'bind') await c.bind('', 'amq.direct', 'k')
      else if (method === 'unbind') await c.unbind('', 'amq.direct', 'k')
      else await c.declare('', { passive: true })
    })
    session(`${method} with a missing queue`, async (s) => {
      const c = await s.open()
      const q = s.q('nosuch')
      if (method === 'get') await c.get(q)
      else if (method === 'consume') await c.consume(q, 't')
      else if (method === 'purge') await c.purge(q)
      else if (method === 'delete') await c.deleteQueue(q)
      else if (method === 'bind') await c.bind(q, 'amq.direct', 'k')
      else if (method === 'unbind') await c.unbind(q, 'amq.direct', 'k')
      else await c.declare(q, { passive: true })
    })
  }

  for (const method of ['declare', 'get', 'consume', 'purge', 'bind', 'unbind', 'delete', 'publish'] as const) {
    session(`a name with line breaks: ${method}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'direct')
      await c.declare(s.q('a'))
      await c.bind(s.q('a'), s.x(), 'k')
      const name = `\r${s.q('a')}\n`
      if (method === 'declare') await c.declare(name, { passive: true })
      else if (method === 'get') await c.get(name)
      else if (method === 'consume') await c.consume(name, 't')
      else if (method === 'purge') await c.purge(name)
      else if (method === 'bind') await c.bind(name, s.x(), 'k')
      else if (method === 'unbind') await c.unbind(name, s.x(), 'k')
      else if (method === 'delete') await c.deleteQueue(name)
      else c.publish('', name, 'x', { mandatory: true })
      await s.quiet()
      if (c.isClosing()) await c.reopen()
      await c.declare(s.q('a'), { passive: true })
    })
  }

  session('a new queue whose name has line breaks', async (s) => {
    const c = await s.open()
    await c.declare(`one\r\n${s.q('two')}`)
    await c.declare(s.q('onetwo'), { passive: true })
  })

  session('a name of line breaks alone', async (s) => {
    const c = await s.open()
    await c.declare('\r\n', { exclusive: true })
  })

  session('a name of 255 bytes', async (s) => {
    const c = await s.open()
    const q = s.q('n'.repeat(246))
    await c.declare(q)
    await c.declare(q, { durable: true })
  })

  for (const name of ['spaces and ümläuts', 'slash/percent%', 'quote\'s "and" more', '名前', '\u0001control\u007f']) {
    session(`the name ${JSON.stringify(name)}`, async (s) => {
      const c = await s.open()
      await c.declare(s.q(name))
      c.publish('', s.q(name), 'x')
      await c.get(s.q(name), true)
      await c.declare(s.q(name), { durable: true })
    })
  }

  for (const name of ['amq.foo', 'amq.', 'amq.gen-x', 'amq.rabbitmq.foo']) {
    session(`the reserved name ${name}`, async (s) => {
      const c = await s.open()
      await c.declare(name)
    })
  }

  for (const name of ['amq', 'AMQ.foo', 'xamq.foo']) {
    session(`the name ${name} is not reserved`, async (s) => {
      const c = await s.open()
      await c.declare(name, { exclusive: true })
    })
  }

  session('a passive declare of a reserved name', async (s) => {
    const c = await s.open()
    await c.declare('amq.foo', { passive: true })
  })

  session('delete says how many messages were ready', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    for (const body of ['1', '2', '3']) c.publish('', q, body)
    await c.get(q)
    await c.deleteQueue(q)
    c.ack(1)
    await c.declare(q)
  })

  session('delete if unused', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    await c.consume(q, 't')
    await c.deleteQueue(q, { ifUnused: true })
    await c.reopen()
    await c.deleteQueue(q, { ifUnused: true })
  })

  session('delete if empty', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, 'x')
    await c.deleteQueue(q, { ifEmpty: true })
    await c.reopen()
    await c.get(q, true)
    await c.deleteQueue(q, { ifEmpty: true })
  })

  session('delete if empty with an unacknowledged message', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, 'x')
    await c.get(q)
    await c.deleteQueue(q, { ifEmpty: true })
  })

  session('delete if unused and if empty', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, 'x')
    await c.qos(1)
    await c.consume(q, 't')
    await c.wait({ deliver: 1 })
    c.publish('', q, 'y')
    await c.deleteQueue(q, { ifUnused: true, ifEmpty: true })
  })

  session('delete without wait', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.deleteQueue(s.q(), { noWait: true })
    await c.declare(s.q(), { passive: true })
  })

  session('purge takes the ready messages only', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    for (const body of ['1', '2', '3']) c.publish('', q, body)
    await c.get(q)
    await c.purge(q)
    await c.purge(q)
    c.reject(1, true)
    await c.get(q)
  })

  session('purge without wait', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    c.publish('', q, 'x')
    await c.purge(q, { noWait: true })
    await c.get(q)
  })

  for (const method of ['declare', 'passive declare', 'consume', 'get', 'purge', 'delete', 'bind', 'unbind'] as const) {
    session(`${method} on another connection’s exclusive queue`, async (s) => {
      const owner = await s.open()
      const c = await s.open()
      const q = s.q()
      await owner.declare(q, { exclusive: true })
      if (method === 'get') await c.get(q)
      else if (method === 'consume') await c.consume(q, 't')
      else if (method === 'purge') await c.purge(q)
      else if (method === 'delete') await c.deleteQueue(q)
      else if (method === 'bind') await c.bind(q, 'amq.direct', 'k')
      else if (method === 'unbind') await c.unbind(q, 'amq.direct', 'k')
      else await c.declare(q, { exclusive: true, passive: method === 'passive declare' })
    })
  }

  session('unbinding what is bound to another connection’s exclusive queue', async (s) => {
    const owner = await s.open()
    const c = await s.open()
    await owner.declare(s.q(), { exclusive: true })
    await owner.bind(s.q(), 'amq.direct', s.own('k'))
    await c.unbind(s.q(), 'amq.direct', s.own('k'))
  })

  session('an exclusive queue is open to its connection’s other channels', async (s) => {
    const a = await s.connect()
    const c = await s.silently(() => a.openChannel(1))
    const d = await s.silently(() => a.openChannel(2))
    await c.declare(s.q(), { exclusive: true })
    await d.declare(s.q(), { exclusive: true })
    await d.bind(s.q(), 'amq.direct', s.q())
    await d.deleteQueue(s.q())
  })

  session('anybody may publish to an exclusive queue', async (s) => {
    const owner = await s.open()
    const c = await s.open()
    const q = s.q()
    await owner.declare(q, { exclusive: true })
    await c.confirmSelect()
    c.publish('', q, 'x', { mandatory: true })
    await c.wait({ confirm: 1 })
    await owner.get(q, true)
  })

  session('exclusive on and off', async (s) => {
    const c = await s.open()
    await c.declare(s.q('one'), { exclusive: true })
    await c.declare(s.q('one'))
    await c.reopen()
    await c.declare(s.q('two'))
    await c.declare(s.q('two'), { exclusive: true })
  })

  session('exclusive queues end with a connection that drops', async (s) => {
    const owner = await s.open()
    const c = await s.open()
    await owner.declare(s.q(), { exclusive: true })
    await owner.declare(s.q('kept'))
    owner.connection.drop()
    await s.pause(300)
    await c.declare(s.q('kept'), { passive: true })
    await c.declare(s.q(), { passive: true })
  })

  session('an exclusive queue survives the close of its channel', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { exclusive: true })
    await c.close()
    await c.open()
    await c.declare(s.q(), { passive: true })
  })

  session('an exclusive durable queue', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), { exclusive: true, durable: true })
    await c.declare(s.q(), { exclusive: true })
  })

  session('an auto-delete queue goes with its last consumer', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q, { autoDelete: true })
    await c.consume(q, 'one')
    await c.consume(q, 'two')
    await c.cancel('one')
    await c.declare(q, { passive: true })
    await c.cancel('two')
    await c.declare(q, { passive: true })
  })

  session('an auto-delete queue without a consumer stays', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q, { autoDelete: true })
    c.publish('', q, 'x')
    await c.get(q, true)
    await c.close()
    await c.open()
    await c.declare(q, { passive: true })
  })

  session('an auto-delete queue goes with the channel of its last consumer', async (s) => {
    const a = await s.connect()
    const c = await s.silently(() => a.openChannel(1))
    const d = await s.silently(() => a.openChannel(2))
    await c.declare(s.q(), { autoDelete: true })
    await c.consume(s.q(), 't')
    await c.close()
    await d.declare(s.q(), { passive: true })
  })

  session('an auto-delete queue goes with the connection of its last consumer', async (s) => {
    const c = await s.open()
    const d = await s.open()
    await c.declare(s.q(), { autoDelete: true })
    await c.consume(s.q(), 't')
    await c.connection.close()
    await d.declare(s.q(), { passive: true })
  })

  session('an unused queue expires', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-expires': 100 })
    c.publish('', s.q(), 'publishing is no use')
    await s.pause(500)
    await c.declare(s.q(), { passive: true })
  })

  session('a queue with a consumer does not expire', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-expires': 100 })
    await c.consume(s.q(), 't')
    await s.pause(400)
    await c.declare(s.q(), { passive: true })
    await c.cancel('t')
    await s.pause(500)
    await c.declare(s.q(), { passive: true })
  })

  session('re-declaring and getting put expiry off', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, { 'x-expires': 1000 })
    await s.pause(600)
    await c.declare(s.q(), {}, { 'x-expires': 1000 })
    await s.pause(600)
    await c.get(s.q())
    await s.pause(600)
    await c.declare(s.q(), { passive: true })
  })

  session('an expired queue does not dead-letter', async (s) => {
    const c = await s.open()
    await c.declare(s.q('dead'))
    const args = { 'x-expires': 100, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') }
    await c.declare(s.q(), {}, args)
    c.publish('', s.q(), 'x')
    await s.pause(500)
    await c.get(s.q('dead'))
  })
})
