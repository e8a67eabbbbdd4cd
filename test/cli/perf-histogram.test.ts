import test from 'ava'
import fc from 'fast-check'
import { Histogram } from '../../src/cli/perf/histogram.ts'

// Of many sizes, from nanoseconds to minutes.
const duration = fc.tuple(fc.double({ min: 1, max: 10, noNaN: true }), fc.integer({ min: -6, max: 4 }))

test('every percentile is within one percent of the sorted values', (t) => {
  const property = fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (parts) => {
    const values = parts.map(([mantissa, exponent]) => mantissa * 10 ** exponent)
    const histogram = new Histogram()
    for (const value of values) histogram.record(value)
    const sorted = values.toSorted((a, b) => a - b)
    for (const share of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number
      const found = histogram.percentile(share)
      // Below 256 ns it is the rounding to whole nanoseconds that counts.
      if (Math.abs(found - exact) > exact * 0.01 + 1e-6) throw new Error(`${share}: ${found} instead of ${exact}`)
    }
    if (histogram.maxMs !== sorted.at(-1)) throw new Error('another maximum')
  })
  t.notThrows(() => fc.assert(property, { numRuns: 300 }))
})

test('a histogram without values has zeros', (t) => {
  const histogram = new Histogram()
  t.is(histogram.percentile(0.5), 0)
  t.is(histogram.maxMs, 0)
  t.is(histogram.meanMs, 0)
})

test('what lies beyond its range counts in its last bucket', (t) => {
  const histogram = new Histogram()
  histogram.record(-1)
  t.is(histogram.percentile(1), 0)
  histogram.record(1e12)
  t.is(histogram.maxMs, 1e12)
  t.true(histogram.percentile(1) > 1e6)
})
