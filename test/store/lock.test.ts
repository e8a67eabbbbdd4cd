import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { JournalError, openFileJournal, type Processes, type ProcessIdentity } from '../../src/store/index.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { until } from '../helpers/until.ts'
import { temporaryDirectory } from './directory.ts'
import { Disk } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { baseSeed, Random } from './random.ts'

test('a directory in use is refused, with the process that uses it', async (t) => {
  const directory = temporaryDirectory(t)
  const journal = await openFileJournal({ directory })
  const error = await t.throwsAsync(openFileJournal({ directory }), { instanceOf: JournalError })
  t.is(error?.code, 'locked')
  t.is(error?.message, `in use by process ${process.pid}`)
  await journal.close()
  const next = await openFileJournal({ directory })
  await next.close()
  t.deepEqual(readdirSync(directory).sort(), ['journal', 'lock.2'])
})

test('another process holds the directory until it is gone, however it went', async (t) => {
  const directory = temporaryDirectory(t)
  const program = fileURLToPath(new URL('./kill-child.js', import.meta.url))
  const child = spawn(process.execPath, [program, directory, '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.stdout.resume()
  await t.throwsAsync(openFileJournal({ directory }), { message: new RegExp(`in use by process ${child.pid}$`) })
  child.kill('SIGKILL')
  await once(child, 'close')
  t.true(existsSync(join(directory, 'lock.1')))
  const log = new RecordingLogger()
  const journal = await openFileJournal({ directory, log })
  t.truthy(log.find(`took over the data directory from process ${child.pid}`))
  await journal.close()
})

const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a process that was killed and not waited for by its parent holds nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const program = fileURLToPath(new URL('./kill-child.js', import.meta.url))
  // `sleep` takes the place of the shell that has started the program, and waits for nobody.
  const parent = spawn('sh', ['-c', '"$@" & exec sleep 60', 'sh', process.execPath, program, directory, '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => parent.kill('SIGKILL'))
  await once(parent.stdout, 'data')
  parent.stdout.resume()
  const error = await t.throwsAsync(openFileJournal({ directory }), { message: /in use by process \d+$/ })
  const pid = Number(error?.message.match(/\d+$/)?.[0])
  t.teardown(() => existsSync(`/proc/${pid}`) && process.kill(pid, 'SIGKILL'))
  process.kill(pid, 'SIGKILL')
  await until('it has ended, with all its threads', () => {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ') && readdirSync(`/proc/${pid}/task`).length === 1
  })
  const journal = await openFileJournal({ directory })
  t.true(existsSync(`/proc/${pid}`))
  await journal.close()
})

test('a copy of a directory in use can be opened', async (t) => {
  const directory = temporaryDirectory(t)
  const journal = await openFileJournal({ directory })
  const copy = join(temporaryDirectory(t), 'copy')
  cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
  const second = await openFileJournal({ directory: copy })
  t.true(existsSync(join(copy, 'lock.2')))
  await second.close()
  await journal.close()
})

const OTHERS: [string, Partial<ProcessIdentity>][] = [
  ['of a process that had the same number', { started: '1' }],
  ['from before the machine started anew', { boot: 'an earlier boot' }],
]

for (const [what, other] of OTHERS) {
  test(`a lock ${what} is taken over`, async (t) => {
    const directory = temporaryDirectory(t)
    const journal = await openFileJournal({ directory })
    const path = join(directory, 'lock.1')
    const holder = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity
    if (holder.boot === '') return t.pass('this system does not tell')
    writeFileSync(path, JSON.stringify({ ...holder, ...other }))
    const second = await openFileJournal({ directory })
    // It is not the first one's any more, so that it stays when that goes.
    await journal.close()
    await t.throwsAsync(openFileJournal({ directory }), { message: /in use by process/ })
    await second.close()
    return
  })
}

test('a lock that nobody has filled in is taken over', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [index, text] of ['', '{', 'null', '{"pid":"x"}'].entries()) {
    writeFileSync(join(directory, `lock.${10 * index + 1}`), text)
    const journal = await openFileJournal({ directory })
    t.deepEqual(readdirSync(directory).sort(), ['journal', `lock.${10 * index + 2}`])
    await journal.close()
  }
})

test('of several that want a stale lock at once, one gets it', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 100; round++) {
    const disk = new Disk()
    const dead: ProcessIdentity = { pid: 1, started: '1', boot: '', namespace: '' }
    const processes = (pid: number): Processes => ({
      self: { ...dead, pid },
      isRunning: (identity) => identity.pid !== dead.pid,
    })
    const open = (pid: number) =>
      openFileJournal({ directory: '/data', files: new DiskLayer(disk, { random }), processes: processes(pid) })
    const first = await open(1)
    if (random.chance(0.3)) await first.close()
    const outcomes = await Promise.allSettled([2, 3, 4, 5].map(open))
    const opened = outcomes.filter(({ status }) => status === 'fulfilled')
    t.is(opened.length, 1, `round ${round}`)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') t.is((outcome.reason as JournalError).code, 'locked', String(outcome.reason))
    }
  }
})
