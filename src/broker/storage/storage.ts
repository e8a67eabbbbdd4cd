import type { Journal, SegmentRef, Segments } from '../../store/index.ts'
import { DefinitionLog } from './definition-log.ts'
import { Settlements } from './settlements.ts'

/** The numbers that stand for things of one kind in a node's journal. */
export class Uids {
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
  /** Of queues, and of exchanges that delay messages. */
  readonly uids = new Uids()
  readonly definitions: DefinitionLog
  readonly settlements = new Settlements()
  /** Where queues put what does not stay in memory; undefined without a data directory. */
  readonly segments: Segments | undefined
  /**
   * Bytes of messages that the journal was told of, counted for each queue that took one: what a start would lay out in
   * memory if nothing had been settled.
   */
  placedBytes = 0
  /** The disk is full and its reserve given up: nothing is written that does not free more than it takes. */
  isTight = false
  /**
   * Told of what only a start can mend: messages that the journal has are not in memory any more, nor in the file that was
   * to have them. The broker has to end.
   */
  onFatal: ((error: Error) => void) | undefined
  #groups = 0
  /** Files that are done with as soon as the journal is sure of it. */
  #dropped: SegmentRef[] = []
  #isSweeping = false

  constructor(journal: Journal, segments?: Segments) {
    this.journal = journal
    this.segments = segments
    this.definitions = new DefinitionLog(journal)
  }

  /**
   * What is appended until `endGroup` comes back whole or not at all; both in one turn, the end also when something
   * fails. Groups may lie in one another: the outermost counts.
   */
  beginGroup(): void {
    if (this.#groups++ === 0) this.journal.beginGroup()
  }

  endGroup(): void {
    if (--this.#groups === 0) this.journal.endGroup()
  }

  /** What is appended meanwhile comes back whole or not at all. */
  group<T>(act: () => T): T {
    this.beginGroup()
    try {
      return act()
    } finally {
      this.endGroup()
    }
  }

  /** Nothing of the file is needed any more, as records already appended or about to be flushed say. */
  dropSegment(ref: SegmentRef): void {
    this.settlements.flush()
    this.#dropped.push(ref)
  }

  /**
   * Removes files that are done with. Called once a turn, when all that there is to say of them has been appended; a power
   * cut must not take that and leave their removal.
   */
  sweep(): void {
    if (this.#dropped.length === 0 || this.#isSweeping) return
    this.#isSweeping = true
    const dropped = this.#dropped
    this.#dropped = []
    this.journal
      .flush()
      .then(() => {
        for (const ref of dropped) this.segments?.remove(ref)
      })
      // They go at the next start.
      .catch(() => undefined)
      .finally(() => {
        this.#isSweeping = false
      })
  }
}
