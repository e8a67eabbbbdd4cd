import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Broker } from '../../src/index.ts'
import { DataDirectoryError, explainStoreError, openDataDirectory } from '../../src/server/data-directory.ts'
import { JournalError, SegmentError } from '../../src/store/index.ts'
import { temporaryDirectory } from '../helpers/program.ts'

test('what the store finds in a data directory is said with the directory and what to do', (t) => {
  const cases: [error: Error, line: string][] = [
    [
      new JournalError('locked', 'in use by process 4711'),
      'in use by process 4711; stop that broker first, or use another directory',
    ],
    [
      new JournalError('newer', 'journal file 1 was written by a newer version (format 2, …)'),
      'journal file 1 was written by a newer version (format 2, …); start that version again, or use another directory',
    ],
    [
      new SegmentError('newer', 'segment file 1 was written by a newer version (format 2, …)'),
      'segment file 1 was written by a newer version (format 2, …); start that version again, or use another directory',
    ],
    [new JournalError('unreadable', 'there is no journal in it'), 'there is no journal in it'],
  ]
  for (const [error, line] of cases) {
    const explained = explainStoreError('/data', error)
    t.true(explained instanceof DataDirectoryError)
    t.is((explained as DataDirectoryError).message, `cannot use the data directory /data: ${line}`)
    t.is((explained as DataDirectoryError).cause, error)
  }
})

test('any other error stays what it is', (t) => {
  const defect = new TypeError('x is not a function')
  t.is(explainStoreError('/data', defect), defect)
})

/** An error of the system's, as the store wraps it. */
function wrapped(code: string, syscall: string, path?: string): JournalError {
  const text = `${code}: something, ${syscall}${path === undefined ? '' : ` '${path}'`}`
  const cause = Object.assign(new Error(text), { code, errno: -1, syscall, ...(path === undefined ? {} : { path }) })
  return new JournalError('unreadable', `cannot open the journal: ${text}`, cause)
}

test('what the system refuses is said in words, with the file below the directory', (t) => {
  const cases: [error: JournalError, line: string][] = [
    [
      wrapped('EACCES', 'open', '/data/journal/0000000002.log'),
      'this user may not open journal/0000000002.log; give the right to, or use another directory',
    ],
    [
      wrapped('EPERM', 'mkdir', '/data/segments'),
      'this user may not make segments; give the right to, or use another directory',
    ],
    [
      wrapped('EACCES', 'access', '/data'),
      'this user may not read and write it; give the right to, or use another directory',
    ],
    [wrapped('ENOSPC', 'write'), 'the disk is full; make room on it and start again'],
    [wrapped('EDQUOT', 'open', '/data/lock.3'), "this user's quota of the disk is used up; make room and start again"],
    [
      wrapped('EROFS', 'open', '/data/lock.3'),
      'the file system is read-only; mount it for writing, or use another directory',
    ],
    [wrapped('EIO', 'read'), 'the disk fails (EIO: something, read); check it'],
    [wrapped('ENOENT', 'open', '/data/journal/0000000002.log'), 'journal/0000000002.log is missing'],
  ]
  for (const [error, line] of cases) {
    // As it is typed, and as the store joins it.
    for (const path of ['/data', '/data/', '/data/../data']) {
      t.is((explainStoreError(path, error) as Error).message, `cannot use the data directory ${path}: ${line}`)
    }
  }
})

test('what is in the way of the data directory is named, without the path once more', async (t) => {
  const directory = await temporaryDirectory(t)
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const hint = 'is not a directory; move it away, or use another directory'
  t.throws(() => openDataDirectory(file), { message: `cannot use the data directory ${file}: it ${hint}` })
  const below = join(file, 'a', 'b')
  t.throws(() => openDataDirectory(below), { message: `cannot use the data directory ${below}: ${file} ${hint}` })
  const dataDir = join(directory, 'data')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'segments'), '')
  await t.throwsAsync(Broker.start({ dataDir }), {
    message: `cannot use the data directory ${dataDir}: segments ${hint}`,
  })
})

const wherePermissionsAre = process.platform === 'win32' ? test.skip : test

wherePermissionsAre('nothing in a new data directory is open to others', async (t) => {
  const dataDir = join(await temporaryDirectory(t), 'data')
  const broker = await Broker.start({ dataDir })
  await broker.stop()
  for (const name of ['.', ...readdirSync(dataDir, { recursive: true, encoding: 'utf8' })]) {
    t.is(statSync(join(dataDir, name)).mode & 0o027, 0, name)
  }
})
