// Power cuts without end, for longer than a test may take: node dist/test/store/soak.js [seconds] [first seed]
import { playPowerCuts } from './power-cut.ts'
import { playSegmentPowerCuts } from './segment-power-cut.ts'

const [seconds = '60', given = String(Date.now() >>> 0)] = process.argv.slice(2)
const deadline = performance.now() + 1000 * Number(seconds)
const first = Number(given)
let seed = first
console.log(`seeds from ${first}`)
while (performance.now() < deadline) {
  for (const mode of ['always', 'interval', 'off'] as const) {
    try {
      await playPowerCuts(seed, mode)
    } catch (error) {
      console.error(`sync ${mode}, seed ${seed}:`, error)
      process.exit(1)
    }
  }
  try {
    await playSegmentPowerCuts(seed)
  } catch (error) {
    console.error(`segments, seed ${seed}:`, error)
    process.exit(1)
  }
  seed++
}
console.log(`${seed - first} seeds of the journal in three modes and of segments, nothing lost`)
