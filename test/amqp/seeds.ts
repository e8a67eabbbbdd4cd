import type { ExecutionContext } from 'ava'
import { Random } from './random.ts'

/**
 * Runs seeds that are printed, so that a failure can be repeated: FUZZ_SEED is the first of them, and FUZZ_TIMES runs
 * so many times as many.
 */
export function seeds(t: ExecutionContext, usual: number, run: (random: Random, seed: number) => void): void {
  const count = usual * Number(process.env.FUZZ_TIMES ?? 1)
  const first = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  t.log(`${count} seeds from ${first} (set FUZZ_SEED to repeat)`)
  for (let seed = first; seed < first + count; seed++) {
    try {
      run(new Random(seed), seed)
    } catch (error) {
      t.fail(`seed ${seed}: ${error instanceof Error ? error.stack : error}`)
      return
    }
  }
  t.pass()
}
