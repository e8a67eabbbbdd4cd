import test from 'ava'
import fc from 'fast-check'
import {
  array,
  bool,
  type FieldValue,
  fieldEquals,
  int,
  integerOf,
  longstr,
  type Table,
} from '../../../src/codec/index.ts'
import { Bindings, exchangeOf, refusal, table } from './support.ts'

/** Whether a binding with these arguments passes a message with these headers. */
function passes(args: Record<string, FieldValue | string>, headers: Record<string, FieldValue | string> | undefined) {
  const bindings = new Bindings(exchangeOf('headers'))
  bindings.bind('q', '', table(args))
  return bindings.routeHeaders(headers && table(headers)).length === 1
}

const VOID: FieldValue = { type: 'V' }

test('x-match all needs every header', (t) => {
  const args = { 'x-match': 'all', format: 'pdf', type: 'report' }
  t.true(passes(args, { format: 'pdf', type: 'report' }))
  t.true(passes(args, { type: 'report', other: 'x', format: 'pdf' }))
  t.false(passes(args, { format: 'pdf' }))
  t.false(passes(args, { format: 'pdf', type: 'log' }))
  t.false(passes(args, {}))
  t.false(passes(args, undefined))
})

test('x-match any needs one header', (t) => {
  const args = { 'x-match': 'any', format: 'pdf', type: 'report' }
  t.true(passes(args, { format: 'pdf', type: 'report' }))
  t.true(passes(args, { format: 'zip', type: 'report' }))
  t.true(passes(args, { format: 'pdf' }))
  t.false(passes(args, { format: 'zip', type: 'log' }))
  t.false(passes(args, undefined))
})

test('without x-match every header is needed', (t) => {
  t.true(passes({ a: '1', b: '2' }, { a: '1', b: '2' }))
  t.false(passes({ a: '1', b: '2' }, { a: '1' }))
})

test('all without any other argument matches everything', (t) => {
  for (const args of [{}, { 'x-match': 'all' }, { 'x-match': 'all-with-x' }, { 'x-match': 'all', 'x-other': 'y' }]) {
    t.true(passes(args, { a: '1' }))
    t.true(passes(args, {}))
    t.true(passes(args, undefined))
  }
})

test('any without any other argument matches nothing', (t) => {
  for (const args of [{ 'x-match': 'any' }, { 'x-match': 'any-with-x' }, { 'x-match': 'any', 'x-other': 'y' }]) {
    t.false(passes(args, { a: '1' }))
    t.false(passes(args, { 'x-match': args['x-match'] }))
    t.false(passes(args, undefined))
  }
})

test('all and any skip arguments that begin with x-', (t) => {
  t.true(passes({ 'x-match': 'all', 'x-a': '1', b: '2' }, { b: '2' }))
  t.false(passes({ 'x-match': 'any', 'x-a': '1', b: '2' }, { 'x-a': '1' }))
})

test('the with-x modes compare arguments that begin with x-, except x-match itself', (t) => {
  t.false(passes({ 'x-match': 'all-with-x', 'x-a': '1', b: '2' }, { b: '2' }))
  t.true(passes({ 'x-match': 'all-with-x', 'x-a': '1', b: '2' }, { b: '2', 'x-a': '1' }))
  t.true(passes({ 'x-match': 'any-with-x', 'x-a': '1', b: '2' }, { 'x-a': '1' }))
  t.false(passes({ 'x-match': 'any-with-x', 'x-a': '1' }, { 'x-match': 'any-with-x' }))
})

test('a name that only begins with an x is compared in every mode', (t) => {
  t.false(passes({ x: '1', xa: '2' }, { x: '1' }))
  t.true(passes({ x: '1', xa: '2' }, { x: '1', xa: '2' }))
})

test('a void argument asks for the header with whatever value', (t) => {
  for (const mode of ['all', 'any']) {
    t.true(passes({ 'x-match': mode, a: VOID }, { a: 'x' }))
    t.true(passes({ 'x-match': mode, a: VOID }, { a: int(7) }))
    t.true(passes({ 'x-match': mode, a: VOID }, { a: VOID }))
    t.false(passes({ 'x-match': mode, a: VOID }, { b: 'x' }))
  }
})

test('a void header equals no value', (t) => {
  t.false(passes({ a: '' }, { a: VOID }))
  t.false(passes({ a: int(0) }, { a: VOID }))
})

test('the string 1 is not the integer 1', (t) => {
  t.false(passes({ a: '1' }, { a: int(1) }))
  t.false(passes({ a: int(1) }, { a: '1' }))
  t.false(passes({ a: '1' }, { a: bool(true) }))
})

test('integers are compared by value, whatever their width', (t) => {
  const widths: FieldValue[] = [
    { type: 'b', value: 1 },
    { type: 'B', value: 1 },
    { type: 's', value: 1 },
    { type: 'u', value: 1 },
    { type: 'I', value: 1 },
    { type: 'i', value: 1 },
    { type: 'l', value: 1n },
  ]
  for (const asked of widths) for (const given of widths) t.true(passes({ a: asked }, { a: given }))
  t.false(passes({ a: int(1) }, { a: int(2) }))
})

test('integers beyond 2^53 are told apart', (t) => {
  t.false(passes({ a: { type: 'l', value: 2n ** 53n } }, { a: { type: 'l', value: 2n ** 53n + 1n } }))
})

test('numbers are compared by value, whatever their type', (t) => {
  t.true(passes({ a: int(1) }, { a: { type: 'd', value: 1 } }))
  t.true(passes({ a: { type: 'T', value: 5n } }, { a: { type: 'l', value: 5n } }))
  t.false(passes({ a: int(1) }, { a: { type: 'd', value: 1.5 } }))
  t.true(passes({ a: { type: 'f', value: 1.5 } }, { a: { type: 'd', value: 1.5 } }))
})

test('strings are compared by their bytes, capitals included', (t) => {
  t.false(passes({ a: 'PDF' }, { a: 'pdf' }))
  t.true(passes({ a: longstr(Buffer.from([0xff, 0x00])) }, { a: longstr(Buffer.from([0xff, 0x00])) }))
  t.true(passes({ a: 'x' }, { a: { type: 'x', value: Buffer.from('x') } }))
})

test('arrays and tables are compared as a whole, and by the types in them', (t) => {
  const list = array(int(1), longstr('b'))
  t.true(passes({ a: list }, { a: array(int(1), longstr('b')) }))
  t.false(passes({ a: list }, { a: array({ type: 'l', value: 1n }, longstr('b')) }))
  t.false(passes({ a: list }, { a: array(longstr('b'), int(1)) }))
  t.false(passes({ a: array(longstr('1:x')) }, { a: array(longstr('1'), longstr('x')) }))
  const inner = (fields: Record<string, FieldValue>): FieldValue => ({ type: 'F', value: table(fields) })
  t.true(passes({ a: inner({ m: int(1), n: int(2) }) }, { a: inner({ n: int(2), m: int(1) }) }))
  t.false(passes({ a: inner({ m: int(1) }) }, { a: inner({ m: int(1), n: int(2) }) }))
})

test('the routing key is ignored, but tells bindings apart', (t) => {
  const bindings = new Bindings(exchangeOf('headers'))
  t.true(bindings.bind('q', 'one', table({ a: '1' })))
  t.true(bindings.bind('q', 'two', table({ a: '1' })))
  t.deepEqual(bindings.routeHeaders({ a: '1' }), ['q'])
  t.true(bindings.unbind('q', 'one', table({ a: '1' })))
  t.deepEqual(bindings.routeHeaders({ a: '1' }), ['q'])
  t.true(bindings.unbind('q', 'two', table({ a: '1' })))
  t.deepEqual(bindings.routeHeaders({ a: '1' }), [])
})

test('an x-match that is no mode is refused with its text', (t) => {
  const { exchange } = new Bindings(exchangeOf('headers'))
  const bindWith = (mode: FieldValue) =>
    refusal(() => exchange.router.validateBinding?.('', table({ 'x-match': mode })))
  const text = 'expected all, any, all-with-x, or any-with-x'
  t.is(bindWith(longstr('zzz')), `406 channel PRECONDITION_FAILED - Invalid x-match field value <<"zzz">>; ${text}`)
  t.is(bindWith(longstr('')), `406 channel PRECONDITION_FAILED - Invalid x-match field value <<>>; ${text}`)
  t.is(
    bindWith(longstr('a"\\')),
    `406 channel PRECONDITION_FAILED - Invalid x-match field value <<"a\\"\\\\">>; ${text}`,
  )
})

test('an x-match that is no string is refused with its type and value', (t) => {
  const { exchange } = new Bindings(exchangeOf('headers'))
  const bindWith = (mode: FieldValue) =>
    refusal(() => exchange.router.validateBinding?.('', table({ 'x-match': mode })))
  const text = (value: string) =>
    `406 channel PRECONDITION_FAILED - Invalid x-match field type ${value}; expected longstr`
  t.is(bindWith(int(5)), text('signedint (value 5)'))
  t.is(bindWith({ type: 'l', value: 5n }), text('long (value 5)'))
  t.is(bindWith(bool(true)), text('bool (value true)'))
  t.is(bindWith(VOID), text('void (value undefined)'))
  t.is(bindWith({ type: 'd', value: 2 }), text('double (value 2.0)'))
  t.is(bindWith(array(int(1), longstr('b'))), text('array (value [{signedint,1},{longstr,<<"b">>}])'))
  t.is(bindWith({ type: 'F', value: table({ k: 'v' }) }), text('table (value [{<<"k">>,longstr,<<"v">>}])'))
})

test('ten thousand header bindings are added and removed one by one', (t) => {
  const bindings = new Bindings(exchangeOf('headers'))
  const args = Array.from({ length: 10_000 }, (_, i) =>
    table({ 'x-match': i % 2 === 0 ? 'all' : 'any', kind: 'same', id: int(i) }),
  )
  for (const each of args) bindings.bind('q', '', each)
  bindings.bind('other', '', table({ id: int(4000) }))
  t.deepEqual(bindings.routeHeaders({ id: 4000 }), ['other'])
  t.deepEqual(bindings.routeHeaders({ id: 4000, kind: 'same' }), ['other', 'q'])
  for (const each of args) t.true(bindings.unbind('q', '', each))
  t.deepEqual(bindings.routeHeaders({ id: 4000, kind: 'same' }), ['other'])
})

/** The values this file draws from: numbers by value, everything else as it is. */
function isEqual(a: FieldValue, b: FieldValue): boolean {
  const [numberA, numberB] = [numberOf(a), numberOf(b)]
  return numberA !== undefined ? numberA === numberB : fieldEquals(a, b)
}

function numberOf(value: FieldValue): number | undefined {
  if (value.type === 'f' || value.type === 'd') return value.value
  return value.type === 'T' ? Number(value.value) : integerOf(value)
}

/** The definition, argument by argument. */
function follows(args: Table, headers: Table): boolean {
  const match = args.get('x-match')
  const mode = match?.type === 'S' ? match.value.toString() : 'all'
  const asked = args.entries.filter(([name]) =>
    mode.endsWith('-with-x') ? name !== 'x-match' : !name.startsWith('x-'),
  )
  const holds = ([name, value]: [string, FieldValue]) => {
    const given = headers.get(name)
    return given !== undefined && (value.type === 'V' || isEqual(value, given))
  }
  return mode.startsWith('any') ? asked.some(holds) : asked.every(holds)
}

test('the exchange agrees with the definition while random bindings come and go', (t) => {
  const value = fc.constantFrom<FieldValue>(
    int(1),
    int(2),
    { type: 'b', value: 1 },
    { type: 'l', value: 1n },
    { type: 'd', value: 1 },
    { type: 'f', value: 1.5 },
    { type: 'T', value: 1n },
    longstr('1'),
    longstr('b'),
    bool(true),
    array(int(1)),
    VOID,
  )
  const fields = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'x-a', 'x-b', 'x-match'), value, { maxKeys: 4 })
  const mode = fc.constantFrom(undefined, 'all', 'any', 'all-with-x', 'any-with-x')
  const args = fc.tuple(fields, mode).map(([asked, match]) => {
    const result = table(asked)
    result.delete('x-match')
    return match === undefined ? result : result.set('x-match', longstr(match))
  })
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ what: fc.constant('bind' as const), args }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant('unbind' as const), which: fc.nat() }) },
    { weight: 4, arbitrary: fc.record({ what: fc.constant('route' as const), headers: fields.map(table) }) },
  )
  let routed = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const bindings = new Bindings(exchangeOf('headers'))
      const bound: { name: string; args: Table }[] = []
      let names = 0
      for (const each of steps) {
        if (each.what === 'bind') {
          const name = `q${names++}`
          bindings.bind(name, '', each.args)
          bound.push({ name, args: each.args })
        } else if (each.what === 'unbind') {
          const [removed] = bound.splice(each.which % (bound.length || 1), 1)
          if (removed !== undefined) bindings.unbind(removed.name, '', removed.args)
        } else {
          const expected = bound.filter((binding) => follows(binding.args, each.headers)).map(({ name }) => name)
          routed += expected.length
          t.deepEqual(bindings.routeHeaders(each.headers), expected.sort())
        }
      }
    }),
    { numRuns: 500 },
  )
  t.true(routed > 100, 'bindings and headers were made so that many match')
})
