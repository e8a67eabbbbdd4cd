import test from 'ava'
import { baseSeed } from '../store/random.ts'
import { type Played, playPowerCuts } from './power-cuts.ts'

const SEEDS = Number(process.env.DURABILITY_SEEDS ?? 40)

test('a broker whose power goes at any moment has everything confirmed, and nothing that was settled', async (t) => {
  const first = baseSeed()
  t.log(`STORE_SEED=${first}`)
  const sum: Played = { cuts: 0, shared: 0, stops: 0, found: 0, confirmed: 0 }
  for (let seed = first; seed < first + SEEDS; seed++) {
    const played = await playPowerCuts(seed).catch((error) => {
      throw new Error(`STORE_SEED=${seed}: ${(error as Error).message}`)
    })
    for (const name of Object.keys(sum) as (keyof Played)[]) sum[name] += played[name]
  }
  t.log(JSON.stringify(sum))
  t.true(sum.cuts > SEEDS && sum.found > 5 * SEEDS, 'there was something to lose')
  t.true(sum.shared > SEEDS / 10, 'some of it lay in files that several queues had in common')
})
