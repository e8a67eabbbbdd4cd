import test from 'ava'
import type { Exchange, Queue, VirtualHost } from '../../src/broker/index.ts'
import { Message } from '../../src/broker/index.ts'
import { encodeProperties, fromObject, type Properties, PropertyView, Table, toObject } from '../../src/codec/index.ts'
import { TestNode } from '../amqp/node.ts'

const view = new PropertyView()

/** A vhost with short words for what these tests do often. */
class Bench {
  readonly node = new TestNode()
  readonly vhost: VirtualHost = this.node.vhost

  queue(name: string, args: Record<string, unknown> = {}, options: { durable?: boolean } = {}): Queue {
    const { durable = false } = options
    return this.vhost.declareQueue(
      { name, serverNamed: false, durable, exclusive: false, autoDelete: false, arguments: fromObject(args) },
      undefined,
    )
  }

  exchange(name: string, type = 'fanout', args: Record<string, unknown> = {}, autoDelete = false): Exchange {
    return this.vhost.declareExchange({
      name,
      type,
      durable: false,
      autoDelete,
      internal: false,
      arguments: fromObject(args),
    })
  }

  bind(source: string, destination: string, routingKey = '', args: Record<string, unknown> = {}): void {
    const queue = this.vhost.queues.get(destination)
    this.vhost.bind(
      this.vhost.exchange(source),
      queue ?? this.vhost.exchange(destination),
      routingKey,
      fromObject(args),
    )
  }

  unbind(source: string, destination: string, routingKey = ''): void {
    const queue = this.vhost.queues.get(destination)
    this.vhost.unbind(this.vhost.exchange(source), queue ?? this.vhost.exchange(destination), routingKey, new Table())
  }

  /** @returns whether the message was routed; undefined when there is no such exchange. */
  publish(exchange: string, routingKey: string, body = 'x', properties: Properties = {}): boolean | undefined {
    const message = Message.of(exchange, routingKey, encodeProperties(properties), Buffer.from(body))
    const route = this.vhost.findRoute(message.buffer, message.exchangeAt, message.exchangeAt + message.addressLength)
    return route === undefined ? undefined : this.vhost.publish(route, message).routed
  }

  /** Publishes and says which queues got it, how often; empties them. */
  reached(exchange: string, routingKey: string, properties: Properties = {}): Record<string, number> {
    this.publish(exchange, routingKey, 'x', properties)
    const counts: Record<string, number> = {}
    for (const queue of this.vhost.queues.values()) if (queue.messageCount > 0) counts[queue.name] = queue.purge()
    return counts
  }

  bodies(name: string): string[] {
    return (this.vhost.queues.get(name)?.peek(1000) ?? []).map((message) => message.body.toString())
  }

  rejectFirst(name: string): void {
    const queue = this.vhost.queue(name, undefined)
    const place = queue.get(new Message(), false)
    if (place < 0) throw new Error(`${name} is empty`)
    queue.reject(place)
  }
}

test('a new vhost has the exchanges that every RabbitMQ vhost has', (t) => {
  const { vhost } = new Bench()
  const exchanges = [...vhost.exchanges.values()].map(
    ({ name, type, durable, internal }) =>
      `${name}:${type.name}${durable ? ':durable' : ''}${internal ? ':internal' : ''}`,
  )
  t.deepEqual(exchanges.sort(), [
    ':direct:durable',
    'amq.direct:direct:durable',
    'amq.fanout:fanout:durable',
    'amq.headers:headers:durable',
    'amq.match:headers:durable',
    'amq.rabbitmq.trace:topic:durable:internal',
    'amq.topic:topic:durable',
  ])
})

test('the default exchange leads to the queue of that name', (t) => {
  const bench = new Bench()
  bench.queue('q')
  t.deepEqual(bench.reached('', 'q'), { q: 1 })
  t.false(bench.publish('', 'missing'))
  t.is(bench.publish('missing', 'q'), undefined)
})

test('a message reaches a queue once, however many bindings and exchanges lead there', (t) => {
  const bench = new Bench()
  bench.queue('q')
  bench.exchange('a')
  bench.exchange('b', 'topic')
  bench.bind('a', 'q')
  bench.bind('a', 'q', 'other key')
  bench.bind('a', 'b')
  bench.bind('b', 'q', '#')
  bench.bind('b', 'q', 'k')
  t.deepEqual(bench.reached('a', 'k'), { q: 1 })
})

test('exchanges may be bound in cycles: each is visited once', (t) => {
  const bench = new Bench()
  for (const name of ['a', 'b', 'c']) {
    bench.exchange(name)
    bench.queue(`q${name}`)
    bench.bind(name, `q${name}`)
  }
  bench.bind('a', 'b')
  bench.bind('b', 'c')
  bench.bind('c', 'a')
  bench.bind('a', 'a')
  for (const start of ['a', 'b', 'c']) t.deepEqual(bench.reached(start, ''), { qa: 1, qb: 1, qc: 1 })
})

test('a long chain of exchanges needs no stack, neither to route nor to go', (t) => {
  const bench = new Bench()
  const LENGTH = 20_000
  bench.exchange('x0', 'fanout', {}, true)
  for (let i = 1; i < LENGTH; i++) {
    bench.exchange(`x${i}`, 'fanout', {}, true)
    bench.bind(`x${i - 1}`, `x${i}`)
  }
  const queue = bench.queue('q')
  bench.bind(`x${LENGTH - 1}`, 'q')
  t.deepEqual(bench.reached('x0', ''), { q: 1 })
  // Each exchange loses its last binding when the next one goes.
  bench.vhost.deleteQueue(queue)
  t.is(bench.vhost.exchanges.size, 7)
})

test('an exchange behind another routes by its own bindings and by the same key', (t) => {
  const bench = new Bench()
  bench.queue('q1')
  bench.queue('q2')
  bench.exchange('in', 'topic')
  bench.exchange('out', 'direct')
  bench.bind('in', 'out', 'a.*')
  bench.bind('out', 'q1', 'a.b')
  bench.bind('out', 'q2', 'a.c')
  t.deepEqual(bench.reached('in', 'a.b'), { q1: 1 })
  t.deepEqual(bench.reached('in', 'a.d'), {})
  t.deepEqual(bench.reached('in', 'b.b'), {})
})

test('a route by key may lead through an exchange that looks at headers', (t) => {
  const bench = new Bench()
  bench.queue('plain')
  bench.queue('news')
  bench.exchange('in', 'direct')
  bench.exchange('h', 'headers')
  bench.bind('in', 'plain', 'k')
  bench.bind('in', 'h', 'k')
  bench.bind('h', 'news', '', { kind: 'news' })
  for (let i = 0; i < 2; i++) {
    t.deepEqual(bench.reached('in', 'k'), { plain: 1 })
    t.deepEqual(bench.reached('in', 'k', { headers: fromObject({ kind: 'news' }) }), { plain: 1, news: 1 })
  }
})

test('the alternate exchange gets what an exchange routes nowhere', (t) => {
  const bench = new Bench()
  bench.queue('q')
  bench.queue('other')
  bench.exchange('x', 'direct', { 'alternate-exchange': 'ae' })
  bench.bind('x', 'q', 'k')
  t.deepEqual(bench.reached('x', 'unknown'), {}, 'a missing alternate exchange is ignored')
  bench.exchange('ae')
  bench.bind('ae', 'other')
  t.deepEqual(bench.reached('x', 'k'), { q: 1 })
  t.deepEqual(bench.reached('x', 'unknown'), { other: 1 })
  const message = () => {
    bench.publish('x', 'unknown')
    return bench.vhost.queue('other', undefined).peek(1)[0]
  }
  t.like(message(), { exchange: 'x', routingKey: 'unknown' })
})

test('alternate exchanges may form a chain or a loop', (t) => {
  const bench = new Bench()
  bench.queue('q')
  bench.exchange('a', 'direct', { 'alternate-exchange': 'b' })
  bench.exchange('b', 'direct', { 'alternate-exchange': 'c' })
  bench.exchange('c', 'direct', { 'alternate-exchange': 'a' })
  t.false(bench.publish('a', 'k'))
  bench.bind('c', 'q', 'k')
  t.deepEqual(bench.reached('a', 'k'), { q: 1 })
  t.deepEqual(bench.reached('b', 'k'), { q: 1 })
  bench.exchange('self', 'direct', { 'alternate-exchange': 'self' })
  t.false(bench.publish('self', 'k'))
})

test('each exchange on the way has its own alternate', (t) => {
  const bench = new Bench()
  bench.queue('q')
  bench.exchange('ae')
  bench.bind('ae', 'q')
  bench.exchange('inner', 'direct', { 'alternate-exchange': 'ae' })
  bench.exchange('outer')
  bench.bind('outer', 'inner')
  t.deepEqual(bench.reached('outer', 'nowhere'), { q: 1 })
})

test('CC and BCC are further keys through the same exchange', (t) => {
  const bench = new Bench()
  for (const queue of ['q1', 'q2', 'q3', 'rest']) bench.queue(queue)
  bench.exchange('ae')
  bench.bind('ae', 'rest')
  bench.exchange('x', 'direct', { 'alternate-exchange': 'ae' })
  for (const queue of ['q1', 'q2', 'q3']) bench.bind('x', queue, queue)
  const headers = fromObject({ CC: ['q2', 'unknown'], BCC: ['q3'] })
  t.deepEqual(bench.reached('x', 'q1', { headers }), { q1: 1, q2: 1, q3: 1 })
  t.deepEqual(bench.reached('x', 'unknown', { headers: fromObject({ CC: ['unknown too'] }) }), { rest: 1 })
  t.deepEqual(bench.reached('', 'q1', { headers: fromObject({ CC: ['q1', 'q2'] }) }), { q1: 1, q2: 1 })
  bench.publish('', 'q1', 'x', { headers })
  const stored = bench.vhost.queue('q1', undefined).peek(1)[0] as Message
  t.deepEqual(toObject(stored.properties(view).headers as Table), { CC: ['q2', 'unknown'] })
})

test('an auto-delete exchange goes with its last binding as a source, and only if it had one', (t) => {
  const bench = new Bench()
  const exists = () => bench.vhost.exchanges.has('x')
  bench.exchange('x', 'fanout', {}, true)
  bench.exchange('source')
  bench.bind('source', 'x')
  bench.unbind('source', 'x')
  t.true(exists())
  bench.queue('q1')
  bench.queue('q2')
  bench.bind('x', 'q1')
  bench.bind('x', 'q2')
  bench.unbind('x', 'q1')
  t.true(exists())
  bench.vhost.deleteQueue(bench.vhost.queue('q2', undefined))
  t.false(exists())
})

test('deleting an exchange removes its bindings on both sides', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q')
  const source = bench.exchange('source')
  bench.exchange('x')
  bench.bind('x', 'q')
  bench.bind('source', 'x')
  bench.vhost.deleteExchange('x', false)
  t.is(queue.bindings.size, 0)
  t.is(source.bindings.size, 0)
  t.false(bench.publish('source', ''))
  t.throws(() => bench.vhost.deleteExchange('amq.direct', false), {
    message: "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
  })
  t.notThrows(() => bench.vhost.deleteExchange('missing', true))
  bench.bind('source', 'q')
  t.throws(() => bench.vhost.deleteExchange('source', true), {
    message: "PRECONDITION_FAILED - exchange 'source' in vhost '/' in use",
  })
})

test('reserved names cannot be declared, existing ones can be declared again', (t) => {
  const bench = new Bench()
  t.throws(() => bench.queue('amq.foo'), {
    message: "ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'",
  })
  t.throws(() => bench.exchange('amq.foo'), {
    message: "ACCESS_REFUSED - exchange name 'amq.foo' contains reserved prefix 'amq.*'",
  })
  t.throws(() => bench.exchange('x', 'zzz'), { message: "PRECONDITION_FAILED - unknown exchange type 'zzz'" })
  const declaration = { durable: true, autoDelete: false, internal: false, arguments: new Table() }
  t.notThrows(() => bench.vhost.declareExchange({ name: 'amq.direct', type: 'direct', ...declaration }))
})

test('every change of the topology takes effect on the very next publish', (t) => {
  const bench = new Bench()
  const properties = [{}, { headers: fromObject({ a: 1 }) }]
  const expect = (expected: Record<string, number>, why: string) => {
    // Twice each, so that the second goes by what the first has remembered.
    for (const given of [...properties, ...properties]) {
      t.deepEqual(bench.reached('x', 'k', given), expected, why)
      t.deepEqual(bench.reached('outer', 'k', given), expected, `${why}, from further away`)
    }
  }
  bench.exchange('outer')
  bench.exchange('x', 'topic', { 'alternate-exchange': 'ae' })
  bench.bind('outer', 'x')
  expect({}, 'nothing bound')
  bench.queue('q1')
  expect({}, 'a queue is declared')
  bench.bind('x', 'q1', 'k')
  expect({ q1: 1 }, 'it is bound')
  bench.queue('q2')
  bench.bind('x', 'q2', '#')
  expect({ q1: 1, q2: 1 }, 'another one is bound')
  bench.unbind('x', 'q1', 'k')
  expect({ q2: 1 }, 'the first is unbound')
  bench.vhost.deleteQueue(bench.vhost.queue('q2', undefined))
  expect({}, 'the second is deleted')
  bench.exchange('ae')
  bench.bind('ae', 'q1')
  expect({ q1: 1 }, 'the alternate exchange appears')
  bench.vhost.deleteExchange('ae', false)
  expect({}, 'the alternate exchange goes')
  bench.exchange('h', 'headers')
  bench.bind('x', 'h', 'k')
  bench.bind('h', 'q1', '', { a: 1, 'x-match': 'all' })
  t.deepEqual(bench.reached('x', 'k'), {})
  t.deepEqual(bench.reached('x', 'k', { headers: fromObject({ a: 1 }) }), { q1: 1 })
  bench.vhost.deleteExchange('x', false)
  t.is(bench.publish('x', 'k'), undefined)
  bench.exchange('x')
  bench.bind('x', 'q1')
  t.deepEqual(bench.reached('x', 'k'), { q1: 1 })
})

test('the default exchange follows queues as they come and go', (t) => {
  const bench = new Bench()
  for (let round = 0; round < 3; round++) {
    t.false(bench.publish('', 'q'))
    const queue = bench.queue('q')
    t.true(bench.publish('', 'q'))
    t.is(queue.messageCount, 1)
    bench.vhost.deleteQueue(queue)
  }
})

test('more keys than the route cache holds are all routed right', (t) => {
  const bench = new Bench()
  bench.queue('even')
  bench.queue('all')
  bench.exchange('x', 'topic')
  bench.bind('x', 'even', '*.0')
  bench.bind('x', 'all', '#')
  for (let i = 0; i < 20_000; i++) bench.publish('x', `${i}.${i % 2}`)
  t.is(bench.vhost.queues.get('even')?.messageCount, 10_000)
  t.is(bench.vhost.queues.get('all')?.messageCount, 20_000)
})

test('binding twice is binding once; other arguments make another binding', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q')
  bench.exchange('x', 'headers')
  bench.bind('x', 'q', 'k', { a: 1 })
  bench.bind('x', 'q', 'k', { a: 1 })
  t.is(queue.bindings.size, 1)
  bench.bind('x', 'q', 'k', { a: 2 })
  bench.bind('x', 'q', 'k2', { a: 1 })
  t.is(queue.bindings.size, 3)
})

test('a rejected message that always comes back may go round', (t) => {
  const bench = new Bench()
  bench.queue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' })
  bench.publish('', 'q')
  for (let i = 0; i < 5; i++) bench.rejectFirst('q')
  const headers = bench.vhost.queue('q', undefined).peek(1)[0]?.properties(view).headers as Table
  const [death] = toObject(headers)['x-death'] as Record<string, unknown>[]
  t.like(death, { count: 5, reason: 'rejected', queue: 'q', exchange: '' })
})

test('a message that goes round by expiry alone is dropped where it died before, and the log says so once', (t) => {
  const bench = new Bench()
  bench.queue('q', { 'x-message-ttl': 10, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'q' })
  bench.publish('', 'q')
  bench.publish('', 'q')
  bench.node.advance(10)
  t.deepEqual(bench.bodies('q'), [])
  bench.node.advance(100)
  t.is(bench.node.log.lines.filter((line) => line.message.includes('came back to')).length, 1)
  bench.vhost.clear()
  t.is(bench.node.memory.used, 0)
  t.is(bench.node.timers.size, 0)
})

test('a longer cycle by overflow ends where it began', (t) => {
  const bench = new Bench()
  const full = (next: string) => ({
    'x-max-length': 1,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': next,
  })
  bench.queue('a', full('b'))
  bench.queue('b', full('c'))
  bench.queue('c', full('a'))
  for (const body of ['1', '2', '3', '4', '5']) bench.publish('', 'a', body)
  t.deepEqual([...bench.bodies('a'), ...bench.bodies('b'), ...bench.bodies('c')], ['5', '4', '3'])
})

test('a cycle with one rejection in it goes on', (t) => {
  const bench = new Bench()
  bench.queue('work', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'wait' })
  bench.queue('wait', { 'x-message-ttl': 10, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'work' })
  bench.publish('', 'work')
  for (let round = 0; round < 4; round++) {
    t.deepEqual([bench.bodies('work').length, bench.bodies('wait').length], [1, 0])
    bench.rejectFirst('work')
    t.deepEqual([bench.bodies('work').length, bench.bodies('wait').length], [0, 1])
    bench.node.advance(10)
  }
})

test('a chain of 5,000 full queues, each with the next as its dead-letter target, needs no stack', (t) => {
  const bench = new Bench()
  const LENGTH = 5000
  for (let i = 0; i < LENGTH; i++) {
    bench.queue(`q${i}`, {
      'x-max-length': 1,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': `q${i + 1}`,
    })
    bench.publish('', `q${i}`, `${i}`)
  }
  bench.queue(`q${LENGTH}`)
  bench.publish('', 'q0', 'new')
  t.deepEqual(bench.bodies('q0'), ['new'])
  t.deepEqual(bench.bodies('q1'), ['0'])
  t.deepEqual(bench.bodies(`q${LENGTH}`), [`${LENGTH - 1}`])
})

test('dead letters keep their keys, CC included and BCC forgotten, unless the queue names another', (t) => {
  const bench = new Bench()
  for (const queue of ['cc', 'bcc', 'named']) bench.queue(queue)
  bench.exchange('dlx', 'direct')
  for (const queue of ['cc', 'bcc', 'named', 'k']) {
    if (queue === 'k') bench.queue('k')
    bench.bind('dlx', queue, queue)
  }
  bench.queue('keeps', { 'x-dead-letter-exchange': 'dlx' })
  bench.queue('renames', { 'x-dead-letter-exchange': 'dlx', 'x-dead-letter-routing-key': 'named' })
  bench.exchange('in')
  bench.bind('in', 'keeps')
  bench.bind('in', 'renames')
  const headers = fromObject({ CC: ['cc'], BCC: ['bcc'] })
  bench.publish('in', 'k', 'x', { headers })
  bench.rejectFirst('keeps')
  t.deepEqual([bench.bodies('k').length, bench.bodies('cc').length, bench.bodies('bcc').length], [1, 1, 0])
  bench.rejectFirst('renames')
  t.deepEqual([bench.bodies('k').length, bench.bodies('cc').length, bench.bodies('named').length], [1, 1, 1])
  t.like(bench.vhost.queue('named', undefined).peek(1)[0], { exchange: 'dlx', routingKey: 'named' })
})

test('a key that a dead letter was given stays its only one in the next queue', (t) => {
  const bench = new Bench()
  bench.queue('first', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'second' })
  bench.queue('second', { 'x-dead-letter-exchange': 'last' })
  bench.queue('by cc')
  bench.queue('by key')
  bench.exchange('last', 'direct')
  bench.bind('last', 'by cc', 'cc')
  bench.bind('last', 'by key', 'second')
  bench.publish('', 'first', 'x', { headers: fromObject({ CC: ['cc'] }) })
  bench.rejectFirst('first')
  bench.rejectFirst('second')
  t.deepEqual([bench.bodies('by cc').length, bench.bodies('by key').length], [0, 1])
})

test('a missing dead-letter exchange drops, and one that comes later is found', (t) => {
  const bench = new Bench()
  bench.queue('q', { 'x-dead-letter-exchange': 'dlx' })
  bench.queue('dead')
  bench.publish('', 'q', 'lost')
  bench.rejectFirst('q')
  bench.exchange('dlx')
  bench.bind('dlx', 'dead')
  bench.publish('', 'q', 'kept')
  bench.rejectFirst('q')
  t.deepEqual(bench.bodies('dead'), ['kept'])
})

test('after a defect while one dead letter is routed, the others still arrive', (t) => {
  const bench = new Bench()
  bench.node.virtualHosts.exchangeTypes.set('faulty', {
    name: 'faulty',
    validate: () => {},
    create: () => ({
      byKeyOnly: true,
      bind: () => {},
      unbind: () => {},
      route: () => {
        throw new Error('a defect')
      },
    }),
  })
  bench.exchange('faulty', 'faulty')
  bench.queue('dying', { 'x-dead-letter-exchange': 'faulty' })
  bench.queue('well', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  bench.queue('dead')
  for (const name of ['dying', 'well']) bench.publish('', name)
  t.throws(() => bench.rejectFirst('dying'), { message: 'a defect' })
  bench.rejectFirst('well')
  t.is(bench.bodies('dead').length, 1)
})

test('deleted and purged queues dead-letter nothing', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  bench.queue('dead')
  bench.publish('', 'q')
  queue.purge()
  bench.publish('', 'q')
  bench.vhost.deleteQueue(queue)
  t.deepEqual(bench.bodies('dead'), [])
})

test('a delaying exchange routes when the time has come, by the bindings of then', (t) => {
  const bench = new Bench()
  bench.exchange('later', 'x-delayed-message', { 'x-delayed-type': 'direct' })
  bench.queue('q')
  bench.bind('later', 'q', 'k')
  t.true(bench.publish('later', 'k', 'second', { headers: fromObject({ 'x-delay': 200 }) }), 'held counts as routed')
  t.true(bench.publish('later', 'k', 'first', { headers: fromObject({ 'x-delay': 100 }) }))
  t.true(bench.publish('later', 'unbound yet', 'third', { headers: fromObject({ 'x-delay': 300 }) }))
  t.true(bench.publish('later', 'k', 'now'))
  t.deepEqual(bench.bodies('q'), ['now'])
  bench.node.advance(100)
  t.deepEqual(bench.bodies('q'), ['now', 'first'])
  bench.bind('later', 'q', 'unbound yet')
  bench.node.advance(200)
  t.deepEqual(bench.bodies('q'), ['now', 'first', 'second', 'third'])
  t.like(bench.vhost.queue('q', undefined).peek(9)[3], { exchange: 'later', routingKey: 'unbound yet' })
})

test('a key that a dead letter was given is its only one also behind a delay', (t) => {
  const bench = new Bench()
  bench.exchange('later', 'x-delayed-message', { 'x-delayed-type': 'direct' })
  bench.queue('work', { 'x-dead-letter-exchange': 'later', 'x-dead-letter-routing-key': 'dead key' })
  for (const name of ['dead', 'copied']) {
    bench.queue(name)
    bench.bind('later', name, `${name} key`)
  }
  bench.publish('', 'work', 'x', { headers: fromObject({ CC: ['copied key'], 'x-delay': 1000 }) })
  bench.rejectFirst('work')
  bench.node.advance(1000)
  t.deepEqual([bench.bodies('dead').length, bench.bodies('copied').length], [1, 0])
})

test('a delaying exchange behind another one holds, and one with an alternate lets go to it', (t) => {
  const bench = new Bench()
  bench.exchange('in')
  bench.exchange('later', 'x-delayed-message', { 'x-delayed-type': 'direct', 'alternate-exchange': 'ae' })
  bench.exchange('ae')
  bench.queue('at once')
  bench.queue('q')
  bench.bind('in', 'at once')
  bench.bind('in', 'later')
  bench.bind('ae', 'q')
  const headers = fromObject({ 'x-delay': 50 })
  t.deepEqual(bench.reached('in', 'k', { headers }), { 'at once': 1 })
  bench.node.advance(50)
  t.deepEqual(bench.bodies('q'), ['x'])
  bench.vhost.clear()
  t.is(bench.node.memory.used, 0)
})

test('held messages go with their exchange', (t) => {
  const bench = new Bench()
  bench.exchange('later', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  bench.publish('later', '', 'x', { headers: fromObject({ 'x-delay': 50 }) })
  t.true(bench.node.memory.used > 0)
  bench.vhost.deleteExchange('later', false)
  t.is(bench.node.memory.used, 0)
  t.is(bench.node.timers.size, 0)
})

test('a deduplicating exchange routes the first of a key and counts others as not routed', (t) => {
  const bench = new Bench()
  bench.exchange('x', 'fanout', { 'x-message-deduplication': true, 'x-cache-size': 2, 'x-cache-ttl': 100 })
  bench.queue('q')
  bench.bind('x', 'q')
  const publish = (key?: string) =>
    bench.publish('x', '', key, key === undefined ? {} : { headers: fromObject({ 'x-deduplication-header': key }) })
  t.deepEqual(
    [publish('a'), publish('a'), publish('b'), publish(), publish(), publish('b')],
    [true, false, true, true, true, false],
  )
  bench.node.advance(100)
  t.true(publish('a'))
  t.deepEqual([publish('b'), publish('c'), publish('a')], [true, true, true], 'the oldest is forgotten')
})

test('a queue bound to a deduplicating exchange from further away is protected as well', (t) => {
  const bench = new Bench()
  bench.exchange('in', 'topic')
  bench.exchange('x', 'fanout', { 'x-message-deduplication': true })
  bench.queue('q')
  bench.bind('in', 'x', '#')
  bench.bind('x', 'q')
  const headers = fromObject({ 'x-deduplication-header': 'same' })
  t.deepEqual(bench.reached('in', 'k', { headers }), { q: 1 })
  t.deepEqual(bench.reached('in', 'k', { headers }), {})
})

test('a persistent message is journalled once for all durable queues it reaches, a transient one never', (t) => {
  const bench = new Bench()
  bench.exchange('x')
  for (const name of ['d1', 'd2']) bench.queue(name, {}, { durable: true })
  bench.queue('t1')
  for (const name of ['d1', 'd2', 't1']) bench.bind('x', name)
  const before = bench.node.journal.completed
  bench.publish('x', '', 'x', { deliveryMode: 1 })
  bench.publish('', 't1', 'x', { deliveryMode: 2 })
  t.is(bench.node.journal.completed, before)
  bench.publish('x', '', 'x', { deliveryMode: 2 })
  t.is(bench.node.journal.completed, before + 1)
})

test('clearing a vhost leaves it as new', (t) => {
  const bench = new Bench()
  bench.queue('q', { 'x-expires': 1000, 'x-message-ttl': 50 })
  bench.exchange('x', 'x-delayed-message', { 'x-delayed-type': 'fanout' })
  bench.bind('x', 'q')
  bench.bind('amq.direct', 'q', 'k')
  bench.publish('', 'q', 'x')
  bench.publish('x', '', 'x', { headers: fromObject({ 'x-delay': 50 }) })
  bench.vhost.clear()
  t.is(bench.vhost.queues.size, 0)
  t.is(bench.vhost.exchanges.size, 7)
  t.false(bench.publish('amq.direct', 'k'))
  t.is(bench.node.memory.used, 0)
  t.is(bench.node.timers.size, 0)
  bench.queue('q')
  t.true(bench.publish('', 'q'))
})

test('vhosts are added, found and dropped with all they hold', (t) => {
  const { virtualHosts, memory } = new TestNode()
  const added = virtualHosts.add('v1')
  t.is(virtualHosts.add('v1'), added)
  t.is(virtualHosts.find('v1'), added)
  t.deepEqual(virtualHosts.names(), ['/', 'v1'])
  added.declareQueue(
    { name: 'q', serverNamed: false, durable: false, exclusive: false, autoDelete: false, arguments: new Table() },
    undefined,
  )
  const message = Message.of('', 'q', encodeProperties({}), Buffer.from('x'))
  const route = added.findRoute(message.buffer, 0, message.addressLength)
  if (route !== undefined) added.publish(route, message)
  t.true(memory.used > 0)
  t.true(virtualHosts.delete('v1'))
  t.false(virtualHosts.delete('v1'))
  t.is(virtualHosts.find('v1'), undefined)
  t.is(memory.used, 0)
})

test('one vhost knows nothing of another', (t) => {
  const node = new TestNode()
  const declaration = {
    serverNamed: false,
    durable: false,
    exclusive: false,
    autoDelete: false,
    arguments: new Table(),
  }
  node.vhost.declareQueue({ name: 'q', ...declaration }, undefined)
  const other = node.virtualHosts.add('other')
  t.throws(() => other.queue('q', undefined), { message: "NOT_FOUND - no queue 'q' in vhost 'other'" })
})

test('exclusive queues belong to one owner and go with it', (t) => {
  const { vhost } = new Bench()
  const [mine, yours] = [{}, {}]
  const declaration = { serverNamed: false, durable: false, autoDelete: false, arguments: new Table() }
  vhost.declareQueue({ name: 'mine', exclusive: true, ...declaration }, mine)
  vhost.declareQueue({ name: 'ours', exclusive: false, ...declaration }, mine)
  t.throws(() => vhost.queue('mine', yours), { message: /^RESOURCE_LOCKED - cannot obtain exclusive access to locked/ })
  t.notThrows(() => vhost.queue('mine', mine))
  vhost.deleteExclusiveQueues(yours)
  t.true(vhost.queues.has('mine'))
  vhost.deleteExclusiveQueues(mine)
  t.deepEqual([...vhost.queues.keys()], ['ours'])
})
