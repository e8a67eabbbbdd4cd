import type { Journal, Segments } from '../../store/index.ts'
import { Settlements } from './settlements.ts'

/** The numbers that stand for queues in a node's journal. */
export class QueueUids {
  #last = 0

  /** One that was never given before, from 1. */
  next(): number {
    return ++this.#last
  }

  /** This number was given before a restart. */
  seen(uid: number): void {
    if (uid > this.#last) this.#last = uid
  }
}

/** What the entities of a node share for being kept over a restart. */
export class Storage {
  readonly journal: Journal
  readonly uids = new QueueUids()
  readonly settlements = new Settlements()
  /** Where queues put what does not stay in memory; undefined without a data directory. */
  readonly segments: Segments | undefined

  constructor(journal: Journal, segments?: Segments) {
    this.journal = journal
    this.segments = segments
  }
}
