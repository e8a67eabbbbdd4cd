import test from 'ava'
import { fromObject } from '../../src/codec/index.ts'
import { bodies } from '../helpers/restart.ts'
import { CrashBench } from './crash-bench.ts'

const DEDUPLICATING = { 'x-message-deduplication': true }

function key(value: unknown, more: Record<string, unknown> = {}) {
  return { headers: fromObject({ 'x-deduplication-header': value, ...more }) }
}

/** Duplicates are found by the exchange or by the queue; messages go to exchange `x`, and rest in `q`. */
function deduplicating(where: 'exchange' | 'queue', args: Record<string, unknown> = {}): CrashBench {
  const bench = new CrashBench()
  bench.exchange('x', 'fanout', where === 'exchange' ? { ...DEDUPLICATING, ...args } : {})
  bench.queue('q', where === 'queue' ? { ...DEDUPLICATING, ...args } : {})
  bench.bind('x', 'q')
  return bench
}

function inQueue(bench: CrashBench): string[] {
  return bodies(bench.node).q ?? []
}

for (const where of ['exchange', 'queue'] as const) {
  test(`a duplicate is known after a restart (${where})`, (t) => {
    const bench = deduplicating(where)
    bench.publish('x', '', 'first', key('a'))
    bench.publish('x', '', 'other', key(5))
    const after = bench.crash()
    after.publish('x', '', 'again', key('a'))
    after.publish('x', '', 'other again', key(5))
    after.publish('x', '', 'new', key('b'))
    t.deepEqual(inQueue(after), ['first', 'other', 'new'])
    // And once more, with what the restarted broker has added.
    const later = after.crash()
    later.publish('x', '', 'third', key('b'))
    t.deepEqual(inQueue(later), ['first', 'other', 'new'])
  })

  test(`wherever a crash cuts, a message and its key are both there or neither (${where})`, (t) => {
    const bench = deduplicating(where)
    const declared = bench.journal.records.length
    const keys = ['a', 'b', 'c', 'd', 'e']
    for (const [index, name] of keys.entries()) bench.publish('x', '', name, key(index === 3 ? name.repeat(500) : name))
    bench.node.settle()
    const lengths = new Set<number>()
    for (const cut of bench.journal.cuts()) {
      if (cut < declared) continue
      const after = bench.crash(cut)
      lengths.add(inQueue(after).length)
      for (const [index, name] of keys.entries()) {
        after.publish('x', '', name, key(index === 3 ? name.repeat(500) : name))
      }
      t.deepEqual(inQueue(after), keys, `cut after ${cut}`)
    }
    t.deepEqual([...lengths], [0, 1, 2, 3, 4, 5])
  })

  test(`the key of a message that a restart drops is dropped with it, also after a checkpoint (${where})`, (t) => {
    for (const checkpoint of [false, true]) {
      const bench = deduplicating(where)
      bench.publish('x', '', 'lost', { ...key('a'), deliveryMode: 1 })
      bench.publish('x', '', 'kept', key('b'))
      bench.publish('x', '', 'a duplicate until then', key('a'))
      t.deepEqual(inQueue(bench), ['lost', 'kept'])
      if (checkpoint) bench.checkpoint(false)
      const after = bench.crash()
      after.publish('x', '', 'sent again', key('a'))
      after.publish('x', '', 'kept again', key('b'))
      t.deepEqual(inQueue(after), ['kept', 'sent again'])
    }
  })

  test(`the time of a key goes on while the broker is down (${where})`, (t) => {
    const bench = deduplicating(where, { 'x-cache-ttl': 1000 })
    bench.publish('x', '', 'first', key('a'))
    bench.publish('x', '', 'long', key('b', { 'x-cache-ttl': 5000 }))
    bench.publish('x', '', 'at once forgotten', key('c', { 'x-cache-ttl': 0 }))
    bench.node.advance(999)
    const early = bench.crash()
    early.publish('x', '', 'again', key('a'))
    early.publish('x', '', 'c', key('c'))
    t.deepEqual(inQueue(early), ['first', 'long', 'at once forgotten', 'c'])
    bench.node.advance(1)
    const late = bench.crash()
    late.publish('x', '', 'again', key('a'))
    late.publish('x', '', 'long again', key('b'))
    t.deepEqual(inQueue(late), ['first', 'long', 'at once forgotten', 'again'])
  })

  test(`a cache that was full forgets the same keys after a restart (${where})`, (t) => {
    for (const checkpoint of ['none', 'unfinished', 'ended']) {
      const bench = deduplicating(where, { 'x-cache-size': 3 })
      for (const name of ['a', 'b', 'c', 'd', 'e']) bench.publish('x', '', name, key(name))
      if (checkpoint !== 'none') bench.checkpoint(checkpoint === 'ended')
      const after = bench.crash()
      const exchange = after.node.vhost.exchange('x')
      const deduplicator = exchange.deduplicator ?? after.node.vhost.queue('q', undefined).deduplicator
      t.deepEqual(
        [...(deduplicator?.storedKeys(0) ?? [])].map(([name]) => name),
        ['Sc', 'Sd', 'Se'],
      )
      t.is(deduplicator?.size, 3)
    }
  })

  test(`keys of what was deleted are not those of what has its name now (${where})`, (t) => {
    const bench = deduplicating(where)
    bench.publish('x', '', 'first', key('a'))
    bench.node.vhost.deleteQueue(bench.node.vhost.queue('q', undefined))
    bench.node.vhost.deleteExchange('x', false)
    bench.exchange('x', 'fanout', where === 'exchange' ? DEDUPLICATING : {})
    bench.queue('q', where === 'queue' ? DEDUPLICATING : {})
    bench.bind('x', 'q')
    const after = bench.crash()
    after.publish('x', '', 'new', key('a'))
    t.deepEqual(inQueue(after), ['new'])
  })
}

test('a key is not kept when nobody keeps its message', (t) => {
  const bench = new CrashBench()
  bench.exchange('x', 'direct', DEDUPLICATING)
  bench.exchange('transient', 'fanout', DEDUPLICATING, false)
  bench.queue('q')
  bench.queue('t', { ...DEDUPLICATING }, false)
  bench.bind('x', 'q', 'q')
  bench.bind('transient', 'q')
  const before = bench.journal.records.length
  bench.publish('x', 'nowhere', 'unroutable', key('a'))
  bench.publish('', 't', 'transient queue', key('b'))
  t.is(bench.journal.records.length, before)
  // The message is kept, but the exchange is not.
  bench.publish('transient', '', 'kept', key('c'))
  t.is(bench.journal.records.length, before + 1)
})

test('a quorum queue keeps transient messages, and so the keys that came with them', (t) => {
  const bench = new CrashBench()
  bench.exchange('x', 'fanout', DEDUPLICATING)
  bench.queue('q', { 'x-queue-type': 'quorum' })
  bench.bind('x', 'q')
  bench.publish('x', '', 'first', { ...key('a'), deliveryMode: 1 })
  const after = bench.crash()
  after.publish('x', '', 'again', { ...key('a'), deliveryMode: 1 })
  t.deepEqual(inQueue(after), ['first'])
})

test('a message through several deduplicating exchanges into a deduplicating queue is one group with all its keys', (t) => {
  const bench = new CrashBench()
  for (const name of ['first', 'second']) bench.exchange(name, 'fanout', DEDUPLICATING)
  bench.queue('q', DEDUPLICATING)
  bench.queue('p', DEDUPLICATING)
  const { vhost } = bench.node
  vhost.bind(vhost.exchange('first'), vhost.exchange('second'), '', fromObject({}))
  for (const queue of ['p', 'q']) bench.bind('second', queue)
  const before = bench.journal.records.length
  const { position } = bench.publish('first', '', 'body', key('a'))
  const written = bench.journal.records.slice(before)
  t.deepEqual(
    written.map(({ type }) => type),
    [1, 32, 32, 33, 33],
  )
  t.is(new Set(written.map(({ group }) => group)).size, 1)
  t.is(position, bench.journal.appended, 'a confirm waits for the keys, too')
  const after = bench.crash()
  for (const exchange of ['first', 'second', '']) after.publish(exchange, 'q', 'again', key('a'))
  t.deepEqual(bodies(after.node), { p: ['body'], q: ['body'] })
})
