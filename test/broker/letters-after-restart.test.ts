import test from 'ava'
import { Message } from '../../src/broker/index.ts'
import { RecordType } from '../../src/broker/storage/index.ts'
import { MarkRecord } from '../../src/broker/storage/mark-record.ts'
import { seeds } from '../amqp/seeds.ts'
import { bodies } from '../helpers/restart.ts'
import { CrashBench } from './crash-bench.ts'

/** Whatever dies in one of the first queues goes on to the next, and at the end into one that nothing leaves. */
function chain(lengths: readonly number[], args: Record<string, unknown> = {}): CrashBench {
  const bench = new CrashBench()
  bench.queue('end')
  for (const [index, length] of lengths.entries()) {
    const next = index + 1 < lengths.length ? `q${index + 1}` : 'end'
    bench.queue(`q${index}`, {
      'x-max-length': length,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': next,
      ...args,
    })
  }
  return bench
}

function all(bench: CrashBench): string[] {
  return Object.values(bodies(bench.node)).flat()
}

test('a crash in the middle of a chain of overflowing queues loses nothing', (t) => {
  const bench = chain([1, 1, 2, 1])
  const declared = bench.journal.records.length
  const published: [count: number, body: string][] = []
  for (let i = 0; i < 12; i++) {
    bench.publish('', 'q0', `m${i}`)
    published.push([bench.journal.records.length, `m${i}`])
  }
  bench.node.settle()
  for (const cut of bench.journal.cuts()) {
    if (cut < declared) continue
    const found = new Set(all(bench.crash(cut)))
    for (const [count, body] of published)
      if (count <= cut) t.true(found.has(body), `${body} is lost by a cut after ${cut}`)
  }
  t.deepEqual(all(bench.crash()).sort(), all(bench).sort())
})

test('a letter and the end of the message it was are one piece when the letter has to wait', (t) => {
  const bench = chain([1, 1, 1])
  for (let i = 0; i < 3; i++) bench.publish('', 'q0', `m${i}`)
  bench.node.settle()
  const before = bench.journal.records.length
  bench.publish('', 'q0', 'm3')
  const written = bench.journal.records.slice(before)
  t.is(written.filter(({ type }) => type === RecordType.MESSAGE).length, 4, 'into q0, q1, q2 and the end')
  const groups = new Set(written.slice(1).map(({ group }) => group))
  t.is(groups.size, 1)
  t.false(groups.has(0))
})

/** Whether the first letter in `end` comes flagged; it is done with then. */
function isLetterFlagged({ node }: CrashBench): boolean | undefined {
  const queue = node.vhost.queue('end', undefined)
  return queue.get(new Message(), true) < 0 ? undefined : queue.lastRedelivered
}

test('a letter that a crash took comes again flagged, however its message died', (t) => {
  const bench = new CrashBench()
  bench.queue('end')
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' }
  bench.queue('rejected', dead)
  bench.queue('expired', { ...dead, 'x-message-ttl': 100 })
  for (const name of ['rejected', 'expired']) bench.publish('', name, name)
  const published = bench.journal.records.length
  const { node } = bench
  const reject = (from: CrashBench): void => {
    const queue = from.node.vhost.queue('rejected', undefined)
    queue.reject(queue.get(new Message(), false))
  }
  reject(bench)
  t.is(isLetterFlagged(bench), false)
  node.advance(200)
  t.is(isLetterFlagged(bench), false)

  const after = bench.crash(published)
  after.node.settle()
  t.is(isLetterFlagged(after), true, 'it had expired when the broker came back')
  after.publish('', 'rejected', 'published after the crash')
  reject(after)
  t.is(isLetterFlagged(after), true)
  reject(after)
  t.is(isLetterFlagged(after), false)
})

test('a message that expires after a crash has never expired before', (t) => {
  const bench = new CrashBench()
  bench.queue('end')
  const dead = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' }
  bench.queue('expiring', { ...dead, 'x-message-ttl': 100 })
  bench.publish('', 'expiring', 'body')
  const after = bench.crash()
  after.node.settle()
  after.node.advance(101)
  t.is(isLetterFlagged(after), false)
})

test('an orderly stop forgets nothing of what a crash has left open', (t) => {
  const bench = new CrashBench()
  bench.queue('end')
  bench.queue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'end' })
  for (const body of 'abc') bench.publish('', 'q', body)
  const after = bench.crash()
  after.checkpoint(false)
  after.journal.append(new MarkRecord(), RecordType.CLEAN)
  const later = after.crash()
  const queue = later.node.vhost.queue('q', undefined)
  queue.reject(queue.get(new Message(), false))
  t.is(isLetterFlagged(later), true)
})

test('messages that just come and go need no groups', (t) => {
  const bench = new CrashBench()
  bench.queue('q', { 'x-max-length': 5, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'nowhere' })
  const before = bench.journal.records.length
  for (let i = 0; i < 5; i++) bench.publish('', 'q', `m${i}`)
  bench.node.settle()
  t.true(bench.journal.records.slice(before).every(({ group }) => group === 0))
})

test('whatever dies, and however, a crash at any moment leaves it somewhere', (t) => {
  seeds(t, 25, (random) => {
    const bench = chain([2, 1, 3], { 'x-message-ttl': 50, 'x-max-priority': 2 })
    const declared = bench.journal.records.length
    const published: [count: number, body: string][] = []
    const unacked: [queue: string, place: number][] = []
    for (let step = 0; step < 40; step++) {
      bench.node.turn.schedule()
      const name = `q${random.below(3)}`
      const queue = bench.node.vhost.queue(name, undefined)
      switch (random.below(7)) {
        case 0:
          bench.node.advance(random.below(30))
          break
        case 1:
          bench.node.settle()
          break
        case 2: {
          const place = queue.get(new Message(), false)
          if (place >= 0) unacked.push([name, place])
          break
        }
        case 3:
        case 4: {
          // Out of order, so that what is settled are no neighbours.
          const [taken] = unacked.splice(random.below(unacked.length), 1)
          if (taken === undefined) break
          const from = bench.node.vhost.queue(taken[0], undefined)
          if (random.below(3) === 0) from.requeue(taken[1])
          else from.reject(taken[1])
          break
        }
        default:
          bench.publish('', name, `m${step}`, { priority: random.below(3) })
          published.push([bench.journal.records.length, `m${step}`])
      }
    }
    bench.node.settle()
    for (const cut of bench.journal.cuts()) {
      if (cut < declared) continue
      const found = new Set(all(bench.crash(cut)))
      for (const [count, body] of published) {
        if (count <= cut && !found.has(body)) throw new Error(`${body} is lost by a cut after ${cut}`)
      }
    }
  })
})
