import { group } from '../session.ts'

const KEYS = [
  '',
  '.',
  '..',
  'a',
  'a.',
  '.a',
  'b',
  'a.b',
  'a..c',
  'a.b.c',
  'a.c',
  'a.b.c.d',
  'c',
  'a.a',
  'A',
  '#',
  '*',
  'a#',
  'a.*',
  'a.**',
  'a.b.a.b',
]

const PATTERNS = [
  '',
  '#',
  '*',
  '*.*',
  '#.#',
  '*.#',
  '#.*',
  '*.*.*',
  '#.*.#',
  'a',
  'a.#',
  '#.a',
  'a.*',
  '*.a',
  'a.#.c',
  'a.*.c',
  '#.c',
  '#.b.#',
  '*.b.#',
  'a.#.#',
  '#.a.#.b.#',
  'a.*.#',
  'a.#.*',
  '.',
  'a.',
  'a..c',
  '.#',
  '#.',
  'a#',
  'a.**',
  '##',
  '*a',
  'a.b.c.d.e',
]

export const topic = group('topic', (session) => {
  for (const pattern of PATTERNS) {
    session(`what ${JSON.stringify(pattern)} matches`, async (s) => {
      const c = await s.open()
      await c.declareExchange(s.x(), 'topic')
      await c.declare(s.q())
      await c.bind(s.q(), s.x(), pattern)
      await c.confirmSelect()
      for (const key of KEYS) c.publish(s.x(), key, '', { mandatory: true })
      await c.wait({ confirm: KEYS.length })
      await c.declare(s.q(), { passive: true })
    })
  }

  session('unbinding one pattern leaves the others', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic')
    await c.declare(s.q())
    for (const pattern of ['a.#', 'a.*', 'a.b', '#']) await c.bind(s.q(), s.x(), pattern)
    await c.confirmSelect()
    for (const pattern of ['#', 'a.#', 'a.b', 'a.*']) {
      await c.unbind(s.q(), s.x(), pattern)
      c.publish(s.x(), 'a.b', pattern, { mandatory: true })
      c.publish(s.x(), 'a', pattern, { mandatory: true })
      await c.wait({ confirm: 2 })
    }
  })

  session('a pattern that is bound again after its last binding went', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic')
    await c.declare(s.q())
    await c.confirmSelect()
    for (let round = 0; round < 3; round++) {
      await c.bind(s.q(), s.x(), 'x.#.y')
      c.publish(s.x(), 'x.y', 'in', { mandatory: true })
      await c.wait({ confirm: 1 })
      await c.unbind(s.q(), s.x(), 'x.#.y')
      c.publish(s.x(), 'x.y', 'out', { mandatory: true })
      await c.wait({ confirm: 1 })
    }
  })

  session('many queues on overlapping patterns', async (s) => {
    const c = await s.open()
    await c.declareExchange(s.x(), 'topic')
    const patterns = ['#', 'stock.#', 'stock.*.nyse', '*.us.*', 'stock.us.nyse', 'stock.us', '#.nyse']
    for (const pattern of patterns) {
      await c.declare(s.q(`on ${pattern}`))
      await c.bind(s.q(`on ${pattern}`), s.x(), pattern)
    }
    await c.confirmSelect()
    for (const key of ['stock.us.nyse', 'stock.us', 'bond.us.nyse', 'nyse', '']) c.publish(s.x(), key, key)
    await c.wait({ confirm: 5 })
    for (const pattern of patterns) await c.declare(s.q(`on ${pattern}`), { passive: true })
  })
})
