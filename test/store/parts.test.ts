import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Collector } from '../../src/store/collector.ts'
import { temporaryDirectory } from './directory.ts'
import { Bytes, newProcess, recovered } from './model.ts'
import { baseSeed, Random } from './random.ts'

const RECORDS = 400
const RECORD_BYTES = 100
/** Records that fit into 4 KiB. */
const IN_A_PART = Math.floor(4096 / (RECORD_BYTES + 5))

test('a flipped bit in what a checkpoint has appended costs the records of one batch at most', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  const directory = temporaryDirectory(t)
  const { journal } = await recovered({ directory, processes: newProcess() })
  const checkpoint = journal.beginCheckpoint()
  const first = journal.appended + 1
  journal.inParts(() => {
    for (let index = 0; index < RECORDS; index++) journal.append(new Bytes(random.bytes(RECORD_BYTES)), 1)
  })
  await journal.endCheckpoint(checkpoint)
  journal.append(new Bytes(Buffer.from('the last')), 2)
  const batches = journal.batches
  await journal.close()
  t.is(batches, 1, 'all of it leaves in one write')
  const folder = join(directory, 'journal')
  const path = join(folder, readdirSync(folder).sort()[0] as string)
  const whole = readFileSync(path)
  t.true(whole.length > RECORDS * RECORD_BYTES)
  for (let flips = 0; flips < 40; flips++) {
    const bytes = Buffer.from(whole)
    const at = random.between(64, bytes.length - 1)
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8))
    writeFileSync(path, bytes)
    const again = await recovered({ directory, processes: newProcess() })
    const there = again.entries.filter(({ position }) => position >= first)
    t.true(there.length >= RECORDS + 1 - IN_A_PART, `${there.length} records after a flip at ${at}`)
    t.is(again.report.damage.length, 1)
    await again.journal.close()
  }
})

test('a group that does not fit begins a batch of its own, and what came before stays where it is', (t) => {
  const collector = new Collector(1000)
  collector.start({ mark: 1, epoch: 1 }, 1)
  const record = new Bytes(Buffer.alloc(95))
  for (let index = 0; index < 8; index++) collector.append(record, 1)
  collector.beginGroup()
  for (let index = 0; index < 5; index++) collector.append(record, 1)
  collector.endGroup()
  const before = collector.take()
  const group = collector.take()
  t.deepEqual([before?.first, before?.count, before?.length], [1, 8, 832])
  t.deepEqual([group?.first, group?.count, group?.length], [9, 5, 532])
  t.is(group?.buffer.length, 1000, 'a buffer like any other')
  t.is(collector.take(), undefined)
  t.is(collector.appended, 13)
})
