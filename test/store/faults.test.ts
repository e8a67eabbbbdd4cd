import test from 'ava'
import type { FileJournal, FileJournalOptions } from '../../src/store/index.ts'
import { until } from '../helpers/until.ts'
import { Disk, failure } from './disk.ts'
import { DiskLayer, type Fault } from './disk-layer.ts'
import { appendRandom, Bytes, type Entry, isSame, newProcess, recovered, turn } from './model.ts'
import { baseSeed, Random } from './random.ts'

/** What the journal told its owner. */
class Owner {
  failed = 0
  restored = 0
  readonly fatal: Error[] = []
  readonly options: FileJournalOptions

  constructor(layer: DiskLayer, more: Partial<FileJournalOptions> = {}) {
    this.options = {
      directory: '/data',
      files: layer,
      processes: newProcess(),
      fileBytesMax: 2000,
      batchBytes: 500,
      retryMs: 1,
      onFailed: () => this.failed++,
      onRestored: () => this.restored++,
      onFatal: (error) => this.fatal.push(error),
      ...more,
    }
  }
}

function sameEntries(a: readonly Entry[], b: readonly Entry[]): boolean {
  return a.length === b.length && a.every((entry, index) => isSame(entry, b[index]))
}

/** Opens what is there as another process would, after the power went. */
async function reopen(disk: Disk): Promise<Entry[]> {
  const { journal, entries } = await recovered({
    directory: '/data',
    files: new DiskLayer(disk),
    processes: newProcess(),
  })
  await journal.close()
  return entries
}

/** Appends, rotates and checkpoints; the same for every seed. Returns what is alive at the end. */
async function scenario(journal: FileJournal, random: Random): Promise<Entry[]> {
  let entries: Entry[] = []
  for (let round = 0; round < 12; round++) {
    for (let left = 4; left > 0; left--) entries.push(appendRandom(journal, random))
    journal.commit()
    await turn()
    if (round !== 6) continue
    const checkpoint = journal.beginCheckpoint()
    entries = [appendRandom(journal, random)]
    await journal.endCheckpoint(checkpoint)
  }
  await journal.flush()
  return entries
}

const WRITES = new Set(['open', 'write', 'writeSync', 'ftruncate', 'unlink', 'rename', 'mkdir'])
const SYNCS = new Set(['fdatasync', 'syncDirectory'])

/** Runs the scenario with one fault at its nth operation of a kind; returns false when there are not so many. */
async function playFault(
  operations: ReadonlySet<string>,
  nth: number,
  fault: (length: number) => Fault,
  play: (run: { layer: DiskLayer; owner: Owner; journal: FileJournal; hit: () => boolean }) => Promise<void>,
  more: Partial<FileJournalOptions> = {},
): Promise<boolean> {
  const layer = new DiskLayer(new Disk())
  const owner = new Owner(layer, more)
  const { journal } = await recovered(owner.options)
  let count = 0
  layer.options = {
    fault: (operation, _path, length) => {
      if (!operations.has(operation) || ++count !== nth) return undefined
      return fault(length)
    },
  }
  await play({ layer, owner, journal, hit: () => count >= nth })
  return count >= nth
}

for (const code of ['ENOSPC', 'EIO', 'EDQUOT', 'EMFILE']) {
  test(`a write refused with ${code} is tried again, and nothing is lost or out of order`, async (t) => {
    let played = 0
    for (let nth = 1; ; nth++) {
      const isPlayed = await playFault(
        WRITES,
        nth,
        () => ({ error: failure(code, 'here') }),
        async ({ layer, owner, journal, hit }) => {
          const alive = await scenario(journal, new Random(7))
          t.is(journal.completed, journal.appended)
          await journal.close()
          t.is(owner.failed, owner.restored)
          t.true(owner.failed <= (hit() ? 1 : 0))
          t.deepEqual(owner.fatal, [])
          t.is(layer.opened.size, 0, 'every file is closed')
          layer.disk.crash(new Random(nth))
          t.true(sameEntries(await reopen(layer.disk), alive), `operation ${nth}`)
        },
      )
      if (!isPlayed) break
      played++
    }
    t.true(played > 20, `${played} operations`)
  })
}

test('a write that takes fewer bytes is continued', async (t) => {
  const seed = baseSeed()
  t.log(`STORE_SEED=${seed}`)
  const random = new Random(seed)
  for (const retired of [false, true]) {
    const disk = new Disk()
    let shortened = 0
    const layer = new DiskLayer(disk)
    // A large batch goes through the pool, a small one does not.
    const owner = new Owner(layer, retired ? { batchBytes: 600_000, fileBytesMax: 2_000_000 } : {})
    const { journal } = await recovered(owner.options)
    layer.options = {
      fault: (operation, _path, length) => {
        if (!operation.startsWith('write') || length < 2 || random.chance(0.3)) return undefined
        shortened++
        return { takes: random.between(1, length - 1) }
      },
    }
    const entries: Entry[] = []
    for (let round = 0; round < 20; round++) {
      const count = retired ? 100 : 3
      for (let left = count; left > 0; left--) entries.push(appendRandom(journal, random, retired ? 4000 : 100))
      await journal.flush()
    }
    await journal.close()
    t.true(shortened > 20)
    t.is(owner.failed, 0)
    t.true(sameEntries(await reopen(disk), entries))
  }
})

test('a sync that fails is not tried again: nothing completes, and what had completed is there', async (t) => {
  let played = 0
  for (let nth = 1; ; nth++) {
    const isPlayed = await playFault(
      SYNCS,
      nth,
      () => ({ error: failure('EIO', 'here', 'fdatasync') }),
      async ({ layer, owner, journal, hit }) => {
        const random = new Random(8)
        const all: Entry[] = []
        const checkpoints: number[] = []
        try {
          for (let round = 0; round < 12 && owner.fatal.length === 0; round++) {
            for (let left = 4; left > 0; left--) all.push(appendRandom(journal, random))
            journal.commit()
            await turn()
            if (round !== 6) continue
            const checkpoint = journal.beginCheckpoint()
            checkpoints.push(journal.appended + 1)
            all.push(appendRandom(journal, random))
            await journal.endCheckpoint(checkpoint)
          }
          await journal.flush()
        } catch (error) {
          t.regex((error as Error).message, /injected/)
        }
        if (!hit()) {
          await journal.close()
          return
        }
        t.is(owner.fatal.length, 1, `sync ${nth}`)
        t.is(journal.failure, owner.fatal[0])
        const { completed } = journal
        const { operations } = layer
        t.true(journal.append(new Bytes(Buffer.alloc(1))) > journal.completed)
        journal.commit()
        await t.throwsAsync(journal.close(), { message: /cannot sync/ })
        t.is(journal.completed, completed)
        // The lock is cut and written anew, but nothing else is written or synced.
        t.true(layer.operations <= operations + 2, `${layer.operations - operations} more`)
        layer.disk.crash(new Random(nth))
        const found = await reopen(layer.disk)
        const from = found.length === 0 ? 0 : all.findIndex(({ position }) => position === found[0]?.position)
        const until = all.findLastIndex(({ position }) => position <= completed)
        t.true(from === 0 || checkpoints.includes((found[0] as Entry).position))
        t.true(from + found.length > until, `sync ${nth}: ${found.length} found from ${from}, ${until} promised`)
        for (const [index, entry] of found.entries()) t.true(isSame(entry, all[from + index]))
      },
    )
    if (!isPlayed) break
    played++
  }
  t.true(played > 12, `${played} syncs`)
})

for (const sync of ['interval', 'off'] as const) {
  test(`a sync that fails in the background stops the journal, sync ${sync}`, async (t) => {
    await playFault(
      SYNCS,
      1,
      () => ({ error: failure('EIO', 'here', 'fdatasync') }),
      async ({ owner, journal }) => {
        const random = new Random(9)
        await until('the journal stops', async () => {
          if (owner.fatal.length > 0) return true
          appendRandom(journal, random)
          journal.commit()
          await turn()
          return false
        })
        t.is(owner.fatal.length, 1)
        t.true(journal.append(new Bytes(Buffer.alloc(1))) > journal.completed)
        await t.throwsAsync(journal.close(), { message: /cannot sync/ })
      },
      { sync, syncIntervalMs: 1 },
    )
  })
}

test('what had completed without a sync is safe when the journal is closed and the disk refuses the rest', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const disk = new Disk()
    const layer = new DiskLayer(disk)
    const owner = new Owner(layer, { sync: 'interval', syncIntervalMs: 60_000 })
    const { journal } = await recovered(owner.options)
    const random = new Random(seed)
    const entries = [appendRandom(journal, random)]
    journal.commit()
    await until('it is written', () => journal.completed === journal.appended)
    layer.options = {
      fault: (operation) => (operation.startsWith('write') ? { error: failure('EIO', 'here', operation) } : undefined),
    }
    appendRandom(journal, random)
    await t.throwsAsync(journal.close(), { message: /could not be written/ })
    t.is(layer.opened.size, 0)
    disk.crash(random)
    t.true(sameEntries(await reopen(disk), entries), `seed ${seed}`)
  }
})

test('a full disk stops confirms, and they go on in order when there is room', async (t) => {
  const disk = new Disk()
  const layer = new DiskLayer(disk, { capacityBytes: 5000 })
  const owner = new Owner(layer)
  const { journal } = await recovered(owner.options)
  const random = new Random(10)
  const entries: Entry[] = []
  const told: number[] = []
  journal.addWaiter({ journalCompleted: () => told.push(journal.completed) })
  await until('the disk is full', async () => {
    entries.push(appendRandom(journal, random))
    journal.commit()
    await turn()
    return owner.failed === 1
  })
  t.regex((journal.failure as Error).message, /ENOSPC/)
  const { completed } = journal
  for (let count = 0; count < 50; count++) {
    entries.push(appendRandom(journal, random))
    journal.commit()
    await turn()
  }
  t.is(journal.completed, completed)
  t.true(journal.pendingBytes > 1000)
  t.is(owner.failed, 1)
  // What a broken-off write took is given back.
  const bytes = disk.usedBytes
  t.true(bytes <= journal.bytes + 500, `${bytes} on the disk, ${journal.bytes} in batches`)
  const foundFull = await reopen(disk.copy())
  t.true(sameEntries(foundFull, entries.slice(0, foundFull.length)))
  t.true(foundFull.length >= entries.findIndex(({ position }) => position > completed))

  layer.options = {}
  await journal.flush()
  t.is(owner.restored, 1)
  t.is(journal.failure, undefined)
  t.is(journal.completed, journal.appended)
  t.is(journal.pendingBytes, 0)
  t.deepEqual(
    told,
    told.toSorted((a, b) => a - b),
  )
  await journal.close()
  t.true(sameEntries(await reopen(disk), entries))
})

test('closing while the disk is full says what could not be written, and gives the directory free', async (t) => {
  const disk = new Disk()
  const layer = new DiskLayer(disk)
  const owner = new Owner(layer, { retryMs: 60_000 })
  const { journal } = await recovered(owner.options)
  const kept = appendRandom(journal, new Random(11))
  await journal.flush()
  layer.options = { capacityBytes: disk.usedBytes }
  appendRandom(journal, new Random(12))
  journal.commit()
  await until('the journal has failed', () => owner.failed === 1)
  await turn()
  await t.throwsAsync(journal.close(), { message: /could not be written: ENOSPC/ })
  t.is(layer.opened.size, 0)
  const again = await reopen(disk)
  t.true(sameEntries(again, [kept]))
})

test('closing after the disk has room again writes what is left', async (t) => {
  const disk = new Disk()
  const layer = new DiskLayer(disk)
  const owner = new Owner(layer, { retryMs: 60_000 })
  const { journal } = await recovered(owner.options)
  layer.options = { capacityBytes: disk.usedBytes }
  const entry = appendRandom(journal, new Random(12))
  journal.commit()
  await until('the journal has failed', () => owner.failed === 1)
  await turn()
  layer.options = {}
  await journal.close()
  t.true(sameEntries(await reopen(disk), [entry]))
})

test('an error while opening is told in one line, and the next attempt works', async (t) => {
  for (let nth = 1; ; nth++) {
    const disk = new Disk()
    const layer = new DiskLayer(disk)
    let count = 0
    layer.options = { fault: () => (++count === nth ? { error: failure('EIO', 'here', 'fsync') } : undefined) }
    try {
      const { journal } = await recovered(new Owner(layer).options)
      await journal.close()
      if (count < nth) break
    } catch (error) {
      t.regex((error as Error).message, /injected/)
      t.false((error as Error).message.includes('\n'))
    }
    layer.options = {}
    const { journal } = await recovered(new Owner(layer).options)
    const entry = appendRandom(journal, new Random(nth))
    await journal.close()
    t.true(sameEntries(await reopen(disk), [entry]))
  }
})
