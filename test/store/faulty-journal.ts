import { RECORD_HEAD_BYTES } from '../../src/store/batch.ts'
import {
  type Journal,
  JournalError,
  type JournalRecord,
  type JournalWaiter,
  type Position,
} from '../../src/store/index.ts'
import type { Entry } from './model.ts'
import type { Random } from './random.ts'

/**
 * A journal that does what a test wants: completes late, refuses for a while, fails for good, and leaves open what became
 * of the records that it had not completed. Keeps what was appended, so that a restart can be played.
 */
export class FaultyJournal implements Journal {
  completed: Position = 0
  appended: Position = 0
  /** Everything appended, in order. */
  readonly entries: Entry[] = []
  readonly #random: Random | undefined
  readonly #waiters = new Set<JournalWaiter>()
  /** First and last position of each group. */
  readonly #groups: { readonly first: Position; readonly last: Position }[] = []
  #groupFrom: Position | undefined
  #committed: Position = 0
  #pendingBytes = 0
  #scheduled = false
  #refusing = false
  #refusal: JournalError | undefined

  /** @param random completes by itself what is committed, some turns later; without it, when `complete` is called. */
  constructor(random?: Random) {
    this.#random = random
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  get waiterCount(): number {
    return this.#waiters.size
  }

  append(record: JournalRecord, type = 0): Position {
    if (this.#refusal?.code === 'fatal') return ++this.appended
    if (this.#refusal !== undefined) throw this.#refusal
    const content = Buffer.alloc(record.byteLength())
    record.write(content, 0)
    this.entries.push({ position: ++this.appended, type, content })
    this.#pendingBytes += RECORD_HEAD_BYTES + content.length
    return this.appended
  }

  beginGroup(): void {
    this.#groupFrom = this.appended + 1
  }

  endGroup(): void {
    if (this.#groupFrom !== undefined && this.#groupFrom < this.appended) {
      this.#groups.push({ first: this.#groupFrom, last: this.appended })
    }
    this.#groupFrom = undefined
  }

  commit(): void {
    this.#committed = this.appended
    this.#schedule()
  }

  async flush(): Promise<void> {
    const position = this.appended
    this.commit()
    while (this.completed < position) {
      if (this.#refusal !== undefined) throw this.#refusal
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  addWaiter(waiter: JournalWaiter): void {
    this.#waiters.add(waiter)
  }

  removeWaiter(waiter: JournalWaiter): void {
    this.#waiters.delete(waiter)
  }

  /** Everything up to this position is safe from now on. Not within a group. */
  complete(position: Position = this.appended): void {
    if (this.#parts(position)) throw new Error(`position ${position} is within a group`)
    if (this.#refusing || this.#refusal?.code === 'fatal' || position <= this.completed) return
    for (const { content } of this.entries.slice(this.completed, position)) {
      this.#pendingBytes -= RECORD_HEAD_BYTES + content.length
    }
    this.completed = position
    for (const waiter of [...this.#waiters]) if (this.#waiters.has(waiter)) waiter.journalCompleted()
  }

  /** As a full disk does: nothing completes until `restore`. */
  refuse(): void {
    this.#refusing = true
  }

  restore(): void {
    this.#refusing = false
    this.#schedule()
  }

  /** As after a failed sync: what is appended is dropped, and nothing completes any more. */
  fail(text = 'cannot sync: injected'): void {
    this.#refusal = new JournalError('fatal', text)
  }

  /**
   * What a restart finds after a crash at this moment: all that has completed and, since nobody knows what became of the
   * rest, as much of that as chance says.
   */
  survivors(random: Random): Entry[] {
    let last = random.between(this.completed, this.entries.length)
    while (this.#parts(last)) last--
    return this.entries.filter(({ position }) => position <= last)
  }

  async close(): Promise<void> {
    if (this.#refusal?.code === 'fatal') throw this.#refusal
    this.#refusal = new JournalError('closed', 'the journal is closed')
    if (this.#refusing && this.completed < this.appended) {
      throw new JournalError('failed', 'the journal could not be written: injected')
    }
    if (this.completed < this.appended) this.complete()
  }

  /** True when a group would be torn by an end here. */
  #parts(position: Position): boolean {
    return this.#groups.some(({ first, last }) => position >= first && position < last)
  }

  #schedule(): void {
    if (this.#random === undefined || this.#scheduled || this.completed >= this.#committed) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#step(this.#random as Random)
      if (!this.#refusing && this.#refusal === undefined) this.#schedule()
    })
  }

  #step(random: Random): void {
    if (random.chance(0.5) || this.completed >= this.#committed) return
    let position = random.between(this.completed + 1, this.#committed)
    while (this.#parts(position)) position++
    this.complete(position)
  }
}
