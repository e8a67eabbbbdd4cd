import test from 'ava'
import { Turn } from '../../src/base/index.ts'

class Bench {
  readonly happened: string[] = []
  readonly deferred: (() => void)[] = []
  readonly turn = new Turn(
    () => this.happened.push('commit'),
    (run) => this.deferred.push(run),
  )

  queue(name: string, also: () => void = () => {}) {
    return { drainMarked: false, drain: () => this.#happens(`drain ${name}`, also) }
  }

  channel(name: string, also: () => void = () => {}) {
    return { settleMarked: false, settle: () => this.#happens(`settle ${name}`, also) }
  }

  connection(name: string, also: () => void = () => {}) {
    return { flushMarked: false, flush: () => this.#happens(`flush ${name}`, also) }
  }

  /** Runs what was deferred until now. @returns what happened. */
  end(): string[] {
    for (const run of this.deferred.splice(0)) run()
    return this.happened.splice(0)
  }

  #happens(what: string, also: () => void): void {
    this.happened.push(what)
    also()
  }
}

test('a turn ends with drains, the commit, settlements and writes, in this order', (t) => {
  const bench = new Bench()
  bench.turn.flush(bench.connection('x1'))
  bench.turn.settle(bench.channel('c1'))
  bench.turn.drain(bench.queue('q1'))
  bench.turn.flush(bench.connection('x2'))
  bench.turn.drain(bench.queue('q2'))
  t.deepEqual(bench.happened, [])
  t.deepEqual(bench.end(), ['drain q1', 'drain q2', 'commit', 'settle c1', 'flush x1', 'flush x2'])
  t.deepEqual(bench.end(), [])
})

test('marking twice is marking once, until the end of the turn', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q')
  const channel = bench.channel('c')
  const connection = bench.connection('x')
  for (let i = 0; i < 3; i++) {
    bench.turn.drain(queue)
    bench.turn.settle(channel)
    bench.turn.flush(connection)
  }
  t.true(queue.drainMarked && channel.settleMarked && connection.flushMarked)
  t.is(bench.deferred.length, 1)
  t.deepEqual(bench.end(), ['drain q', 'commit', 'settle c', 'flush x'])
  t.false(queue.drainMarked || channel.settleMarked || connection.flushMarked)
  bench.turn.drain(queue)
  t.deepEqual(bench.end(), ['drain q', 'commit'])
})

test('what a drain gives rise to is confirmed and written in the same turn', (t) => {
  const bench = new Bench()
  const channel = bench.channel('c')
  const connection = bench.connection('x')
  bench.turn.drain(
    bench.queue('q', () => {
      bench.turn.settle(channel)
      bench.turn.flush(connection)
    }),
  )
  t.deepEqual(bench.end(), ['drain q', 'commit', 'settle c', 'flush x'])
  t.is(bench.deferred.length, 0)
})

test('a queue that marks itself while it drains has its next go in the next turn', (t) => {
  const bench = new Bench()
  let goes = 3
  const queue = bench.queue('q', () => {
    if (--goes > 0) bench.turn.drain(queue)
  })
  bench.turn.drain(queue)
  t.deepEqual(bench.end(), ['drain q', 'commit'])
  t.deepEqual(bench.end(), ['drain q', 'commit'])
  t.deepEqual(bench.end(), ['drain q', 'commit'])
  t.deepEqual(bench.end(), [])
})

test('what a write wakes is done in the next turn', (t) => {
  const bench = new Bench()
  const queue = bench.queue('q')
  bench.turn.flush(bench.connection('x', () => bench.turn.drain(queue)))
  t.deepEqual(bench.end(), ['commit', 'flush x'])
  t.deepEqual(bench.end(), ['drain q', 'commit'])
})

test('a turn can be asked for when nothing but the journal has something to do', (t) => {
  const bench = new Bench()
  bench.turn.schedule()
  bench.turn.schedule()
  t.is(bench.deferred.length, 1)
  t.deepEqual(bench.end(), ['commit'])
})

test('a queue that throws does not stop the turns after it', (t) => {
  const bench = new Bench()
  bench.turn.drain(
    bench.queue('q', () => {
      throw new Error('a defect')
    }),
  )
  t.throws(() => bench.end(), { message: 'a defect' })
  bench.happened.length = 0
  bench.turn.drain(bench.queue('other'))
  t.deepEqual(bench.end(), ['drain other', 'commit'])
})

test('by default a turn ends when the event loop comes round', async (t) => {
  let committed = 0
  const turn = new Turn(() => committed++)
  turn.schedule()
  t.is(committed, 0)
  await new Promise((resolve) => setImmediate(resolve))
  t.is(committed, 1)
})
