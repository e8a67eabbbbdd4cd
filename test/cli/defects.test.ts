import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'

const FILE = fileURLToPath(new URL('../../src/cli/start/defects.js', import.meta.url))

function die(withStacks: boolean, statement: string) {
  const script = `
    import { dieOnDefects } from ${JSON.stringify(FILE)}
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

test('at level debug the whole stack is shown', (t) => {
  const { status, stderr } = die(true, "throw new Error('deep')")
  t.is(status, 70)
  t.true(stderr.split('\n').filter((line) => line.includes('    at ')).length > 1)
})
