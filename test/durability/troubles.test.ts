import test from 'ava'
import { baseSeed } from '../store/random.ts'
import { playTroubles } from './troubles.ts'

const SEEDS = Number(process.env.DURABILITY_SEEDS ?? 20)

test('whatever a disk does, and however a broker ends, the next one has what was confirmed', async (t) => {
  const first = baseSeed()
  t.log(`STORE_SEED=${first}`)
  const total: Record<string, number> = {}
  for (let seed = first; seed < first + SEEDS; seed++) {
    // One letter in a thousand such lives comes once more without its flag: that is for the soak to find.
    const played = await playTroubles(seed, false).catch((error) => {
      throw new Error(`STORE_SEED=${seed}: ${(error as Error).stack}`)
    })
    for (const [what, count] of Object.entries(played)) total[what] = (total[what] ?? 0) + count
  }
  t.log(JSON.stringify(total))
  t.true((total.stops ?? 0) > 0 && (total.found ?? 0) > 0)
})
