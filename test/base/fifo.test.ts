import test from 'ava'
import { Fifo } from '../../src/base/index.ts'

test('what came first leaves first, however pushes and shifts follow one another', (t) => {
  const fifo = new Fifo<number>()
  let pushed = 0
  let shifted = 0
  // More comes than goes, and then the other way round.
  for (const [pushes, shifts] of [
    [1, 1],
    [7, 3],
    [100, 1],
    [1, 60],
    [0, 44],
    [3, 2],
  ] as const) {
    for (let count = 0; count < pushes; count++) fifo.push(pushed++)
    for (let count = 0; count < shifts; count++) {
      t.is(fifo.first, shifted++)
      fifo.shift()
    }
    t.is(fifo.size, pushed - shifted)
  }
  t.is(fifo.first, shifted)
  fifo.clear()
  t.is(fifo.size, 0)
  t.is(fifo.first, undefined)
})
