import { array, type FieldValue, int, long, longstr, nested, Table } from '../../../src/codec/index.ts'
import type { Arguments } from '../channel.ts'
import { group } from '../session.ts'

const MESSAGES: [name: string, headers: Arguments | undefined][] = [
  ['no headers', undefined],
  ['empty headers', {}],
  ['a=1', { a: 1 }],
  ['a=2', { a: 2 }],
  ['a=1 b=2', { a: 1, b: 2 }],
  ['a=1 b=3', { a: 1, b: 3 }],
  ['b=2', { b: 2 }],
  ['a="1"', { a: '1' }],
  ['a=1 as long', new Table([['a', long(1)]])],
  ['a=1 as byte', new Table([['a', { type: 'b', value: 1 }]])],
  ['a=1.0', new Table([['a', { type: 'd', value: 1 }]])],
  ['a=void', new Table([['a', { type: 'V' }]])],
  ['a=true', { a: true }],
  ['A=1', { A: 1 }],
  ['x-a=1', { 'x-a': 1 }],
  ['x-a=1 a=1', { 'x-a': 1, a: 1 }],
  ['x-a=2 a=1', { 'x-a': 2, a: 1 }],
  ['x-match=any', { 'x-match': 'any' }],
]

const BINDINGS: [title: string, args: Arguments][] = [
  ['nothing', {}],
  ['all of nothing', { 'x-match': 'all' }],
  ['any of nothing', { 'x-match': 'any' }],
  ['all-with-x of nothing', { 'x-match': 'all-with-x' }],
  ['any-with-x of nothing', { 'x-match': 'any-with-x' }],
  ['a=1 without x-match', { a: 1 }],
  ['all of a=1', { 'x-match': 'all', a: 1 }],
  ['all of a=1 b=2', { 'x-match': 'all', a: 1, b: 2 }],
  ['any of a=1 b=2', { 'x-match': 'any', a: 1, b: 2 }],
  ['all of a="1"', { 'x-match': 'all', a: '1' }],
  [
    'all of a=1 as long',
    new Table([
      ['x-match', longstr('all')],
      ['a', long(1)],
    ]),
  ],
  [
    'all of a=1.0',
    new Table([
      ['x-match', longstr('all')],
      ['a', { type: 'd', value: 1 }],
    ]),
  ],
  ['all of a=void', { 'x-match': 'all', a: null }],
  ['any of a=void', { 'x-match': 'any', a: null }],
  ['any of a=void b=void', { 'x-match': 'any', a: null, b: null }],
  ['all of a=true', { 'x-match': 'all', a: true }],
  ['all of x-a=1', { 'x-match': 'all', 'x-a': 1 }],
  ['any of x-a=1', { 'x-match': 'any', 'x-a': 1 }],
  ['all of x-a=1 a=1', { 'x-match': 'all', 'x-a': 1, a: 1 }],
  ['any of x-a=1 a=2', { 'x-match': 'any', 'x-a': 1, a: 2 }],
  ['all-with-x of x-a=1', { 'x-match': 'all-with-x', 'x-a': 1 }],
  ['any-with-x of x-a=1 a=2', { 'x-match': 'any-with-x', 'x-a': 1, a: 2 }],
  ['all-with-x of x-a=1 a=1', { 'x-match': 'all-with-x', 'x-a': 1, a: 1 }],
]

const PAIRS: [title: string, bound: FieldValue, sent: FieldValue][] = [
  ['equal arrays', array(int(1), longstr('a')), array(int(1), longstr('a'))],
  ['arrays in another order', array(int(1), int(2)), array(int(2), int(1))],
  ['equal tables', nested(new Table([['k', int(1)]])), nested(new Table([['k', int(1)]]))],
  ['tables with other widths', nested(new Table([['k', int(1)]])), nested(new Table([['k', long(1)]]))],
  ['equal timestamps', { type: 'T', value: 5n }, { type: 'T', value: 5n }],
  ['a timestamp and a long', { type: 'T', value: 5n }, { type: 'l', value: 5n }],
  ['bytes and a string', { type: 'x', value: Buffer.from('a') }, longstr('a')],
  ['float and double', { type: 'f', value: 1.5 }, { type: 'd', value: 1.5 }],
  ['float and integer', { type: 'd', value: 1 }, int(1)],
  ['true and 1', { type: 't', value: true }, int(1)],
  ['equal decimals', { type: 'D', scale: 1, value: 5 }, { type: 'D', scale: 1, value: 5 }],
  ['strings in another case', longstr('A'), longstr('a')],
  ['empty strings', longstr(''), longstr('')],
]

export const headers = group('headers', (session) => {
  for (const [title, args] of BINDINGS) {
    session(`what ${title} matches`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'headers')
      await c.declare(s.q())
      await c.bind(s.q(), s.x(), 'ignored', args)
      await c.confirmSelect()
      for (const [name, sent] of MESSAGES) {
        c.publish(s.x(), 'k', name, { mandatory: true, properties: sent ? { headers: sent } : {} })
      }
      await c.wait({ confirm: MESSAGES.length })
    })
  }

  for (const [title, bound, sent] of PAIRS) {
    session(`comparing ${title}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'headers')
      await c.declare(s.q())
      await c.bind(s.q(), s.x(), '', new Table([['h', bound]]))
      await c.confirmSelect()
      c.publish(s.x(), '', 'x', { mandatory: true, properties: { headers: new Table([['h', sent]]) } })
      await c.wait({ confirm: 1 })
    })
  }

  for (const value of ['zzz', '', 'ALL', 5, true, null]) {
    session(`x-match of ${JSON.stringify(value)}`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'headers')
      await c.declare(s.q())
      await c.bind(s.q(), s.x(), '', { 'x-match': value })
    })
  }

  session('a bad x-match on a direct exchange does not matter', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'direct')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'k', { 'x-match': 'zzz' })
  })

  session('a bad x-match when unbinding', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'headers')
    await c.declare(s.q())
    await c.unbind(s.q(), s.x(), 'k', { 'x-match': 'zzz' })
  })

  session('the routing key tells bindings apart', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'headers')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), 'one', { a: 1 })
    await c.bind(s.q(), s.x(), 'two', { a: 1 })
    await c.unbind(s.q(), s.x(), 'one', { a: 1 })
    await c.confirmSelect()
    c.publish(s.x(), 'one', 'still bound', { mandatory: true, properties: { headers: { a: 1 } } })
    await c.wait({ confirm: 1 })
    await c.unbind(s.q(), s.x(), 'two', { a: 1 })
    c.publish(s.x(), 'one', 'not bound', { mandatory: true, properties: { headers: { a: 1 } } })
    await c.wait({ confirm: 1 })
  })

  session('arguments in another order are the same binding', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'headers')
    await c.declare(s.q())
    await c.bind(s.q(), s.x(), '', { a: 1, b: 2 })
    await c.unbind(s.q(), s.x(), '', { b: 2, a: 1 })
    await c.confirmSelect()
    c.publish(s.x(), '', 'x', { mandatory: true, properties: { headers: { a: 1, b: 2 } } })
    await c.wait({ confirm: 1 })
  })
})
