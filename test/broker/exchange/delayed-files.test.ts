import test from 'ava'
import { SegmentError } from '../../../src/store/index.ts'
import { seeds } from '../../amqp/seeds.ts'
import { DelayBench } from './delay-bench.ts'

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m${index}`)
}

test('what lies in a file is read before it is due, and leaves when it is', async (t) => {
  const bench = new DelayBench()
  for (const body of numbers(50)) bench.hold(body, 60_000, { bytes: 1000 })
  await bench.pageOut()
  const resident = bench.host.memory.used
  t.true(resident < 10_000)
  await bench.pass(40_000)
  t.is(bench.segments.reads, 0)
  await bench.pass(19_999, 1000)
  t.is(bench.segments.reads, 1)
  t.deepEqual(bench.released, [])
  await bench.pass(1)
  t.deepEqual(bench.released, numbers(50))
  t.true(bench.host.lateness.every((ms) => ms === 0))
  t.is(bench.segments.readsNow, 0)
  t.is(bench.host.memory.used, 0)
  t.is(bench.delayed.size, 0)
  await bench.quiet()
  t.is(bench.segments.files.size, 0)
})

test('a message that has to be read first lets no other pass, and holds nobody up', async (t) => {
  const bench = new DelayBench()
  bench.hold('in a file', 10, { bytes: 1000 })
  await bench.pageOut()
  bench.segments.held = true
  bench.hold('in memory', 20)
  bench.host.advance(100)
  await bench.quiet()
  t.deepEqual(bench.released, [])
  bench.segments.release()
  await bench.quiet()
  t.deepEqual(bench.released, ['in a file', 'in memory'])
  t.is(bench.segments.readsNow, 0)
})

test('delays that differ cost a few reads, not one for each message', async (t) => {
  const bench = new DelayBench()
  for (let index = 0; index < 1000; index++) {
    bench.hold(`m${index}`, 60_000 + ((index * 7919) % 5000), { bytes: 500 })
    if (index % 100 === 99) await bench.pageOut()
  }
  t.is(bench.segments.files.size, 10)
  await bench.pass(66_000, 100)
  t.is(bench.released.length, 1000)
  t.true(bench.segments.reads <= 30, `${bench.segments.reads} reads`)
  t.is(bench.host.memory.used, 0)
})

test('large messages in files come whole', async (t) => {
  const bench = new DelayBench()
  for (const body of numbers(20)) bench.hold(body, 1000, { bytes: 100_000 })
  await bench.pageOut()
  const next = bench.restart()
  for (const body of ['a', 'b']) next.hold(body, 2000, { bytes: 300_000 })
  await next.pageOut()
  await next.pass(2000, 100)
  t.deepEqual(next.released, [...numbers(20), 'a', 'b'])
  t.is(next.host.memory.used, 0)
})

test('large messages come whole from a file in which others have them as well', async (t) => {
  for (const how of ['others have them in memory', 'nobody has them in memory', 'after a restart'] as const) {
    let bench = new DelayBench()
    for (let index = 0; index < 6; index++) bench.hold(`m${index}`, 1100 + index * 100, { bytes: 10_000 })
    bench.hold('small', 1700)
    const letGo = bench.share()
    await bench.pageOut()
    t.is(bench.segments.files.size, 2, 'one of them has the bodies')
    if (how !== 'others have them in memory') letGo()
    if (how === 'after a restart') {
      bench.checkpoint()
      bench = bench.restart({ clean: true })
    }
    await bench.pass(1390, 10)
    t.deepEqual(bench.released, numbers(3), how)
    const [file] = bench.host.memory.bodies.files
    const bytes = file?.ref.bytes as number
    if (how === 'others have them in memory') letGo()
    t.is(file?.liveBytes, bytes / 2, 'what has left is not needed any more')
    await bench.pass(260, 10)
    t.deepEqual(bench.released, numbers(6))
    t.is(bench.segments.readsNow, 0)
    t.is(bench.segments.files.size, 1, 'no body is needed any more')
    await bench.pass(200, 10)
    t.is(bench.released.at(-1), 'small')
    t.is(bench.host.memory.used, 0)
    t.is(bench.segments.files.size, 0)
  }
})

test('a damaged file of large messages costs those that it had', async (t) => {
  const bench = new DelayBench()
  for (let index = 0; index < 12; index++) bench.hold(`m${index}`, 1000, { bytes: 10_000 })
  bench.hold('small', 1001)
  const letGo = bench.share()
  await bench.pageOut()
  letGo()
  bench.checkpoint()
  const [file] = bench.host.memory.bodies.files
  bench.segments.damage(file?.ref.id as number, 0)
  await bench.pass(2000, 100)
  t.deepEqual(bench.released, [...numbers(12).slice(7), 'small'])
  t.is(bench.delayed.size, 0)
  t.is(bench.host.memory.used, 0)
  t.true(bench.host.log.lines.some((line) => /7 messages of exchange 'x'.* are lost/.test(JSON.stringify(line))))
  t.deepEqual(bench.segments.aside, [file?.ref.id])
})

test('slabs in files come back unopened, and their messages leave in the order of their times', async (t) => {
  const bench = new DelayBench()
  for (let index = 0; index < 30; index++) {
    bench.hold(`m${index}`, 5000 - index * 100, { bytes: 200 })
    if (index % 10 === 9) await bench.pageOut()
  }
  bench.checkpoint()
  const next = bench.restart({ clean: true })
  t.is(next.delayed.size, 30)
  t.is(next.segments.reads + next.segments.readsNow, 0)
  await next.pass(6000, 50)
  t.deepEqual(next.released, numbers(30).reverse())
  t.true(next.host.lateness.every((ms) => ms < 50))
  t.is(next.segments.readsNow, 0)
})

test('after a crash what was due is flagged, wherever it lies, and what was not is not', async (t) => {
  for (const paged of [false, true]) {
    const bench = new DelayBench()
    bench.hold('due', 1000)
    bench.hold('later', 1020)
    if (paged) {
      await bench.pageOut()
      bench.checkpoint()
    }
    let next = bench.restart({ afterMs: 1010 })
    // A stop in order does not change what the crash has left open.
    next = next.restart({ clean: true })
    await next.pass(100, 1)
    t.deepEqual(next.released, ['due again', 'later'], `paged: ${paged}`)
  }
})

test('what has left before a stop does not leave again', async (t) => {
  const bench = new DelayBench()
  for (let index = 0; index < 100; index++) bench.hold(`m${index}`, 1000 + index, { bytes: 300 })
  await bench.pageOut()
  bench.checkpoint()
  await bench.pass(1049, 7)
  t.deepEqual(bench.released, numbers(50))
  const next = bench.restart()
  t.is(next.delayed.size, 50)
  await next.pageOut()
  await next.pass(100, 7)
  t.deepEqual(next.released, numbers(100).slice(50))
})

test('transient messages lie in files as well, and are gone after a restart', async (t) => {
  const bench = new DelayBench()
  for (let index = 0; index < 20; index++) {
    bench.hold(`m${index}`, 1000, { bytes: 300, persistent: index % 2 === 0 })
  }
  await bench.pageOut()
  bench.checkpoint()
  const next = bench.restart({ clean: true })
  t.is(next.delayed.size, 10)
  await next.pass(2000, 100)
  t.deepEqual(
    next.released,
    numbers(20).filter((_, index) => index % 2 === 0),
  )
  const again = new DelayBench()
  for (const body of numbers(20)) again.hold(body, 1000, { bytes: 300, persistent: false })
  await again.pageOut()
  await again.pass(1000)
  t.deepEqual(again.released, numbers(20))
  t.is(again.host.journal.records.length, 0)
})

test('a damaged file costs what it had, and no more', async (t) => {
  for (const restarted of [false, true]) {
    let bench = new DelayBench()
    for (let index = 0; index < 300; index++) bench.hold(`m${index}`, 1000, { bytes: 1000 })
    await bench.pageOut()
    bench.hold('in memory', 1001)
    bench.checkpoint()
    if (restarted) bench = bench.restart({ clean: true })
    const [id] = bench.segments.ids
    bench.segments.damage(id as number, 1)
    await bench.pass(2000, 100)
    const { length } = bench.released
    t.true(length > 200 && length < 300, `${length} are left`)
    t.is(bench.released.at(-1), 'in memory')
    t.is(bench.delayed.size, 0)
    t.true(bench.host.log.lines.some((line) => /messages of exchange 'x'.* are lost/.test(JSON.stringify(line))))
  }
})

test('a file that cannot be opened for now is tried again', async (t) => {
  const bench = new DelayBench()
  for (const body of numbers(10)) bench.hold(body, 1000, { bytes: 300 })
  await bench.pageOut()
  bench.segments.failure = new Error('EMFILE')
  await bench.pass(1000)
  t.deepEqual(bench.released, [])
  t.true(bench.segments.reads < 10)
  bench.segments.failure = undefined
  await bench.pass(2000, 100)
  t.deepEqual(bench.released, numbers(10))
})

test('nothing is let go any more when the broker stops', async (t) => {
  const bench = new DelayBench()
  bench.hold('in a file', 1000, { bytes: 300 })
  await bench.pageOut()
  bench.hold('in memory', 1000)
  bench.segments.held = true
  await bench.pass(1000)
  bench.delayed.stop()
  bench.segments.release()
  await bench.pass(1000)
  t.deepEqual(bench.released, [])
  t.is(bench.delayed.size, 2)
})

test('an exchange that is deleted while a file is read gives everything back', async (t) => {
  const bench = new DelayBench()
  for (const body of numbers(10)) bench.hold(body, 1000, { bytes: 300 })
  await bench.pageOut()
  bench.segments.held = true
  await bench.pass(1000)
  bench.delayed.clear()
  bench.segments.release()
  await bench.pass(1000)
  t.deepEqual(bench.released, [])
  t.is(bench.host.memory.used, 0)
  t.is(bench.segments.files.size, 0)
})

test('delays, files, crashes and stops in any order: everything leaves once, in order of its time', async (t) => {
  const runs: Promise<void>[] = []
  seeds(t, 25, (random) => {
    runs.push(play())
    async function play(): Promise<void> {
      let bench = new DelayBench()
      const released: string[] = []
      const expected: { body: string; at: number; order: number }[] = []
      for (let step = 0; step < 80; step++) {
        const what = random.below(9)
        if (what === 0) await bench.pass(random.below(3000), 500)
        else if (what === 1) {
          const letGo = random.below(2) === 0 ? bench.share() : undefined
          await bench.pageOut()
          if (random.below(2) === 0) await bench.pass(500, 100)
          letGo?.()
        } else if (what === 2) bench.checkpoint()
        else if (what === 3) {
          await bench.quiet()
          released.push(...bench.released)
          const clean = random.below(2) === 0
          if (clean) bench.checkpoint()
          bench = bench.restart({ clean })
        } else {
          const ms = 1 + random.below(random.below(2) === 0 ? 50 : 20_000)
          bench.hold(`m${step}`, ms, { bytes: random.below(10) === 0 ? 9000 : 100 })
          expected.push({ body: `m${step}`, at: bench.host.now + ms, order: step })
        }
      }
      await bench.pass(25_000, 500)
      released.push(...bench.released)
      expected.sort((a, b) => a.at - b.at || a.order - b.order)
      const found = released.map((line) => line.replace(' again', ''))
      t.deepEqual(
        found,
        expected.map(({ body }) => body),
      )
      t.is(bench.host.memory.used, 0)
    }
  })
  await Promise.all(runs)
})

test('a broker that closes its files while one is read says nothing', async (t) => {
  const bench = new DelayBench()
  bench.hold('m', 1000, { bytes: 300 })
  await bench.pageOut()
  bench.segments.failure = new SegmentError('closed', 'closed')
  await bench.pass(1000)
  t.deepEqual(bench.host.log.lines, [])
})
