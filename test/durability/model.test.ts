import test from 'ava'
import { baseSeed } from '../store/random.ts'
import { ModelRun } from './model-run.ts'
import { TestTime } from './test-time.ts'

const SEEDS = Number(process.env.DURABILITY_SEEDS ?? 80)

test('after each restart a broker is as the model is, whatever was done before', async (t) => {
  const first = baseSeed()
  t.log(`STORE_SEED=${first}`)
  const time = new TestTime()
  t.teardown(() => time.end())
  let found = 0
  let shared = 0
  for (let seed = first; seed < first + SEEDS; seed++) {
    const run = new ModelRun(seed, time)
    found += await run.play().catch((error) => {
      const history = run.history.slice(-15).join('\n')
      throw new Error(`STORE_SEED=${seed}: ${(error as Error).message}\nlast done:\n${history}`)
    })
    shared += run.shared
  }
  t.log(`${found} messages compared, ${shared} files of bodies that several queues had`)
  t.true(found > 5 * SEEDS, 'there was something to compare')
  t.true(shared > SEEDS / 10, 'some of it lay in files that several queues had in common')
})
