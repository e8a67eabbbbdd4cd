// Appends to the journal in the given directory for as long as it lives, and says what has completed.
import { writeSync } from 'node:fs'
import { openFileJournal } from '../../src/store/index.ts'
import { Bytes } from './model.ts'
import { Random } from './random.ts'

const [directory = '', seed = '0'] = process.argv.slice(2)
const random = new Random(Number(seed))
const journal = await openFileJournal({ directory, fileBytesMax: 200_000, batchBytes: 20_000 })
await journal.recover()
journal.addWaiter({
  journalCompleted: () => {
    writeSync(1, `${journal.completed}\n`)
  },
})

/** Each record says its position, so that whoever reads it back can tell whether it is the right one. */
function append(): void {
  const content = Buffer.alloc(8 + random.below(random.chance(0.02) ? 50_000 : 300), journal.appended & 0xff)
  content.writeDoubleBE(journal.appended + 1)
  journal.append(new Bytes(content), 1)
}

function work(): void {
  for (let left = random.below(40); left > 0; left--) append()
  if (random.chance(0.01)) {
    const checkpoint = journal.beginCheckpoint()
    writeSync(1, `start ${journal.appended + 1}\n`)
    append()
    journal.endCheckpoint(checkpoint)
  }
  journal.commit()
  setImmediate(work)
}

writeSync(1, `from ${journal.appended + 1}\n`)
work()
