import { array, type FieldValue, longstr, nested, Table } from '../../../src/codec/index.ts'
import { group } from '../session.ts'

/** One value of every type of a field table, and its extremes. */
const VALUES: [name: string, value: FieldValue][] = [
  ['t', { type: 't', value: true }],
  ['f', { type: 't', value: false }],
  ['b', { type: 'b', value: -128 }],
  ['B', { type: 'B', value: 255 }],
  ['s', { type: 's', value: -32_768 }],
  ['u', { type: 'u', value: 65_535 }],
  ['I', { type: 'I', value: -2_147_483_648 }],
  ['i', { type: 'i', value: 4_294_967_295 }],
  ['l', { type: 'l', value: -(2n ** 63n) }],
  ['float', { type: 'f', value: 1.5 }],
  ['double', { type: 'd', value: Math.PI }],
  ['decimal', { type: 'D', scale: 2, value: 12_345 }],
  ['S', longstr('text')],
  ['empty', longstr('')],
  ['x', { type: 'x', value: Buffer.from([0, 1, 255]) }],
  ['A', array(longstr('a'), { type: 'I', value: 1 }, array())],
  ['F', nested(new Table([['inner', { type: 'V' }]]))],
  ['T', { type: 'T', value: 1_000_000_000n }],
  ['V', { type: 'V' }],
]

export const fieldTable = group('field-table', (session) => {
  for (const [name, value] of VALUES) {
    session(`a header of type ${name} comes back`, async (s) => {
      const c = await s.open()
      const q = s.q()
      await c.declare(q)
      c.publish('', q, 'x', { properties: { headers: new Table([['h', value]]) } })
      await c.get(q, true)
    })

    session(`an x-max-length of type ${name}`, async (s) => {
      const c = await s.open()
      await c.declare(s.q(), {}, new Table([['x-max-length', value]]))
    })

    session(`an unknown argument of type ${name}`, async (s) => {
      const c = await s.open()
      await c.declare(s.q(), {}, new Table([['foo', value]]))
      await c.declare(s.q())
    })
  }

  session('all types of headers survive dead-lettering', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(s.q('dead'))
    await c.declare(q, {}, { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': s.q('dead') })
    c.publish('', q, 'x', { properties: { headers: new Table(VALUES) } })
    await c.get(q)
    await c.consume(s.q('dead'), 't', { noAck: true })
    c.reject(1, false)
    await c.wait({ deliver: 1 })
  })

  session('header order and duplicates are kept', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    const headers = new Table([
      ['z', longstr('1')],
      ['a', longstr('2')],
      ['z', longstr('3')],
      ['', longstr('no name')],
      ['n'.repeat(255), longstr('long name')],
      ['1 space & sign', longstr('odd name')],
    ])
    c.publish('', q, 'x', { properties: { headers } })
    await c.get(q, true)
  })

  session('deep headers come back', async (s) => {
    const c = await s.open()
    const q = s.q()
    await c.declare(q)
    let value: FieldValue = longstr('bottom')
    for (let depth = 0; depth < 40; depth++) value = depth % 2 === 0 ? array(value) : nested(new Table([['d', value]]))
    c.publish('', q, 'x', { properties: { headers: new Table([['h', value]]) } })
    await c.get(q, true)
  })

  session('integer widths are equal in a re-declaration', async (s) => {
    const c = await s.open()
    await c.declare(s.q(), {}, new Table([['x-max-length', { type: 'I', value: 100 }]]))
    for (const type of ['b', 'B', 's', 'u', 'i'] as const) {
      await c.declare(s.q(), {}, new Table([['x-max-length', { type, value: 100 }]]))
    }
    await c.declare(s.q(), {}, new Table([['x-max-length', { type: 'l', value: 100n }]]))
  })

  session('arguments given twice', async (s) => {
    const c = await s.open()
    const twice = new Table([
      ['x-max-length', { type: 'I', value: 1 }],
      ['x-max-length', { type: 'I', value: 2 }],
    ])
    await c.declare(s.q(), {}, twice)
    await c.declare(s.q(), {}, { 'x-max-length': 1 })
  })
})
