import test from 'ava'
import { baseSeed } from './random.ts'
import { playSegmentPowerCuts } from './segment-power-cut.ts'

const SEEDS = Number(process.env.STORE_SEEDS ?? 300)

test('after power cuts every segment that was synced is there and whole', async (t) => {
  const first = baseSeed()
  t.log(`seeds from ${first}`)
  for (let seed = first; seed < first + SEEDS; seed++) {
    try {
      await playSegmentPowerCuts(seed)
    } catch (error) {
      t.fail(`STORE_SEED=${seed} STORE_SEEDS=1: ${(error as Error).stack}`)
      return
    }
  }
  t.pass()
})
