import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const path = (name: string): string => fileURLToPath(new URL(`../../src/cli/start/${name}`, import.meta.url))

function die(withStacks: boolean, statement: string) {
  const script = `
    import { dieOnDefects } from ${JSON.stringify(path('defects.js'))}
    import { dieOfDisk } from ${JSON.stringify(path('fatal.js'))}
    dieOnDefects(${withStacks})
    function culprit() { ${statement} }
    setTimeout(culprit, 1)
    setTimeout(() => {}, 60000)
  `
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
}

test('a defect ends the program with 70 and one line that says what and where', (t) => {
  const { status, stderr } = die(false, "throw new TypeError('no\\nsuch')")
  t.is(status, 70)
  t.regex(stderr, /^leveret: internal error, please report it: TypeError: no such \(at .*culprit.*\)\n$/)
})

test('a promise that nobody handles is a defect too', (t) => {
  const { status, stderr } = die(false, "Promise.reject(new Error('lost'))")
  t.is(status, 70)
  t.regex(stderr, /^leveret: internal error, please report it: Error: lost.*\n$/)
})

for (const [sync, safe] of [
  ['always', 'everything confirmed is on the disk'],
  ['interval', 'what was confirmed since the last sync may be lost (--sync interval)'],
] as const) {
  test(`with --sync ${sync} a failed sync ends the program with 74 and one line that says what is safe`, (t) => {
    const { status, stderr } = die(false, `dieOfDisk(new Error('cannot sync x.log: EIO'), '${sync}')`)
    t.is(status, 74)
    t.is(stderr, `leveret: cannot sync x.log: EIO; ${safe}; check the disk and start again\n`)
  })
}

test('what goes wrong because of a failed sync is no defect', (t) => {
  const { status, stderr } = die(false, "dieOfDisk(new Error('cannot sync'), 'always'); throw new Error('then this')")
  t.is(status, 74)
  t.is(stderr.trimEnd().split('\n').length, 1)
})

test('at level debug the whole stack is shown', (t) => {
  const { status, stderr } = die(true, "throw new Error('deep')")
  t.is(status, 70)
  t.true(stderr.split('\n').filter((line) => line.includes('    at ')).length > 1)
})
