import test from 'ava'
import fc from 'fast-check'
import { DueIndex } from '../../../src/broker/exchange/due-index.ts'
import { withoutRun } from '../../../src/broker/queue/runs.ts'

interface Entry {
  readonly at: number
  readonly level: number
  readonly place: number
}

const entry = fc.record({ at: fc.nat(20), level: fc.nat(3), place: fc.nat(1000) })

function inOrder(entries: readonly Entry[]): number[] {
  return entries.toSorted((a, b) => a.at - b.at || b.level - a.level || a.place - b.place).map(({ place }) => place)
}

test('places come in the order of their times, then the longer delay, then the place', (t) => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 300 }), fc.nat(200), (entries, removed) => {
      const index = new DueIndex()
      for (const { at, level, place } of entries) index.add(at, level, place)
      const places: number[] = []
      for (let left = Math.min(removed, entries.length); left > 0; left--) {
        places.push(index.firstPlace)
        index.removeFirst()
      }
      const until = 15
      const rest = entries
        .toSorted((a, b) => a.at - b.at || b.level - a.level || a.place - b.place)
        .slice(places.length)
      const early = inOrder(rest.filter(({ at }) => at <= until))
      t.deepEqual(index.first(50, until), early.slice(0, 50))
      t.is(index.size, rest.length)
      while (index.size > 0) {
        places.push(index.firstPlace)
        index.removeFirst()
      }
      t.deepEqual(places, inOrder(entries))
      t.is(index.firstAt, Number.POSITIVE_INFINITY)
    }),
  )
})

test('an index gives its memory back', (t) => {
  const index = new DueIndex()
  for (let place = 0; place < 10_000; place++) index.add(place, 0, place)
  t.true(index.bytes <= 34 * 10_000 + 2048)
  for (let place = 0; place < 9_990; place++) index.removeFirst()
  t.true(index.bytes < 2048)
  index.clear()
  t.is(index.bytes, 0)
})

test('a stretch that is done with leaves the runs around it', (t) => {
  const cases: [runs: number[] | undefined, from: number, end: number, left: number[]][] = [
    [undefined, 0, 40, [40, 400]],
    [undefined, 40, 80, [0, 40, 80, 400]],
    [undefined, 360, 400, [0, 360]],
    [[0, 40, 80, 120], 0, 40, [80, 120]],
    [[0, 40, 80, 120], 80, 120, [0, 40]],
    [[0, 40, 80, 200, 300, 400], 100, 140, [0, 40, 80, 100, 140, 200, 300, 400]],
    [[0, 40, 80, 120], 40, 80, [0, 40, 80, 120]],
  ]
  for (const [runs, from, end, left] of cases) {
    t.deepEqual([...withoutRun(runs && Int32Array.from(runs), from, end, 400)], left)
  }
})
