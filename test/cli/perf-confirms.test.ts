import test from 'ava'
import fc from 'fast-check'
import { ConfirmWindow } from '../../src/cli/perf/confirm-window.ts'

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
