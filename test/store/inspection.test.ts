import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import {
  type InspectionOptions,
  inspectJournal,
  JournalError,
  openFileJournal,
  openInspection,
  openSegments,
  type RecoveryReport,
  SegmentError,
} from '../../src/store/index.ts'
import { RecordingLogger } from '../helpers/recording-logger.ts'
import { temporaryDirectory } from './directory.ts'
import { Disk, failure } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { appendRandom, type Entry, isSame, newProcess, recovered } from './model.ts'
import { baseSeed, Random } from './random.ts'

/** A closed data directory with a journal of several files, the first of them replaced by a checkpoint. */
async function written(random: Random): Promise<Disk> {
  const disk = new Disk()
  const options = { directory: '/data', files: new DiskLayer(disk), fileBytesMax: 500, batchBytes: 300 }
  const { journal } = await recovered({ ...options, processes: newProcess() })
  for (let count = 0; count < 30; count++) {
    appendRandom(journal, random)
    if (random.chance(0.6)) await journal.flush()
    if (count === 10) await journal.endCheckpoint(journal.beginCheckpoint())
  }
  await journal.close()
  return disk
}

async function inspect(options: InspectionOptions): Promise<{ entries: Entry[]; report: RecoveryReport }> {
  const entries: Entry[] = []
  const report = await inspectJournal(options, {
    record: (position, type, buffer, from, to) =>
      entries.push({ position, type, content: Buffer.from(buffer.subarray(from, to)) }),
  })
  return { entries, report }
}

/** What would differ if anything had been done to the journal. */
function snapshot(disk: Disk): string[] {
  return [...disk.directory('/data/journal').names.keys()].map(
    (name) => `${name} ${disk.file(`/data/journal/${name}`).content.toString('hex')}`,
  )
}

test('an inspection finds what the next start finds, and changes nothing', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  for (let round = 0; round < 200; round++) {
    const what = `STORE_SEED=${seed}, round ${round}`
    const disk = await written(random)
    const names = [...disk.directory('/data/journal').names.keys()]
    for (let hits = random.below(4); hits > 0; hits--) {
      const name = names[random.below(names.length)] as string
      const file = disk.file(`/data/journal/${name}`)
      const kind = random.below(3)
      if (kind === 0) file.content = file.content.subarray(0, random.below(file.content.length + 1))
      else if (file.content.length > 0) {
        const bytes = Buffer.from(file.content)
        const at = random.below(bytes.length)
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
        file.content = bytes
      }
      if (kind === 2 && random.chance(0.2)) disk.directory('/data/journal').names.delete(name)
      names.splice(0, names.length, ...disk.directory('/data/journal').names.keys())
    }
    const before = snapshot(disk)
    const touched = new Set<string>()
    const files = new DiskLayer(disk, {
      fault: (_operation, path) => {
        touched.add(path)
        return undefined
      },
    })
    const { entries, report } = await inspect({ directory: '/data', files, processes: newProcess() })
    t.deepEqual(snapshot(disk), before, what)
    t.true(
      [...touched].every((path) => /^\/data\/lock\.\d+$/.test(path)),
      `${what}: ${[...touched].join()}`,
    )
    t.is(files.opened.size, 0, what)
    const start = await recovered({ directory: '/data', files: new DiskLayer(disk), processes: newProcess() })
    await start.journal.close()
    t.is(entries.length, start.entries.length, what)
    t.true(
      entries.every((entry, index) => isSame(entry, start.entries[index])),
      what,
    )
    const unsaved = start.report.damage.map((damage) => ({ ...damage, savedAs: undefined }))
    t.deepEqual(report, { ...start.report, damage: unsaved }, what)
  }
})

test('a directory in use is not inspected, and one that is inspected is not used', async (t) => {
  const directory = temporaryDirectory(t)
  const journal = await openFileJournal({ directory })
  await t.throwsAsync(inspect({ directory }), { instanceOf: JournalError, message: /in use by process/ })
  await journal.recover()
  await journal.close()
  const inspection = await openInspection({ directory })
  t.true(inspection.isLocked)
  await t.throwsAsync(openFileJournal({ directory }), { message: /in use by process/ })
  await inspection.close()
  await (await openFileJournal({ directory })).close()
})

for (const code of ['EROFS', 'EACCES', 'EPERM', 'ENOSPC']) {
  test(`a directory that cannot be locked is read all the same, with a warning: ${code}`, async (t) => {
    const disk = await written(new Random(1))
    const before = [...disk.directory('/data').names.keys()]
    const files = new DiskLayer(disk, {
      fault: (operation) =>
        // A full disk makes the file and takes nothing into it.
        operation === (code === 'ENOSPC' ? 'write' : 'open') ? { error: failure(code, 'here') } : undefined,
    })
    const log = new RecordingLogger()
    const { entries } = await inspect({ directory: '/data', files, log, processes: newProcess() })
    t.true(entries.length > 0)
    t.regex(log.find('cannot lock the data directory /data')?.message ?? '', new RegExp(code))
    t.deepEqual([...disk.directory('/data').names.keys()], before)
  })
}

test('a directory in use is refused also where it cannot be locked', async (t) => {
  const disk = new Disk()
  const processes = newProcess()
  await openFileJournal({ directory: '/data', files: new DiskLayer(disk), processes })
  const files = new DiskLayer(disk, { fault: () => ({ error: failure('EROFS', 'here') }) })
  const error = await t.throwsAsync(inspect({ directory: '/data', files, processes }), { instanceOf: JournalError })
  t.is(error?.code, 'locked')
})

test('what is no data directory is refused in one line, and nothing is made in it', async (t) => {
  const directory = temporaryDirectory(t)
  const cases = [
    [directory, 'there is no journal in it'],
    [join(directory, 'missing'), 'there is no such directory'],
  ] as const
  for (const [path, message] of cases) {
    const error = await t.throwsAsync(inspect({ directory: path }), { instanceOf: JournalError })
    t.is(error?.code, 'unreadable')
    t.is(error?.message, message)
  }
  t.deepEqual(readdirSync(directory), [])
})

test('a file that cannot be read is told of in one line', async (t) => {
  const disk = await written(new Random(2))
  const files = new DiskLayer(disk, {
    readFault: (path) => (path.includes('journal') ? failure('EIO', path, 'read') : undefined),
  })
  const error = await t.throwsAsync(inspect({ directory: '/data', files, processes: newProcess() }))
  t.regex(error?.message ?? '', /^cannot read it: EIO/)
  t.is(files.opened.size, 0)
})

test('an error of the visitor reaches whoever inspects, and the directory is free again', async (t) => {
  const disk = await written(new Random(3))
  const options = { directory: '/data', files: new DiskLayer(disk), processes: newProcess() }
  const broken = {
    record: () => {
      throw new Error('broken')
    },
  }
  await t.throwsAsync(inspectJournal(options, broken), { message: 'broken' })
  t.true((await inspect(options)).entries.length > 0)
})

test('segments are read along with the journal that names them', async (t) => {
  const disk = await written(new Random(4))
  const files = new DiskLayer(disk)
  const segments = await openSegments({ directory: '/data', files })
  const payload = new Random(5).bytes(200_000)
  const ref = await segments.write(payload)
  await segments.sync([ref])
  await segments.close()
  const inspection = await openInspection({ directory: '/data', files, processes: newProcess() })
  const reader = await inspection.segments()
  t.deepEqual(reader.ids, [ref.id])
  t.true((await reader.read(ref)).payload.equals(payload))
  const error = await t.throwsAsync(reader.read({ id: 2, bytes: 1 }), { instanceOf: SegmentError })
  t.is(error?.code, 'missing')
  await reader.close()
  await inspection.close()
})

test('a data directory that never had segments has none', async (t) => {
  const disk = await written(new Random(6))
  const inspection = await openInspection({
    directory: '/data',
    files: new DiskLayer(disk),
    processes: newProcess(),
  })
  const reader = await inspection.segments()
  t.deepEqual(reader.ids, [])
  t.is(reader.bytes, 0)
  t.is(disk.find('/data/segments'), undefined)
  await reader.close()
  await inspection.close()
})
