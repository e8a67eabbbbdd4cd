import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { type FileJournal, type FileJournalOptions, openFileJournal, type SyncMode } from '../../src/store/index.ts'
import { temporaryDirectory } from './directory.ts'
import { Bytes, newProcess, turn } from './model.ts'
import { baseSeed, Random } from './random.ts'

const SET = 1
const DELETE = 2
const KEYS = 40
const STEPS = Number(process.env.STORE_STEPS ?? 1500)

/** What a journal is for: a table that is only in memory, and comes back from its records. */
class Table {
  readonly values = new Map<number, Buffer>()
  /** Changes so far, to compare two tables by more than what is left in them. */
  applied = 0

  apply(type: number, content: Buffer): void {
    this.applied++
    const key = content.readUInt32BE(0)
    if (type === SET) this.values.set(key, Buffer.from(content.subarray(4)))
    else this.values.delete(key)
  }

  sorted(): [number, string][] {
    return [...this.values]
      .map(([key, value]): [number, string] => [key, value.toString('hex')])
      .sort(([a], [b]) => a - b)
  }
}

function record(key: number, value: Buffer): Bytes {
  const content = Buffer.alloc(4 + value.length)
  content.writeUInt32BE(key)
  value.copy(content, 4)
  return new Bytes(content)
}

async function open(options: FileJournalOptions): Promise<{ journal: FileJournal; table: Table }> {
  const journal = await openFileJournal(options)
  const table = new Table()
  await journal.recover({
    record: (_position, type, buffer, from, to) => table.apply(type, buffer.subarray(from, to)),
  })
  return { journal, table }
}

for (const sync of ['always', 'interval', 'off'] as const satisfies SyncMode[]) {
  test(`a table that is only in memory comes back from its journal, sync ${sync}`, async (t) => {
    const seed = baseSeed()
    t.log(`STORE_SEED=${seed}`)
    const random = new Random(seed)
    const directory = temporaryDirectory(t)
    const settings = (): FileJournalOptions => ({
      directory,
      sync,
      syncIntervalMs: 2,
      processes: newProcess(),
      batchBytes: random.between(200, 3000),
      fileBytesMax: random.between(500, 20_000),
    })
    let { journal, table } = await open(settings())
    let last = 0
    const change = (): void => {
      const key = random.below(KEYS)
      const length = random.chance(0.02) ? random.below(10_000) : random.below(200)
      const type = random.chance(0.7) ? SET : DELETE
      const changed = record(key, random.bytes(type === SET ? length : 0))
      const position = journal.append(changed, type)
      t.true(position > last)
      last = position
      table.apply(type, changed.content)
    }
    for (let step = 0; step < STEPS; step++) {
      const what = random.below(100)
      if (what < 60) change()
      else if (what < 65) {
        journal.beginGroup()
        for (let left = random.below(20); left > 0; left--) change()
        journal.endGroup()
      } else if (what < 85) journal.commit()
      else if (what < 94) await turn()
      else if (what < 95) {
        const checkpoint = journal.beginCheckpoint()
        for (const [key, value] of table.values) {
          last = journal.append(record(key, value), SET)
          if (random.chance(0.1)) await turn()
          if (random.chance(0.1)) change()
        }
        if (random.chance(0.8)) {
          await journal.endCheckpoint(checkpoint)
          const files = readdirSync(join(directory, 'journal'))
          t.is(files.length, journal.fileCount, files.join())
        }
      } else if (what < 96) {
        await journal.flush()
        t.is(journal.completed, last === 0 ? journal.completed : journal.appended)
        t.is(journal.pendingBytes, 0)
      } else if (what < 97) {
        // Closed, or left as a killed process leaves it: with what it has written, but not what it has not.
        const isClean = random.chance(0.5)
        if (isClean) await journal.close()
        else await journal.flush()
        const reopened = await open(settings())
        t.deepEqual(reopened.table.sorted(), table.sorted(), `STORE_SEED=${seed}, step ${step}`)
        if (!isClean) await journal.close()
        ;({ journal, table } = reopened)
      }
    }
    await journal.close()
  })
}
