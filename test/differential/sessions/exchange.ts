import type { Arguments, ExchangeFlags } from '../channel.ts'
import { group } from '../session.ts'

export const exchange = group('exchange', (session) => {
  for (const type of ['direct', 'fanout', 'topic', 'headers']) {
    session(`a ${type} exchange`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), type)
      await c.declareExchange(s.x(), type)
      await c.declareExchange(s.x(), type, { passive: true })
      await c.deleteExchange(s.x())
      await c.declareExchange(s.x(), type, { passive: true })
    })
  }

  for (const type of ['zzz', '', 'DIRECT', 'x-consistent-hash', 'x-delayed-message', 'match']) {
    session(`the type ${JSON.stringify(type)}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), type)
    })
  }

  session('an unknown type is not looked at when passive', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.declareExchange(s.x(), 'zzz', { passive: true, durable: true, autoDelete: true, internal: true })
  })

  session('a passive declare of a missing exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('nosuch'), 'direct', { passive: true })
  })

  session('an unknown type for an existing exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.declareExchange(s.x(), 'zzz')
  })

  session('declare without wait', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { noWait: true })
    await c.declareExchange(s.x(), 'direct', { passive: true })
    await c.deleteExchange(s.x(), { noWait: true })
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })

  const differing: [title: string, type: string, flags: ExchangeFlags, args?: Arguments][] = [
    ['type', 'fanout', {}],
    ['durable', 'direct', { durable: true }],
    ['auto-delete', 'direct', { autoDelete: true }],
    ['internal', 'direct', { internal: true }],
    [
      'everything',
      'fanout',
      { durable: true, autoDelete: true, internal: true },
      { 'alternate-exchange': 'amq.fanout' },
    ],
    ['an alternate exchange', 'direct', {}, { 'alternate-exchange': 'amq.fanout' }],
    ['an unknown argument', 'direct', {}, { foo: 'bar' }],
  ]
  for (const [title, type, flags, args] of differing) {
    session(`a re-declaration differs in ${title}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'direct')
      await c.declareExchange(s.x(), type, flags, args)
    })
  }

  session('a re-declaration drops the flags', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { durable: true, autoDelete: true, internal: true })
    await c.declareExchange(s.x(), 'direct')
  })

  session('a re-declaration changes the alternate exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': 'one' })
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': 'other' })
  })

  session('a re-declaration drops the alternate exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': 'one' })
    await c.declareExchange(s.x(), 'direct')
  })

  session('an alternate exchange that is no string', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': 5 })
  })

  session('an alternate exchange that is empty', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': '' })
  })

  for (const [name, type] of Object.entries({
    'amq.direct': 'direct',
    'amq.fanout': 'fanout',
    'amq.topic': 'topic',
    'amq.headers': 'headers',
    'amq.match': 'headers',
  })) {
    session(`${name} is there`, async (s) => {
      const c = await s.open()
      await c.declareExchange(name, type, { durable: true })
      await c.declareExchange(name, type, { passive: true })
      await c.declareExchange(name, type)
    })
    session(`${name} cannot be deleted`, async (s) => {
      const c = await s.open()
      await c.deleteExchange(name)
    })
  }

  session('the tracing exchange is there', async (s) => {
    const c = await s.open()
    await c.declareExchange('amq.rabbitmq.trace', 'topic', { passive: true })
    await c.declareExchange('amq.rabbitmq.trace', 'topic', { durable: true, internal: true })
    await c.declareExchange('amq.rabbitmq.trace', 'topic', { durable: true })
  })

  session('the tracing exchange is internal', async (s) => {
    const c = await s.open()
    c.publish('amq.rabbitmq.trace', 'k', 'x')
    await c.closed()
  })

  for (const name of ['amq.foo', 'amq.', 'amq.rabbitmq.log']) {
    session(`the reserved name ${name}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(name, 'direct')
    })
    session(`deleting the missing reserved ${name}`, async (s) => {
      const c = await s.open()
      await c.deleteExchange(name)
    })
  }

  session('a passive declare of a missing reserved name', async (s) => {
    const c = await s.open()
    await c.declareExchange('amq.foo', 'direct', { passive: true })
  })

  const onDefault = [
    'declare',
    'passive declare',
    'delete',
    'bind',
    'unbind',
    'bind to',
    'unbind to',
    'bind from',
    'unbind from',
  ]
  for (const action of onDefault) {
    session(`${action} the default exchange`, async (s) => {
      const c = await s.open()
      if (action === 'declare') await c.declareExchange('', 'direct', { durable: true })
      else if (action === 'passive declare') await c.declareExchange('', 'direct', { passive: true })
      else if (action === 'delete') await c.deleteExchange('')
      else if (action === 'bind to') await c.bindExchange('', 'amq.direct', 'k')
      else if (action === 'unbind to') await c.unbindExchange('', 'amq.direct', 'k')
      else if (action === 'bind from') await c.bindExchange('amq.direct', '', 'k')
      else if (action === 'unbind from') await c.unbindExchange('amq.direct', '', 'k')
      else {
        await c.declare(s.q())
        if (action === 'bind') await c.bind(s.q(), '', 'k')
        else await c.unbind(s.q(), '', 'k')
      }
    })
  }

  session('deleting a missing exchange is fine', async (s) => {
    const c = await s.open()
    await c.deleteExchange(s.x('nosuch'))
    await c.deleteExchange(s.x('nosuch'), { ifUnused: true })
  })

  session('delete if unused', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'k')
    await c.deleteExchange(s.x(), { ifUnused: true })
    await c.reopen()
    await c.unbind(s.q(), s.x(), 'k')
    await c.deleteExchange(s.x(), { ifUnused: true })
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })

  session('being a destination is no use', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.bindExchange(s.x(), 'amq.direct', s.x())
    await c.deleteExchange(s.x(), { ifUnused: true })
  })

  session('an auto-delete exchange goes with its last binding', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { autoDelete: true })
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'one')
    await c.bind(s.q(), s.x(), 'two')
    await c.unbind(s.q(), s.x(), 'one')
    await c.declareExchange(s.x(), 'direct', { passive: true })
    await c.unbind(s.q(), s.x(), 'two')
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })

  session('an auto-delete exchange goes with its last bound queue', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { autoDelete: true })
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'one')
    await c.deleteQueue(s.q())
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })

  session('an auto-delete exchange that was never bound stays', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', { autoDelete: true })
    await c.declare(s.q())
    await c.unbind(s.q(), s.x(), 'never')
    await c.bindExchange(s.x(), 'amq.direct', s.x())
    await c.unbindExchange(s.x(), 'amq.direct', s.x())
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })

  session('auto-delete exchanges go in a chain', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('one'), 'fanout', { autoDelete: true })
    await c.declareExchange(s.x('two'), 'fanout', { autoDelete: true })
    await c.declare(s.q())
    await c.bindExchange(s.x('two'), s.x('one'))
    await c.bind(s.q(), s.x('two'))
    await c.deleteQueue(s.q())
    await c.declareExchange(s.x('two'), 'fanout', { passive: true })
    await c.reopen()
    await c.declareExchange(s.x('one'), 'fanout', { passive: true })
  })

  session('publishing to a missing exchange', async (s) => {
    const c = await s.open()
    c.publish(s.x('nosuch'), 'k', 'x')
    await c.closed()
  })

  session('publishing to an internal exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'fanout', { internal: true })
    c.publish(s.x(), 'k', 'x')
    await c.closed()
  })

  session('an internal exchange routes what another sends it', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('outer'), 'fanout')
    await c.declareExchange(s.x('inner'), 'fanout', { internal: true })
    await c.declare(s.q())
    await c.bindExchange(s.x('inner'), s.x('outer'))
    await c.bind(s.q(), s.x('inner'))
    c.publish(s.x('outer'), 'k', 'x')
    await c.get(s.q(), true)
  })

  session('line breaks are removed from names', async (s) => {
    const c = await s.open()
    await c.declareExchange(`${s.x()}\r\n`, 'direct')
    await c.declareExchange(s.x(), 'direct', { passive: true })
    await c.declare(s.q())
    await c.bind(s.q(), `${s.x()}\n`, 'k')
    c.publish(`\r\n${s.x()}`, 'k', 'x', { mandatory: true })
    await s.quiet()
    if (c.isClosing()) await c.reopen()
    else await c.get(s.q(), true)
    await c.deleteExchange(`\n${s.x()}`)
    await c.declareExchange(s.x(), 'direct', { passive: true })
  })
})
