import type { JournalWaiter, Position, SegmentRef, Segments } from '../../store/index.ts'
import type { BrokerContext } from '../host.ts'

/**
 * A segment file that is not what was written. As soon as the journal does without it, it is kept under another name for
 * whoever wants to look.
 */
export class DamagedFile implements JournalWaiter {
  readonly #context: BrokerContext
  readonly #segments: Segments
  readonly #file: SegmentRef
  readonly #position: Position

  /** All that the journal has to say of it has been appended. */
  static setAside(context: BrokerContext, segments: Segments, file: SegmentRef): void {
    const damaged = new DamagedFile(context, segments, file)
    context.journal.addWaiter(damaged)
    damaged.journalCompleted()
  }

  private constructor(context: BrokerContext, segments: Segments, file: SegmentRef) {
    this.#context = context
    this.#segments = segments
    this.#file = file
    this.#position = context.journal.appended
  }

  journalCompleted(): void {
    const { journal, log } = this.#context
    if (journal.completed < this.#position) return
    journal.removeWaiter(this)
    this.#segments.setAside(this.#file).then(
      (path) => log.warn(`segment ${this.#file.id}, which is damaged, is kept as ${path}`),
      (error) =>
        log.warn(`segment ${this.#file.id}, which is damaged, cannot be set aside: ${(error as Error).message}`),
    )
  }
}
