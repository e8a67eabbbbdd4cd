import test from 'ava'
import { playPowerCuts } from './power-cut.ts'
import { baseSeed } from './random.ts'

const SEEDS = Number(process.env.STORE_SEEDS ?? 400)

for (const mode of ['always', 'interval', 'off'] as const) {
  test(`after power cuts everything that was safe is there, sync ${mode}`, async (t) => {
    const first = baseSeed()
    t.log(`seeds from ${first}`)
    const seeds = mode === 'always' ? SEEDS : Math.ceil(SEEDS / 3)
    for (let seed = first; seed < first + seeds; seed++) {
      try {
        await playPowerCuts(seed, mode)
      } catch (error) {
        t.fail(`STORE_SEED=${seed} STORE_SEEDS=1: ${(error as Error).stack}`)
        return
      }
    }
    t.pass()
  })
}
