import { array, int, longstr, Table } from '../../../src/codec/index.ts'
import { group } from '../session.ts'

export const publish = group('publish', (session) => {
  session('mandatory without a queue comes back as it was', async (s) => {
    const c = await s.open()
    c.publish('amq.direct', s.own('k'), 'body', {
      mandatory: true,
      properties: { contentType: 'text/plain', headers: { a: 1 }, deliveryMode: 2, messageId: 'm' },
    })
    await c.wait({ return: 1 })
  })

  session('without mandatory it is dropped', async (s) => {
    const c = await s.open()
    c.publish('amq.direct', s.own('k'), 'body')
    await s.quiet()
  })

  session('returns come in order', async (s) => {
    const c = await s.open()
    for (const body of ['1', '2', '3']) c.publish('amq.direct', s.own('k'), body, { mandatory: true })
    await c.wait({ return: 3 })
  })

  session('a large body comes back', async (s) => {
    const c = await s.open({ frameMax: 4096 })
    c.publish('', s.own('k'), Buffer.alloc(10_000, 'x'), { mandatory: true })
    await c.wait({ return: 1 })
  })

  session('immediate is not implemented', async (s) => {
    const c = await s.open()
    c.publish('', s.own('k'), 'x', { immediate: true })
    await c.connection.closed()
  })

  session('mandatory and immediate', async (s) => {
    const c = await s.open()
    c.publish(s.own('nosuch'), 'k', 'x', { immediate: true, mandatory: true })
    await c.connection.closed()
  })

  const expirations = [
    '0',
    '1',
    '60000',
    '315360000000',
    '315360000001',
    '99999999999',
    '99999999999999999999',
    'abc',
    '',
    ' 10',
    '10 ',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '+5',
    '007',
    '5000ms',
  ]
  for (const expiration of expirations) {
    session(`an expiration of ${JSON.stringify(expiration)}`, async (s) => {
      const c = await s.open()
      await c.confirmSelect()
      c.publish('', s.own('k'), 'x', { properties: { expiration } })
      await c.wait({ confirm: 1 })
    })
  }

  for (const userId of ['guest', 'bob', '', 'GUEST']) {
    session(`a user id of ${JSON.stringify(userId)}`, async (s) => {
      const c = await s.open()
      await c.confirmSelect()
      c.publish('', s.own('k'), 'x', { properties: { userId } })
      await c.wait({ confirm: 1 })
    })
  }

  session('which of several faults is told: exchange before expiration', async (s) => {
    const c = await s.open()
    c.publish(s.own('nosuch'), 'k', 'x', { properties: { expiration: 'abc', userId: 'bob' } })
    await c.closed()
  })

  session('which of several faults is told: expiration before user id', async (s) => {
    const c = await s.open()
    c.publish('', 'k', 'x', { properties: { expiration: 'abc', userId: 'bob' } })
    await c.closed()
  })

  session('which of several faults is told: headers before user id', async (s) => {
    const c = await s.open()
    c.publish('', 'k', 'x', { properties: { headers: { CC: 'no array' }, userId: 'bob' } })
    await c.closed()
  })

  session('which of several faults is told: expiration before headers', async (s) => {
    const c = await s.open()
    c.publish('', 'k', 'x', { properties: { headers: { CC: 'no array' }, expiration: 'abc' } })
    await c.closed()
  })

  session('which of several faults is told: internal before expiration', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'fanout', { internal: true })
    c.publish(s.x(), 'k', 'x', { properties: { expiration: 'abc' } })
    await c.closed()
  })

  session('a fault is told after the whole content', async (s) => {
    const c = await s.open()
    c.publish('', 'k', Buffer.alloc(200_000), { properties: { userId: 'bob' } })
    await c.closed()
    await c.reopen()
    await c.declare(s.q())
  })

  for (const name of ['CC', 'BCC']) {
    session(`${name} adds routing keys`, async (s) => {
      const c = await s.open()
      for (const queue of ['one', 'two', 'three']) await c.declare(s.q(queue))
      const more = array(longstr(s.q('two')), longstr(s.q('three')), longstr(s.own('nosuch')))
      c.publish('', s.q('one'), 'x', { properties: { headers: new Table([[name, more]]) } })
      for (const queue of ['one', 'two', 'three']) await c.get(s.q(queue), true)
    })

    session(`${name} alone reaches a queue`, async (s) => {
      const c = await s.open()
      await c.declare(s.q())
      const headers = new Table([
        ['a', int(1)],
        [name, array(longstr(s.q()))],
        ['z', int(2)],
      ])
      c.publish('', s.own('nosuch'), 'x', { mandatory: true, properties: { headers } })
      await c.get(s.q(), true)
    })

    session(`a returned message and its ${name}`, async (s) => {
      const c = await s.open()
      const headers = new Table([
        [name, array(longstr(s.own('nobody')))],
        ['a', int(1)],
      ])
      c.publish('', s.own('nosuch'), 'x', { mandatory: true, properties: { headers } })
      await c.wait({ return: 1 })
    })

    const bad: [title: string, value: unknown][] = [
      ['a string', 'text'],
      ['an integer', 5],
      ['an array of integers', [1, 2]],
      ['an array of a string and an integer', ['a', 1]],
      ['a table', { a: 1 }],
      ['an empty array', []],
      ['void', null],
    ]
    for (const [title, value] of bad) {
      session(`${name} that is ${title}`, async (s) => {
        const c = await s.open()
        await c.confirmSelect()
        c.publish('', s.own('k'), 'x', { properties: { headers: { [name]: value } } })
        await c.wait({ confirm: 1 })
      })
    }
  }

  session('CC and BCC together, the same queue in all', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    await c.declare(s.q('two'))
    const headers = { CC: [s.q(), s.q('two')], BCC: [s.q('two')] }
    c.publish('', s.q(), 'x', { properties: { headers } })
    await s.quiet()
    await c.declare(s.q(), { passive: true })
    await c.get(s.q(), true)
    await c.get(s.q('two'), true)
  })

  session('BCC as the only header', async (s) => {
    const c = await s.open()
    await c.declare(s.q())
    c.publish('', s.own('nosuch'), 'x', { properties: { headers: { BCC: [s.q()] } } })
    await c.get(s.q(), true)
  })

  session('CC goes through the same exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), '*.b')
    c.publish(s.x(), 'no', 'x', { mandatory: true, properties: { headers: { CC: ['no.way', 'a.b'] } } })
    await c.get(s.q(), true)
  })

  session('headers in lower case are no carbon copies', async (s) => {
    const c = await s.open()
    await c.confirmSelect()
    c.publish('', s.own('k'), 'x', { properties: { headers: { cc: 'text', bcc: 5 } } })
    await c.wait({ confirm: 1 })
  })

  session('an alternate exchange takes what is not routed', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('main'), 'direct', {}, { 'alternate-exchange': s.x('alternate') })
    await c.declareExchange(s.x('alternate'), 'fanout')
    await c.declare(s.q())
    await c.declare(s.q('unrouted'))
    await c.bind(s.q(), s.x('main'), 'k')
    await c.bind(s.q('unrouted'), s.x('alternate'))
    await c.confirmSelect()
    c.publish(s.x('main'), 'k', 'routed', { mandatory: true })
    c.publish(s.x('main'), 'other', 'not routed', { mandatory: true })
    await c.wait({ confirm: 2 })
    await c.get(s.q(), true)
    await c.get(s.q(), true)
    await c.get(s.q('unrouted'), true)
  })

  session('an alternate exchange that routes nowhere either', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('main'), 'direct', {}, { 'alternate-exchange': s.x('alternate') })
    await c.declareExchange(s.x('alternate'), 'fanout')
    c.publish(s.x('main'), 'k', 'x', { mandatory: true })
    await c.wait({ return: 1 })
  })

  session('an alternate exchange that is missing', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('main'), 'direct', {}, { 'alternate-exchange': s.x('nosuch') })
    await c.confirmSelect()
    c.publish(s.x('main'), 'k', 'x', { mandatory: true })
    c.publish(s.x('main'), 'k', 'y')
    await c.wait({ confirm: 2 })
  })

  session('alternate exchanges in a circle', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('one'), 'direct', {}, { 'alternate-exchange': s.x('two') })
    await c.declareExchange(s.x('two'), 'direct', {}, { 'alternate-exchange': s.x('one') })
    await c.confirmSelect()
    c.publish(s.x('one'), 'k', 'x', { mandatory: true })
    await c.wait({ confirm: 1 })
  })

  session('an alternate exchange behind an alternate exchange', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('one'), 'direct', {}, { 'alternate-exchange': s.x('two') })
    await c.declareExchange(s.x('two'), 'direct', {}, { 'alternate-exchange': s.x('three') })
    await c.declareExchange(s.x('three'), 'fanout')
    await c.declare(s.q())
    await c.bind(s.q(), s.x('three'))
    c.publish(s.x('one'), 'k', 'x', { mandatory: true })
    await c.get(s.q(), true)
  })

  session('the default exchange as alternate', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct', {}, { 'alternate-exchange': '' })
    await c.declare(s.q())
    c.publish(s.x(), s.q(), 'x', { mandatory: true })
    await s.quiet()
    await c.get(s.q(), true)
  })

  session('an exchange bound behind that has an alternate', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x('outer'), 'fanout')
    await c.declareExchange(s.x('inner'), 'direct', {}, { 'alternate-exchange': s.x('alternate') })
    await c.declareExchange(s.x('alternate'), 'fanout')
    await c.declare(s.q())
    await c.bindExchange(s.x('inner'), s.x('outer'))
    await c.bind(s.q(), s.x('alternate'))
    c.publish(s.x('outer'), 'k', 'x', { mandatory: true })
    await c.get(s.q(), true)
  })
})
