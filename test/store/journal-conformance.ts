import test, { type ExecutionContext } from 'ava'
import { type Journal, JournalError } from '../../src/store/index.ts'
import { until } from '../helpers/until.ts'
import { Bytes, type Entry, isSame, turn } from './model.ts'
import { baseSeed, Random } from './random.ts'

/** A journal, and what a test may do to it. */
export interface Subject {
  readonly journal: Journal
  /** Plays a crash and hands out what a restart finds; undefined for a journal that keeps nothing. */
  readonly crash?: () => Promise<Entry[]>
  /** Lets it refuse for a while, as on a full disk. */
  readonly refuse?: (isRefused: boolean) => void
  /** Lets it fail for good, at the latest when it has something to write. */
  readonly fail?: () => void
}

type OpenSubject = (t: ExecutionContext, random: Random) => Promise<Subject>

/** Appends a random record; keeps what should come back. */
function append(journal: Journal, random: Random, entries: Entry[], lengthMax = 200): Entry {
  const content = random.bytes(random.below(lengthMax))
  const type = random.below(256)
  const record = new Bytes(Buffer.from(content))
  const entry = { position: journal.append(record, type), type, content }
  // It was written when it was appended: whoever appends uses the same object for the next.
  record.content.fill(0)
  entries.push(entry)
  return entry
}

function completes(journal: Journal): Promise<void> {
  return until('everything has completed', () => journal.completed === journal.appended)
}

/** What must hold at every moment. */
function check(t: ExecutionContext, journal: Journal, groups: readonly Group[], before: number): void {
  t.true(journal.completed >= before, 'nothing goes back')
  t.true(journal.completed <= journal.appended)
  if (journal.completed === journal.appended) t.is(journal.pendingBytes, 0)
  t.false(isWithin(journal.completed, groups), 'a group completes at once')
}

interface Group {
  readonly first: number
  readonly last: number
}

/** What was completed is found, in order and as it was, and nothing else; a group whole or not at all. */
function checkFound(t: ExecutionContext, found: Entry[], entries: Entry[], completed: number, groups: Group[]): void {
  t.true(found.length <= entries.length)
  t.true(found.every((entry, index) => isSame(entry, entries[index])))
  t.true(found.length >= entries.findLastIndex(({ position }) => position <= completed) + 1, 'what completed is there')
  t.false(isWithin(found.at(-1)?.position ?? 0, groups), 'a group is there whole or not at all')
}

function isWithin(position: number, groups: readonly Group[]): boolean {
  return groups.some(({ first, last }) => position >= first && position < last)
}

/** Declares the tests that any journal has to pass. */
export function journalConformance(name: string, openSubject: OpenSubject): void {
  const declare = (
    title: string,
    play: (t: ExecutionContext, subject: Subject, random: Random) => Promise<void>,
  ): void =>
    test(`${name}: ${title}`, async (t) => {
      const seed = baseSeed()
      t.log(`STORE_SEED=${seed}`)
      const random = new Random(seed)
      await play(t, await openSubject(t, random), random)
    })

  declare('each record has the position after the one before', async (t, { journal }, random) => {
    t.is(journal.completed, journal.appended)
    t.is(journal.pendingBytes, 0)
    const entries: Entry[] = []
    for (let count = 0; count < 200; count++) {
      const before = journal.appended
      const { position } = append(journal, random, entries)
      t.is(position, before + 1)
      t.is(journal.appended, position)
      if (random.chance(0.3)) journal.commit()
      if (random.chance(0.1)) await turn()
    }
    journal.commit()
    await completes(journal)
    await journal.close()
  })

  declare('what is committed completes, in order, and a waiter is told', async (t, { journal }, random) => {
    const entries: Entry[] = []
    const told: number[] = []
    const waiter = { journalCompleted: () => told.push(journal.completed) }
    journal.addWaiter(waiter)
    // A second time is no second waiter.
    journal.addWaiter(waiter)
    let late = 0
    for (let round = 0; round < 50; round++) {
      for (let left = random.between(1, 5); left > 0; left--) append(journal, random, entries)
      if (journal.completed < journal.appended) t.true(journal.pendingBytes > 0)
      const before = told.length
      const isLate = journal.completed < journal.appended
      journal.commit()
      await completes(journal)
      if (!isLate) continue
      late++
      t.true(told.length > before)
      t.is(told.at(-1), journal.appended)
    }
    t.deepEqual(
      told,
      [...new Set(told)].toSorted((a, b) => a - b),
      'only when it has grown',
    )
    t.true(late === 0 || late === 50, 'either it always completes at once or it never does')
    journal.removeWaiter(waiter)
    journal.removeWaiter(waiter)
    const before = told.length
    append(journal, random, entries)
    journal.commit()
    await completes(journal)
    await journal.close()
    t.is(told.length, before, 'who has left is not told')
  })

  declare('a waiter may leave, and others come, while they are told', async (t, { journal }, random) => {
    const entries: Entry[] = []
    append(journal, random, entries)
    if (journal.completed === journal.appended) {
      await journal.close()
      t.pass('nobody ever waits')
      return
    }
    const told: string[] = []
    const late = { journalCompleted: () => told.push('late') }
    const removed = { journalCompleted: () => told.push('removed') }
    const once = {
      journalCompleted: () => {
        told.push('once')
        journal.removeWaiter(once)
        journal.removeWaiter(removed)
        journal.addWaiter(late)
      },
    }
    for (const waiter of [once, removed]) journal.addWaiter(waiter)
    journal.commit()
    await completes(journal)
    append(journal, random, entries)
    journal.commit()
    await completes(journal)
    await journal.close()
    t.is(told.filter((what) => what === 'once').length, 1)
    t.false(told.includes('removed'))
    t.true(told.includes('late'))
  })

  declare('what a waiter appends and commits completes too', async (t, { journal }, random) => {
    const entries: Entry[] = []
    let left = 50
    const waiter = {
      journalCompleted: () => {
        if (left-- <= 0) return
        append(journal, random, entries)
        journal.commit()
      },
    }
    journal.addWaiter(waiter)
    append(journal, random, entries)
    const isLate = journal.completed < journal.appended
    journal.commit()
    await until('it has gone on', () => (!isLate || left <= 0) && journal.completed === journal.appended)
    t.is(entries.length, isLate ? 51 : 1)
    await journal.close()
  })

  declare('a commit of nothing is nothing', async (t, { journal }, random) => {
    for (let count = 0; count < 5; count++) journal.commit()
    await turn()
    t.is(journal.completed, journal.appended)
    append(journal, random, [])
    for (let count = 0; count < 5; count++) journal.commit()
    await completes(journal)
    await journal.close()
  })

  declare('a record that fails to write itself has no position', async (t, { journal, crash }, random) => {
    const entries: Entry[] = []
    append(journal, random, entries)
    const broken = {
      byteLength: () => 10,
      write: () => {
        throw new Error('broken')
      },
    }
    const before = journal.appended
    try {
      journal.append(broken)
      t.is(crash, undefined, 'who keeps it writes it')
    } catch (error) {
      t.is((error as Error).message, 'broken')
      t.is(journal.appended, before)
    }
    append(journal, random, entries)
    await journal.close()
    if (crash !== undefined) checkFound(t, await crash(), entries, journal.completed, [])
  })

  declare('closing completes what was appended, and what completed is there', async (t, { journal, crash }, random) => {
    const entries: Entry[] = []
    for (let count = 0; count < 100; count++) {
      append(journal, random, entries)
      if (random.chance(0.2)) journal.commit()
      if (random.chance(0.1)) await turn()
    }
    await journal.close()
    t.is(journal.completed, journal.appended)
    if (crash === undefined) return
    t.throws(() => append(journal, random, []), { instanceOf: JournalError, message: /closed/ })
    checkFound(t, await crash(), entries, journal.completed, [])
  })

  declare('a crash leaves what had completed, and groups whole or not at all', async (t, subject, random) => {
    const { journal, crash } = subject
    const entries: Entry[] = []
    const groups: Group[] = []
    let before = journal.completed
    for (let step = 0; step < 300; step++) {
      const what = random.below(10)
      if (what < 4) append(journal, random, entries)
      else if (what < 6) {
        const first = journal.appended + 1
        journal.beginGroup()
        // Also one of nothing, and one that is larger than a batch.
        for (let left = random.below(8); left > 0; left--) {
          append(journal, random, entries, random.chance(0.05) ? 4000 : 100)
        }
        journal.endGroup()
        if (journal.appended >= first) groups.push({ first, last: journal.appended })
      } else if (what < 8) journal.commit()
      else await turn()
      check(t, journal, groups, before)
      before = journal.completed
    }
    if (crash === undefined) {
      await journal.close()
      return
    }
    const { completed } = journal
    checkFound(t, await crash(), entries, completed, groups)
  })

  declare('while it refuses nothing completes, and then everything does, in order', async (t, subject, random) => {
    const { journal, refuse } = subject
    const entries: Entry[] = []
    if (refuse === undefined) {
      await journal.close()
      t.pass('it never refuses')
      return
    }
    const told: number[] = []
    journal.addWaiter({ journalCompleted: () => told.push(journal.completed) })
    append(journal, random, entries)
    journal.commit()
    await completes(journal)
    refuse(true)
    const { completed } = journal
    let pending = 0
    for (let count = 0; count < 60; count++) {
      append(journal, random, entries)
      journal.commit()
      await turn()
      t.is(journal.completed, completed)
      t.true(journal.pendingBytes > pending)
      pending = journal.pendingBytes
    }
    refuse(false)
    await completes(journal)
    t.is(journal.pendingBytes, 0)
    t.deepEqual(
      told,
      told.toSorted((a, b) => a - b),
    )
    await journal.close()
    if (subject.crash !== undefined) checkFound(t, await subject.crash(), entries, journal.completed, [])
  })

  declare('closing while it refuses says so', async (t, { journal, refuse }, random) => {
    if (refuse === undefined) {
      await journal.close()
      t.pass('it never refuses')
      return
    }
    refuse(true)
    append(journal, random, [])
    journal.commit()
    await turn()
    const error = await t.throwsAsync(journal.close(), { instanceOf: JournalError })
    t.is(error?.code, 'failed')
    t.true(journal.completed < journal.appended)
  })

  declare('once it has failed nothing completes, and what had completed is there', async (t, subject, random) => {
    const { journal, fail, crash } = subject
    const entries: Entry[] = []
    if (fail === undefined || crash === undefined) {
      await journal.close()
      t.pass('it never fails')
      return
    }
    for (let count = 0; count < 20; count++) append(journal, random, entries)
    journal.commit()
    await completes(journal)
    fail()
    const { completed } = journal
    let told = 0
    journal.addWaiter({ journalCompleted: () => told++ })
    // What comes before it has noticed is written or not, what comes after is dropped; none of it completes.
    for (let count = 0; count < 50; count++) {
      const before = journal.appended
      t.true(append(journal, random, entries).position > before)
      journal.commit()
      await turn()
    }
    t.is(journal.completed, completed)
    t.is(told, 0)
    const error = await t.throwsAsync(journal.close(), { instanceOf: JournalError })
    t.is(error?.code, 'fatal')
    checkFound(t, await crash(), entries, completed, [])
  })
}
