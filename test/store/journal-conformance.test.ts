import test from 'ava'
import { type FileJournalOptions, MemoryJournal } from '../../src/store/index.ts'
import { temporaryDirectory } from './directory.ts'
import { Disk, failure } from './disk.ts'
import { DiskLayer, type DiskLayerOptions } from './disk-layer.ts'
import { FaultyJournal } from './faulty-journal.ts'
import { journalConformance, type Subject } from './journal-conformance.ts'
import { appendRandom, newProcess, recovered } from './model.ts'
import { Random } from './random.ts'

const REFUSAL: DiskLayerOptions = {
  fault: (operation) => (operation.startsWith('write') ? { error: failure('ENOSPC', 'here') } : undefined),
}
const FAILURE: DiskLayerOptions = {
  fault: (operation) => (operation === 'fdatasync' ? { error: failure('EIO', 'here') } : undefined),
}

/** The file journal on a disk of the test, with batches and files so small that there are many. */
async function openOnDisk(random: Random, options: Partial<FileJournalOptions>): Promise<Subject> {
  const layer = new DiskLayer(new Disk(), { random })
  const open = { directory: '/data', fileBytesMax: 3000, batchBytes: 700, retryMs: 1, ...options }
  const { journal } = await recovered({ ...open, files: layer, processes: newProcess() })
  const isSynced = options.sync === 'always'
  return {
    journal,
    crash: async () => {
      layer.isCut = true
      // What is not synced survives the process, but not the power.
      if (isSynced) layer.disk.crash(random)
      const again = await recovered({ ...open, files: new DiskLayer(layer.disk), processes: newProcess() })
      await again.journal.close()
      return again.entries
    },
    refuse: (isRefused) => {
      layer.options = isRefused ? { random, ...REFUSAL } : { random }
    },
    // Without a sync for each batch there is none to fail before it has completed.
    ...(isSynced && {
      fail: () => {
        layer.options = { random, ...FAILURE }
      },
    }),
  }
}

for (const sync of ['always', 'interval', 'off'] as const) {
  journalConformance(`the file journal, sync ${sync}`, (_t, random) => openOnDisk(random, { sync, syncIntervalMs: 1 }))
}

journalConformance('the file journal on this machine', async (t) => {
  const directory = temporaryDirectory(t)
  const { journal } = await recovered({ directory, batchBytes: 700, processes: newProcess() })
  return {
    journal,
    crash: async () => {
      const again = await recovered({ directory, processes: newProcess() })
      await again.journal.close()
      return again.entries
    },
  }
})

journalConformance('the memory journal', async () => ({ journal: new MemoryJournal() }))

journalConformance('the faulty journal of the tests', async (_t, random) => {
  const journal = new FaultyJournal(random)
  return {
    journal,
    crash: async () => journal.survivors(random),
    refuse: (isRefused) => (isRefused ? journal.refuse() : journal.restore()),
    fail: () => journal.fail(),
  }
})

test('the faulty journal completes when it is told, unless that would tear a group', (t) => {
  const journal = new FaultyJournal()
  const random = new Random(1)
  const told: number[] = []
  journal.addWaiter({ journalCompleted: () => told.push(journal.completed) })
  t.is(journal.waiterCount, 1)
  for (let count = 0; count < 4; count++) appendRandom(journal, random)
  journal.beginGroup()
  for (let count = 0; count < 3; count++) appendRandom(journal, random)
  journal.endGroup()
  journal.commit()
  t.is(journal.completed, 0)
  journal.complete(2)
  journal.complete(1)
  t.throws(() => journal.complete(5), { message: /within a group/ })
  journal.complete(7)
  t.deepEqual(told, [2, 7])
})

test('what became of records that the faulty journal had not completed is open', (t) => {
  const random = new Random(2)
  const lengths = new Set<number>()
  for (let round = 0; round < 200; round++) {
    const journal = new FaultyJournal()
    for (let count = 0; count < 5; count++) appendRandom(journal, random)
    journal.complete(2)
    journal.fail()
    appendRandom(journal, random)
    const found = journal.survivors(random)
    t.deepEqual(found, journal.entries.slice(0, found.length))
    lengths.add(found.length)
  }
  t.deepEqual([...lengths].sort(), [2, 3, 4, 5])
})
