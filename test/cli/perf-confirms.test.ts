import test from 'ava'
import fc from 'fast-check'
import { ConfirmTimes } from '../../src/cli/perf/confirm-times.ts'
import { ConfirmWindow } from '../../src/cli/perf/confirm-window.ts'
import { Histogram } from '../../src/cli/perf/histogram.ts'

test('single and cumulative confirms in any order settle each message once', (t) => {
  const step = fc.record({ publish: fc.nat(6), pick: fc.nat(), multiple: fc.boolean() })
  const property = fc.property(
    fc.integer({ min: 1, max: 40 }),
    fc.array(step, { maxLength: 200 }),
    (inFlight, steps) => {
      const window = new ConfirmWindow(inFlight)
      const open = new Set<number>()
      let published = 0
      for (const { publish, pick, multiple } of steps) {
        const count = Math.max(0, Math.min(publish, inFlight - window.pending, window.room))
        window.publish(count)
        for (let i = 0; i < count; i++) open.add(++published)
        if (published === 0) continue
        const tag = 1 + (pick % published)
        const expected = [...open].filter((t) => (multiple ? t <= tag : t === tag))
        const told: number[] = []
        const settled = window.settle(tag, multiple, (t) => told.push(t))
        for (const t of expected) open.delete(t)
        if (settled !== expected.length) throw new Error(`${settled} settled instead of ${expected.length}`)
        if (String(told) !== String(expected)) throw new Error(`told ${told} instead of ${expected}`)
        if (window.pending !== open.size) throw new Error(`${window.pending} pending instead of ${open.size}`)
        // Whatever was settled, publishing can go on once everything is.
        if (open.size === 0 && window.room < inFlight) throw new Error(`room for ${window.room} only`)
      }
    },
  )
  t.notThrows(() => fc.assert(property, { numRuns: 500 }))
})

test('confirms for what was never published settle nothing', (t) => {
  const window = new ConfirmWindow(10)
  window.publish(3)
  t.is(window.settle(4, false), 0)
  t.is(window.settle(9, true), 0)
  t.is(window.settle(0, true), 0)
  t.is(window.pending, 3)
})

test('each confirm is timed from the write of its own message, from the start of the measured time on', (t) => {
  const histogram = new Histogram()
  const times = new ConfirmTimes(10, histogram)
  times.publish(2, 100)
  t.is(times.settle(1, false, 101), 1)
  t.is(histogram.count, 0, 'before the measured time')
  times.measureFromMs = 200
  times.publish(3, 200)
  times.publish(1, 250)
  t.is(times.settle(5, true, 260), 4)
  t.is(histogram.count, 3, 'the second was sent before the measured time')
  t.is(histogram.maxMs, 60)
  t.is(times.settle(6, false, 290), 1)
  t.is(histogram.meanMs, (3 * 60 + 40) / 4)
  t.is(times.settle(6, false, 300), 0)
  t.is(times.window.pending, 0)
})
