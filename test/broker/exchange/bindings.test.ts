import test from 'ava'
import type { Queue } from '../../../src/broker/queue/queue.ts'
import { int, Table } from '../../../src/codec/index.ts'
import { Bindings, destinationOf, exchangeOf, table } from './support.ts'

test('a direct exchange routes by equal keys', (t) => {
  const bindings = new Bindings(exchangeOf('direct'))
  bindings.bind('q1', 'a')
  bindings.bind('q2', 'a')
  bindings.bind('q3', 'b')
  bindings.bind('q4', '')
  t.deepEqual(bindings.routeKey('a'), ['q1', 'q2'])
  t.deepEqual(bindings.routeKey('b'), ['q3'])
  t.deepEqual(bindings.routeKey(''), ['q4'])
  t.deepEqual(bindings.routeKey('A'), [])
})

test('a direct exchange takes wildcards for what they are', (t) => {
  const bindings = new Bindings(exchangeOf('direct'))
  bindings.bind('q1', '#')
  t.deepEqual(bindings.routeKey('a'), [])
  t.deepEqual(bindings.routeKey('#'), ['q1'])
})

test('a fanout exchange ignores keys', (t) => {
  const bindings = new Bindings(exchangeOf('fanout'))
  bindings.bind('q1', 'a')
  bindings.bind('q2', 'b')
  t.deepEqual(bindings.routeKey('c'), ['q1', 'q2'])
  t.deepEqual(bindings.routeKey(''), ['q1', 'q2'])
  bindings.unbind('q1', 'a')
  t.deepEqual(bindings.routeKey('c'), ['q2'])
})

for (const type of ['direct', 'fanout', 'topic', 'headers', 'x-consistent-hash']) {
  test(`binding twice to ${type} is binding once`, (t) => {
    const bindings = new Bindings(exchangeOf(type))
    t.true(bindings.bind('q1', '1'))
    t.false(bindings.bind('q1', '1'))
    t.is(bindings.exchange.bindings.size, 1)
    t.deepEqual(bindings.routeKey('1'), ['q1'])
    t.true(bindings.unbind('q1', '1'))
    t.false(bindings.unbind('q1', '1'))
    t.deepEqual(bindings.routeKey('1'), [])
    t.is(bindings.exchange.bindings.size, 0)
  })

  test(`removing a binding that ${type} does not have changes nothing`, (t) => {
    const source = exchangeOf(type)
    const bindings = new Bindings(source)
    bindings.bind('q1', '1')
    const destination = bindings.destination('q2')
    t.false(source.bindings.remove({ source, destination, routingKey: '1', arguments: new Table() }))
    t.deepEqual(bindings.routeKey('1'), ['q1'])
  })

  test(`ten thousand destinations are bound to ${type} and unbound one by one, oldest first`, (t) => {
    const bindings = new Bindings(exchangeOf(type))
    for (let i = 0; i < 10_000; i++) bindings.bind(`q${i}`, '1')
    t.is(bindings.exchange.bindings.size, 10_000)
    t.is(bindings.routeKey('1').length, type === 'x-consistent-hash' ? 1 : 10_000)
    for (let i = 0; i < 9_999; i++) t.true(bindings.unbind(`q${i}`, '1'))
    t.deepEqual(bindings.routeKey('1'), ['q9999'])
    t.true(bindings.unbind('q9999', '1'))
    t.deepEqual(bindings.routeKey('1'), [])
  })
}

test('ten thousand keys are bound to direct and unbound one by one', (t) => {
  const bindings = new Bindings(exchangeOf('direct'))
  for (let i = 0; i < 10_000; i++) bindings.bind('q', `key${i}`)
  t.deepEqual(bindings.routeKey('key5000'), ['q'])
  for (let i = 0; i < 10_000; i++) t.true(bindings.unbind('q', `key${i}`))
  t.deepEqual(bindings.routeKey('key5000'), [])
})

test('destination, routing key and arguments together tell bindings apart', (t) => {
  const bindings = new Bindings(exchangeOf('fanout'))
  t.true(bindings.bind('q1', 'a'))
  t.true(bindings.bind('q2', 'a'))
  t.true(bindings.bind('q1', 'b'))
  t.true(bindings.bind('q1', 'a', table({ n: int(1) })))
  t.true(bindings.bind('q1', 'a', table({ n: int(2) })))
  t.true(bindings.bind('q1', 'a', table({ n: '1' })))
  t.is(bindings.exchange.bindings.size, 6)
  t.true(bindings.unbind('q1', 'a'))
  t.deepEqual(bindings.routeKey(''), ['q1', 'q2'])
})

test('parts of a binding do not run into each other', (t) => {
  const bindings = new Bindings(exchangeOf('fanout'))
  t.true(bindings.bind('a', 'b1:c'))
  t.true(bindings.bind('ab', '1:c'))
  t.true(bindings.bind('a', 'b', table({ c: '' })))
  t.true(bindings.bind('a', 'b1:cS'))
  t.true(bindings.bind('a', 'b', table({ c: 'd', e: 'f' })))
  t.true(bindings.bind('a', 'b', table({ 'c2:Sd': 'f' })))
  t.is(bindings.exchange.bindings.size, 6)
})

test('the same arguments in another order, or with wider integers, name the same binding', (t) => {
  const bindings = new Bindings(exchangeOf('fanout'))
  t.true(bindings.bind('q1', '', table({ a: int(1), b: 'x' })))
  t.false(bindings.bind('q1', '', table({ b: 'x', a: { type: 'l', value: 1n } })))
  t.true(bindings.unbind('q1', '', table({ b: 'x', a: { type: 's', value: 1 } })))
})

test('a queue and an exchange of one name are two destinations', (t) => {
  const source = exchangeOf('fanout')
  // The queue is only looked at for its name.
  const queue = { name: 'same' } as Queue
  const rest = { source, routingKey: '', arguments: new Table() }
  t.true(source.bindings.add({ ...rest, destination: queue }))
  t.true(source.bindings.add({ ...rest, destination: destinationOf('same') }))
  t.is(source.bindings.size, 2)
  t.true(source.bindings.remove({ ...rest, destination: queue }))
  t.is(source.bindings.size, 1)
})

test('find gives the binding that was added, and all lists them oldest first', (t) => {
  const source = exchangeOf('topic')
  const destination = destinationOf('d')
  const bindings = ['b', 'a', 'c'].map((routingKey) => ({ source, destination, routingKey, arguments: new Table() }))
  for (const binding of bindings) source.bindings.add(binding)
  t.is(source.bindings.find(destination, 'a', new Table()), bindings[1])
  t.is(source.bindings.find(destination, 'x', new Table()), undefined)
  t.deepEqual([...source.bindings.all()], bindings)
})

test('what one router is asked to add while it routes is not mixed up with the next route', (t) => {
  const bindings = new Bindings(exchangeOf('topic'))
  bindings.bind('q1', 'a.#')
  bindings.bind('q2', 'b.#')
  t.deepEqual(bindings.routeKey('a.x'), ['q1'])
  t.deepEqual(bindings.routeKey('b.x'), ['q2'])
  t.deepEqual(bindings.routeKey('c.x'), [])
})
