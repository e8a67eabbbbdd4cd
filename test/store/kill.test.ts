import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { temporaryDirectory } from './directory.ts'
import { type Entry, recovered } from './model.ts'
import { baseSeed, Random } from './random.ts'

const ROUNDS = Number(process.env.STORE_ROUNDS ?? 15)

/** Runs until it has said so many lines, then kills it; returns what it said. */
async function killAfter(t: ExecutionContext, directory: string, seed: number, lines: number): Promise<string[]> {
  const program = fileURLToPath(new URL('./kill-child.js', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [program, directory, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  child.stdout?.on('data', (data) => {
    said += data
    if (said.split('\n').length > lines) child.kill('SIGKILL')
  })
  await once(child, 'close')
  t.is(child.signalCode, 'SIGKILL')
  // A line that was cut off is not said.
  return said.split('\n').slice(0, -1)
}

test('what a killed process had completed is there, in order', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  const directory = temporaryDirectory(t)
  let before: Entry[] = []
  let torn = 0
  for (let round = 0; round < ROUNDS; round++) {
    const lines = await killAfter(t, directory, seed + round, random.between(2, 400))
    const completed = Math.max(...lines.filter((line) => /^\d+$/.test(line)).map(Number))
    const from = Number(lines.find((line) => line.startsWith('from'))?.split(' ')[1])
    const starts = lines.filter((line) => line.startsWith('start')).map((line) => Number(line.split(' ')[1]))
    const { journal, entries, report } = await recovered({ directory })
    torn += report.cutBytes > 0 ? 1 : 0
    await journal.close()
    const what = `round ${round}: completed ${completed}`
    t.deepEqual(report.damage, [], what)
    t.deepEqual(report.missing, [], what)
    const first = entries[0]?.position as number
    const positions = new Set(entries.map(({ position }) => position))
    t.true(first < from ? first === before[0]?.position : first === from || starts.includes(first), what)
    const old = first < from ? before : []
    t.true(
      old.every(({ position }) => positions.has(position)),
      what,
    )
    for (let position = Math.max(first, from); position <= completed; position++) {
      if (!positions.has(position)) t.fail(`${what}, position ${position} is gone`)
    }
    for (const [index, { position, content }] of entries.entries()) {
      if (content.readDoubleBE(0) !== position) t.fail(`${what}, position ${position} is another record`)
      if (index > 0 && position <= (entries[index - 1] as Entry).position) t.fail(`${what}, ${position} out of order`)
    }
    before = entries
  }
  t.log(`${torn} of ${ROUNDS} had a torn tail`)
})
