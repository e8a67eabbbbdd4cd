import test from 'ava'
import fc from 'fast-check'
import { AmqpError, type VirtualHost } from '../../../src/broker/index.ts'
import {
  bindingRecord,
  exchangeRecord,
  queueRecord,
  readBinding,
  readExchange,
  readQueue,
} from '../../../src/broker/storage/definition.ts'
import { writeDefinitions } from '../../../src/broker/storage/definition-snapshot.ts'
import { RecordType } from '../../../src/broker/storage/index.ts'
import { encodeTable, fromObject, Table, ValueReader, type ValueRecord } from '../../../src/codec/index.ts'
import { TestNode } from '../../amqp/node.ts'
import type { Random } from '../../amqp/random.ts'
import { seeds } from '../../amqp/seeds.ts'
import { anyText, shortstr, tables } from '../../codec/arbitraries.ts'
import { same } from '../../codec/same.ts'
import { type Recorded, RecordingJournal } from '../../helpers/recording-journal.ts'
import { restart, storedState } from '../../helpers/restart.ts'

const names = fc.record({ vhost: anyText, name: anyText })
const flags = fc.record({ durable: fc.boolean(), autoDelete: fc.boolean() })
const args = tables(shortstr).table

function reread<T>(record: ValueRecord, read: (values: ValueReader) => T): T {
  const bytes = Buffer.alloc(record.byteLength())
  record.write(bytes, 0)
  return read(new ValueReader(bytes, 0, bytes.length))
}

/** Tables by their bytes, which are what has to be kept. */
function plain(definition: { readonly arguments: Table }): unknown {
  return { ...definition, arguments: encodeTable(definition.arguments).toString('hex') }
}

test('exchanges, queues and bindings come back as they were, odd names and tables included', (t) => {
  fc.assert(
    fc.property(names, flags, anyText, fc.boolean(), args, (names, flags, type, internal, table) => {
      const exchange = { ...names, ...flags, type, internal, arguments: table }
      same(plain(reread(exchangeRecord(exchange), readExchange)), plain(exchange))
    }),
  )
  fc.assert(
    fc.property(names, flags, fc.nat(0xffff_ffff), args, (names, flags, uid, table) => {
      const queue = { ...names, ...flags, uid, arguments: table }
      same(plain(reread(queueRecord(queue), readQueue)), plain(queue))
    }),
  )
  const kind = fc.constantFrom('queue' as const, 'exchange' as const)
  fc.assert(
    fc.property(names, kind, anyText, anyText, args, ({ vhost, name }, destinationKind, destination, key, table) => {
      const binding = { vhost, source: name, destinationKind, destination, routingKey: key, arguments: table }
      same(plain(reread(bindingRecord(binding), readBinding)), plain(binding))
    }),
  )
  t.pass()
})

/** A node whose journal is kept, and short words for what these tests do often. */
class Bench {
  readonly journal = new RecordingJournal()
  readonly node = new TestNode({ journal: this.journal })

  get vhost(): VirtualHost {
    return this.node.vhost
  }

  exchange(name: string, options: { type?: string; durable?: boolean; autoDelete?: boolean; args?: Table } = {}) {
    const { type = 'fanout', durable = true, autoDelete = false, args = new Table() } = options
    return this.vhost.declareExchange({ name, type, durable, autoDelete, internal: false, arguments: args })
  }

  queue(name: string, options: { durable?: boolean; exclusive?: object; autoDelete?: boolean; args?: Table } = {}) {
    const { durable = true, exclusive, autoDelete = false, args = new Table() } = options
    const isExclusive = exclusive !== undefined
    const declaration = { name, serverNamed: false, durable, exclusive: isExclusive, autoDelete, arguments: args }
    return this.vhost.declareQueue(declaration, exclusive)
  }

  /** What comes back when the broker is killed now. */
  restarted(): string[] {
    return storedState(restart(this.journal.records).node)
  }

  /** Things of that kind that come back, by name. */
  names(kind: 'exchange' | 'queue'): string[] {
    const lines = this.restarted().filter((line) => line.startsWith(`${kind} `))
    return lines.map((line) => line.split(' ')[2] as string).filter((name) => name !== '' && !name.startsWith('amq.'))
  }

  get bindingCount(): number {
    return this.restarted().filter((line) => line.startsWith('binding ')).length
  }
}

test('what is durable comes back, with the number that its messages know it by', (t) => {
  const bench = new Bench()
  bench.queue('gone')
  const queue = bench.queue('q', { args: fromObject({ 'x-max-length': 5 }), autoDelete: true })
  const exchange = bench.exchange('x', { type: 'topic', args: fromObject({ 'alternate-exchange': 'amq.fanout' }) })
  bench.vhost.bind(exchange, queue, 'a.#', fromObject({ n: 1 }))
  bench.vhost.bind(bench.vhost.exchange('amq.direct'), exchange, 'k', new Table())
  bench.vhost.deleteQueue(bench.vhost.queue('gone', undefined))
  t.deepEqual(bench.restarted(), storedState(bench.node))
  const back = restart(bench.journal.records).node.vhost
  t.is(back.queue('q', undefined).uid, queue.uid)
  t.is(back.queue('q', undefined).limits.maxLength, 5)
  t.is(back.exchange('x').alternateExchange, 'amq.fanout')
  const next = back.declareQueue(
    { name: 'new', serverNamed: false, durable: true, exclusive: false, autoDelete: false, arguments: new Table() },
    undefined,
  )
  t.true(next.uid > queue.uid, 'numbers given before are not given again')
})

test('transient and exclusive things do not come back, nor what binds them', (t) => {
  const bench = new Bench()
  const owner = {}
  const [durable, transient] = [bench.exchange('durable'), bench.exchange('transient', { durable: false })]
  const stored = bench.queue('stored')
  for (const destination of [
    bench.queue('transient', { durable: false }),
    bench.queue('exclusive', { exclusive: owner }),
    transient,
  ]) {
    bench.vhost.bind(durable, destination, '', new Table())
  }
  bench.vhost.bind(transient, stored, '', new Table())
  t.deepEqual(bench.names('exchange'), ['durable'])
  t.deepEqual(bench.names('queue'), ['stored'])
  t.is(bench.bindingCount, 0)
  bench.vhost.bind(durable, stored, '', new Table())
  t.is(bench.bindingCount, 1)
})

test('what is deleted stays deleted, however it came to its end', (t) => {
  const bench = new Bench()
  const [queue, exchange] = [bench.queue('q'), bench.exchange('x')]
  bench.vhost.bind(exchange, queue, '', new Table())
  bench.vhost.unbind(exchange, queue, '', new Table())
  t.is(bench.bindingCount, 0)
  bench.vhost.bind(exchange, queue, '', new Table())
  bench.vhost.deleteQueue(queue)
  t.deepEqual([bench.names('queue'), bench.bindingCount], [[], 0])
  bench.vhost.deleteExchange('x', false)
  t.deepEqual(bench.names('exchange'), [])

  bench.queue('expiring', { args: fromObject({ 'x-expires': 1000 }) })
  t.deepEqual(bench.names('queue'), ['expiring'])
  bench.node.advance(1000)
  t.deepEqual(bench.names('queue'), [])

  const consumed = bench.queue('consumed', { autoDelete: true })
  const consumer = { ...CONSUMER }
  consumed.addConsumer(consumer)
  t.deepEqual(bench.names('queue'), ['consumed'])
  consumed.removeConsumer(consumer)
  t.deepEqual(bench.names('queue'), [])
})

const CONSUMER = {
  consumerTag: 'c',
  noAck: true,
  exclusive: false,
  priority: 0,
  arguments: new Table(),
  ready: () => false,
  deliver: () => {},
  cancelled: () => {},
}

test('an auto-delete exchange goes with its last binding, in one piece with it', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q')
  for (const name of ['last', 'before', 'first']) bench.exchange(name, { autoDelete: true })
  bench.vhost.bind(bench.vhost.exchange('first'), bench.vhost.exchange('before'), '', new Table())
  bench.vhost.bind(bench.vhost.exchange('before'), bench.vhost.exchange('last'), '', new Table())
  bench.vhost.bind(bench.vhost.exchange('last'), queue, '', new Table())
  const before = bench.journal.records.length
  bench.vhost.deleteQueue(queue)
  t.deepEqual(bench.names('exchange'), [])
  const groups = bench.journal.records.slice(before).map(({ group }) => group)
  t.is(groups.length, 4)
  t.is(new Set(groups).size, 1)
  t.not(groups[0], 0)
})

test('a name used again is another queue, and the first is known to be gone', (t) => {
  const bench = new Bench()
  const first = bench.queue('q')
  bench.vhost.bind(bench.vhost.exchange('amq.fanout'), first, '', new Table())
  bench.vhost.deleteQueue(first)
  const second = bench.queue('q', { args: fromObject({ 'x-max-priority': 3 }) })
  const { node, gone } = restart(bench.journal.records)
  t.is(node.vhost.queue('q', undefined).uid, second.uid)
  t.not(second.uid, first.uid)
  t.deepEqual(gone, [first.uid])
  t.is(node.vhost.queue('q', undefined).bindings.size, 0)
})

test('a deleted virtual host takes all with it by one record, and its name can be used again', (t) => {
  const bench = new Bench()
  const other = bench.node.virtualHosts.add('other')
  const declaration = { serverNamed: false, durable: true, exclusive: false, autoDelete: false, arguments: new Table() }
  const queue = other.declareQueue({ name: 'q', ...declaration }, undefined)
  other.bind(other.exchange('amq.fanout'), queue, '', new Table())
  const before = bench.journal.records.length
  bench.node.virtualHosts.delete('other')
  t.is(bench.journal.records.length, before + 1)
  const after = restart(bench.journal.records)
  t.deepEqual(after.node.virtualHosts.names(), ['/'])
  t.deepEqual(after.gone, [queue.uid])
  bench.node.virtualHosts.add('other')
  t.deepEqual(bench.restarted(), storedState(bench.node))
})

test('asking for what is there, or deleting what is not, tells the journal nothing', (t) => {
  const bench = new Bench()
  const [queue, exchange] = [bench.queue('q'), bench.exchange('x')]
  bench.vhost.bind(exchange, queue, 'k', new Table())
  const { position } = bench.node.definitions
  const before = bench.journal.records.length
  bench.queue('q')
  bench.exchange('x')
  bench.vhost.bind(exchange, queue, 'k', new Table())
  bench.vhost.unbind(exchange, queue, 'other', new Table())
  bench.vhost.deleteExchange('missing', false)
  bench.node.virtualHosts.add('/')
  bench.node.virtualHosts.delete('missing')
  bench.queue('transient', { durable: false })
  bench.exchange('transient', { durable: false })
  t.is(bench.journal.records.length, before)
  t.is(bench.node.definitions.position, position)
})

test('what comes back is not journalled again, nor is what a broker drops when it stops', (t) => {
  const bench = new Bench()
  bench.vhost.bind(bench.exchange('x'), bench.queue('q'), '', new Table())
  const { node, journal } = restart(bench.journal.records)
  t.is(journal.records.length, 0)
  node.definitions.quietly(() => node.virtualHosts.delete('/'))
  t.is(journal.records.length, 0)
  t.is(node.virtualHosts.names().length, 0)
})

test('a declaration that cannot be journalled does not take effect', (t) => {
  const bench = new Bench()
  const [queue, exchange] = [bench.queue('q'), bench.exchange('x')]
  bench.journal.append = () => {
    throw new Error('the journal is closed')
  }
  t.throws(() => bench.queue('new', { args: fromObject({ 'x-expires': 5 }) }))
  t.throws(() => bench.exchange('new'))
  t.throws(() => bench.vhost.bind(exchange, queue, '', new Table()))
  t.throws(() => bench.vhost.deleteQueue(queue))
  t.deepEqual([...bench.vhost.queues.keys()], ['q'])
  t.false(bench.vhost.exchanges.has('new'))
  t.is(exchange.bindings.size + queue.bindings.size, 0)
})

test('bindings whose ends are missing are left out, and the log says so', (t) => {
  const bench = new Bench()
  const [queue, exchange] = [bench.queue('q'), bench.exchange('x')]
  bench.vhost.bind(exchange, queue, '', new Table())
  for (const lost of [RecordType.QUEUE_DECLARED, RecordType.EXCHANGE_DECLARED]) {
    const { node } = restart(bench.journal.records.filter(({ type }) => type !== lost))
    const warning = node.log.find('a binding from')
    t.is(warning?.level, 'warn')
    const missing = lost === RecordType.QUEUE_DECLARED ? "queue 'q'" : "exchange 'x'"
    t.true(warning?.message.endsWith(`no ${missing} in vhost '/'`), warning?.message)
    t.is(node.vhost.exchanges.get('x')?.bindings.size ?? 0, 0)
    t.is(node.vhost.queues.get('q')?.bindings.size ?? 0, 0)
  }
})

test('an exchange of a type that nobody knows any more is left out, all else comes back', (t) => {
  const bench = new Bench()
  bench.node.virtualHosts.exchangeTypes.set('mine', { ...bench.vhost.exchangeType('direct'), name: 'mine' })
  bench.vhost.bind(bench.exchange('strange', { type: 'mine' }), bench.queue('q'), '', new Table())
  bench.exchange('usual')
  const { node } = restart(bench.journal.records)
  t.is(
    node.log.find('strange')?.message,
    "exchange 'strange' in vhost '/' is left out: PRECONDITION_FAILED - unknown exchange type 'mine'",
  )
  t.is(node.log.find('strange')?.level, 'error')
  t.false(node.vhost.exchanges.has('strange'))
  t.true(node.vhost.exchanges.has('usual') && node.vhost.queues.has('q'))
})

test('a record that cannot be read is left out, all else comes back', (t) => {
  const bench = new Bench()
  bench.queue('q')
  const broken: Recorded = { type: RecordType.QUEUE_DECLARED, bytes: Buffer.from([0, 0, 0, 200, 1, 2]), group: 0 }
  const { node } = restart([broken, ...bench.journal.records])
  t.deepEqual(storedState(node), storedState(bench.node))
  t.regex(node.log.find('cannot be read')?.message ?? '', /^a record of type 20 cannot be read and is left out: /)
})

test('a lost record of a deletion does no harm to a queue of the same name', (t) => {
  const bench = new Bench()
  const first = bench.queue('q')
  bench.vhost.bind(bench.vhost.exchange('amq.fanout'), first, '', new Table())
  bench.vhost.deleteQueue(first)
  const second = bench.queue('q')
  const { node, gone } = restart(bench.journal.records.filter(({ type }) => type !== RecordType.QUEUE_DELETED))
  t.is(node.vhost.queue('q', undefined).uid, second.uid)
  t.is(node.vhost.queue('q', undefined).bindings.size, 0)
  t.deepEqual(gone, [first.uid])
})

const VHOSTS = ['/', 'v', Buffer.from([0xff, 0x2f]).toString('latin1')]
const NAMES = ['a', 'b', 'ü', '\udcff\udc80', 'with space']
const KEYS = ['', 'k', 'a.b']
const ARGUMENTS = [
  new Table(),
  fromObject({ n: 1, s: 'x', deep: { list: [1, 'two', null] } }),
  new Table().set('n', { type: 'b', value: 1 }),
]

/** One random change, as clients and operators make them; some are refused. */
function change(node: TestNode, random: Random): void {
  try {
    changeSomething(node, random)
  } catch (error) {
    if (!(error instanceof AmqpError)) throw error
  }
}

function changeSomething(node: TestNode, random: Random): void {
  const { virtualHosts } = node
  const vhost = virtualHosts.find(random.pick(VHOSTS))
  if (vhost === undefined || random.below(40) === 0) {
    const name = random.pick(VHOSTS)
    if (random.below(3) === 0) virtualHosts.delete(name)
    else virtualHosts.add(name)
    return
  }
  const name = random.pick(NAMES)
  const durable = random.below(4) > 0
  const autoDelete = random.below(3) === 0
  const args = random.pick(ARGUMENTS)
  const queue = vhost.queues.get(name)
  const exchange = vhost.exchanges.get(random.pick([...NAMES, 'amq.topic']))
  const destination = random.below(3) === 0 ? vhost.exchanges.get(name) : queue
  switch (random.below(7)) {
    case 0:
    case 1:
      vhost.declareQueue(
        { name, serverNamed: false, durable, exclusive: random.below(4) === 0, autoDelete, arguments: args },
        node,
      )
      break
    case 2:
      vhost.declareExchange({
        name,
        type: random.pick(['fanout', 'topic', 'headers']),
        durable,
        autoDelete,
        internal: random.below(4) === 0,
        arguments: args,
      })
      break
    case 3:
      if (queue !== undefined && random.below(3) === 0) vhost.deleteQueue(queue)
      else vhost.deleteExchange(name, false)
      break
    case 4:
      if (exchange !== undefined && destination !== undefined)
        vhost.unbind(exchange, destination, random.pick(KEYS), args)
      break
    default:
      if (exchange !== undefined && destination !== undefined)
        vhost.bind(exchange, destination, random.pick(KEYS), args)
  }
}

test('whatever was declared and deleted, a crash at any moment brings back what was durable then', (t) => {
  seeds(t, 60, (random) => {
    const journal = new RecordingJournal()
    const node = new TestNode({ journal })
    /** What has to come back when so many records have reached the disk. */
    const states = new Map<number, string[]>()
    for (let step = 0; step < 150; step++) {
      change(node, random)
      if (random.below(30) === 0) {
        const before = journal.records.length
        writeDefinitions(node.virtualHosts, (record, type) => journal.append(record, type))
        // Mostly it comes to its end, and what lies before is removed.
        if (random.below(3) > 0) {
          journal.records = journal.records.slice(before)
          states.clear()
        }
      }
      states.set(journal.records.length, storedState(node))
    }
    const counts = [...states.keys()]
    for (const count of [journal.records.length, random.pick(counts), random.pick(counts), random.pick(counts)]) {
      same(storedState(restart(journal.records.slice(0, count)).node), states.get(count))
    }
  })
})

test('a change is in the journal whole or not at all', (t) => {
  seeds(t, 20, (random) => {
    const journal = new RecordingJournal()
    const node = new TestNode({ journal })
    const states = new Set(['[]', JSON.stringify(storedState(node))])
    for (let step = 0; step < 60; step++) {
      change(node, random)
      states.add(JSON.stringify(storedState(node)))
    }
    for (const cut of journal.cuts()) {
      const state = JSON.stringify(storedState(restart(journal.records.slice(0, cut)).node))
      if (!states.has(state)) throw new Error(`no such state: ${state}`)
    }
  })
})
