// Seeds without end, for longer than a test may take:
//   node dist/test/durability/soak.js power-cuts|faults|troubles|model [seconds] [first seed] [how many seeds]
import { FAULT_KINDS, type FaultKind, playFaults } from './faults.ts'
import { ModelRun } from './model-run.ts'
import { playPowerCuts } from './power-cuts.ts'
import { TestTime } from './test-time.ts'
import { playTroubles } from './troubles.ts'

const FAILED_MAX = 10
const [what = '', seconds = '60', given = String(Date.now() >>> 0), most = 'Infinity'] = process.argv.slice(2)
const first = Number(given)
let time: TestTime | undefined

/** Each plays one seed, and says what came of it. */
const plays: Readonly<Record<string, (seed: number) => Promise<unknown>>> = {
  'power-cuts': playPowerCuts,
  faults: (seed) => playFaults(seed, FAULT_KINDS[seed % FAULT_KINDS.length] as FaultKind),
  troubles: (seed) => playTroubles(seed),
  model: async (seed) => {
    time ??= new TestTime()
    const run = new ModelRun(seed, time)
    try {
      return await run.play()
    } catch (error) {
      console.error(run.history.join('\n'))
      throw error
    }
  },
}

const play = plays[what]
if (play === undefined) {
  console.error(`one of ${Object.keys(plays).join(', ')}`)
  process.exit(2)
}
// A broker that waits for a disk that does not answer has nothing else that would keep the process.
const alive = setInterval(() => undefined, 60_000)
const deadline = Date.now() + 1000 * Number(seconds)
let failed = 0
let seed = first
console.log(`${what}, seeds from ${first}`)
// Whoever loses patience is told with which.
process.once('SIGTERM', () => {
  console.error(`seed ${seed} does not come to an end`)
  process.exit(1)
})
for (; Date.now() < deadline && seed < first + Number(most) && failed < FAILED_MAX; seed++) {
  try {
    const played = await play(seed)
    if (most === '1') console.log(played)
  } catch (error) {
    failed++
    console.error(`seed ${seed}: ${(error as Error).stack}`)
  }
}
clearInterval(alive)
console.log(`${seed - first - failed} passed, ${failed} failed, 0 skipped`)
process.exit(failed === 0 ? 0 : 1)
