import { crc32 } from 'node:zlib'
import test from 'ava'
import { FORMAT_VERSION } from '../../src/store/file-header.ts'
import { type FileJournal, type FileJournalOptions, JournalError, openFileJournal } from '../../src/store/index.ts'
import { until } from '../helpers/until.ts'
import { Disk } from './disk.ts'
import { DiskLayer } from './disk-layer.ts'
import { Bytes, newProcess, recovered, turn } from './model.ts'

/** A disk that counts what is asked of it, and holds syncs back when told to. */
class CountingLayer extends DiskLayer {
  readonly counts: Record<string, number> = {}
  /** Called instead of answering a sync of a file; gets what answers it. */
  onSync: ((answer: () => void) => void) | undefined
  /** Milliseconds of the journal's clock; see {@link writeMs}. */
  now = 0
  /** How long a write on the main thread takes. */
  writeMs = 0
  syncMs = 0

  constructor() {
    super(new Disk())
    this.options = {
      fault: (operation) => {
        this.counts[operation] = (this.counts[operation] ?? 0) + 1
        return undefined
      },
    }
  }

  override writeSync(descriptor: number, buffer: Buffer, from: number, length: number, at: number): number {
    this.now += this.writeMs
    return super.writeSync(descriptor, buffer, from, length, at)
  }

  override fdatasync(descriptor: number, done: (error: Error | null) => void): void {
    super.fdatasync(descriptor, (error) => {
      this.now += this.syncMs
      if (this.onSync === undefined) done(error)
      else this.onSync(() => done(error))
    })
  }

  async openJournal(more: Partial<FileJournalOptions> = {}): Promise<FileJournal> {
    const { journal } = await recovered({
      directory: '/data',
      files: this,
      processes: newProcess(),
      now: () => this.now,
      ...more,
    })
    for (const operation of Object.keys(this.counts)) this.counts[operation] = 0
    return journal
  }
}

const record = (length: number): Bytes => new Bytes(Buffer.alloc(length, 1))

test('a record completes when its batch is synced, and one sync serves all that came meanwhile', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  const answers: (() => void)[] = []
  layer.onSync = (answer) => answers.push(answer)
  const told: number[] = []
  journal.addWaiter({ journalCompleted: () => told.push(journal.completed) })
  t.is(journal.append(record(10)), 1)
  journal.commit()
  await until('the first batch is written', () => answers.length === 1)
  for (let position = 2; position <= 1000; position++) {
    t.is(journal.append(record(10)), position)
    if (position % 100 === 0) {
      journal.commit()
      await turn()
    }
  }
  t.is(journal.completed, 0)
  t.is(answers.length, 1, 'one batch is on its way at a time')
  answers[0]?.()
  t.is(journal.completed, 1)
  await until('the second batch is written', () => answers.length === 2)
  t.is(journal.completed, 1)
  answers[1]?.()
  t.is(journal.completed, 1000)
  t.deepEqual(told, [1, 1000])
  t.is(journal.batches, 2)
  t.is(journal.syncs, 2)
  layer.onSync = undefined
  await journal.close()
})

test('a flood is confirmed in steps of a batch', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ batchBytes: 10_000 })
  const told: number[] = []
  journal.addWaiter({ journalCompleted: () => told.push(journal.completed) })
  for (let count = 0; count < 1000; count++) journal.append(record(100))
  t.true(journal.pendingBytes > 100_000)
  await journal.flush()
  t.true(told.length >= 10, `${told.length} steps`)
  t.is(journal.completed, 1000)
  t.is(journal.pendingBytes, 0)
  await journal.close()
})

test('with sync off a record completes when it is written, without a sync', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ sync: 'off' })
  for (let position = 1; position <= 50; position++) {
    journal.append(record(10))
    journal.commit()
    t.is(journal.completed, position)
    await turn()
  }
  t.is(layer.counts.fdatasync ?? 0, 0)
  await journal.close()
  t.true((layer.counts.fdatasync ?? 0) > 0, 'what is closed is synced')
})

test('with an interval a record completes when it is written, and is synced before long', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ sync: 'interval', syncIntervalMs: 1 })
  journal.append(record(10))
  journal.commit()
  t.is(journal.completed, 1)
  t.is(layer.counts.fdatasync ?? 0, 0)
  await until('it is synced', () => layer.counts.fdatasync === 1)
  await new Promise((resolve) => setTimeout(resolve, 10))
  t.is(layer.counts.fdatasync, 1, 'nothing new, no sync')
  for (let round = 0; round < 3; round++) {
    journal.append(record(10))
    journal.commit()
    await until('it is synced again', () => layer.counts.fdatasync === round + 2)
  }
  await journal.close()
})

test('a batch up to 256 KiB is written on the main thread, a larger one in the pool', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  journal.append(record(200_000))
  await journal.flush()
  t.deepEqual([layer.counts.writeSync, layer.counts.write], [1, 0])
  journal.append(record(300_000))
  await journal.flush()
  t.deepEqual([layer.counts.writeSync, layer.counts.write], [1, 1])
  await journal.close()
})

test('where writes on the main thread take long they go to the pool, and are tried again later', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  layer.writeMs = 2
  let inline = 0
  for (let count = 0; count < 100; count++) {
    journal.append(record(10))
    await journal.flush()
    if ((layer.counts.write ?? 0) === 0) inline++
  }
  t.true(inline < 10, `${inline} on the main thread`)
  t.is(layer.counts.write, 100 - inline)
  layer.writeMs = 0
  for (let count = 0; count < 1500; count++) {
    journal.append(record(10))
    await journal.flush()
  }
  t.is(layer.counts.write, 1000)
  await journal.close()
})

test('on a slow disk a batch waits for those who were confirmed to come back, but not for long', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  layer.syncMs = 2
  // It has to see first that the disk is slow.
  for (let count = 0; count < 20; count++) {
    journal.append(record(10))
    await journal.flush()
  }
  const many = () => {
    for (let count = 0; count < 50; count++) journal.append(record(10))
    journal.commit()
  }
  const staysAway = async (why: string) => {
    const { batches } = journal
    for (let turns = 0; turns < 5; turns++) await turn()
    t.is(journal.batches, batches, why)
  }
  let answer: (() => void) | undefined
  layer.onSync = (sync) => (answer = sync)
  many()
  await until('the first group is being synced', () => answer !== undefined)
  many()
  layer.onSync = undefined
  const before = journal.batches
  answer?.()
  await staysAway('the second group waits for the first')
  many()
  await until('both are synced', () => journal.completed === journal.appended)
  t.is(journal.batches, before + 1, 'they left together')
  many()
  await staysAway('half of them wait for the others')
  layer.now += 1
  await until('half of them have left alone', () => journal.completed === journal.appended)
  t.is(journal.batches, before + 2)
  await journal.close()
})

test('a record of any size comes back', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ batchBytes: 1000, fileBytesMax: 5000 })
  const sizes = [0, 1, 900, 963, 964, 1000, 4000, 6000, 3_000_000, 1]
  for (const [index, size] of sizes.entries()) journal.append(new Bytes(Buffer.alloc(size, index)), index)
  await journal.close()
  const again = await recovered({ directory: '/data', files: layer, processes: newProcess() })
  t.deepEqual(
    again.entries.map(({ content }) => content.length),
    sizes,
  )
  t.true(again.entries.every(({ content, type }) => content.every((byte) => byte === type)))
  await again.journal.close()
})

test('a large record in a group is written where it leaves from, and not copied for the small ones around it', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ batchBytes: 1000 })
  const targets: Buffer[] = []
  const noting = (length: number) => ({ byteLength: () => length, write: (target: Buffer) => targets.push(target) })
  for (const sizes of [
    [100, 50_000, 100, 100],
    [50_000, 100, 100],
  ]) {
    targets.length = 0
    journal.beginGroup()
    for (const size of sizes) journal.append(noting(size))
    journal.endGroup()
    const last = targets.at(-1)
    t.deepEqual(
      targets.map((target) => target === last),
      sizes.map((_, index) => index >= sizes.indexOf(50_000)),
    )
    t.true(journal.pendingBytes >= 50_000 && journal.pendingBytes < 51_000, `${journal.pendingBytes}`)
    await journal.flush()
    t.is(journal.pendingBytes, 0)
  }
  await journal.close()
})

test('what is pending counts until it has completed, on its way as well as collected', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ batchBytes: 10_000 })
  const answers: (() => void)[] = []
  layer.onSync = (answer) => answers.push(answer)
  const between = (from: number, to: number): void => {
    t.true(journal.pendingBytes >= from && journal.pendingBytes <= to, `${journal.pendingBytes}, not ${from} to ${to}`)
  }
  journal.append(record(1000))
  between(1000, 1100)
  journal.commit()
  await until('it is being synced', () => answers.length === 1)
  between(1000, 1100)
  // Two that are full and one that collects, behind the one on its way.
  for (let count = 0; count < 22; count++) journal.append(record(1000))
  between(23_000, 23_400)
  answers[0]?.()
  await until('the second is being synced', () => answers.length === 2)
  between(22_000, 22_300)
  layer.onSync = undefined
  answers[1]?.()
  await journal.flush()
  t.is(journal.pendingBytes, 0)
  await journal.close()
})

test('a record that says it is larger than 704 MiB is refused, and the next is taken', async (t) => {
  const journal = await new CountingLayer().openJournal()
  const huge = { byteLength: () => 704 * 1024 * 1024 + 1, write: () => t.fail('written') }
  t.throws(() => journal.append(huge), { instanceOf: RangeError })
  t.is(journal.append(record(1)), 1)
  await journal.close()
})

test('a record that fails to write itself leaves no trace', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  journal.append(record(5))
  const broken = {
    byteLength: () => 10,
    write: () => {
      throw new Error('broken')
    },
  }
  t.throws(() => journal.append(broken), { message: 'broken' })
  t.is(journal.append(record(6)), 2)
  await journal.close()
  const again = await recovered({ directory: '/data', files: layer, processes: newProcess() })
  t.deepEqual(
    again.entries.map(({ position, content }) => [position, content.length]),
    [
      [1, 5],
      [2, 6],
    ],
  )
  await again.journal.close()
})

test('a waiter may leave and another may come while they are told', async (t) => {
  const journal = await new CountingLayer().openJournal()
  const told: string[] = []
  const late = { journalCompleted: () => told.push('late') }
  const once = {
    journalCompleted: () => {
      told.push('once')
      journal.removeWaiter(once)
      journal.addWaiter(late)
    },
  }
  const again = {
    journalCompleted: () => {
      told.push('again')
      journal.removeWaiter(again)
      journal.addWaiter(again)
    },
  }
  journal.addWaiter(once)
  journal.addWaiter(again)
  journal.append(record(1))
  await journal.flush()
  t.deepEqual(told.slice(0, 2), ['once', 'again'])
  t.true(told.filter((name) => name === 'again').length === 1)
  journal.append(record(1))
  await journal.flush()
  t.is(told.filter((name) => name === 'again').length, 2)
  t.is(told.filter((name) => name === 'once').length, 1)
  await journal.close()
})

test('a waiter that appends and commits goes on without end and without a deep stack', async (t) => {
  const journal = await new CountingLayer().openJournal({ sync: 'off', fileBytesMax: 100_000 })
  let left = 20_000
  journal.addWaiter({
    journalCompleted: () => {
      if (left-- <= 0) return
      journal.append(record(1))
      journal.commit()
    },
  })
  journal.append(record(1))
  journal.commit()
  await until('all are written', () => journal.completed === 20_001)
  t.is(journal.pendingBytes, 0)
  await journal.close()
})

test('nothing is appended before recovery or after closing', async (t) => {
  const journal = await openFileJournal({ directory: '/data', files: new CountingLayer(), processes: newProcess() })
  t.throws(() => journal.append(record(1)), { instanceOf: JournalError, message: /not recovered/ })
  t.throws(() => journal.beginCheckpoint(), { message: /not recovered/ })
  await journal.recover()
  await t.throwsAsync(journal.recover(), { message: /recovered already/ })
  journal.append(record(1))
  await journal.close()
  t.throws(() => journal.append(record(1)), { message: /closed/ })
  await journal.close()
})

test('a journal that is closed while it is read back is whole afterwards', async (t) => {
  const layer = new CountingLayer()
  const journal = await openFileJournal({ directory: '/data', files: layer, processes: newProcess() })
  const recovering = journal.recover()
  await journal.close()
  await recovering
  t.is(layer.opened.size, 0)
  t.throws(() => journal.append(record(1)), { message: /closed/ })
})

test('a checkpoint of nothing leaves nothing but the file that is written to', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal({ fileBytesMax: 300 })
  for (let count = 0; count < 20; count++) {
    journal.append(record(50))
    await journal.flush()
  }
  t.true(journal.fileCount > 3)
  const last = journal.appended
  await journal.endCheckpoint(journal.beginCheckpoint())
  t.is(journal.fileCount, 1)
  await journal.close()
  const again = await recovered({ directory: '/data', files: layer, processes: newProcess() })
  t.deepEqual(again.entries, [])
  t.deepEqual(again.report.missing, [])
  t.true(again.journal.append(record(1)) > last, 'positions go on')
  await again.journal.close()
})

test('a journal written by a newer version is refused in one line, and left as it is', async (t) => {
  const layer = new CountingLayer()
  const journal = await layer.openJournal()
  journal.append(record(3))
  await journal.close()
  const file = layer.disk.file('/data/journal/0000000001.log')
  const head = Buffer.from(file.content)
  head.writeUInt16BE(FORMAT_VERSION + 1, 8)
  head.writeUInt32BE(0, 12)
  head.writeUInt32BE(crc32(head.subarray(0, 64)), 12)
  file.content = head
  const error = await t.throwsAsync(recovered({ directory: '/data', files: layer, processes: newProcess() }), {
    instanceOf: JournalError,
  })
  t.is(error?.code, 'newer')
  t.is(
    error?.message,
    `journal file 1 was written by a newer version (format ${FORMAT_VERSION + 1}, this one reads up to ${FORMAT_VERSION})`,
  )
  t.is(file.content, head)
})
